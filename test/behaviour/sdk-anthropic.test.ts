/** Anthropic's SDK runs a loop of tools, thinking on, through the gateway, against every provider format. */
import { describe, expect, test } from 'bun:test';
import Anthropic from '@anthropic-ai/sdk';
import type { Message, MessageParam, Tool } from '@anthropic-ai/sdk/resources/messages';
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

const client = (fetch: ClientFetch): Anthropic =>
  new Anthropic({ baseURL: BASE, apiKey: 'any', maxRetries: 0, fetch });

const tool = (name: string, key: string): Tool => ({
  name,
  input_schema: { type: 'object', properties: { [key]: { type: 'string' } }, required: [key] },
});
const tools = [tool('get_weather', 'city'), tool('get_time', 'zone')];

async function loop(anthropic: Anthropic, stream: boolean): Promise<Message[]> {
  const messages: MessageParam[] = [{ role: 'user', content: 'Paris and Tokyo?' }];
  const answers: Message[] = [];
  for (let step = 0; step < 5; step += 1) {
    const body = {
      model: 'm',
      max_tokens: 8000,
      thinking: { type: 'enabled' as const, budget_tokens: 2000 },
      messages,
      tools,
    };
    const answer = stream
      ? await anthropic.messages.stream(body).finalMessage()
      : await anthropic.messages.create(body);
    answers.push(answer);
    messages.push({ role: 'assistant', content: answer.content });
    const results = answer.content
      .filter((block) => block.type === 'tool_use')
      .map(({ id, name, input }) => ({
        type: 'tool_result' as const,
        tool_use_id: id,
        content: runTool(name, input),
      }));
    if (answer.stop_reason !== 'tool_use') break;
    messages.push({ role: 'user', content: results });
  }
  return answers;
}

const textOf = (answer: Message | undefined): string =>
  answer?.content.map((block) => (block.type === 'text' ? block.text : '')).join('') ?? '';

describe.each(FORMAT_NAMES)('%s provider', (provider) => {
  test.each([false, true])('streamed: %p', async (stream) => {
    const sdk = await loopGateway(provider);
    const answers = await loop(client(sdk.fetch), stream);
    expect(answers.map(({ stop_reason }) => stop_reason)).toEqual([
      'tool_use',
      'tool_use',
      'end_turn',
    ]);
    expect(textOf(answers.at(-1))).toBe(FINAL);
    expect(
      answers[0]?.content.map(({ type }) => type).filter((type) => type !== 'thinking'),
    ).toEqual(['text', 'tool_use', 'tool_use']);
    const thoughts = answers.flatMap(({ content }) =>
      content.flatMap((block) =>
        block.type === 'thinking' && block.thinking ? [block.thinking] : [],
      ),
    );
    expect(thoughts).toEqual(['I need both.', 'One more.', 'Done.']);
    for (const { usage, model } of answers) {
      expect(model).toBe('m');
      expect(usage).toMatchObject({
        input_tokens: STEP_USAGE.input - STEP_USAGE.cached,
        cache_read_input_tokens: STEP_USAGE.cached,
        output_tokens: STEP_USAGE.output,
      });
    }
    expectLoop(sdk, provider);
  });
});

test('the demo provider', async () => {
  const { fetch } = await demoGateway();
  const answers = await loop(client(fetch), true);
  expect(answers[0]?.stop_reason).toBe('tool_use');
  expect(textOf(answers.at(-1))).toContain('degrees');
});
