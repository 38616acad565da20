/** All that a Responses request can say (`ResponseCreateParams`). */
import type { ResponseCreateParams } from 'openai/resources/responses/responses';
import type { Builder } from './specimen.ts';

/** Every parameter but the reference to an earlier answer, which the gateway itself resolves. */
export const RESPONSES_FIELDS: Record<
  Exclude<keyof ResponseCreateParams, 'previous_response_id'>,
  true
> = {
  access_programs: true,
  background: true,
  context_management: true,
  conversation: true,
  image: true,
  include: true,
  input: true,
  instructions: true,
  max_output_tokens: true,
  max_tool_calls: true,
  metadata: true,
  model: true,
  moderation: true,
  parallel_tool_calls: true,
  prompt: true,
  prompt_cache_key: true,
  prompt_cache_options: true,
  prompt_cache_retention: true,
  reasoning: true,
  safety_identifier: true,
  service_tier: true,
  store: true,
  stream: true,
  stream_options: true,
  temperature: true,
  text: true,
  tool_choice: true,
  tools: true,
  top_logprobs: true,
  top_p: true,
  truncation: true,
  user: true,
};

export function responsesRequest(b: Builder): object {
  const point = () =>
    b.maybe(() => ({ prompt_cache_breakpoint: b.oneOf({ mode: 'explicit' }, undefined) }));
  const text = () => ({ type: 'input_text', text: b.text(), ...point() });
  const image = () => ({
    type: 'input_image',
    ...b.pick<object>(
      () => ({ image_url: b.text('https://pictures.test/', '.png') }),
      () => ({ image_url: b.text('data:image/png;base64,') }),
      () => ({ file_id: b.text('file-') }),
    ),
    detail: b.oneOf('low', 'high', 'auto'),
  });
  const file = () => ({
    type: 'input_file',
    ...b.pick<object>(
      () => ({ filename: b.text('', '.pdf'), file_data: b.text('data:application/pdf;base64,') }),
      () => ({ file_url: b.text('https://papers.test/', '.pdf') }),
      () => ({ file_id: b.text('file-') }),
    ),
    ...b.maybe(() => ({ detail: b.oneOf('low', 'high', undefined) })),
  });
  const functionTool = (name: string) => ({
    type: 'function',
    name,
    ...b.maybe(() => ({ description: b.text() })),
    parameters: { type: 'object', properties: { q: { type: 'string', description: b.text() } } },
    strict: b.oneOf(true, false),
    ...b.maybe(() => ({ defer_loading: b.oneOf(true, undefined) })),
    ...b.maybe(() => ({ output_schema: { type: 'object', title: b.text() } })),
  });
  const hosted = b.random() < 0.4;
  return {
    model: 'm',
    input:
      b.random() < 0.1
        ? b.text()
        : [
            { type: 'message', role: 'developer', content: [text(), text()] },
            ...(b.random() < 0.3
              ? [{ type: 'additional_tools', role: 'developer', tools: [functionTool('extra')] }]
              : []),
            {
              role: 'user',
              content: b.pick<unknown>(
                () => b.text(),
                () => b.some<object>(text, image, file),
              ),
            },
            ...b.some<object>(
              () => ({
                type: 'reasoning',
                id: 'rs_1',
                summary: [
                  { type: 'summary_text', text: b.text() },
                  { type: 'summary_text', text: b.text() },
                ],
                encrypted_content: b.text(),
              }),
              () => ({
                type: 'reasoning',
                id: 'rs_2',
                summary: [],
                content: [{ type: 'reasoning_text', text: b.text() }],
              }),
            ),
            {
              type: 'message',
              id: 'msg_1',
              status: 'completed',
              role: 'assistant',
              ...b.maybe(() => ({ phase: b.oneOf('commentary', 'final_answer') })),
              content: b.some<object>(
                () => ({
                  type: 'output_text',
                  text: b.text(),
                  annotations: [
                    {
                      type: 'url_citation',
                      url: b.text(),
                      title: b.text(),
                      start_index: 0,
                      end_index: 1,
                    },
                  ],
                }),
                () => ({ type: 'refusal', refusal: b.text() }),
              ),
            },
            {
              type: 'function_call',
              id: 'fc_1',
              status: 'completed',
              call_id: 'call_1',
              name: 'look_up',
              arguments: b.text('{"q":"', '"}'),
            },
            {
              type: 'function_call',
              call_id: 'call_2',
              name: 'note',
              namespace: 'mcp__notes',
              arguments: b.text('{"q":"', '"}'),
            },
            { type: 'custom_tool_call', call_id: 'call_3', name: 'apply_patch', input: b.text() },
            {
              type: 'function_call_output',
              call_id: 'call_1',
              output: b.pick<unknown>(
                () => b.text(),
                () => b.some<object>(text, image, file),
              ),
            },
            { type: 'function_call_output', call_id: 'call_2', output: b.text() },
            { type: 'custom_tool_call_output', call_id: 'call_3', output: b.text() },
            ...(hosted
              ? [
                  {
                    type: 'web_search_call',
                    id: 'ws_1',
                    status: 'completed',
                    action: { type: 'search', query: b.text() },
                  },
                ]
              : []),
            { role: 'user', content: b.text() },
          ],
    ...b.maybe(() => ({ instructions: b.text() })),
    tools: [
      functionTool('look_up'),
      {
        type: 'namespace',
        name: 'mcp__notes',
        description: b.text(),
        tools: [functionTool('note')],
      },
      {
        type: 'custom',
        name: 'apply_patch',
        description: b.text(),
        ...b.maybe(() => ({ format: { type: 'grammar', syntax: 'lark', definition: b.text() } })),
      },
      ...(hosted
        ? [
            {
              type: 'web_search',
              search_context_size: b.oneOf('low', 'high'),
              filters: { allowed_domains: [b.text()] },
            },
          ]
        : []),
    ],
    ...b.maybe(() => ({
      tool_choice: b.pick<unknown>(
        () => b.oneOf('auto', 'none', 'required'),
        () => ({ type: 'function', name: b.oneOf('look_up') }),
        () => ({ type: 'custom', name: b.oneOf('apply_patch') }),
        () => ({
          type: 'allowed_tools',
          mode: b.oneOf('auto', 'required'),
          tools: [{ type: 'function', name: 'look_up' }],
        }),
      ),
    })),
    ...b.maybe(() => ({ parallel_tool_calls: b.oneOf(false, true) })),
    ...b.maybe(() => ({ background: b.oneOf(true, false) })),
    ...b.maybe(() => ({
      context_management: [{ type: 'compaction', compact_threshold: b.number(90000, 80000) }],
    })),
    ...b.maybe(() => ({
      include: [b.oneOf('file_search_call.results', 'code_interpreter_call.outputs')],
    })),
    ...b.maybe(() => ({ max_output_tokens: b.number(4711, 815) })),
    ...b.maybe(() => ({ max_tool_calls: b.number(5, 6) })),
    ...b.maybe(() => ({ metadata: { key: b.text() } })),
    ...b.maybe(() => ({ moderation: { model: b.text() } })),
    ...b.maybe(() => ({ prompt: { id: b.text('pmpt_'), version: b.text() } })),
    ...b.maybe(() => ({ prompt_cache_key: b.text() })),
    ...b.maybe(() => ({ prompt_cache_options: { mode: b.oneOf('explicit', 'implicit') } })),
    ...b.maybe(() => ({ prompt_cache_retention: b.oneOf('24h', 'in_memory', undefined) })),
    ...b.maybe(() => ({
      reasoning: {
        ...b.maybe(() => ({ effort: b.oneOf('minimal', 'low', 'medium', 'high') })),
        ...b.maybe(() => ({ summary: b.oneOf('auto', 'detailed', undefined) })),
        ...b.maybe(() => ({ context: b.oneOf('all_turns', 'current_turn') })),
        ...b.maybe(() => ({ mode: b.oneOf('pro', 'standard') })),
      },
    })),
    ...b.maybe(() => ({ safety_identifier: b.text() })),
    ...b.maybe(() => ({ service_tier: b.oneOf('auto', 'default', 'flex', 'priority', undefined) })),
    ...b.maybe(() => ({ store: b.oneOf(true, false) })),
    ...b.maybe(() => ({
      stream: true,
      ...b.maybe(() => ({ stream_options: { include_obfuscation: b.oneOf(false, true) } })),
    })),
    ...b.maybe(() => ({ temperature: b.number(0.31, 0.74) })),
    ...b.maybe(() => ({ top_p: b.number(0.52, 0.81) })),
    ...b.maybe(() => ({ top_logprobs: b.number(3, 4), include: ['message.output_text.logprobs'] })),
    ...b.maybe(() => ({
      text: {
        ...b.maybe(() => ({ verbosity: b.oneOf('low', 'high', undefined) })),
        ...b.maybe(() => ({
          format: b.pick<object>(
            () => ({ type: b.oneOf('json_object', 'text') }),
            () => ({
              type: 'json_schema',
              name: b.text(),
              schema: {
                type: 'object',
                properties: { a: { type: 'string', description: b.text() } },
              },
              ...b.maybe(() => ({ description: b.text() })),
              ...b.maybe(() => ({ strict: b.oneOf(true, false) })),
            }),
          ),
        })),
      },
    })),
    ...b.maybe(() => ({ truncation: b.oneOf('auto', 'disabled') })),
    ...b.maybe(() => ({ user: b.text() })),
    ...b.maybe(() => ({ access_programs: { id: b.text() } })),
    ...b.maybe(() => ({ image: { size: b.text() } })),
    ...b.maybe(() => ({ conversation: b.text('conv_') })),
  };
}
