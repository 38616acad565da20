/** A reply that is not read is one of which reading would say the same. */
import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FORMATS } from '../src/formats/index.ts';
import { type Glance, glance } from '../src/glance.ts';
import { isObject, parseJson } from '../src/json.ts';
import { NothingLost } from '../src/ledger.ts';
import { Meter } from '../src/usage/meter.ts';
import { jsonReply, oneProvider, testGateway } from './support/gateway.ts';
import { RECORDINGS } from './support/recordings.ts';

type GlancedFormat = 'chat' | 'messages';
const GLANCED: readonly GlancedFormat[] = ['chat', 'messages'];

function seen(format: GlancedFormat, reply: unknown): Glance | undefined {
  const { marks } = FORMATS[format];
  if (marks === undefined) throw new Error(`${format} has no marks`);
  return glance(Buffer.from(typeof reply === 'string' ? reply : JSON.stringify(reply)), marks);
}

/** What reading says: undefined for what is no answer. */
function read(format: GlancedFormat, reply: unknown): Meter | undefined {
  const value = typeof reply === 'string' ? parseJson(reply) : reply;
  if (!isObject(value) || isObject(value['error']) || typeof value['error'] === 'string') {
    return undefined;
  }
  const context = {
    provider: 'p',
    model: 'm',
    ledger: new NothingLost(),
    newId: () => 'id',
    now: () => 0,
  };
  const meter = new Meter(() => 0);
  try {
    meter.seeReply(FORMATS[format].decodeReply(value, context));
  } catch {
    return undefined;
  }
  return meter;
}

function expectAgreement(format: GlancedFormat, reply: unknown): boolean {
  const glanced = seen(format, reply);
  if (glanced === undefined) return false;
  const meter = read(format, reply);
  expect({ ...glanced, toolCalls: 0, hasOutput: true }).toEqual({
    finish: meter?.finish as Glance['finish'],
    usage: meter?.usage as Glance['usage'],
    toolCalls: meter?.toolCalls ?? -1,
    hasOutput: meter?.hasOutput ?? false,
  });
  return true;
}

const CHAT_USAGE = {
  prompt_tokens: 12,
  completion_tokens: 3,
  total_tokens: 15,
  prompt_tokens_details: { cached_tokens: 4 },
};
const CALL = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } };

function chatReply(message: object = {}, choice: object = {}, more: object = {}) {
  return {
    id: 'chatcmpl-1',
    model: 'm',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'Hi "there"', refusal: null, ...message },
        finish_reason: 'stop',
        ...choice,
      },
    ],
    usage: CHAT_USAGE,
    ...more,
  };
}

const MESSAGES_USAGE = { input_tokens: 8, cache_read_input_tokens: 4, output_tokens: 3 };

function messagesReply(more: object = {}, ...blocks: object[]) {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [{ type: 'text', text: 'Hi' }, ...blocks],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: MESSAGES_USAGE,
    ...more,
  };
}

const PLAIN: readonly [string, GlancedFormat, object, Glance][] = [
  [
    'a chat text',
    'chat',
    chatReply(),
    { finish: 'stop', usage: { input: 8, cached: 4, cacheWrite: 0, output: 3 } },
  ],
  [
    'a chat text that was cut, from a server that fills every field',
    'chat',
    chatReply(
      { tool_calls: [], function_call: null },
      { finish_reason: 'length' },
      { error: null },
    ),
    { finish: 'length', usage: { input: 8, cached: 4, cacheWrite: 0, output: 3 } },
  ],
  [
    'a chat text that speaks of JSON',
    'chat',
    chatReply({ content: JSON.stringify(chatReply({ tool_calls: [CALL] })) }),
    { finish: 'stop', usage: { input: 8, cached: 4, cacheWrite: 0, output: 3 } },
  ],
  [
    'a Messages text',
    'messages',
    messagesReply(),
    { finish: 'stop', usage: { input: 8, cached: 4, cacheWrite: 0, output: 3 } },
  ],
];

describe('a reply of one text is not read', () => {
  test.each(PLAIN)('%s', (_, format, reply, expected) => {
    const onManyLines = JSON.stringify(reply, null, 2);
    expect([reply, onManyLines].map((written) => seen(format, written))).toEqual([
      expected,
      expected,
    ]);
    expectAgreement(format, reply);
  });
});

const UNUSUAL: readonly [string, GlancedFormat, unknown][] = [
  ['a call, with "stop"', 'chat', chatReply({ tool_calls: [CALL] })],
  ['a call of old', 'chat', chatReply({ function_call: { name: 'f', arguments: '{}' } })],
  ['a refusal', 'chat', chatReply({ refusal: 'No.' })],
  ['an empty text', 'chat', chatReply({ content: '' })],
  ['no text', 'chat', chatReply({ content: null })],
  ['another reason', 'chat', chatReply({}, { finish_reason: 'content_filter' })],
  [
    'two choices',
    'chat',
    { ...chatReply(), choices: [...chatReply().choices, ...chatReply().choices] },
  ],
  [
    'usage of a choice',
    'chat',
    chatReply({}, { usage: { prompt_tokens: 1, completion_tokens: 1 } }),
  ],
  ['usage only in a choice', 'chat', chatReply({}, { usage: CHAT_USAGE }, { usage: undefined })],
  [
    'usage only inside another member',
    'chat',
    chatReply({}, {}, { usage: undefined, x_groq: { usage: CHAT_USAGE } }),
  ],
  ['usage that counts nothing', 'chat', chatReply({}, {}, { usage: {} })],
  ['an error beside it', 'chat', chatReply({}, {}, { error: { message: 'no' } })],
  ['an error that is a text', 'chat', chatReply({}, {}, { error: '' })],
  ['an error in the choice', 'chat', chatReply({}, { error: { message: 'no' } })],
  ['white space', 'chat', JSON.stringify(chatReply({ tool_calls: [CALL] }), null, 1)],
  [
    'white space in one place',
    'chat',
    JSON.stringify(chatReply({ tool_calls: [CALL] })).replace('"tool_calls":', '"tool_calls" : '),
  ],
  ['an event', 'chat', `data: ${JSON.stringify(chatReply())}\n\n`],
  ['more behind it', 'chat', `${JSON.stringify(chatReply())}{}`],
  [
    'a call, with "end_turn"',
    'messages',
    messagesReply({}, { type: 'tool_use', id: 't', name: 'f', input: { usage: MESSAGES_USAGE } }),
  ],
  [
    'a call of which the input looks like usage',
    'messages',
    messagesReply(
      { usage: undefined },
      { type: 'tool_use', id: 't', name: 'f', input: { usage: MESSAGES_USAGE } },
    ),
  ],
  ['a pause', 'messages', messagesReply({ stop_reason: 'pause_turn' })],
  ['an error', 'messages', { type: 'error', error: { type: 'api_error', message: 'no' } }],
];

describe('anything unusual is read', () => {
  test.each(UNUSUAL)('%s', (_, format, reply) => {
    expect(seen(format, reply)).toBeUndefined();
  });

  test.each(GLANCED)('%s: a reply that is cut anywhere', (format) => {
    const whole = JSON.stringify(format === 'chat' ? chatReply() : messagesReply());
    expect(seen(format, whole)).toBeDefined();
    for (let end = 0; end < whole.length; end += 1) {
      expect(seen(format, whole.slice(0, end))).toBeUndefined();
    }
  });

  test('members in any order: the same is said, or it is read', () => {
    const members = Object.entries(chatReply({}, {}, { service_tier: 'default' }));
    let glanced = 0;
    for (let turn = 0; turn < members.length; turn += 1) {
      const turned = [...members.slice(turn), ...members.slice(0, turn)];
      if (expectAgreement('chat', Object.fromEntries(turned))) glanced += 1;
    }
    expect(glanced).toBeGreaterThan(1);
  });
});

describe.each(GLANCED)('a %s client and provider', (format) => {
  const reply = { ...(format === 'chat' ? chatReply() : messagesReply()), model: 'up' };
  /** The same value, written so that it is read. */
  const odd = ` ${JSON.stringify(reply)}`;

  async function answerTo(text: string) {
    const { post, records } = await testGateway(oneProvider(format), () => jsonReply(text));
    const body = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] };
    const response = await post(`/v1${FORMATS[format].path('m', false)}`, body);
    return { text: await response.text(), record: records[0] };
  }

  test('the record of a reply that was not read is that of one that was', async () => {
    const glanced = await answerTo(JSON.stringify(reply));
    const readOne = await answerTo(odd);
    expect(glanced.record?.usageSource).toBe('measured');
    const times = { durationMs: 0, overheadMs: 0, attempts: [] };
    expect({ ...glanced.record, ...times }).toEqual({ ...readOne.record, ...times });
  });

  test('a reply that names the model as the client does goes out as it came', async () => {
    const written = JSON.stringify({ ...reply, model: 'm' }).replace(
      '"model":"m"',
      '"model":"\\u006d"',
    );
    expect((await answerTo(written)).text).toBe(written);
  });

  test.each([0, 2])('only the name of the model is replaced; indented by %d', async (indent) => {
    const written = JSON.stringify(reply, null, indent);
    const { text } = await answerTo(written);
    expect(text).toBe(written.replace(/("model": ?)"up"/, '$1"m"'));
  });
});

const isHere = existsSync(RECORDINGS);
describe.skipIf(!isHere)('recorded replies', () => {
  test.each(GLANCED)('%s: a glance says what reading says', (format) => {
    let glanced = 0;
    for (const folder of isHere ? readdirSync(join(RECORDINGS, format)) : []) {
      const path = join(RECORDINGS, format, folder, 'response.json');
      if (!existsSync(path)) continue;
      const text = readFileSync(path, 'utf8');
      if (expectAgreement(format, text)) glanced += 1;
      const value = parseJson(text);
      if (value !== undefined) expectAgreement(format, value);
    }
    expect(glanced).toBeGreaterThan(0);
  });
});
