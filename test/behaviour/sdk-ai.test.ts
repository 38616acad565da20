/** The AI SDK (`ai`) runs its own loop of tools through the gateway, with each of its providers. */
import { describe, expect, test } from 'bun:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, type LanguageModel, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
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

// It would warn of thoughts of Gemini's, which have no token of their own.
globalThis.AI_SDK_LOG_WARNINGS = false;

const tools = {
  get_weather: tool({
    inputSchema: z.object({ city: z.string() }),
    execute: async (input) => runTool('get_weather', input),
  }),
  get_time: tool({
    inputSchema: z.object({ zone: z.string() }),
    execute: async (input) => runTool('get_time', input),
  }),
};

type Options = NonNullable<Parameters<typeof generateText>[0]['providerOptions']>;

interface Client {
  model(fetch: ClientFetch): LanguageModel;
  providerOptions: Options;
  /** Its tokens come back: OpenAI's chat model of the AI SDK knows no reasoning. */
  carriesReasoning: boolean;
}

const apiKey = 'any';
const CLIENTS: Readonly<Record<string, Client>> = {
  'openai chat': {
    model: (fetch) => createOpenAI({ baseURL: `${BASE}/v1`, apiKey, fetch }).chat('m'),
    providerOptions: {},
    carriesReasoning: false,
  },
  'openai responses': {
    model: (fetch) => createOpenAI({ baseURL: `${BASE}/v1`, apiKey, fetch }).responses('m'),
    providerOptions: { openai: { forceReasoning: true, reasoningEffort: 'high' } },
    carriesReasoning: true,
  },
  'openai responses, nothing stored': {
    model: (fetch) => createOpenAI({ baseURL: `${BASE}/v1`, apiKey, fetch }).responses('m'),
    providerOptions: {
      openai: {
        store: false,
        forceReasoning: true,
        reasoningEffort: 'high',
        include: ['reasoning.encrypted_content'],
      },
    },
    carriesReasoning: true,
  },
  anthropic: {
    model: (fetch) => createAnthropic({ baseURL: `${BASE}/v1`, apiKey, fetch })('m'),
    providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: 2000 } } },
    carriesReasoning: true,
  },
  google: {
    model: (fetch) => createGoogleGenerativeAI({ baseURL: `${BASE}/v1beta`, apiKey, fetch })('m'),
    providerOptions: {
      google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 2000 } },
    },
    carriesReasoning: true,
  },
};

async function run(client: Client, fetch: ClientFetch, stream: boolean) {
  const settings = {
    model: client.model(fetch),
    prompt: 'Paris and Tokyo?',
    tools,
    stopWhen: stepCountIs(5),
    maxRetries: 0,
    maxOutputTokens: 4000,
    providerOptions: client.providerOptions,
  };
  if (!stream) {
    const { text, steps, totalUsage } = await generateText(settings);
    return { text, steps, totalUsage };
  }
  const errors: unknown[] = [];
  const result = streamText({ ...settings, onError: ({ error }) => void errors.push(error) });
  await result.consumeStream();
  expect(errors).toEqual([]);
  return {
    text: await result.text,
    steps: await result.steps,
    totalUsage: await result.totalUsage,
  };
}

describe.each(Object.keys(CLIENTS))('%s', (name) => {
  const client = CLIENTS[name];
  if (client === undefined) return;
  describe.each(FORMAT_NAMES)('%s provider', (provider) => {
    test.each([false, true])('streamed: %p', async (stream) => {
      const sdk = await loopGateway(provider);
      const { text, steps, totalUsage } = await run(client, sdk.fetch, stream);
      expect(steps.map(({ finishReason }) => finishReason)).toEqual([
        'tool-calls',
        'tool-calls',
        'stop',
      ]);
      expect(steps[0]?.toolCalls.map(({ toolName, input }) => [toolName, input])).toEqual([
        ['get_weather', { city: 'Paris' }],
        ['get_time', { zone: 'Europe/Paris' }],
      ]);
      expect(text).toBe(FINAL);
      expect(totalUsage.inputTokens).toBe(3 * STEP_USAGE.input);
      expect(totalUsage.outputTokens).toBe(3 * STEP_USAGE.output);
      expect(totalUsage.inputTokenDetails.cacheReadTokens).toBe(3 * STEP_USAGE.cached);
      if (client.carriesReasoning) expect(steps[0]?.reasoningText).toBe('I need both.');
      // A token of Gemini's travels in the call's id, which every client gives back.
      expectLoop(sdk, provider, client.carriesReasoning || provider === 'gemini' ? 2 : 0);
    });
  });

  test('the demo provider', async () => {
    const { fetch } = await demoGateway();
    // The demo's reasoning has no token, of which the SDK would warn.
    const { text, steps } = await run({ ...client, providerOptions: {} }, fetch, true);
    expect(steps.length).toBeGreaterThan(1);
    expect(text).toContain('degrees');
  });
});
