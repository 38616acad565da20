import { describe, expect, test } from 'bun:test';
import { Ledger } from '../../src/ledger.ts';
import { settleHistory } from '../../src/transform/history.ts';
import { parts, type UnifiedMessage, type UnifiedToolCall } from '../../src/unified.ts';
import { randomFrom } from './random.ts';

function call(id: string, path?: string): UnifiedToolCall {
  const made: UnifiedToolCall = {
    type: 'function',
    id,
    function: { name: 'read', arguments: '{}' },
  };
  return path === undefined ? made : { ...made, path };
}
const user = (content: string): UnifiedMessage => ({ role: 'user', content });
const calls = (...ids: string[]): UnifiedMessage => ({
  role: 'assistant',
  content: null,
  tool_calls: ids.map((id) => call(id)),
});
const says = (content: string): UnifiedMessage => ({ role: 'assistant', content });
const result = (id: string, content: string, path?: string): UnifiedMessage => ({
  role: 'tool',
  tool_call_id: id,
  content,
  ...(path === undefined ? {} : { path }),
});

function settle(messages: UnifiedMessage[]) {
  const ledger = new Ledger();
  const before = structuredClone(messages);
  const settled = settleHistory(messages, ledger);
  expect(messages).toEqual(before);
  return { settled, ...ledger };
}

test('a history in order stays as it is, message by message', () => {
  const messages = [user('go'), calls('a', 'b'), result('a', '1'), result('b', '2'), says('done')];
  const { settled, approximated } = settle(messages);
  expect(settled).toEqual(messages);
  for (const [index, message] of settled.entries()) expect(message === messages[index]).toBe(true);
  expect(settled).not.toBe(messages);
  expect(approximated).toEqual([]);
});

describe('results are put behind their calls', () => {
  test('in the order of the calls, other content after them', () => {
    const { settled, approximated } = settle([
      calls('a', 'b'),
      user('and then?'),
      result('b', '2', 'messages.2'),
      { role: 'system', content: 'be brief' },
      result('a', '1', 'messages.4'),
    ]);
    expect(settled).toEqual([
      calls('a', 'b'),
      result('a', '1', 'messages.4'),
      result('b', '2', 'messages.2'),
      user('and then?'),
      { role: 'system', content: 'be brief' },
    ]);
    expect(approximated).toEqual([]);
  });

  test('behind the last message of the turn', () => {
    const more = { ...calls('b'), continues: true };
    const text = { ...says('so'), continues: true };
    const { settled } = settle([calls('a'), more, text, result('b', '2'), result('a', '1')]);
    expect(settled).toEqual([calls('a'), more, text, result('a', '1'), result('b', '2')]);
  });

  test('behind text that came between call and result, which is of the same turn', () => {
    const { settled, approximated } = settle([
      user('go'),
      calls('a'),
      says('wait'),
      result('a', '1'),
    ]);
    const text = { ...says('wait'), continues: true };
    expect(settled).toEqual([user('go'), calls('a'), text, result('a', '1')]);
    expect(approximated).toEqual([]);
  });

  test('over a later turn, which is reported', () => {
    const late = result('b', '2', 'messages.4');
    const { settled, approximated } = settle([
      calls('a', 'b'),
      result('a', '1'),
      calls('c'),
      result('c', '3'),
      late,
    ]);
    expect(settled).toEqual([
      calls('a', 'b'),
      result('a', '1'),
      late,
      calls('c'),
      result('c', '3'),
    ]);
    expect(approximated).toEqual(['messages.4 (moved up to its call)']);
  });

  test('not so that the history ends with the assistant', () => {
    const { settled } = settle([calls('a'), user('?'), says('wait'), result('a', '1')]);
    const roles = settled.map((message) => message.role);
    expect(roles).toEqual(['assistant', 'tool', 'user', 'assistant', 'user']);
    expect(settled.at(-1)?.content).toEqual([
      { type: 'text', text: '[Result of tool call a]' },
      { type: 'text', text: '1' },
    ]);
  });

  test('each turn its own, when ids are counted anew in every turn', () => {
    const { settled } = settle([
      calls('call_0', 'call_1'),
      result('call_0', 'a0'),
      result('call_1', 'a1'),
      calls('call_0'),
      result('call_0', 'b0'),
    ]);
    expect(settled).toEqual([
      calls('call_0', 'call_1'),
      result('call_0', 'a0'),
      result('call_1', 'a1'),
      calls('call_0_2'),
      result('call_0_2', 'b0'),
    ]);
  });

  test('each call its own, when two of one turn have the same id', () => {
    const { settled } = settle([
      calls('a', 'a', 'a_2'),
      result('a', '1'),
      result('a_2', '3'),
      result('a', '2'),
    ]);
    expect(settled).toEqual([
      calls('a', 'a_2', 'a_2_2'),
      result('a', '1'),
      result('a_2', '2'),
      result('a_2_2', '3'),
    ]);
  });
});

describe('a call that was never answered', () => {
  const asked: UnifiedMessage = {
    role: 'assistant',
    content: 'Let me look.',
    tool_calls: [call('a', 'messages.0.tool_calls.0'), call('b', 'messages.0.tool_calls.1')],
  };

  test('gets a result that says so', () => {
    const { settled, approximated } = settle([asked, result('b', '2'), user('never mind')]);
    const [, missing, answered, last] = settled;
    expect(missing).toMatchObject({ role: 'tool', tool_call_id: 'a' });
    expect(missing?.content).toContain('No result was given');
    expect(answered).toEqual(result('b', '2'));
    expect(last).toEqual(user('never mind'));
    expect(approximated).toEqual([
      'messages.0.tool_calls.0 (never answered, which its result says)',
    ]);
  });

  test('also at the very end', () => {
    const { settled } = settle([user('go'), asked]);
    expect(settled.map((message) => message.role)).toEqual(['user', 'assistant', 'tool', 'tool']);
  });
});

describe('a result without a call', () => {
  test('becomes user text with all it holds', () => {
    const image = { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,AA==' } };
    const { settled, approximated } = settle([
      {
        role: 'tool',
        tool_call_id: 'gone',
        content: [{ type: 'text', text: 'forty-two' }, image],
        is_error: true,
        path: 'messages.0',
      },
      says('ok'),
    ]);
    expect(settled[0]).toEqual({
      role: 'user',
      path: 'messages.0',
      content: [
        {
          type: 'text',
          text: '[Error from tool call gone]',
          path: 'messages.0',
        },
        { type: 'text', text: 'forty-two' },
        image,
      ],
    });
    expect(approximated).toEqual(['messages.0 (user text, as its call is not before it)']);
  });

  test('stands behind the results of the turn before it', () => {
    const { settled } = settle([calls('a'), result('x', '?'), result('a', '1'), result('a', '1b')]);
    expect(settled.map((message) => message.role)).toEqual(['assistant', 'tool', 'user', 'user']);
    expect(settled[1]).toEqual(result('a', '1'));
    expect(settled.slice(2).flatMap(parts)).toContainEqual({ type: 'text', text: '1b' });
  });

  test('is not taken by a call that comes later', () => {
    const { settled } = settle([result('a', 'early'), calls('a'), result('a', 'right')]);
    expect(settled.map((message) => message.role)).toEqual(['user', 'assistant', 'tool']);
    expect(settled[2]).toEqual(result('a', 'right'));
  });
});

test('any history is settled, and stays the same when it grows', () => {
  const random = randomFrom(3);
  const ids = ['a', 'b', 'a_2', ''];
  for (let round = 0; round < 500; round += 1) {
    const messages = Array.from({ length: random.below(9) }, (_, index): UnifiedMessage => {
      const kind = random.below(5);
      if (kind === 0) return user(`u${index}`);
      if (kind === 1) return { ...says(`t${index}`), continues: random.below(2) === 0 };
      if (kind === 2) return result(random.pick(ids), `r${index}`);
      const made = calls(...Array.from({ length: 1 + random.below(2) }, () => random.pick(ids)));
      return { ...made, continues: kind === 3 };
    });
    const { settled } = settle(messages);
    expectSettled(settled);
    expect(settle(settled).settled).toEqual(settled);
    // One message is out of order, so that no history is taken as it is: the others come out the same.
    const [, ...slowly] = settle([result('nobody', 'x'), ...messages]).settled;
    expect(slowly).toEqual(settled);
    const count = (list: UnifiedMessage[]) =>
      list.flatMap(parts).filter((part) => part.type === 'text' && /^[utr]\d$/.test(part.text))
        .length;
    expect(count(settled)).toBe(count(messages));
    const endsWith = (list: UnifiedMessage[]) => list.at(-1)?.role === 'assistant';
    if (endsWith(messages)) continue;
    expect(endsWith(settled)).toBe(false);
    const grown = settle([...messages, says('ok'), user('more')]).settled;
    expect(grown.slice(0, -2)).toEqual(settled);
  }
});

function expectSettled(messages: UnifiedMessage[]): void {
  const open: string[] = [];
  const seen = new Set<string>();
  messages.forEach((message, index) => {
    if (message.role === 'tool') {
      expect(message.tool_call_id).toBe(open.shift() ?? 'nothing to answer');
      return;
    }
    const isSameTurn = message.continues === true && messages[index - 1]?.role === 'assistant';
    if (!isSameTurn) expect(open).toEqual([]);
    for (const { id } of message.tool_calls ?? []) {
      expect(seen.has(id)).toBe(false);
      seen.add(id);
      open.push(id);
    }
  });
  expect(open).toEqual([]);
}
