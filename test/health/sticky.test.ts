import { describe, expect, test } from 'bun:test';
import { conversationKey, type Held, Sticky } from '../../src/health/sticky.ts';
import type { JsonObject } from '../../src/json.ts';

const target = (name: string) => ({ provider: { name }, model: 'm' });
const [a, b, c] = [target('a'), target('b'), target('c')];

describe('sticky', () => {
  test('puts the target that answered first, and leaves strangers alone', () => {
    const sticky = new Sticky(() => 0);
    sticky.hold('one', b);
    expect(sticky.order('one', [a, b, c])).toEqual([b, a, c]);
    expect(sticky.order('two', [a, b, c])).toEqual([a, b, c]);
  });

  test('moves when the target is not to be had, and stays where it went', () => {
    const sticky = new Sticky(() => 0);
    sticky.hold('one', b);
    expect(sticky.order('one', [a, c])).toEqual([a, c]);
    sticky.hold('one', c);
    expect(sticky.order('one', [a, b, c])).toEqual([c, a, b]);
  });

  test('forgets after an hour of silence', () => {
    let now = 0;
    const sticky = new Sticky(() => now);
    sticky.hold('one', b);
    now = 61 * 60_000;
    expect(sticky.order('one', [a, b])).toEqual([a, b]);
  });

  test('remembers a bounded number, those that spoke last', () => {
    const sticky = new Sticky(() => 0, 2);
    for (const key of ['one', 'two', 'one', 'three']) sticky.hold(key, b);
    expect(sticky.order('two', [a, b])).toEqual([a, b]);
    expect(sticky.order('one', [a, b])).toEqual([b, a]);
  });
});

describe('what a conversation is known by', () => {
  const key = (body: JsonObject, headers: Record<string, string> = {}, apiKey = 'app') =>
    conversationKey({ alias: 'fast', apiKey, headers: new Headers(headers), body });
  const chat = (system: string, ...turns: string[]): JsonObject => ({
    messages: [
      { role: 'system', content: system },
      ...turns.map((content, n) => ({ role: n % 2 ? 'assistant' : 'user', content })),
    ],
  });

  test("the client's own name of its session", () => {
    const one = { 'x-claude-code-session-id': 's1' };
    expect(key(chat('s', 'a'), one)).toBe(key(chat('other', 'b'), one));
    expect(key(chat('s', 'a'), { 'session-id': 's2' })).not.toBe(key(chat('s', 'a'), one));
    expect(key({ prompt_cache_key: 'k', input: 'a' })).toBe(
      key({ prompt_cache_key: 'k', input: 'b' }),
    );
    const user = (session: string) => ({
      metadata: { user_id: `user_x_account_y_session_${session}` },
    });
    expect(key(user('1'))).not.toBe(key(user('2')));
    const json = (id: string, device: string) => ({
      metadata: { user_id: JSON.stringify({ session_id: id, device }) },
    });
    expect(key(json('1', 'x'))).toBe(key(json('1', 'y')));
  });

  test('else the instructions and the first turn of the user', () => {
    expect(key(chat('s', 'a', 'b', 'c'))).toBe(key(chat('s', 'a')));
    expect(key(chat('s', 'a'))).not.toBe(key(chat('s', 'x')));
    expect(key(chat('s', 'a'))).not.toBe(key(chat('t', 'a')));
    expect(key(chat('s', 'a'), {}, 'app')).not.toBe(key(chat('s', 'a'), {}, 'web'));
  });

  test('in each format', () => {
    const first = { role: 'user', content: 'a' };
    const more = [first, { role: 'assistant', content: 'b' }, { role: 'user', content: 'c' }];
    const messages = (system: string, turns: object[]) => ({ system, messages: turns });
    expect(key(messages('s', more))).toBe(key(messages('s', [first])));
    expect(key(messages('t', more))).not.toBe(key(messages('s', more)));
    const responses = (input: unknown) => ({ instructions: 's', input });
    expect(key(responses(more))).toBe(key(responses([first])));
    expect(key(responses('a'))).not.toBe(key(responses('b')));
    const turn = { role: 'user', parts: [{ text: 'a' }] };
    const gemini = (contents: object[]) => ({ systemInstruction: { parts: [] }, contents });
    expect(key(gemini([turn, { role: 'model', parts: [] }, turn]))).toBe(key(gemini([turn])));
  });

  test('cache marks that wander do not change it', () => {
    const turn = (mark: object) => ({
      messages: [{ role: 'user', content: [{ type: 'text', text: 'a', ...mark }] }],
    });
    expect(key(turn({ cache_control: { type: 'ephemeral' } }))).toBe(key(turn({})));
  });
});

test('what one process holds, another takes; it hears of news only', () => {
  let now = 0;
  const [one, two] = [new Sticky(() => now), new Sticky(() => now)];
  const told: Held[] = [];
  one.onHold = (held) => told.push(held);
  one.hold('talk', b);
  one.hold('talk', b);
  expect(told).toHaveLength(1);
  two.take(told);
  expect(two.order('talk', [a, b])).toEqual([b, a]);
  one.hold('talk', c);
  now = 11 * 60_000;
  one.hold('talk', c);
  expect(told).toHaveLength(3);
  expect(new Sticky(() => now).save()).toEqual([]);
  two.take(one.save());
  expect(two.order('talk', [a, b, c])).toEqual([c, a, b]);
});
