import { describe, expect, test } from 'bun:test';
import { isObject, type JsonObject } from '../../../src/json.ts';
import type {
  UnifiedChatRequest,
  UnifiedContent,
  UnifiedMessage,
  UnifiedTool,
} from '../../../src/unified.ts';
import { encode, provider } from './support.ts';

const user: UnifiedMessage = { role: 'user', content: 'q', path: 'messages.0' };
const tool: UnifiedTool = {
  type: 'function',
  function: { name: 'f', parameters: { type: 'object', properties: {} } },
  path: 'tools.0',
};

/** The body for a request, and what was reported. */
function send(
  request: Partial<UnifiedChatRequest>,
  model = 'some-model',
): { body: JsonObject; dropped: readonly string[]; approximated: readonly string[] } {
  const context = provider({ model });
  const body = encode({ messages: [user], ...request }, context);
  const { dropped, approximated } = context.ledger;
  return { body, dropped, approximated: approximated.map((each) => each.split(' ')[0] ?? '') };
}
const turnsOf = (messages: UnifiedMessage[], model?: string): unknown =>
  send({ messages }, model).body['messages'];

describe('turns', () => {
  test('neighbours of one role become one turn, results stand first', () => {
    const turns = turnsOf([
      user,
      { role: 'assistant', content: 'a' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ type: 'function', id: 'c', function: { name: 'f', arguments: '{"x":1}' } }],
      },
      { role: 'user', content: 'wait' },
      { role: 'tool', tool_call_id: 'c', content: 'r' },
      { role: 'user', content: 'and' },
    ]);
    expect(turns).toEqual([
      { role: 'user', content: 'q' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'a' },
          { type: 'tool_use', id: 'c', name: 'f', input: { x: 1 } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'c', content: 'r' },
          { type: 'text', text: 'wait' },
          { type: 'text', text: 'and' },
        ],
      },
    ]);
  });

  test('no empty text, and white space only beside something else', () => {
    const blank: UnifiedMessage = { role: 'assistant', content: ' \n', path: 'messages.1' };
    const { body, dropped } = send({ messages: [user, blank, { role: 'user', content: 'go' }] });
    expect(body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'q' },
          { type: 'text', text: 'go' },
        ],
      },
    ]);
    expect(dropped).toEqual(['messages.1.content']);
    const withCall = turnsOf([
      user,
      {
        role: 'assistant',
        content: '\n',
        tool_calls: [{ type: 'function', id: 'c', function: { name: 'f', arguments: '' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: '' },
    ]);
    expect(withCall).toMatchObject([{}, { content: [{ text: '\n' }, { input: {} }] }, {}]);
    expect(withCall).toHaveProperty('2.content', [{ type: 'tool_result', tool_use_id: 'c' }]);
  });

  test('a failed result without a word gets one, which the API demands', () => {
    const turns = turnsOf([
      user,
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ type: 'function', id: 'c', function: { name: 'f', arguments: 'nonsense' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: '', is_error: true },
    ]);
    expect(turns).toHaveProperty('1.content.0.input', { input: 'nonsense' });
    expect(turns).toHaveProperty('2.content.0', {
      type: 'tool_result',
      tool_use_id: 'c',
      content: '(no output)',
      is_error: true,
    });
  });

  test('the first turn is a user’s, whatever the client began with', () => {
    expect(turnsOf([{ role: 'assistant', content: 'Hello!' }, user])).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: 'Hello!' },
      { role: 'user' },
    ]);
    expect(turnsOf([{ role: 'system', content: 'Only this.' }])).toEqual([
      { role: 'user', content: 'Only this.' },
    ]);
  });

  test('a prefill loses the white space at its end; newer models take none', () => {
    const messages: UnifiedMessage[] = [user, { role: 'assistant', content: 'The answer is: ' }];
    expect(turnsOf(messages)).toHaveProperty('1.content', 'The answer is:');
    expect(turnsOf(messages, 'claude-opus-4-6')).toMatchObject([{}, {}, { role: 'user' }]);
  });

  test('system text between the turns goes where the model takes it', () => {
    const messages: UnifiedMessage[] = [
      { role: 'system', content: 'First.' },
      user,
      { role: 'assistant', content: 'a' },
      { role: 'system', content: 'Second.', path: 'messages.3' },
      { role: 'user', content: 'b' },
    ];
    const older = send({ messages });
    expect(older.body['system']).toEqual([{ type: 'text', text: 'First.' }]);
    expect(older.body['messages']).toHaveProperty('2.content', [
      { type: 'text', text: 'Second.' },
      { type: 'text', text: 'b' },
    ]);
    expect(older.approximated).toEqual(['messages.3']);
    // It follows a user turn and precedes an assistant's, or ends the list.
    expect(turnsOf(messages, 'claude-opus-4-8')).toEqual([
      { role: 'user', content: 'q' },
      { role: 'assistant', content: 'a' },
      { role: 'user', content: 'b' },
      { role: 'system', content: 'Second.' },
    ]);
  });
});

describe('reasoning of earlier turns', () => {
  const turn = (opaque?: { value: string; provider?: string; format?: 'chat' | 'messages' }) =>
    send({
      messages: [
        user,
        {
          role: 'assistant',
          content: 'a',
          reasoning: [
            {
              text: 'why',
              path: 'messages.1.content.0',
              ...(opaque && { opaque: { format: 'messages' as const, ...opaque } }),
            },
          ],
        },
        user,
      ],
    });

  test('goes back to the provider that made it, with its own token', () => {
    const block = { type: 'thinking', thinking: 'why', signature: 'sig' };
    for (const opaque of [{ value: 'sig' }, { value: 'sig', provider: 'acme' }]) {
      expect(turn(opaque).body['messages']).toHaveProperty('1.content.0', block);
    }
    expect(turn({ value: '', provider: 'acme' }).body['messages']).toHaveProperty(
      '1.content.0.signature',
      '',
    );
  });

  test('never goes to another, and never without a token', () => {
    for (const opaque of [
      { value: 'sig', provider: 'other' },
      { value: '', format: 'chat' as const },
      { value: '' },
      undefined,
    ]) {
      const { body, dropped } = turn(opaque);
      expect(body['messages']).toHaveProperty('1.content', 'a');
      expect(dropped).toEqual(['messages.1.content.0']);
    }
  });
});

describe('content', () => {
  const sent = (part: UnifiedContent) => {
    const { body, dropped } = send({
      messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }, part] }],
    });
    const [turn] = Array.isArray(body['messages']) ? body['messages'] : [];
    const content: unknown = isObject(turn) ? turn['content'] : undefined;
    return { block: Array.isArray(content) ? content[1] : undefined, dropped };
  };
  const path = 'messages.0.content.1';

  test('images by data, by link and by this format’s own id', () => {
    const image = (url: string): UnifiedContent => ({
      type: 'image_url',
      image_url: { url },
      path,
    });
    expect(sent(image('data:image/jpg;base64,AAA')).block).toEqual({
      type: 'image',
      source: { type: 'base64', media_type: 'image/jpeg', data: 'AAA' },
    });
    expect(sent(image('https://example.org/a.png')).block).toEqual({
      type: 'image',
      source: { type: 'url', url: 'https://example.org/a.png' },
    });
    for (const url of ['data:image/svg+xml;base64,AAA', 'gs://bucket/a.png']) {
      expect(sent(image(url))).toEqual({ block: undefined, dropped: [path] });
    }
  });

  test('files by what they hold', () => {
    const file = (each: Extract<UnifiedContent, { type: 'file' }>['file']): UnifiedContent => ({
      type: 'file',
      file: each,
      path,
    });
    expect(sent(file({ data: 'JVBERi0xLg==', filename: 'a.pdf' })).block).toEqual({
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0xLg==' },
      title: 'a.pdf',
    });
    expect(sent(file({ data: btoa('a,b'), media_type: 'text/csv' })).block).toEqual({
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'a,b' },
    });
    expect(sent(file({ data: 'AAA', media_type: 'image/png' })).block).toMatchObject({
      type: 'image',
    });
    for (const each of [
      { data: 'UEsD', media_type: 'application/zip' },
      { id: 'file-1', idFormat: 'responses' as const },
    ]) {
      expect(sent(file(each))).toEqual({ block: undefined, dropped: [path] });
    }
  });

  test('sound and film are reported', () => {
    const parts: UnifiedContent[] = [
      { type: 'input_audio', input_audio: { data: 'A', format: 'wav' }, path },
      { type: 'video', video: { data: 'A' }, path },
      { type: 'hosted', format: 'gemini', value: {}, path },
    ];
    for (const part of parts) expect(sent(part)).toEqual({ block: undefined, dropped: [path] });
  });

  test('four marks for the cache at most, the last ones', () => {
    const mark = { type: 'ephemeral' };
    const content = [0, 1, 2, 3, 4].map(
      (i): UnifiedContent => ({ type: 'text', text: 't', path: `p.${i}`, cache_control: mark }),
    );
    const { body, dropped } = send({ messages: [{ role: 'user', content }] });
    expect(JSON.stringify(body).split('cache_control')).toHaveLength(5);
    expect(dropped).toEqual(['p.0.cache_control']);
  });
});

describe('parameters', () => {
  test('max_tokens is always there', () => {
    expect(send({}).body['max_tokens']).toBe(32_000);
    expect(send({}, 'claude-3-haiku-20240307').body['max_tokens']).toBe(4096);
    expect(send({ max_completion_tokens: 7 }).body['max_tokens']).toBe(7);
    const clamped = send({ max_tokens: 100_000 }, 'claude-opus-4-1');
    expect(clamped.body['max_tokens']).toBe(32_000);
    expect(clamped.approximated).toEqual(['max_tokens']);
  });

  test('temperature is clamped, zero stays zero', () => {
    expect(send({ temperature: 0 }).body['temperature']).toBe(0);
    const hot = send({ temperature: 1.7 });
    expect(hot.body['temperature']).toBe(1);
    expect(hot.approximated).toEqual(['temperature']);
  });

  test('temperature and top_p together only where the model takes both', () => {
    const both = { temperature: 0.2, top_p: 0.9 };
    expect(send(both).dropped).toEqual(['top_p']);
    expect(send(both, 'claude-3-5-sonnet-20241022').body).toMatchObject(both);
    expect(send({ ...both, top_k: 5 }, 'claude-opus-4-7').dropped).toEqual([
      'temperature',
      'top_p',
      'top_k',
    ]);
  });

  test('stop sequences without blank ones, user, tier', () => {
    const { body, dropped } = send({
      stop: ['END', '\n'],
      user: 'u',
      service_tier: 'default',
      stream: false,
    });
    expect(body).toMatchObject({
      stop_sequences: ['END'],
      metadata: { user_id: 'u' },
      service_tier: 'standard_only',
      stream: false,
    });
    expect(dropped).toEqual(['stop']);
    expect(send({ user: 'u'.repeat(300) }).dropped).toEqual(['user']);
    expect(send({ service_tier: 'flex' }).dropped).toEqual(['service_tier']);
  });

  test('what it has no word for is reported, unless it asks for what happens anyway', () => {
    const { dropped } = send({
      seed: 1,
      frequency_penalty: 0.5,
      presence_penalty: 0,
      logit_bias: { '1': 2 },
      logprobs: true,
      n: 1,
      store: false,
      metadata: { a: 'b' },
      verbosity: 'low',
      prompt_cache_key: 'k',
      response_format: { type: 'json_object' },
    });
    expect(dropped.toSorted()).toEqual([
      'frequency_penalty',
      'logit_bias',
      'logprobs',
      'metadata',
      'prompt_cache_key',
      'response_format',
      'seed',
      'verbosity',
    ]);
  });

  test('fields of request hooks go as they are', () => {
    expect(send({ custom_field: { a: 1 } }).body['custom_field']).toEqual({ a: 1 });
  });
});

describe('tools', () => {
  test('choice and parallel flag in this format’s spelling, only with tools', () => {
    const choice = (more: Partial<UnifiedChatRequest>): unknown =>
      send({ tools: [tool], ...more }).body['tool_choice'];
    expect(choice({})).toBeUndefined();
    expect(choice({ tool_choice: 'auto' })).toEqual({ type: 'auto' });
    expect(choice({ tool_choice: 'required' })).toEqual({ type: 'any' });
    expect(choice({ tool_choice: 'none', parallel_tool_calls: false })).toEqual({ type: 'none' });
    expect(choice({ tool_choice: { type: 'function', function: { name: 'f' } } })).toEqual({
      type: 'tool',
      name: 'f',
    });
    expect(choice({ parallel_tool_calls: false })).toEqual({
      type: 'auto',
      disable_parallel_tool_use: true,
    });
    const without = send({ tool_choice: 'required', parallel_tool_calls: false });
    expect(without.body).not.toHaveProperty('tool_choice');
    expect(without.dropped).toEqual(['tool_choice', 'parallel_tool_calls']);
  });

  test('strict where the schema can be enforced as it stands', () => {
    const strict = (parameters: JsonObject): UnifiedTool => ({
      type: 'function',
      function: { name: 'f', parameters, strict: true },
      path: 'tools.0',
    });
    const closed = { type: 'object', properties: {}, additionalProperties: false };
    expect(send({ tools: [strict(closed)] }).body['tools']).toMatchObject([{ strict: true }]);
    const open = send({ tools: [strict({ ...closed, minProperties: 1 })] });
    expect(open.body['tools']).toEqual([
      { name: 'f', input_schema: { ...closed, minProperties: 1 } },
    ]);
    expect(open.approximated).toEqual(['tools.0.strict']);
  });

  test('a second tool of one name and tools of other providers are left out', () => {
    const { body, dropped } = send({
      tools: [
        tool,
        { ...tool, path: 'tools.1' },
        { type: 'hosted', format: 'responses', value: { type: 'web_search' }, path: 'tools.2' },
        { type: 'hosted', format: 'messages', value: { type: 'x_1', name: 'x' }, path: 'tools.3' },
      ],
    });
    expect(body['tools']).toMatchObject([{ name: 'f' }, { type: 'x_1', name: 'x' }]);
    expect(dropped).toEqual(['tools.1', 'tools.2']);
  });
});

describe('thinking', () => {
  const thinking = (request: Partial<UnifiedChatRequest>, model?: string) => {
    const { body, dropped, approximated } = send(request, model);
    const { thinking: how, output_config: output, max_tokens: limit } = body;
    return { how, output, limit, dropped, approximated };
  };

  test('a budget is at least 1024 and below the limit', () => {
    const reasoning = { enabled: true, max_tokens: 4000 };
    expect(thinking({ reasoning, max_tokens: 8000 })).toMatchObject({
      how: { type: 'enabled', budget_tokens: 4000 },
      limit: 8000,
      approximated: [],
    });
    expect(thinking({ reasoning: { max_tokens: 10 }, max_tokens: 8000 }).how).toEqual({
      type: 'enabled',
      budget_tokens: 1024,
    });
    expect(thinking({ reasoning, max_tokens: 3000 })).toMatchObject({
      how: { budget_tokens: 4000 },
      limit: 7000,
      approximated: ['max_tokens'],
    });
  });

  test('a word becomes a budget for models that know only budgets', () => {
    expect(thinking({ reasoning: { effort: 'low' } }).how).toEqual({
      type: 'enabled',
      budget_tokens: 4000,
    });
    // A small limit is all for the answer.
    expect(thinking({ reasoning: { effort: 'medium' }, max_tokens: 2000 })).toMatchObject({
      how: { budget_tokens: 9000 },
      limit: 12_000,
      approximated: ['max_tokens', 'reasoning'],
    });
    // A large one is shared.
    expect(thinking({ reasoning: { effort: 'high' }, max_tokens: 32_000 })).toMatchObject({
      how: { budget_tokens: 24_000 },
      limit: 32_000,
    });
  });

  test('a word stays a word where the model has it', () => {
    expect(thinking({ reasoning: { effort: 'high' } }, 'claude-opus-4-7')).toMatchObject({
      how: { type: 'adaptive' },
      output: { effort: 'high' },
      approximated: [],
    });
    expect(thinking({ reasoning: { effort: 'minimal' } }, 'claude-opus-4-6')).toMatchObject({
      output: { effort: 'low' },
      approximated: ['reasoning'],
    });
    expect(thinking({ reasoning: { effort: 'xhigh' } }, 'claude-opus-4-6').output).toEqual({
      effort: 'high',
    });
  });

  test('a budget becomes a word where budgets are refused, and stays where they are not', () => {
    const reasoning = { enabled: true, max_tokens: 8000 };
    expect(thinking({ reasoning }, 'claude-opus-4-8')).toMatchObject({
      how: { type: 'adaptive' },
      output: { effort: 'medium' },
      approximated: ['reasoning'],
    });
    expect(thinking({ reasoning }, 'claude-sonnet-4-6').how).toEqual({
      type: 'enabled',
      budget_tokens: 8000,
    });
  });

  test('off is off in each model’s way', () => {
    const off = { reasoning: { enabled: false } };
    expect(thinking(off).how).toEqual({ type: 'disabled' });
    expect(thinking(off, 'claude-opus-4-7').how).toBeUndefined();
    expect(thinking(off, 'claude-sonnet-5-5').how).toEqual({ type: 'between_tools' });
    expect(thinking({ reasoning: { effort: 'none' } }, 'claude-opus-5-5')).toMatchObject({
      how: undefined,
      output: { effort: 'low' },
      approximated: ['reasoning'],
    });
  });

  test('a model from before thinking cannot, and the report says so', () => {
    const { how, dropped } = thinking({ reasoning: { effort: 'high' } }, 'claude-3-haiku-20240307');
    expect(how).toBeUndefined();
    expect(dropped).toEqual(['reasoning']);
  });

  test('takes no temperature beside it', () => {
    const { body, dropped } = send({ reasoning: { effort: 'low' }, temperature: 0.3, top_k: 4 });
    expect(body).not.toHaveProperty('temperature');
    expect(dropped).toEqual(['temperature', 'top_k']);
    expect(send({ reasoning: { effort: 'low' }, temperature: 1 }).body['temperature']).toBe(1);
  });

  test('gives way to a call that must be made', () => {
    const request = {
      tools: [tool],
      tool_choice: 'required' as const,
      reasoning: { effort: 'high' as const },
    };
    expect(thinking(request)).toMatchObject({
      how: { type: 'disabled' },
      approximated: ['reasoning'],
    });
  });

  test('is switched off within a tool loop that began without it, where the API demands it', () => {
    const loop = (value?: string): UnifiedMessage[] => [
      user,
      {
        role: 'assistant',
        content: null,
        ...(value && { reasoning: [{ text: 't', opaque: { value, format: 'messages' } }] }),
        tool_calls: [{ type: 'function', id: 'c', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: 'r' },
    ];
    const reasoning = { enabled: true, max_tokens: 2000 };
    expect(thinking({ messages: loop(), reasoning })).toMatchObject({
      how: { type: 'disabled' },
      approximated: ['reasoning'],
    });
    expect(thinking({ messages: loop('sig'), reasoning }).how).toMatchObject({ type: 'enabled' });
    expect(
      thinking({ messages: loop(), reasoning: { effort: 'low' } }, 'claude-opus-4-8').how,
    ).toEqual({ type: 'adaptive' });
  });
});

test('structured output: a schema that fits the decoder, or a report', () => {
  const json_schema = { name: 'n', schema: { type: 'object', properties: { a: { minimum: 1 } } } };
  const { body, approximated } = send({ response_format: { type: 'json_schema', json_schema } });
  expect(body['output_config']).toEqual({
    format: {
      type: 'json_schema',
      schema: { type: 'object', properties: { a: {} }, additionalProperties: false },
    },
  });
  expect(approximated).toEqual(['response_format']);
  const older = send(
    { response_format: { type: 'json_schema', json_schema } },
    'claude-3-5-haiku-20241022',
  );
  expect(older.dropped).toEqual(['response_format']);
});
