import { describe, expect, test } from 'bun:test';
import { answerDemo, demoDelayMs, demoFault, streamDemo } from '../../src/demo/demo.ts';
import { GatewayError } from '../../src/errors.ts';
import {
  totalInput,
  type UnifiedChatRequest,
  type UnifiedChunk,
  type UnifiedMessage,
  type UnifiedReply,
  type UnifiedTool,
} from '../../src/unified.ts';
import { assemble } from './support/assemble.ts';

/** A context whose ids count from 1, the same for each answer. */
function contextOf(model = 'echo') {
  let ids = 0;
  const newId = (prefix: string): string => {
    ids += 1;
    return `${prefix}${ids}`;
  };
  return { model, newId, now: () => 1_700_000_000_999 };
}

type Asked = Partial<UnifiedChatRequest> & { words?: string };
function requestOf({ words = 'Where is Oslo?', ...rest }: Asked = {}): UnifiedChatRequest {
  return { model: 'demo', messages: [{ role: 'user', content: words }], ...rest };
}

const answer = (asked?: Asked, model?: string): UnifiedReply =>
  answerDemo(requestOf(asked), contextOf(model));
const stream = (asked?: Asked, model?: string): UnifiedChunk[] => [
  ...streamDemo(requestOf(asked), contextOf(model)),
];
const textOf = (reply: UnifiedReply): string =>
  reply.blocks.map((block) => (block.type === 'text' ? block.text : '')).join('');
const typesOf = (reply: UnifiedReply): string[] => reply.blocks.map(({ type }) => type);

const weather: UnifiedTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' } },
      required: ['city', 'days'],
    },
  },
};
const patch: UnifiedTool = { type: 'custom', custom: { name: 'patch' }, namespace: 'code' };
const hosted: UnifiedTool = { type: 'hosted', format: 'messages', value: { type: 'web_search' } };

const toolResult = (id: string, content: string): UnifiedMessage => ({
  role: 'tool',
  tool_call_id: id,
  content,
});
const called: UnifiedMessage = {
  role: 'assistant',
  content: null,
  tool_calls: [
    { type: 'function', id: 'c1', function: { name: 'get_weather', arguments: '{"city":"Oslo"}' } },
  ],
};
const question: UnifiedMessage = { role: 'user', content: 'Where is Oslo?' };

/** Every behaviour once; the same list shows that streams agree with replies. */
const CASES: Record<string, [Asked, string?]> = {
  echo: [{}],
  'line breaks and wide characters': [{ words: 'ä  b\n\n\tc 👍🏽 日本' }],
  'no messages': [{ messages: [] }],
  reasoning: [{ reasoning: { effort: 'low' } }],
  'a tool': [{ tools: [weather] }],
  'a custom tool': [{ tools: [patch], words: '*** 👍 Begin\nPatch and much more of it' }],
  'a tool with reasoning': [{ tools: [weather], reasoning: { enabled: true } }],
  'a result': [{ tools: [weather], messages: [question, called, toolResult('c1', 'rain')] }],
  json: [{ response_format: { type: 'json_object' } }],
  'a stop sequence': [{ stop: ['Oslo'] }],
  'a limit': [{ max_tokens: 5 }],
  'no room at all': [{ max_tokens: 0 }],
  length: [{}, 'length'],
  refuse: [{}, 'refuse'],
  slow: [{}, 'slow'],
};

describe('every behaviour', () => {
  for (const [name, [asked, model]] of Object.entries(CASES)) {
    test(`${name}: the chunks make the reply`, () => {
      expect(assemble(stream(asked, model))).toEqual(answer(asked, model));
    });

    test(`${name}: the same request gives the same answer`, () => {
      expect(answer(asked, model)).toEqual(answer(asked, model));
      expect(stream(asked, model)).toEqual(stream(asked, model));
    });

    test(`${name}: a stream starts, ends with finish, usage and done, and has no empty pieces`, () => {
      const chunks = stream(asked, model);
      expect(chunks[0]?.type).toBe('start');
      expect(chunks.slice(-3).map(({ type }) => type)).toEqual(['finish', 'usage', 'done']);
      expect(chunks.filter((chunk) => 'text' in chunk && chunk.text === '')).toEqual([]);
    });

    test(`${name}: the request is not changed`, () => {
      const request = requestOf(asked);
      const before = JSON.stringify(request);
      answerDemo(request, contextOf(model));
      expect(JSON.stringify(request)).toBe(before);
    });
  }
});

describe('echo', () => {
  test('repeats the last user text, as the model that was asked', () => {
    const reply = answer({ words: 'Where is Oslo?' });
    expect(textOf(reply)).toContain('"Where is Oslo?"');
    expect(reply).toMatchObject({
      id: 'demo_1',
      model: 'echo',
      created: 1_700_000_000,
      finish: 'stop',
    });
  });

  test('any other model name echoes too', () => {
    expect(textOf(answer({}, 'gpt-5'))).toContain('"Where is Oslo?"');
  });

  test('streams words', () => {
    const words = stream().filter(({ type }) => type === 'text');
    expect(words.length).toBeGreaterThan(5);
  });

  test('skips notes that Claude Code puts before the words, and counts other parts', () => {
    const reply = answer({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: '<system-reminder>be good</system-reminder>' },
            { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
            { type: 'text', text: 'look' },
          ],
        },
      ],
    });
    expect(textOf(reply)).toContain('"look" (and sent one file)');
    expect(textOf(reply)).not.toContain('be good');
  });

  test('cuts an endless quote, at a whole character', () => {
    const text = textOf(answer({ words: '👍'.repeat(50_000) }));
    expect(text.length).toBeLessThan(2200);
    expect(text.isWellFormed()).toBe(true);
  });
});

describe('reasoning', () => {
  test('comes first, without a token, when asked for', () => {
    const [first] = answer({ reasoning: { effort: 'high' } }).blocks;
    expect(first).toEqual({ type: 'reasoning', text: expect.any(String) });
  });

  const off = [
    { enabled: false },
    { effort: 'none' },
    { summary: 'none' },
    { summary: 'omitted' },
  ] as const;
  for (const reasoning of off) {
    test(`is not shown for ${JSON.stringify(reasoning)}`, () => {
      expect(typesOf(answer({ reasoning }))).toEqual(['text']);
    });
  }
});

describe('tools', () => {
  const callOf = (asked: Asked) => {
    const reply = answer(asked);
    const block = reply.blocks.find(({ type }) => type === 'call');
    return block?.type === 'call' ? block.call : undefined;
  };

  test('the first one is called after a short text, with arguments from its schema', () => {
    const reply = answer({ tools: [weather, patch] });
    expect(typesOf(reply)).toEqual(['text', 'call']);
    expect(reply.finish).toBe('tool_calls');
    expect(callOf({ tools: [weather, patch] })).toEqual({
      type: 'function',
      id: 'call_2',
      function: { name: 'get_weather', arguments: '{"city":"Where is Oslo?","days":1}' },
    });
  });

  test('a custom one gets the words, and keeps its namespace', () => {
    expect(callOf({ tools: [hosted, patch] })).toEqual({
      type: 'custom',
      id: 'call_2',
      namespace: 'code',
      custom: { name: 'patch', input: 'Where is Oslo?' },
    });
  });

  test('a function without parameters gets {}', () => {
    expect(callOf({ tools: [{ type: 'function', function: { name: 'f' } }] })).toMatchObject({
      function: { arguments: '{}' },
    });
  });

  test('tool_choice is obeyed', () => {
    const tools = [weather, patch];
    const named = (tool_choice: UnifiedChatRequest['tool_choice']) => {
      const call = callOf({ tools, tool_choice });
      return call?.type === 'custom' ? call.custom.name : call?.function.name;
    };
    expect(named('auto')).toBe('get_weather');
    expect(named('required')).toBe('get_weather');
    expect(named('none')).toBeUndefined();
    expect(named({ type: 'custom', custom: { name: 'patch' } })).toBe('patch');
    expect(named({ type: 'function', function: { name: 'patch' } })).toBe('patch');
    expect(named({ type: 'function', function: { name: 'other' } })).toBeUndefined();
    expect(named({ type: 'allowed_tools', mode: 'auto', names: ['patch'] })).toBe('patch');
  });

  test('a result is quoted and no tool is called again', () => {
    const messages = [question, called, toolResult('c1', 'rain'), toolResult('c2', 'snow')];
    const reply = answer({ tools: [weather], tool_choice: 'required', messages });
    expect(typesOf(reply)).toEqual(['text']);
    expect(textOf(reply)).toContain('"rain"');
    expect(textOf(reply)).toContain('"snow"');
    expect(reply.finish).toBe('stop');
  });

  test('nor when text of the same turn follows the result', () => {
    const messages = [question, called, toolResult('c1', 'rain'), question];
    expect(typesOf(answer({ tools: [weather], messages }))).toEqual(['text']);
  });

  test('a failed result is told as such', () => {
    const failed = { ...toolResult('c1', 'no network'), is_error: true };
    expect(textOf(answer({ messages: [question, called, failed] }))).toContain(
      'failed with "no network"',
    );
  });

  test('a new question after an answer calls again', () => {
    const messages: UnifiedMessage[] = [
      question,
      called,
      toolResult('c1', 'rain'),
      { role: 'assistant', content: 'It rains.' },
      question,
    ];
    expect(answer({ tools: [weather], messages }).finish).toBe('tool_calls');
  });
});

describe('response_format', () => {
  test('json_object is an object with the words', () => {
    expect(JSON.parse(textOf(answer({ response_format: { type: 'json_object' } })))).toEqual({
      echo: 'Where is Oslo?',
    });
  });

  test('json_schema is made from the schema', () => {
    const schema = {
      type: 'object',
      properties: { ok: { type: 'boolean' } },
      required: ['ok'],
    };
    const reply = answer({
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
    });
    expect(textOf(reply)).toBe('{"ok":true}');
  });

  test('text is text', () => {
    expect(textOf(answer({ response_format: { type: 'text' } }))).toContain('Oslo');
  });
});

describe('bounds', () => {
  test('the first stop sequence ends the text before it', () => {
    const reply = answer({ stop: ['Oslo', 'said', ''] });
    expect(textOf(reply)).toBe('Hello from the demo model! You ');
    expect(reply).toMatchObject({ finish: 'stop_sequence', stopSequence: 'said' });
  });

  test('a stop sequence before a call leaves the call out', () => {
    const reply = answer({ tools: [weather], stop: ['call'] });
    expect(typesOf(reply)).toEqual(['text']);
    expect(reply.finish).toBe('stop_sequence');
  });

  for (const limit of [1, 5, 10]) {
    test(`${limit} tokens are not exceeded`, () => {
      for (const asked of [{ max_tokens: limit }, { max_completion_tokens: limit }]) {
        const reply = answer({ ...asked, reasoning: {} });
        expect(reply.finish).toBe('length');
        expect(reply.usage?.output).toBe(limit);
        expect(reply.usage?.reasoning).toBeLessThanOrEqual(limit);
      }
    });
  }

  test('a limit that is large enough changes nothing', () => {
    expect(answer({ max_tokens: 1000 })).toEqual(answer());
  });

  test('a call that does not fit is left out whole', () => {
    const reply = answer({ tools: [weather], max_tokens: 8 });
    expect(typesOf(reply)).toEqual(['text']);
    expect(reply.finish).toBe('length');
  });

  test('a stop sequence behind the limit does not count', () => {
    expect(answer({ stop: ['Oslo'], max_tokens: 2 }).finish).toBe('length');
  });
});

describe('usage', () => {
  test('4 characters are a token, an image is 85, tools count', () => {
    const input = (asked: Asked): number => {
      const { usage } = answer(asked);
      return usage === undefined ? -1 : totalInput(usage);
    };
    expect(input({ words: 'x'.repeat(400) })).toBe(100);
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } } as const;
    expect(input({ messages: [{ role: 'user', content: [image] }] })).toBe(85);
    expect(input({ tools: [weather] })).toBeGreaterThan(input({}) + 20);
  });

  test('a stream names the input first and the output last', () => {
    const chunks = stream({ words: 'x'.repeat(400) });
    const [first] = chunks;
    expect(first?.type === 'start' && first.usage).toMatchObject({ input: 100, output: 0 });
    expect(chunks.find(({ type }) => type === 'usage')).toMatchObject({
      usage: { input: 100, output: answer({ words: 'x'.repeat(400) }).usage?.output },
    });
  });
});

describe('models', () => {
  test('refuse gives a refusal', () => {
    const reply = answer({ tools: [weather] }, 'refuse');
    expect(typesOf(reply)).toEqual(['refusal']);
    expect(reply.finish).toBe('refusal');
  });

  test('length cuts at half', () => {
    const reply = answer({}, 'length');
    expect(textOf(reply)).toBe(textOf(answer()).slice(0, textOf(reply).length));
    expect(reply.finish).toBe('length');
  });

  test('slow has a delay, the others none', () => {
    expect(['slow', 'slow-250', 'echo', 'slower', 'slow-x'].map(demoDelayMs)).toEqual([
      100, 250, 0, 0, 0,
    ]);
  });

  test('error-<status> fails with that status, at once', () => {
    for (const fails of [
      () => answer({}, 'error-529'),
      () => streamDemo(requestOf(), contextOf('error-529')),
    ]) {
      expect(fails).toThrow(GatewayError);
      expect(fails).toThrow(expect.objectContaining({ status: 529, kind: 'upstream_refused' }));
    }
    expect(demoFault('error-429', true)).toMatchObject({ status: 429, retryAfter: 1 });
    expect(demoFault('echo', true)).toBeUndefined();
    expect(demoFault('error-200', true)).toBeUndefined();
  });

  test('break ends a stream with an error after some text, and has no whole answer', () => {
    const chunks = stream({}, 'break');
    expect(chunks.filter(({ type }) => type === 'text').length).toBeGreaterThan(2);
    expect(chunks.at(-1)?.type).toBe('error');
    expect(chunks.some(({ type }) => type === 'finish' || type === 'done')).toBe(false);
    expect(() => answer({}, 'break')).toThrow(expect.objectContaining({ status: 502 }));
  });
});
