/**
 * Codex's own kinds of tools with every provider format: freeform ones, those in namespaces and MCP
 * servers, those inside an `additional_tools` item. A call comes back as what was declared, and the
 * provider sees the same names and ids on every turn.
 */
import { describe, expect, test } from 'bun:test';
import { FORMATS } from '../../src/formats/index.ts';
import { array, isObject, type JsonObject, object, parseJson, text } from '../../src/json.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { eventsOf } from '../support/answer.ts';
import { oneProvider, type Sent, type TestGateway, testGateway } from '../support/gateway.ts';
import { type Step, scriptedReply, sentBody, wantsStream } from '../support/vocabulary/scripted.ts';

const PATCH =
  '*** Begin Patch\n*** Update File: a "quoted" name.ts\n@@\n-\told\n+\tnew \u{1f600}\n*** End Patch\n';
const LONG = `${'a_very_long_name_'.repeat(5)}end`;
const SCHEMA = { type: 'object', properties: { q: { type: 'string' } }, required: ['q'] };

function functionTool(name: string): JsonObject {
  return {
    type: 'function',
    name,
    description: `Does ${name}.`,
    parameters: SCHEMA,
    strict: false,
  };
}

const TOOLS = [
  functionTool('shell'),
  {
    type: 'custom',
    name: 'apply_patch',
    description: 'Patches.',
    format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' },
  },
  {
    type: 'namespace',
    name: 'mcp__notes',
    description: 'Notes.',
    tools: [functionTool('note'), functionTool('shell')],
  },
  {
    type: 'namespace',
    name: 'functions',
    description: 'More.',
    tools: [{ type: 'custom', name: 'exec', description: 'Runs.' }],
  },
  { type: 'namespace', name: 'mcp__long', description: 'Long.', tools: [functionTool(LONG)] },
];

/** What the model wants to call; `tool` is how the client knows it. */
interface Wish {
  tool: { type: 'function' | 'custom'; name: string; namespace?: string };
  input: string;
}
const WISHES: readonly Wish[] = [
  { tool: { type: 'function', name: 'shell' }, input: '{"q":"ls"}' },
  { tool: { type: 'custom', name: 'apply_patch' }, input: PATCH },
  { tool: { type: 'function', name: 'note', namespace: 'mcp__notes' }, input: '{"q":"n"}' },
  { tool: { type: 'function', name: 'shell', namespace: 'mcp__notes' }, input: '{"q":"s"}' },
  { tool: { type: 'custom', name: 'exec', namespace: 'functions' }, input: 'await tools.run("x")' },
  { tool: { type: 'function', name: LONG, namespace: 'mcp__long' }, input: '{"q":"l"}' },
];

/** A tool as a provider was told of it. */
interface Told {
  name: string;
  schema: JsonObject;
}

/** All function-like tools that a provider was sent, by their descriptions. */
function toldTools(format: FormatName, body: JsonObject): Told[] {
  const tools = array(body['tools']).filter(isObject);
  switch (format) {
    case 'chat':
      return tools.map((tool) => toldOf(object(tool['function']), 'parameters'));
    case 'messages':
      return tools.map((tool) => toldOf(tool, 'input_schema'));
    case 'gemini':
      return tools
        .flatMap((tool) => array(tool['functionDeclarations']).filter(isObject))
        .map((tool) => toldOf(tool, 'parametersJsonSchema'));
    case 'responses':
      return [];
  }
}
function toldOf(tool: JsonObject | undefined, schema: string): Told {
  return { name: text(tool?.['name']) ?? '', schema: object(tool?.[schema]) ?? {} };
}

/** The provider's name of what the client knows in its own way: the one that answers to the kind and place. */
function providersCall(format: FormatName, body: JsonObject, wish: Wish, id: string): Step {
  const { tool, input } = wish;
  const at = WISHES.findIndex((each) => each.tool === tool);
  const told = toldTools(format, body)[at];
  if (told === undefined) throw new Error(`${tool.name} was not declared`);
  const [argument = 'input'] = Object.keys(object(told.schema['properties']) ?? {});
  const value = tool.type === 'custom' ? { [argument]: input } : (object(parseJson(input)) ?? {});
  return { calls: [{ id, name: told.name, input: value }] };
}

async function outputOf(reply: Response): Promise<JsonObject[]> {
  const content = await reply.text();
  if (reply.status !== 200) throw new Error(content);
  if (content.startsWith('{'))
    return array(object(parseJson(content))?.['output']).filter(isObject);
  return eventsOf(content)
    .map(({ data }) => object(parseJson(data)) ?? {})
    .filter((event) => event['type'] === 'response.output_item.done')
    .map((event) => object(event['item']) ?? {});
}

function gatewayFor(
  format: FormatName,
  wish: (n: number) => { wish: Wish; id: string },
): Promise<TestGateway> {
  return testGateway(oneProvider(format), (request: Sent, attempt) => {
    const { wish: wanted, id } = wish(attempt - 1);
    const step = providersCall(format, sentBody(request), wanted, id);
    return scriptedReply(format, step, wantsStream(request));
  });
}

const FOREIGN = FORMAT_NAMES.filter((format) => format !== 'responses');
/** Ids that providers make, some of them such as others refuse. */
const IDS: Readonly<Record<FormatName, (n: number) => string>> = {
  chat: (n) => `functions.thing:${n}`,
  messages: (n) => `toolu_${n}`,
  responses: (n) => `call_${n}`,
  gemini: (n) => `gemini-id-${n}`,
};

describe.each(FOREIGN)('with a %s provider', (format) => {
  test.each([false, true])('every kind comes back as what it was (stream: %p)', async (stream) => {
    const gateway = await gatewayFor(format, (n) => ({
      wish: WISHES[n] ?? WISHES[0] ?? fail(),
      id: IDS[format](n),
    }));
    let input: unknown[] = [{ type: 'message', role: 'user', content: 'Go.' }];
    let declared: Told[] = [];
    let earlier: unknown[] = [];
    for (const { tool, input: wanted } of WISHES) {
      const request = { model: 'm', input, tools: TOOLS, stream, store: false };
      const reply = await gateway.post('/v1/responses', request);
      const output = await outputOf(reply);
      const call = output.find((item) => text(item['type'])?.endsWith('_call'));
      const { type, name, namespace, call_id } = call ?? {};
      expect({ type, name, namespace }).toEqual({
        type: tool.type === 'custom' ? 'custom_tool_call' : 'function_call',
        name: tool.name,
        namespace: tool.namespace,
      });
      expect(call?.[tool.type === 'custom' ? 'input' : 'arguments']).toBe(wanted);

      const sent = sentBody(gateway.sent.at(-1));
      const told = toldTools(format, sent);
      if (declared.length > 0) expect(told).toEqual(declared);
      declared = told;
      // What stood in the history stays as it was: an append-only history keeps the provider's cache.
      const history = array(sent['messages'] ?? sent['contents']);
      expect(history.slice(0, earlier.length)).toEqual(earlier);
      earlier = history;
      const kind = tool.type === 'custom' ? 'custom_tool_call_output' : 'function_call_output';
      input = [...input, ...output, { type: kind, call_id, output: `result for ${call_id}` }];
    }
    const { toolName, toolNameMax } = FORMATS[format].rules;
    for (const { name } of declared) {
      expect(name).toMatch(toolName);
      expect(name.length).toBeLessThanOrEqual(toolNameMax);
    }
    expect(new Set(declared.map(({ name }) => name)).size).toBe(WISHES.length);
  });

  test('tools inside an additional_tools item are offered like any other', async () => {
    const gateway = await gatewayFor(format, () => ({
      wish: WISHES[4] ?? fail(),
      id: IDS[format](1),
    }));
    const input = [
      { type: 'additional_tools', role: 'developer', tools: TOOLS },
      { type: 'message', role: 'user', content: 'Go.' },
    ];
    const reply = await gateway.post('/v1/responses', { model: 'm', input, store: false });
    expect(await outputOf(reply)).toMatchObject([
      { type: 'custom_tool_call', name: 'exec', namespace: 'functions' },
    ]);
  });

  test('free text is streamed as free text, whatever pieces its JSON comes in', async () => {
    const gateway = await gatewayFor(format, () => ({
      wish: WISHES[1] ?? fail(),
      id: IDS[format](1),
    }));
    const request = { model: 'm', input: 'Go.', tools: TOOLS, stream: true, store: false };
    const stream = await (await gateway.post('/v1/responses', request)).text();
    const deltas = eventsOf(stream)
      .map(({ data }) => object(parseJson(data)) ?? {})
      .filter((event) => event['type'] === 'response.custom_tool_call_input.delta')
      .map((event) => event['delta']);
    expect(deltas.join('')).toBe(PATCH);
    expect(stream).not.toContain('function_call_arguments');
  });

  test('the choice of a freeform tool is the choice of what stands for it', async () => {
    const gateway = await gatewayFor(format, () => ({
      wish: WISHES[1] ?? fail(),
      id: IDS[format](1),
    }));
    const request = {
      model: 'm',
      input: 'Go.',
      tools: TOOLS,
      tool_choice: { type: 'custom', name: 'apply_patch' },
      store: false,
    };
    await gateway.post('/v1/responses', request);
    const sent = sentBody(gateway.sent[0]);
    expect(JSON.stringify(sent['tool_choice'] ?? sent['toolConfig'])).toContain('apply_patch');
  });
});

describe('with a responses provider', () => {
  test('nothing is mapped, also where hooks stand between', async () => {
    for (const more of [{}, { extraBody: { x: 1 } }]) {
      const gateway = await testGateway(oneProvider('responses', more), () =>
        scriptedReply(
          'responses',
          { calls: [{ id: 'call_1', name: 'apply_patch', text: PATCH }] },
          false,
        ),
      );
      // All but the one whose name is too long for others that speak this format.
      const tools = TOOLS.slice(0, -1);
      const request = { model: 'm', input: 'Go.', tools, store: false };
      const output = await outputOf(await gateway.post('/v1/responses', request));
      expect(output).toMatchObject([
        { type: 'custom_tool_call', name: 'apply_patch', input: PATCH },
      ]);
      expect(sentBody(gateway.sent[0])['tools']).toEqual(tools);
    }
  });
});

function fail(): never {
  throw new Error('no such wish');
}
