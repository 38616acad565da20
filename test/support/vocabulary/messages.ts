/** All that a Messages request can say (`MessageCreateParams` with betas). */
import type { MessageCreateParamsNonStreaming } from '@anthropic-ai/sdk/resources/beta/messages/messages';
import type { Builder } from './specimen.ts';

/** What the SDK sends as headers. */
type Header = 'betas' | 'user_profile_id' | 'workspace_id';
/** Every parameter; the compiler tells when the SDK has a new one. */
export const MESSAGES_FIELDS: Record<
  Exclude<keyof MessageCreateParamsNonStreaming, Header>,
  true
> = {
  max_tokens: true,
  messages: true,
  model: true,
  billing_policy: true,
  cache_control: true,
  compaction: true,
  container: true,
  context_management: true,
  diagnostics: true,
  fallback_credit_token: true,
  fallbacks: true,
  inference_geo: true,
  mcp_servers: true,
  metadata: true,
  output_config: true,
  output_format: true,
  service_tier: true,
  speed: true,
  stop_sequences: true,
  stream: true,
  system: true,
  thinking: true,
  thread: true,
  tool_choice: true,
  tools: true,
};

export function messagesRequest(b: Builder): object {
  const mark = () =>
    b.maybe(() => ({
      cache_control: { type: 'ephemeral', ...b.maybe(() => ({ ttl: b.oneOf('1h', '5m') })) },
    }));
  const text = () => ({ type: 'text', text: b.text(), ...mark() });
  const image = () => ({
    type: 'image',
    source: b.pick<object>(
      () => ({ type: 'base64', media_type: b.oneOf('image/png', 'image/webp'), data: b.base64() }),
      () => ({ type: 'url', url: b.text('https://pictures.test/', '.png') }),
      () => ({ type: 'file', file_id: b.text('file_') }),
    ),
    ...mark(),
  });
  const document = () => ({
    type: 'document',
    source: b.pick<object>(
      () => ({ type: 'base64', media_type: 'application/pdf', data: b.base64() }),
      () => ({ type: 'text', media_type: 'text/plain', data: b.text() }),
      () => ({ type: 'url', url: b.text('https://papers.test/', '.pdf') }),
      () => ({ type: 'file', file_id: b.text('file_') }),
      () => ({ type: 'content', content: [{ type: 'text', text: b.text() }] }),
    ),
    ...b.maybe(() => ({ title: b.text() })),
    ...b.maybe(() => ({ context: b.text() })),
    ...b.maybe(() => ({ citations: { enabled: b.oneOf(true, false) } })),
    ...mark(),
  });
  const searchResult = () => ({
    type: 'search_result',
    source: b.text(),
    title: b.text(),
    content: [{ type: 'text', text: b.text() }],
    ...b.maybe(() => ({ citations: { enabled: b.oneOf(true, false) } })),
  });
  const jsonFormat = () => ({
    type: 'json_schema',
    schema: { type: 'object', properties: { a: { type: 'string', description: b.text() } } },
  });
  const thinkingOn = b.random() < 0.5;
  return {
    model: 'm',
    max_tokens: b.number(4711, 4712),
    messages: [
      {
        role: 'user',
        content: b.pick<unknown>(
          () => b.text(),
          () => b.some<object>(text, image, document, searchResult),
        ),
      },
      {
        role: 'assistant',
        content: [
          ...(thinkingOn
            ? b.some<object>(
                () => ({ type: 'thinking', thinking: b.text(), signature: b.text() }),
                () => ({ type: 'redacted_thinking', data: b.text() }),
              )
            : []),
          ...b.some<object>(
            () => ({
              type: 'text',
              text: b.text(),
              ...b.maybe(() => ({
                citations: [
                  {
                    type: 'char_location',
                    cited_text: b.text(),
                    document_index: 0,
                    document_title: b.text(),
                    start_char_index: 1,
                    end_char_index: 2,
                  },
                ],
              })),
            }),
            () => ({ type: 'text', text: b.text() }),
          ),
          {
            type: 'tool_use',
            id: 'toolu_1',
            name: 'look_up',
            input: { q: b.text(), deep: { list: [b.number(17, 18)] } },
            ...mark(),
            ...b.maybe(() => ({
              caller: b.oneOf(
                { type: 'direct' },
                { type: 'code_execution_20250825', tool_id: 'x' },
              ),
            })),
          },
          { type: 'tool_use', id: 'toolu_2', name: 'find', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 'toolu_1',
            ...b.maybe(() => ({
              content: b.pick<unknown>(
                () => b.text(),
                () => b.some<object>(text, image, document, searchResult),
              ),
            })),
            is_error: b.oneOf(true, false),
            ...mark(),
          },
          { type: 'tool_result', tool_use_id: 'toolu_2', content: b.text() },
          text(),
        ],
      },
      ...(b.random() < 0.3
        ? [
            {
              role: 'assistant',
              content: [
                {
                  type: 'server_tool_use',
                  id: 'srvtoolu_1',
                  name: 'web_search',
                  input: { query: b.text() },
                },
                {
                  type: 'web_search_tool_result',
                  tool_use_id: 'srvtoolu_1',
                  content: [
                    {
                      type: 'web_search_result',
                      url: b.text(),
                      title: b.text(),
                      encrypted_content: b.text(),
                    },
                  ],
                },
                { type: 'text', text: b.text() },
              ],
            },
            { role: 'user', content: b.text() },
          ]
        : []),
      ...(b.random() < 0.3
        ? [
            { role: 'system', content: b.text() },
            { role: 'user', content: b.text() },
          ]
        : []),
    ],
    ...b.maybe(() => ({
      system: b.pick<unknown>(
        () => b.text(),
        () => [text(), text()],
      ),
    })),
    tools: [
      {
        name: 'look_up',
        ...b.maybe(() => ({ type: 'custom' })),
        ...b.maybe(() => ({ description: b.text() })),
        input_schema: {
          type: 'object',
          properties: { q: { type: 'string', description: b.text() } },
        },
        ...b.maybe(() => ({ strict: b.oneOf(true, false) })),
        ...b.maybe(() => ({ defer_loading: b.oneOf(true, undefined) })),
        ...b.maybe(() => ({ eager_input_streaming: b.oneOf(true, undefined) })),
        ...b.maybe(() => ({ allowed_callers: [b.oneOf('direct', 'code_execution_20250825')] })),
        ...b.maybe(() => ({ input_examples: [{ q: b.text() }] })),
        ...mark(),
      },
      { name: 'find', input_schema: { type: 'object', properties: {} } },
      ...(b.random() < 0.4
        ? [
            {
              type: 'web_search_20250305',
              name: 'web_search',
              max_uses: b.number(5, 6),
              allowed_domains: [b.text()],
            },
          ]
        : []),
    ],
    ...b.maybe(() => ({
      tool_choice: b.pick<object>(
        () => ({ type: b.oneOf('auto', 'none') }),
        () => ({ type: b.oneOf('any', 'auto'), disable_parallel_tool_use: b.oneOf(true, false) }),
        () => ({ type: 'tool', name: b.oneOf('look_up', 'find') }),
      ),
    })),
    ...(thinkingOn
      ? {
          thinking: b.pick<object>(
            () => ({
              type: 'enabled',
              budget_tokens: b.number(2048, 20000),
              ...b.maybe(() => ({ display: b.oneOf('summarized', 'omitted', undefined) })),
            }),
            () => ({
              type: 'adaptive',
              ...b.maybe(() => ({ display: b.oneOf('summarized', 'omitted', undefined) })),
            }),
          ),
        }
      : {
          ...b.maybe(() => ({ thinking: { type: b.oneOf('disabled', 'adaptive') } })),
          ...b.maybe(() => ({ temperature: b.number(0.31, 0.74) })),
          ...b.maybe(() => ({ top_p: b.number(0.52, 0.81) })),
          ...b.maybe(() => ({ top_k: b.number(37, 38) })),
        }),
    ...b.pick<object>(
      () => ({}),
      () => ({ output_format: jsonFormat() }),
      () => ({
        output_config: {
          ...b.maybe(() => ({ effort: b.oneOf('low', 'medium', 'high', 'xhigh', 'max') })),
          ...b.maybe(() => ({ format: jsonFormat() })),
          ...b.maybe(() => ({ task_budget: { type: 'tokens', total: b.number(30000, 40000) } })),
        },
      }),
    ),
    ...b.maybe(() => ({ metadata: { user_id: b.text() } })),
    ...b.maybe(() => ({ service_tier: b.oneOf('auto', 'standard_only') })),
    ...b.maybe(() => ({ stop_sequences: [b.text(), b.text()] })),
    ...b.maybe(() => ({ stream: true })),
    ...b.maybe(() => ({ cache_control: { type: 'ephemeral', ttl: b.oneOf('1h', '5m') } })),
    ...b.maybe(() => ({ container: b.text() })),
    ...b.maybe(() => ({
      context_management: {
        edits: [{ type: 'clear_thinking_20251015', keep: b.oneOf('all', undefined) }],
      },
    })),
    ...b.maybe(() => ({ inference_geo: b.text() })),
    ...b.maybe(() => ({
      mcp_servers: [
        { type: 'url', name: b.text(), url: b.text('https://'), authorization_token: b.text() },
      ],
    })),
    ...b.maybe(() => ({ speed: b.oneOf('fast', 'standard') })),
    ...b.maybe(() => ({ compaction: { mode: b.text() } })),
    ...b.maybe(() => ({ diagnostics: { level: b.text() } })),
    ...b.maybe(() => ({ fallbacks: { models: [b.text()] } })),
    ...b.maybe(() => ({ fallback_credit_token: b.text() })),
    ...b.maybe(() => ({ billing_policy: { kind: b.text() } })),
    ...b.maybe(() => ({ thread: { id: b.text() } })),
  };
}
