import { describe, expect, test } from 'bun:test';
import { GatewayError } from '../../../src/errors.ts';
import { client, decode, encode, provider } from './support.ts';

const user = { role: 'user', content: 'q' };

describe('system', () => {
  test('keeps its blocks, marks and order', () => {
    const system = [
      { type: 'text', text: 'One.', cache_control: { type: 'ephemeral' } },
      { type: 'text', text: 'Two.' },
    ];
    const request = decode({ system, messages: [user] });
    expect(request.messages[0]).toEqual({
      role: 'system',
      path: 'system',
      content: [
        { type: 'text', text: 'One.', path: 'system.0', cache_control: { type: 'ephemeral' } },
        { type: 'text', text: 'Two.', path: 'system.1' },
      ],
    });
    expect(encode(request)['system']).toEqual(system);
  });

  test('the attribution line of Claude Code is for this format only', () => {
    const line = { type: 'text', text: 'x-anthropic-billing-header: cc_version=2' };
    const request = decode({ system: [line, { type: 'text', text: 'Be.' }], messages: [user] });
    const content = request.messages[0]?.content;
    expect(content?.[0]).toMatchObject({ type: 'hosted', format: 'messages', path: 'system.0' });
    expect(encode(request)['system']).toEqual([line, { type: 'text', text: 'Be.' }]);
  });

  test('stands between the turns where it was', () => {
    const request = decode({ messages: [user, { role: 'system', content: 'Now French.' }] });
    expect(request.messages[1]).toEqual({
      role: 'system',
      content: 'Now French.',
      path: 'messages.1',
    });
  });
});

describe('turns', () => {
  test('a user turn gives each result its own message and keeps the rest behind it', () => {
    const request = decode({
      messages: [
        user,
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: 'a', name: 'f', input: { x: 1 } }],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'a', content: 'no', is_error: true },
            { type: 'text', text: 'And?' },
          ],
        },
      ],
    });
    expect(request.messages.slice(1)).toEqual([
      {
        role: 'assistant',
        content: null,
        path: 'messages.1',
        tool_calls: [
          {
            type: 'function',
            id: 'a',
            function: { name: 'f', arguments: '{"x":1}' },
            path: 'messages.1.content.0',
          },
        ],
      },
      {
        role: 'tool',
        tool_call_id: 'a',
        content: 'no',
        is_error: true,
        path: 'messages.2.content.0',
      },
      {
        role: 'user',
        content: [{ type: 'text', text: 'And?', path: 'messages.2.content.1' }],
        path: 'messages.2',
      },
    ]);
  });

  test('an assistant turn in another order becomes several messages of one turn', () => {
    const content = [
      { type: 'thinking', thinking: 'A', signature: 'c2lnQQ==' },
      { type: 'text', text: 'one' },
      { type: 'tool_use', id: 'a', name: 'f', input: {} },
      { type: 'thinking', thinking: 'B', signature: 'c2lnQg==' },
      { type: 'tool_use', id: 'b', name: 'f', input: {} },
      { type: 'text', text: 'two' },
    ];
    const request = decode({ messages: [user, { role: 'assistant', content }] });
    expect(request.messages.slice(1).map((each) => each.continues ?? false)).toEqual([
      false,
      true,
      true,
    ]);
    const back = encode(request, provider({ model: 'claude-sonnet-4-5' }))['messages'];
    expect(back).toMatchObject([user, { role: 'assistant', content }]);
  });

  test('an envelope that was changed is left out and reported', () => {
    const context = client();
    const sealed = context.envelope.seal(
      { value: 'x', format: 'responses', provider: 'p' },
      'text',
    );
    const turn = (thinking: string): object => ({
      role: 'assistant',
      content: [
        { type: 'thinking', thinking, signature: sealed },
        { type: 'text', text: 'a' },
      ],
    });
    const request = decode({ messages: [user, turn('text'), user, turn('other')] }, context);
    expect(request.messages[1]?.reasoning).toHaveLength(1);
    expect(request.messages[3]?.reasoning).toBeUndefined();
    expect(context.ledger.dropped).toEqual(['messages.3.content.0']);
  });
});

describe('content', () => {
  test('images and documents keep source, title, context and citations', () => {
    const png = { type: 'base64', media_type: 'image/png', data: 'iVBO' };
    const content = [
      { type: 'image', source: png, cache_control: { type: 'ephemeral' } },
      { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } },
      { type: 'image', source: { type: 'file', file_id: 'file_1' } },
      {
        type: 'document',
        source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0' },
        title: 'T',
        context: 'C',
        citations: { enabled: true },
      },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'plain' } },
      { type: 'document', source: { type: 'url', url: 'https://example.org/a.pdf' } },
      { type: 'document', source: { type: 'file', file_id: 'file_2' } },
    ];
    const request = decode({ messages: [{ role: 'user', content }] });
    expect(encode(request)['messages']).toEqual([{ role: 'user', content }]);
  });

  test('passages become text that names their source, and stay what they are for this format', () => {
    const context = client();
    const block = {
      type: 'search_result',
      title: 'Facts',
      source: 'https://example.org',
      content: [{ type: 'text', text: 'Ruby is red.' }],
    };
    const request = decode({ messages: [{ role: 'user', content: [block] }] }, context);
    expect(request.messages[0]?.content).toMatchObject([
      { type: 'text', text: 'Facts\nhttps://example.org\n\nRuby is red.' },
    ]);
    expect(context.ledger.approximated).toEqual([]);
    expect(encode(request)['messages']).toEqual([{ role: 'user', content: [block] }]);
  });

  test('blocks that only this format knows go through as they came', () => {
    const content = [
      { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'x' } },
      { type: 'web_search_tool_result', tool_use_id: 's', content: [] },
      { type: 'text', text: 'found' },
    ];
    const messages = [user, { role: 'assistant', content }, user];
    expect(encode(decode({ messages }))['messages']).toEqual(messages);
  });
});

describe('parameters', () => {
  test('each has its place', () => {
    expect(
      decode({
        messages: [user],
        max_tokens: 9,
        temperature: 0,
        top_p: 0.5,
        top_k: 3,
        stop_sequences: ['END'],
        stream: true,
        service_tier: 'standard_only',
        metadata: { user_id: 'u' },
        thinking: { type: 'enabled', budget_tokens: 2048, display: 'omitted' },
        output_config: { effort: 'high' },
        tool_choice: { type: 'any', disable_parallel_tool_use: true },
        tools: [{ name: 'f', description: 'd', input_schema: { type: 'object' }, strict: true }],
      }),
    ).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'q', path: 'messages.0' }],
      max_tokens: 9,
      temperature: 0,
      top_p: 0.5,
      top_k: 3,
      stop: ['END'],
      stream: true,
      service_tier: 'default',
      user: 'u',
      reasoning: { enabled: true, max_tokens: 2048, summary: 'omitted', effort: 'high' },
      tool_choice: 'required',
      parallel_tool_calls: false,
      tools: [
        {
          type: 'function',
          function: {
            name: 'f',
            description: 'd',
            parameters: { type: 'object' },
            strict: true,
          },
          path: 'tools.0',
        },
      ],
    });
  });

  test('adaptive, disabled and between_tools are three different wishes', () => {
    const reasoning = (thinking: object) => decode({ messages: [user], thinking }).reasoning;
    expect(reasoning({ type: 'adaptive' })).toEqual({ enabled: true, adaptive: true });
    expect(reasoning({ type: 'disabled' })).toEqual({ enabled: false });
    expect(reasoning({ type: 'between_tools' })).toEqual({ enabled: false });
  });

  test('a schema for the answer is read in both places where it was ever put', () => {
    const schema = { type: 'object', properties: {}, additionalProperties: false };
    const format = { type: 'json_schema', schema };
    const expected = { type: 'json_schema' as const, json_schema: { schema, strict: true } };
    expect(decode({ messages: [user], output_config: { format } }).response_format).toEqual(
      expected,
    );
    expect(decode({ messages: [user], output_format: format }).response_format).toEqual(expected);
  });

  test('what only this format knows is kept by its path and put back where it stood', () => {
    const body = {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'c', citations: [{ type: 'char_location', cited_text: 'x' }] },
          ],
        },
        user,
      ],
      tools: [
        { name: 'f', input_schema: { type: 'object', properties: {} }, defer_loading: true },
        { type: 'web_search_20250305', name: 'web_search', max_uses: 2 },
      ],
      mcp_servers: [{ type: 'url', url: 'https://example.org', name: 'n' }],
      context_management: { edits: [] },
      output_config: { task_budget: { type: 'tokens', total: 9 } },
    };
    const request = decode(body);
    expect(Object.keys(request.extra?.fields ?? {}).sort()).toEqual([
      'context_management',
      'mcp_servers',
      'messages.1.content.0.citations',
      'output_config.task_budget',
      'tools.0.defer_loading',
    ]);
    expect(encode(request)).toEqual({ model: 'some-model', max_tokens: 10, ...body });
  });
});

describe('a body that is not one', () => {
  const bad: [string, object, string][] = [
    ['no messages', { messages: undefined }, 'messages'],
    ['none at all', { messages: [] }, 'messages'],
    ['a wrong role', { messages: [{ role: 'tool', content: 'x' }] }, 'messages.0.role'],
    ['content of a wrong kind', { messages: [{ role: 'user', content: 5 }] }, 'messages.0.content'],
    [
      'a tool without a schema',
      { messages: [user], tools: [{ name: 'f' }] },
      'tools.0.input_schema',
    ],
    ['an unknown choice', { messages: [user], tool_choice: { type: 'x' } }, 'tool_choice.type'],
    [
      'a result without its call',
      { messages: [{ role: 'user', content: [{ type: 'tool_result' }] }] },
      'messages.0.content.0.tool_use_id',
    ],
  ];
  test.each(bad)('%s is a 400 that names the field', (_, body, field) => {
    try {
      decode({ ...body });
      throw new Error('was taken');
    } catch (error) {
      expect(error).toBeInstanceOf(GatewayError);
      expect(error).toMatchObject({ status: 400, field });
    }
  });
});
