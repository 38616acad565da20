/** All that a Chat Completions request can say (`ChatCompletionCreateParams`). */
import type { ChatCompletionCreateParams } from 'openai/resources/chat/completions';
import type { Builder } from './specimen.ts';

/** Every parameter; the compiler tells when the SDK has a new one. */
export const CHAT_FIELDS: Record<keyof ChatCompletionCreateParams, true> = {
  messages: true,
  model: true,
  audio: true,
  frequency_penalty: true,
  function_call: true,
  functions: true,
  logit_bias: true,
  logprobs: true,
  max_completion_tokens: true,
  max_tokens: true,
  metadata: true,
  modalities: true,
  moderation: true,
  n: true,
  parallel_tool_calls: true,
  prediction: true,
  presence_penalty: true,
  prompt_cache_key: true,
  prompt_cache_options: true,
  prompt_cache_retention: true,
  reasoning_effort: true,
  response_format: true,
  safety_identifier: true,
  seed: true,
  service_tier: true,
  stop: true,
  store: true,
  stream: true,
  stream_options: true,
  temperature: true,
  tool_choice: true,
  tools: true,
  top_logprobs: true,
  top_p: true,
  user: true,
  verbosity: true,
  web_search_options: true,
};

export function chatRequest(b: Builder): object {
  const custom = b.random() < 0.3;
  const name = 'look_up';
  const tools = [
    {
      type: 'function',
      function: {
        name,
        ...b.maybe(() => ({ description: b.text() })),
        ...b.maybe(() => ({
          parameters: {
            type: 'object',
            properties: { [`p${b.text().mark}`]: { type: 'string', description: b.text() } },
          },
        })),
        ...b.maybe(() => ({ strict: b.oneOf(true, false) })),
      },
    },
    ...(custom
      ? [
          {
            type: 'custom',
            custom: {
              name: 'patch',
              description: b.text(),
              ...b.maybe(() => ({
                format: { type: 'grammar', grammar: { syntax: 'lark', definition: b.text() } },
              })),
            },
          },
        ]
      : []),
  ];
  const point = () =>
    b.maybe(() => ({ prompt_cache_breakpoint: b.oneOf({ mode: 'explicit' }, undefined) }));
  const text = () => ({ type: 'text', text: b.text(), ...point() });
  const calls = [
    { type: 'function', id: 'call_1', function: { name, arguments: b.text('{"q":"', '"}') } },
    ...(custom
      ? [{ type: 'custom', id: 'call_2', custom: { name: 'patch', input: b.text() } }]
      : []),
  ];
  return {
    messages: [
      ...b.some<object>(
        () => ({ role: 'system', content: b.text(), ...b.maybe(() => ({ name: b.text() })) }),
        () => ({ role: 'developer', content: [text(), text()] }),
      ),
      {
        role: 'user',
        content: b.pick<unknown>(
          () => b.text(),
          () =>
            b.some<object>(
              text,
              () => ({
                type: 'image_url',
                image_url: {
                  url: b.pick<unknown>(
                    () => b.text('https://pictures.test/', '.png'),
                    () => b.text('data:image/png;base64,'),
                  ),
                  ...b.maybe(() => ({ detail: b.oneOf('low', 'high', 'auto') })),
                },
                ...point(),
              }),
              () => ({
                type: 'input_audio',
                input_audio: { data: b.base64(), format: b.oneOf('wav', 'mp3') },
              }),
              () => ({
                type: 'file',
                file: b.pick<object>(
                  () => ({
                    filename: b.text('', '.pdf'),
                    file_data: b.text('data:application/pdf;base64,'),
                  }),
                  () => ({ file_id: b.text('file-') }),
                ),
              }),
            ),
        ),
        ...b.maybe(() => ({ name: b.text() })),
      },
      {
        role: 'assistant',
        content: b.pick<unknown>(
          () => b.text(),
          () => [
            { type: 'text', text: b.text() },
            { type: 'refusal', refusal: b.text() },
          ],
        ),
        ...b.maybe(() => ({ reasoning_content: b.text() })),
        ...b.maybe(() => ({ name: b.text() })),
        ...b.maybe(() => ({ refusal: b.text() })),
        tool_calls: calls,
      },
      ...calls.map(({ id }) => ({
        role: 'tool',
        tool_call_id: id,
        content: b.pick<unknown>(
          () => b.text(),
          () => [text(), text()],
        ),
      })),
      { role: 'user', content: b.text() },
    ],
    model: 'm',
    tools,
    ...b.maybe(() => ({
      tool_choice: b.pick<unknown>(
        () => b.oneOf('auto', 'none', 'required'),
        () => ({ type: 'function', function: { name: b.oneOf(name) } }),
        () => ({
          type: 'allowed_tools',
          allowed_tools: {
            mode: b.oneOf('auto', 'required'),
            tools: [{ type: 'function', function: { name } }],
          },
        }),
      ),
    })),
    ...b.maybe(() => ({ parallel_tool_calls: b.oneOf(false, true) })),
    ...b.maybe(() => ({ audio: { voice: b.text(), format: b.oneOf('wav', 'mp3') } })),
    ...b.maybe(() => ({ modalities: ['text', b.oneOf('audio', undefined)] })),
    ...b.maybe(() => ({ temperature: b.number(0.31, 0.74) })),
    ...b.maybe(() => ({ top_p: b.number(0.52, 0.81) })),
    ...b.maybe(() => ({ frequency_penalty: b.number(0.11, 0.4) })),
    ...b.maybe(() => ({ presence_penalty: b.number(0.12, 0.4) })),
    ...b.maybe(() => ({ logit_bias: { '50256': b.number(-7, 3) } })),
    ...b.maybe(() => ({ logprobs: true, top_logprobs: b.number(3, 4) })),
    ...b.pick(
      () => ({ max_tokens: b.number(4711, 815) }),
      () => ({ max_completion_tokens: b.number(4711, 815) }),
      () => ({}),
    ),
    ...b.maybe(() => ({ metadata: { key: b.text() } })),
    ...b.maybe(() => ({ moderation: { model: b.text() } })),
    ...b.maybe(() => ({ n: b.number(2, 3) })),
    ...b.maybe(() => ({ prediction: { type: 'content', content: b.text() } })),
    ...b.maybe(() => ({ prompt_cache_key: b.text() })),
    ...b.maybe(() => ({ prompt_cache_options: { mode: b.oneOf('explicit', 'implicit') } })),
    ...b.maybe(() => ({ prompt_cache_retention: b.oneOf('24h', 'in_memory', undefined) })),
    ...b.maybe(() => ({ reasoning_effort: b.oneOf('minimal', 'low', 'medium', 'high') })),
    ...b.maybe(() => ({
      response_format: b.pick<object>(
        () => ({ type: b.oneOf('json_object', 'text') }),
        () => ({
          type: 'json_schema',
          json_schema: {
            name: b.text(),
            ...b.maybe(() => ({ description: b.text() })),
            schema: {
              type: 'object',
              properties: { a: { type: 'string', description: b.text() } },
            },
            ...b.maybe(() => ({ strict: b.oneOf(true, false) })),
          },
        }),
      ),
    })),
    ...b.maybe(() => ({ safety_identifier: b.text() })),
    ...b.maybe(() => ({ seed: b.number(99, 98) })),
    ...b.maybe(() => ({ service_tier: b.oneOf('auto', 'default', 'flex', 'priority', undefined) })),
    ...b.maybe(() => ({
      stop: b.pick<unknown>(
        () => b.text(),
        () => [b.text(), b.text()],
      ),
    })),
    ...b.maybe(() => ({ store: b.oneOf(true, false) })),
    ...b.maybe(() => ({
      stream: true,
      ...b.maybe(() => ({ stream_options: { include_obfuscation: b.oneOf(false, true) } })),
    })),
    ...b.maybe(() => ({ user: b.text() })),
    ...b.maybe(() => ({ verbosity: b.oneOf('low', 'high', undefined) })),
    ...b.maybe(() => ({
      web_search_options: {
        search_context_size: b.oneOf('low', 'high'),
        user_location: { type: 'approximate', approximate: { city: b.text() } },
      },
    })),
    ...b.maybe(() => ({ vendor_field: { deep: [b.text()] } })),
  };
}

/** The older spelling: one function, one call, without ids. */
export function legacyChatRequest(b: Builder): object {
  return {
    model: 'm',
    messages: [
      { role: 'user', content: b.text() },
      {
        role: 'assistant',
        content: null,
        function_call: { name: 'look_up', arguments: b.text('{"q":"', '"}') },
      },
      { role: 'function', name: 'look_up', content: b.text() },
    ],
    functions: [
      { name: 'look_up', description: b.text(), parameters: { type: 'object', title: b.text() } },
    ],
    function_call: b.pick<unknown>(
      () => b.oneOf('auto', 'none'),
      () => ({ name: b.oneOf('look_up') }),
    ),
  };
}
