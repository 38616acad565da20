/** The transformers of the llms package that are used as they are, on values of the middle language. */
import { describe, expect, test } from 'bun:test';
import { TRANSFORMER_NAMES } from '../../src/config/transformer-names.ts';
import { isObject, type JsonObject } from '../../src/json.ts';
import type { LLMProvider } from '../../src/transform/llms.ts';
import { createRegistry, KNOWN_TRANSFORMERS } from '../../src/transform/registry.ts';
import type { UnifiedChatRequest } from '../../src/unified.ts';
import { offline } from '../quirks/support.ts';

const provider: LLMProvider = {
  name: 'p',
  baseUrl: 'https://p.example/v1',
  apiKey: 'key',
  models: [],
};
const registry = createRegistry(new Map(), offline);

/** What a transformer of the package makes of a request, or of its body where it gives one. */
async function changed(
  name: string,
  request: Partial<UnifiedChatRequest>,
  options?: JsonObject,
): Promise<JsonObject> {
  const hook = await registry.hook(name, options);
  if (hook?.kind !== 'llms') throw new Error(`${name} is no transformer of the package`);
  const value = await hook.transformer.transformRequestIn?.(
    { model: 'm', messages: [{ role: 'user', content: 'Hi' }], ...structuredClone(request) },
    provider,
    { req: { id: '1' } },
  );
  if (!isObject(value)) throw new Error('no request');
  return isObject(value['body']) ? value['body'] : value;
}

describe('maxtoken', () => {
  test('lowers a limit that is higher', async () => {
    const { max_tokens } = await changed('maxtoken', { max_tokens: 9000 }, { max_tokens: 4096 });
    expect(max_tokens).toBe(4096);
  });

  test('leaves a lower one, and sets none', async () => {
    const options = { max_tokens: 4096 };
    expect((await changed('maxtoken', { max_tokens: 10 }, options))['max_tokens']).toBe(10);
    expect(await changed('maxtoken', {}, options)).not.toHaveProperty('max_tokens');
  });

  test('keeps its options to itself: two of them do not mix', async () => {
    const low = await registry.hook('maxtoken', { max_tokens: 1 });
    await registry.hook('maxtoken', { max_tokens: 2 });
    if (low?.kind !== 'llms') throw new Error('no hook');
    const request = { model: 'm', messages: [], max_tokens: 5 };
    expect(
      await low.transformer.transformRequestIn?.(request, provider, { req: { id: '1' } }),
    ).toMatchObject({ max_tokens: 1 });
  });
});

test('maxcompletiontokens: moves the limit', async () => {
  const request = await changed('maxcompletiontokens', { max_tokens: 100 });
  expect(request['max_completion_tokens']).toBe(100);
  expect(request).not.toHaveProperty('max_tokens');
});

test('sampling: sets what its options name', async () => {
  const options = { temperature: 0, top_p: 0.9, repetition_penalty: 1.1, max_tokens: 50 };
  const request = await changed('sampling', { temperature: 1, max_tokens: 100 }, options);
  expect(request).toMatchObject(options);
  expect(request).not.toHaveProperty('top_k');
});

test('streamoptions: asks for usage in a stream only', async () => {
  expect((await changed('streamoptions', { stream: true }))['stream_options']).toEqual({
    include_usage: true,
  });
  expect(await changed('streamoptions', { stream: false })).not.toHaveProperty('stream_options');
});

test('customparams: adds, merges, and leaves what is there', async () => {
  const options = { temperature: 0.1, enable_thinking: true, metadata: { b: 2 } };
  const request = await changed('customparams', { temperature: 1, metadata: { a: 1 } }, options);
  expect(request).toMatchObject({
    temperature: 1,
    enable_thinking: true,
    metadata: { a: 1, b: 2 },
  });
});

test('cleancache: takes the marks off messages and parts', async () => {
  const cache_control = { type: 'ephemeral' };
  const request = await changed('cleancache', {
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'Hi', cache_control }] },
      { role: 'tool', content: 'seen', tool_call_id: 'c', cache_control },
    ],
  });
  expect(request['messages']).toEqual([
    { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
    { role: 'tool', content: 'seen', tool_call_id: 'c' },
  ]);
});

test('cerebras: takes reasoning off, and allows it where nothing was said', async () => {
  const asked = await changed('cerebras', { reasoning: { effort: 'high' } });
  expect(asked).not.toHaveProperty('reasoning');
  expect(await changed('cerebras', {})).toMatchObject({ disable_reasoning: false });
});

describe('the registry', () => {
  test('knows the names that editors suggest, and no others', () => {
    expect([...TRANSFORMER_NAMES].sort()).toEqual([...KNOWN_TRANSFORMERS].sort());
  });

  test.each(['deepseek', 'openrouter', 'groq', 'tooluse', 'vertex-claude'])(
    '%s is a quirk of ours',
    async (name) => {
      expect((await registry.hook(name, {}))?.kind).toBe('quirk');
    },
  );

  test.each(['chat', 'Anthropic', 'gemini'])('%s is a format, which `type` says', async (name) => {
    expect(await registry.hook(name, undefined)).toBeUndefined();
  });

  test('a name that nobody knows is told', async () => {
    expect(registry.hook('maxtokens', undefined)).rejects.toThrow('"maxtokens"');
  });

  test("a user's transformer comes before one of the same name", async () => {
    const mine = { name: 'deepseek', transformRequestIn: (request: UnifiedChatRequest) => request };
    const hook = await createRegistry(
      new Map([['deepseek', { instance: mine, exported: mine }]]),
      offline,
    ).hook('deepseek', undefined);
    expect(hook).toEqual({ kind: 'llms', name: 'deepseek', transformer: mine });
  });
});
