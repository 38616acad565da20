import { describe, expect, test } from 'bun:test';
import type { FormatRules } from '../../src/formats/format.ts';
import { Ledger } from '../../src/ledger.ts';
import { runStage } from '../../src/stream/stage.ts';
import { mapTools, type ToolTarget } from '../../src/transform/tools.ts';
import type {
  UnifiedBlock,
  UnifiedChatRequest,
  UnifiedChunk,
  UnifiedMessage,
  UnifiedReply,
  UnifiedTool,
  UnifiedToolCall,
} from '../../src/unified.ts';

const strict: FormatRules = {
  customTools: false,
  namespaces: false,
  toolName: /^[a-zA-Z0-9_-]+$/,
  toolNameMax: 64,
  callId: /^[a-zA-Z0-9_-]+$/,
  callIdMax: 40,
};
const messages: ToolTarget = { name: 'messages', rules: strict };
const chat: ToolTarget = { name: 'chat', rules: { ...strict, customTools: true } };
const responses: ToolTarget = {
  name: 'responses',
  rules: { ...strict, customTools: true, namespaces: true },
};

function fn(name: string, namespace?: string): UnifiedTool {
  const tool: UnifiedTool = {
    type: 'function',
    function: { name, parameters: { type: 'object' } },
  };
  return namespace === undefined ? tool : { ...tool, namespace };
}
function custom(name: string, namespace?: string): UnifiedTool {
  const tool: UnifiedTool = { type: 'custom', custom: { name, description: 'Runs it.' } };
  return namespace === undefined ? tool : { ...tool, namespace };
}
function request(fields: Partial<UnifiedChatRequest>): UnifiedChatRequest {
  return { model: 'm', messages: [{ role: 'user', content: 'go' }], ...fields };
}
function map(fields: Partial<UnifiedChatRequest>, target: ToolTarget) {
  const ledger = new Ledger();
  const given = request(fields);
  const before = structuredClone(given);
  const mapped = mapTools(given, target, ledger);
  expect(given).toEqual(before);
  return { ...mapped, ledger };
}
function toolNames({ tools = [] }: UnifiedChatRequest): unknown[] {
  return tools.map((tool) => {
    if (tool.type === 'hosted') return tool.value['type'];
    return tool.type === 'function' ? tool.function.name : tool.custom.name;
  });
}
function reply(...blocks: UnifiedBlock[]): UnifiedReply {
  return { id: 'r', model: 'p', blocks, finish: 'tool_calls' };
}
function called(name: string, text = '{}', namespace?: string): UnifiedToolCall {
  const call: UnifiedToolCall = {
    type: 'function',
    id: 'call_x',
    function: { name, arguments: text },
  };
  return namespace === undefined ? call : { ...call, namespace };
}
/** What the client gets for a call that the provider answered so. */
function restored(mapped: ReturnType<typeof map>, call: UnifiedToolCall): UnifiedToolCall {
  const [block] = mapped.restore.restoreReply(reply({ type: 'call', call })).blocks;
  if (block?.type !== 'call') throw new Error('no call');
  return block.call;
}

describe('a request that fits already', () => {
  const tools = [fn('read'), fn('write')];
  const history: UnifiedMessage[] = [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ ...called('read'), id: 'toolu_01AbCdEfGh' }],
    },
    { role: 'tool', tool_call_id: 'toolu_01AbCdEfGh', content: 'x' },
  ];

  test('shares every part, and its answer passes as the same object', () => {
    const {
      request: mapped,
      restore,
      ledger,
    } = map(
      { tools, messages: history, tool_choice: 'auto', parallel_tool_calls: false },
      messages,
    );
    expect(mapped.tools?.[0]).toBe(tools[0] ?? fn('?'));
    expect(mapped.messages[0]).toBe(history[0] ?? { role: 'user', content: '' });
    expect(mapped).toMatchObject({ tool_choice: 'auto', parallel_tool_calls: false });
    expect(restore.stage()).toBeUndefined();
    const answer = reply({ type: 'call', call: called('read') });
    expect(restore.restoreReply(answer)).toBe(answer);
    expect([...ledger.dropped, ...ledger.approximated]).toEqual([]);
  });

  test('keeps custom tools and namespaces where they are known', () => {
    const { request: mapped, restore } = map(
      { tools: [custom('exec', 'functions'), fn('now', 'clock')] },
      responses,
    );
    expect(mapped.tools).toEqual([custom('exec', 'functions'), fn('now', 'clock')]);
    expect(restore.stage()).toBeUndefined();
  });
});

describe('custom tools for a format that knows functions only', () => {
  const patch: UnifiedTool = {
    type: 'custom',
    path: 'tools.0',
    cache_control: { type: 'ephemeral' },
    custom: {
      name: 'apply_patch',
      description: 'Edits files.',
      format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"+' },
    },
  };

  test('become a function whose description has the grammar', () => {
    const { request: mapped, ledger } = map({ tools: [patch] }, messages);
    const [tool] = mapped.tools ?? [];
    expect(tool).toMatchObject({
      type: 'function',
      path: 'tools.0',
      cache_control: { type: 'ephemeral' },
      function: {
        name: 'apply_patch',
        parameters: {
          type: 'object',
          properties: { input: { type: 'string' } },
          required: ['input'],
          additionalProperties: false,
        },
      },
    });
    const description = tool?.type === 'function' ? tool.function.description : '';
    for (const words of ['Edits files.', 'lark', 'start: "x"+', '"input"']) {
      expect(description).toContain(words);
    }
    expect(ledger.approximated).toEqual(['tools.0.format (words in the description)']);
    expect(ledger.dropped).toEqual([]);
  });

  test('also when chat nests the grammar, and with plain text there is none', () => {
    const nested = {
      type: 'grammar',
      grammar: { syntax: 'regex', definition: '^a+$' },
    };
    const regex = map(
      { tools: [{ type: 'custom', custom: { name: 'a', format: nested } }] },
      messages,
    );
    expect(JSON.stringify(regex.request.tools)).toContain('regular expression:\\n^a+$');
    const plain = { name: 'a', format: { type: 'text' } };
    expect(
      map({ tools: [{ type: 'custom', custom: plain }] }, messages).ledger.approximated,
    ).toEqual([]);
  });

  test('earlier calls become calls of that function', () => {
    const call: UnifiedToolCall = {
      type: 'custom',
      id: 'c1',
      path: 'input.1',
      custom: { name: 'apply_patch', input: '*** "a"\n' },
    };
    const { request: mapped } = map(
      { tools: [patch], messages: [{ role: 'assistant', content: null, tool_calls: [call] }] },
      messages,
    );
    expect(mapped.messages[0]?.tool_calls).toEqual([
      {
        type: 'function',
        id: 'c1',
        path: 'input.1',
        function: { name: 'apply_patch', arguments: '{"input":"*** \\"a\\"\\n"}' },
      },
    ]);
  });

  test('a forced one is forced as the function', () => {
    const choice = { type: 'custom' as const, custom: { name: 'apply_patch' } };
    expect(map({ tools: [patch], tool_choice: choice }, messages).request.tool_choice).toEqual({
      type: 'function',
      function: { name: 'apply_patch' },
    });
    expect(map({ tools: [patch], tool_choice: choice }, chat).request.tool_choice).toEqual(choice);
  });

  test('the answer is a custom call again', () => {
    const mapped = map({ tools: [patch, fn('read')] }, messages);
    expect(restored(mapped, called('apply_patch', '{"input":"a\\nb"}'))).toEqual({
      type: 'custom',
      id: 'call_x',
      custom: { name: 'apply_patch', input: 'a\nb' },
    });
    expect(restored(mapped, called('read', '{"input":"x"}'))).toEqual(
      called('read', '{"input":"x"}'),
    );
  });

  test('a streamed answer is unwrapped as it comes, beside other calls', () => {
    const { restore } = map({ tools: [patch, fn('read')] }, messages);
    const stage = restore.stage();
    const chunks: UnifiedChunk[] = [
      { type: 'start', id: 'r', model: 'p' },
      { type: 'call', index: 0, id: 'c0', name: 'apply_patch' },
      { type: 'arguments', index: 0, text: '{"input": "a' },
      { type: 'call', index: 1, id: 'c1', name: 'read' },
      { type: 'arguments', index: 1, text: '{"input":"' },
      { type: 'arguments', index: 0, text: '\\nb"}' },
      { type: 'arguments', index: 1, text: '"}' },
      { type: 'callEnd', index: 0 },
      { type: 'finish', finish: 'tool_calls' },
      { type: 'done' },
    ];
    expect(stage && runStage(stage, chunks)).toEqual([
      { type: 'start', id: 'r', model: 'p' },
      { type: 'call', index: 0, id: 'c0', name: 'apply_patch', custom: true },
      { type: 'arguments', index: 0, text: 'a' },
      { type: 'call', index: 1, id: 'c1', name: 'read' },
      { type: 'arguments', index: 1, text: '{"input":"' },
      { type: 'arguments', index: 0, text: '\nb' },
      { type: 'arguments', index: 1, text: '"}' },
      { type: 'callEnd', index: 0 },
      { type: 'finish', finish: 'tool_calls' },
      { type: 'done' },
    ]);
  });

  test('what was held back comes before the end of the call, or of the answer', () => {
    const { restore } = map({ tools: [patch] }, messages);
    const odd: UnifiedChunk[] = [
      { type: 'call', index: 0, id: 'c0', name: 'apply_patch' },
      { type: 'arguments', index: 0, text: '{"patch":"x"}' },
    ];
    for (const last of [{ type: 'callEnd', index: 0 } as const, { type: 'done' } as const]) {
      const stage = restore.stage();
      expect(stage && runStage(stage, [...odd, last]).slice(1)).toEqual([
        { type: 'arguments', index: 0, text: 'x' },
        last,
      ]);
    }
    const stage = restore.stage();
    expect(stage && runStage(stage, odd).at(-1)).toEqual({
      type: 'arguments',
      index: 0,
      text: 'x',
    });
  });

  test('other arguments than the input are reported', () => {
    const mapped = map({ tools: [patch] }, messages);
    restored(mapped, called('apply_patch', '{"why":"because","input":"a"}'));
    expect(mapped.ledger.dropped).toEqual(['reply.tool_calls.0.arguments.why']);
  });
});

describe('namespaces for a format that has none', () => {
  const tools = [custom('exec', 'functions'), fn('note', 'mcp__proof'), fn('list', 'mcp__proof')];

  test('become part of the name everywhere', () => {
    const { request: mapped } = map(
      {
        tools,
        tool_choice: { type: 'function', function: { name: 'note', namespace: 'mcp__proof' } },
        messages: [
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ ...called('note', '{"a":1}', 'mcp__proof'), id: 'c1' }],
          },
          { role: 'tool', name: 'note', tool_call_id: 'c1', content: '' },
        ],
      },
      messages,
    );
    expect(toolNames(mapped)).toEqual(['functions__exec', 'mcp__proof__note', 'mcp__proof__list']);
    expect(mapped.tools?.every((tool) => tool.namespace === undefined)).toBe(true);
    expect(mapped.tool_choice).toEqual({
      type: 'function',
      function: { name: 'mcp__proof__note' },
    });
    expect(mapped.messages[0]?.tool_calls).toEqual([
      { ...called('mcp__proof__note', '{"a":1}'), id: 'c1' },
    ]);
    expect(mapped.messages[1]?.name).toBe('mcp__proof__note');
  });

  test('come back exactly, also when the model says it otherwise', () => {
    const mapped = map({ tools }, chat);
    for (const name of ['mcp__proof__note', 'note', 'mcp__proof.note', 'mcp__proof/note']) {
      expect(restored(mapped, called(name))).toEqual(called('note', '{}', 'mcp__proof'));
    }
    expect(restored(mapped, called('unheard_of'))).toEqual(called('unheard_of'));
    const stage = mapped.restore.stage();
    expect(
      stage?.push({ type: 'call', index: 0, id: 'c', name: 'functions__exec', custom: true }),
    ).toEqual([
      { type: 'call', index: 0, id: 'c', name: 'exec', custom: true, namespace: 'functions' },
    ]);
  });

  test('a bare name that may mean two tools stays', () => {
    const mapped = map({ tools: [fn('run', 'a'), fn('run', 'b'), fn('go', 'a'), fn('go')] }, chat);
    expect(restored(mapped, called('run'))).toEqual(called('run'));
    expect(restored(mapped, called('go'))).toEqual(called('go'));
    expect(restored(mapped, called('a__go'))).toEqual(called('go', '{}', 'a'));
  });

  test('their description goes with their first tool', () => {
    const about = { namespaceDescription: 'Proof reading.' };
    const { request: mapped } = map(
      { tools: tools.map((tool) => ({ ...tool, ...about })) },
      messages,
    );
    const texts = (mapped.tools ?? []).map((tool) => JSON.stringify(tool));
    expect(texts.map((text) => text.includes('Proof reading.'))).toEqual([true, true, false]);
    expect(texts.some((text) => text.includes('namespaceDescription'))).toBe(false);
  });

  test('in the history only are mapped and restored alike', () => {
    const call = { ...called('old', '{}', 'gone'), id: 'c1' };
    const mapped = map(
      { messages: [{ role: 'assistant', content: null, tool_calls: [call] }] },
      messages,
    );
    expect(mapped.request.messages[0]?.tool_calls?.[0]).toEqual({
      ...called('gone__old'),
      id: 'c1',
    });
    expect(restored(mapped, called('gone__old'))).toEqual(called('old', '{}', 'gone'));
  });
});

describe('names that the format refuses', () => {
  const long = 'mcp__a_server_with_a_long_name__a_tool_with_an_even_longer_name_than_that';
  const names = ['my.tool', 'my:tool', 'my tool', 'größe', long, `${long}_2`, '1st'];

  test('become legal, different and the same on every turn', () => {
    const first = map({ tools: names.map((name) => fn(name)) }, messages);
    const wire = toolNames(first.request);
    expect(new Set(wire).size).toBe(names.length);
    for (const name of wire) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    const reversed = map({ tools: names.toReversed().map((name) => fn(name)) }, messages);
    expect(toolNames(reversed.request)).toEqual(wire.toReversed());
    names.forEach((name, index) => {
      expect(restored(first, called(String(wire[index])))).toEqual(called(name));
    });
  });

  test('give way to a tool that has just that name', () => {
    for (const tools of [
      [fn('b', 'a'), fn('a__b')],
      [fn('a__b'), fn('b', 'a')],
    ]) {
      const mapped = map({ tools }, messages);
      const wire = toolNames(mapped.request);
      const natural = tools.findIndex((tool) => tool.namespace === undefined);
      expect(wire[natural]).toBe('a__b');
      expect(wire[1 - natural]).toMatch(/^a__b_[0-9a-f]{10}$/);
      expect(restored(mapped, called('a__b'))).toEqual(called('a__b'));
      expect(restored(mapped, called(String(wire[1 - natural])))).toEqual(called('b', '{}', 'a'));
    }
  });

  test('a function and a custom tool of one name stay two', () => {
    const mapped = map({ tools: [custom('run'), fn('run')] }, messages);
    const [asCustom, asFunction] = toolNames(mapped.request);
    expect(asCustom).not.toBe(asFunction);
    expect(restored(mapped, called(String(asCustom), '{"input":"x"}')).type).toBe('custom');
    expect(restored(mapped, called(String(asFunction))).type).toBe('function');
  });
});

describe('call ids that the format refuses', () => {
  test('become legal, different and the same for call and result', () => {
    const ids = ['a.b', 'a:b', 'functions.X:3', 'x'.repeat(60), 'fine-id_1', ''];
    const history: UnifiedMessage[] = [
      { role: 'assistant', content: null, tool_calls: ids.map((id) => ({ ...called('t'), id })) },
      ...ids.map((id): UnifiedMessage => ({ role: 'tool', tool_call_id: id, content: id })),
    ];
    const [turn, ...results] = map({ messages: history }, messages).request.messages;
    const mapped = (turn?.tool_calls ?? []).map((call) => call.id);
    expect(new Set(mapped).size).toBe(ids.length);
    for (const id of mapped) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,40}$/);
    expect(mapped[4]).toBe('fine-id_1');
    expect(results.map((message) => message.tool_call_id)).toEqual(mapped);
    const [later] = map({ messages: history.toReversed() }, messages).request.messages;
    expect(later?.tool_call_id).toBe(mapped[5]);
  });

  test('do not take the id of another call', () => {
    const ids = ['a.b', 'x'];
    const turn = (): UnifiedMessage => ({
      role: 'assistant',
      content: null,
      tool_calls: ids.map((id) => ({ ...called('t'), id })),
    });
    const [first] = map({ messages: [turn()] }, messages).request.messages;
    ids.push(first?.tool_calls?.[0]?.id ?? '');
    const [second] = map({ messages: [turn()] }, messages).request.messages;
    expect(new Set(second?.tool_calls?.map((call) => call.id)).size).toBe(3);
  });
});

describe('ids that a provider counts anew in each answer', () => {
  const history: UnifiedMessage[] = [
    { role: 'assistant', content: null, tool_calls: [{ ...called('read'), id: 'call_0' }] },
    { role: 'tool', tool_call_id: 'call_0', content: 'x' },
  ];
  test('are new to the client', () => {
    const { restore } = map({ tools: [fn('read')], messages: history }, chat);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const stage = restore.stage();
      const ids = ['call_0', 'call_1', 'call_1'].map(
        (id, index) => stage?.push({ type: 'call', index, id, name: 'read' })[0],
      );
      expect(ids.map((chunk) => chunk?.type === 'call' && chunk.id)).toEqual([
        'call_0_2',
        'call_1',
        'call_1_2',
      ]);
    }
    const call = { ...called('read'), id: 'call_0' };
    expect(restore.restoreReply(reply({ type: 'call', call })).blocks).toEqual([
      { type: 'call', call: { ...call, id: 'call_0_2' } },
    ]);
  });
});

describe('hosted tools', () => {
  const search: UnifiedTool = {
    type: 'hosted',
    format: 'responses',
    value: { type: 'web_search' },
    path: 'tools.1',
  };
  const forced = {
    type: 'hosted' as const,
    format: 'responses' as const,
    value: { type: 'web_search' },
  };

  test('of another format are left out and reported', () => {
    const { request: mapped, ledger } = map(
      { tools: [fn('a'), search], tool_choice: forced },
      messages,
    );
    expect(toolNames(mapped)).toEqual(['a']);
    expect(mapped.tool_choice).toBe('auto');
    expect(ledger.dropped).toEqual(['tools.1', 'tool_choice']);
  });

  test('of the same format stay', () => {
    const { request: mapped, ledger } = map(
      { tools: [fn('a'), search], tool_choice: forced },
      responses,
    );
    expect(mapped).toMatchObject({ tools: [fn('a'), search], tool_choice: forced });
    expect(ledger.dropped).toEqual([]);
  });

  test('without any other tool take the choice with them', () => {
    const { request: mapped, ledger } = map(
      { tools: [search], tool_choice: 'required', parallel_tool_calls: true },
      chat,
    );
    expect(Object.keys(mapped)).toEqual(['model', 'messages']);
    expect(ledger.dropped).toEqual(['tools.1', 'tool_choice']);
  });
});

describe('the choice of tools', () => {
  test('goes with the tools when there are none', () => {
    const { request: mapped, ledger } = map(
      { tools: [], tool_choice: 'auto', parallel_tool_calls: false },
      chat,
    );
    expect(Object.keys(mapped)).toEqual(['model', 'messages']);
    expect(ledger.dropped).toEqual([]);
  });

  test("keeps the tools when it is 'none'", () => {
    const { request: mapped } = map({ tools: [fn('a')], tool_choice: 'none' }, chat);
    expect(mapped).toMatchObject({ tools: [fn('a')], tool_choice: 'none' });
  });

  test('of a tool that nobody declared is left to the model', () => {
    const { request: mapped, ledger } = map(
      { tools: [fn('a')], tool_choice: { type: 'function', function: { name: 'b' } } },
      chat,
    );
    expect(mapped.tool_choice).toBe('auto');
    expect(ledger.dropped).toEqual(['tool_choice']);
  });

  test('of several tools names them as the provider knows them', () => {
    const tools = [custom('exec', 'functions'), fn('my.tool'), fn('c')];
    const choice = { type: 'allowed_tools' as const, mode: 'required' as const };
    const names = ['exec', 'my.tool', 'web_search'];
    const { request: mapped, ledger } = map({ tools, tool_choice: { ...choice, names } }, messages);
    const [exec, mine] = toolNames(mapped);
    expect(mapped.tool_choice).toEqual({ ...choice, names: [String(exec), String(mine)] });
    expect(ledger.approximated).toEqual(['tool_choice (only the tools that the provider gets)']);
  });

  test('of several tools that the provider does not get allows none', () => {
    const choice = { type: 'allowed_tools' as const, mode: 'auto' as const, names: ['web_search'] };
    const { request: mapped, ledger } = map({ tools: [fn('a')], tool_choice: choice }, chat);
    expect(mapped.tool_choice).toBe('none');
    expect(ledger.dropped).toEqual(['tool_choice']);
  });
});

test('a tool that is declared twice goes out once', () => {
  const second: UnifiedTool = { ...fn('a'), path: 'tools.1' };
  const { request: mapped, ledger } = map({ tools: [fn('a'), second, fn('a', 'n')] }, messages);
  expect(toolNames(mapped)).toEqual(['a', 'n__a']);
  expect(ledger.dropped).toEqual(['tools.1']);
});
