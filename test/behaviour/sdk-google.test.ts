/** Google's SDK runs a loop of tools through the gateway, against every provider format. */
import { describe, expect, test } from 'bun:test';
import { type Content, type GenerateContentResponse, GoogleGenAI, type Part } from '@google/genai';
import { FORMAT_NAMES } from '../../src/unified.ts';
import { FINAL, STEP_USAGE } from '../support/scripted.ts';
import {
  BASE,
  type ClientFetch,
  demoGateway,
  expectLoop,
  loopGateway,
  runTool,
} from '../support/sdk.ts';

const client = (fetch: ClientFetch): GoogleGenAI =>
  new GoogleGenAI({ apiKey: 'any', httpOptions: { baseUrl: BASE, fetch } });

const declaration = (name: string, key: string) => ({
  name,
  parametersJsonSchema: {
    type: 'object',
    properties: { [key]: { type: 'string' } },
    required: [key],
  },
});
const config = {
  tools: [
    { functionDeclarations: [declaration('get_weather', 'city'), declaration('get_time', 'zone')] },
  ],
  thinkingConfig: { includeThoughts: true, thinkingBudget: 2000 },
};

interface Turn {
  parts: Part[];
  usage: GenerateContentResponse['usageMetadata'];
  model: string | undefined;
}

async function ask(google: GoogleGenAI, contents: Content[], stream: boolean): Promise<Turn> {
  const request = { model: 'm', contents, config };
  const answers: GenerateContentResponse[] = [];
  if (stream) {
    for await (const chunk of await google.models.generateContentStream(request))
      answers.push(chunk);
  } else answers.push(await google.models.generateContent(request));
  const last = answers.at(-1);
  return {
    parts: answers.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? []),
    usage: last?.usageMetadata,
    model: last?.modelVersion,
  };
}

async function loop(google: GoogleGenAI, stream: boolean): Promise<Turn[]> {
  const contents: Content[] = [{ role: 'user', parts: [{ text: 'Paris and Tokyo?' }] }];
  const turns: Turn[] = [];
  for (let step = 0; step < 5; step += 1) {
    const turn = await ask(google, contents, stream);
    turns.push(turn);
    contents.push({ role: 'model', parts: turn.parts });
    const results = turn.parts.flatMap(({ functionCall: call }): Part[] => {
      if (call?.name === undefined) return [];
      const output = runTool(call.name, call.args);
      const id = call.id === undefined ? {} : { id: call.id };
      return [{ functionResponse: { ...id, name: call.name, response: { output } } }];
    });
    if (results.length === 0) break;
    contents.push({ role: 'user', parts: results });
  }
  return turns;
}

const textOf = (turn: Turn | undefined): string =>
  turn?.parts.map(({ text = '', thought }) => (thought ? '' : text)).join('') ?? '';

describe.each(FORMAT_NAMES)('%s provider', (provider) => {
  test.each([false, true])('streamed: %p', async (stream) => {
    const sdk = await loopGateway(provider);
    const turns = await loop(client(sdk.fetch), stream);
    expect(turns).toHaveLength(3);
    expect(textOf(turns.at(-1))).toBe(FINAL);
    const thoughts = turns.map(({ parts }) =>
      parts.map(({ text = '', thought }) => (thought ? text : '')).join(''),
    );
    expect(thoughts).toEqual(['I need both.', 'One more.', 'Done.']);
    for (const { usage, model } of turns) {
      expect(model).toBe('m');
      expect(usage).toMatchObject({
        promptTokenCount: STEP_USAGE.input,
        cachedContentTokenCount: STEP_USAGE.cached,
        thoughtsTokenCount: STEP_USAGE.reasoning,
        candidatesTokenCount: STEP_USAGE.output - STEP_USAGE.reasoning,
        totalTokenCount: STEP_USAGE.input + STEP_USAGE.output,
      });
    }
    expectLoop(sdk, provider);
  });
});

test('the demo provider', async () => {
  const { fetch } = await demoGateway();
  const turns = await loop(client(fetch), true);
  expect(textOf(turns.at(-1))).toContain('degrees');
});
