import { describe, expect, test } from 'bun:test';
import { assembleReply } from '../../src/assemble.ts';
import { extraThinkTag } from '../../src/quirks/extra-think-tag.ts';
import { forceReasoning } from '../../src/quirks/force-reasoning.ts';
import type { UnifiedChunk } from '../../src/unified.ts';
import {
  answerWith,
  ask,
  calledOnce,
  cuts,
  encodeWith,
  joined,
  textChunks,
  user,
} from './support.ts';

const token = { value: '', format: 'chat', provider: 'p', model: 'some-model' } as const;

describe('extrathinktag: an answer', () => {
  const whole = '<think>\nLet me see.</think>\n\nIt is 4.';

  test('is reasoning with a token, then text, wherever the stream cuts', () => {
    for (const pieces of cuts(whole)) {
      const reply = assembleReply(answerWith(extraThinkTag, textChunks(...pieces)));
      expect(reply.blocks).toEqual([
        { type: 'reasoning', text: 'Let me see.', opaque: token },
        { type: 'text', text: 'It is 4.' },
      ]);
    }
  });

  test('streams letter by letter', () => {
    const chunks = answerWith(extraThinkTag, textChunks(...whole));
    expect(joined(chunks, 'reasoning')).toBe('Let me see.');
    expect(joined(chunks, 'text')).toBe('It is 4.');
    const first = chunks.findIndex(({ type }) => type === 'reasoning');
    expect(chunks[first]).toEqual({ type: 'reasoning', text: 'L' });
  });

  test('without tags stays as it is, untouched piece by piece', () => {
    const chunks = textChunks('Plain', ' <b>text</b>', ' and 1 < 2');
    expect(answerWith(extraThinkTag, chunks)).toEqual(chunks);
  });

  test('that speaks of the tag in its text is no reasoning', () => {
    const chunks = answerWith(extraThinkTag, textChunks('Use ', '<think>', 'x</think>.'));
    expect(joined(chunks, 'text')).toBe('Use <think>x</think>.');
    expect(joined(chunks, 'reasoning')).toBe('');
  });

  test('that begins like a tag and is none loses nothing', () => {
    const chunks = answerWith(extraThinkTag, textChunks('\n<thi', 's is text'));
    expect(joined(chunks, 'text')).toBe('\n<this is text');
  });

  test('that ends within what could be a tag loses nothing', () => {
    expect(joined(answerWith(extraThinkTag, textChunks('<thi')), 'text')).toBe('<thi');
  });

  test('whose closing tag never comes is not swallowed', () => {
    const chunks = answerWith(extraThinkTag, textChunks('<think>The answer', ' is 4.'));
    expect(joined(chunks, 'reasoning')).toBe('The answer is 4.');
    expect(joined(chunks, 'text')).toBe('The answer is 4.');
    expect(chunks.at(-1)).toEqual({ type: 'done' });
  });

  test('cut by the limit of tokens stays reasoning', () => {
    const chunks = textChunks('<think>The ans').map(
      (chunk): UnifiedChunk => (chunk.type === 'finish' ? { ...chunk, finish: 'length' } : chunk),
    );
    expect(joined(answerWith(extraThinkTag, chunks), 'text')).toBe('');
  });

  test('with a call right behind the thoughts', () => {
    const call: UnifiedChunk = { type: 'call', index: 0, id: 'c', name: 'look' };
    const [start, ...rest] = textChunks('<think>I look.</think>\n');
    if (!start) throw new Error();
    const chunks = answerWith(extraThinkTag, [start, ...rest.slice(0, 1), call, ...rest.slice(1)]);
    expect(assembleReply(chunks).blocks.map(({ type }) => type)).toEqual(['reasoning', 'call']);
    expect(joined(chunks, 'text')).toBe('');
  });
});

describe('extrathinktag: what comes back', () => {
  const own = { role: 'assistant', content: 'It is 4.' } as const;

  test('stands between the tags again', () => {
    const messages = [user('2+2?'), { ...own, reasoning: [{ text: 'Sum.', opaque: token }] }];
    const { body } = encodeWith(extraThinkTag, ask({ messages }));
    expect(body['messages']).toContainEqual({
      role: 'assistant',
      content: '<think>\nSum.\n</think>\n\nIt is 4.',
    });
  });

  test('of another provider is not told to this one', () => {
    const foreign = { ...token, provider: 'q' };
    const reasoning = [{ text: 'Sum.', opaque: foreign, path: 'messages.1.content.0' }];
    const messages = [user('2+2?'), { ...own, reasoning }];
    const { body, dropped } = encodeWith(extraThinkTag, ask({ messages }));
    expect(JSON.stringify(body)).not.toContain('Sum.');
    expect(dropped).toEqual(['messages.1.content.0']);
  });
});

describe('forcereasoning', () => {
  const prompt = expect.stringContaining('<reasoning_content>');

  test('asks for it at the end of the last user message', () => {
    const { body } = encodeWith(forceReasoning, ask());
    expect(body['messages']).toEqual([{ role: 'user', content: prompt }]);
    expect(JSON.stringify(body)).toContain('Hi\\n\\n');
  });

  test('asks behind tool results in a message of its own', () => {
    const { body } = encodeWith(forceReasoning, ask({ messages: [user('Hi'), ...calledOnce()] }));
    expect(body['messages']).toEqual([
      { role: 'user', content: 'Hi' },
      expect.objectContaining({ role: 'assistant' }),
      expect.objectContaining({ role: 'tool', content: 'seen' }),
      { role: 'user', content: prompt },
    ]);
  });

  test('asks nobody who switched it off', () => {
    const { body } = encodeWith(forceReasoning, ask({ reasoning: { enabled: false } }));
    expect(body['messages']).toEqual([{ role: 'user', content: 'Hi' }]);
  });

  test('shows earlier thoughts in the same tags', () => {
    const messages = [
      user('2+2?'),
      { role: 'assistant' as const, content: '4', reasoning: [{ text: 'Sum.' }] },
      user('And 3+3?'),
    ];
    const { body } = encodeWith(forceReasoning, ask({ messages }));
    expect(body['messages']).toContainEqual({
      role: 'assistant',
      content: '<reasoning_content>\nSum.\n</reasoning_content>\n\n4',
    });
  });

  test('takes the tags out of the answer, also behind other text', () => {
    const whole = 'Well.\n<reasoning_content>Sum.</reasoning_content>\n4 < 5';
    for (const pieces of cuts(whole)) {
      const chunks = answerWith(forceReasoning, textChunks(...pieces));
      expect(joined(chunks, 'reasoning')).toBe('Sum.');
      expect(joined(chunks, 'text')).toBe('Well.\n4 < 5');
    }
  });
});
