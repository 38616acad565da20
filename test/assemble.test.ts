import { describe, expect, test } from 'bun:test';
import { assembleReply } from '../src/assemble.ts';
import type { UnifiedBlock, UnifiedChunk } from '../src/unified.ts';

function blocksOf(...chunks: UnifiedChunk[]): UnifiedBlock[] {
  return assembleReply([...chunks, { type: 'done' }]).blocks;
}
const say = (text: string): UnifiedChunk => ({ type: 'text', text });
const cite = (url: string): UnifiedChunk => ({ type: 'citation', citation: { url } });
const end: UnifiedChunk = { type: 'blockEnd' };
const call: UnifiedChunk = { type: 'call', index: 0, id: 'c', name: 'f' };

describe('a citation belongs', () => {
  test('to the text that is open', () => {
    expect(blocksOf(say('a'), cite('u'), say('b'), end, say('c'))).toEqual([
      { type: 'text', text: 'ab', citations: [{ url: 'u' }] },
      { type: 'text', text: 'c' },
    ]);
  });

  test('before any text, to the next one', () => {
    expect(blocksOf(cite('u'), say('a'))).toEqual([
      { type: 'text', text: 'a', citations: [{ url: 'u' }] },
    ]);
  });

  test('behind a call, to the last text, and makes no empty one', () => {
    const blocks = blocksOf(say('a'), call, { type: 'callEnd', index: 0 }, cite('u'));
    expect(blocks.map(({ type }) => type)).toEqual(['text', 'call']);
    expect(blocks[0]).toEqual({ type: 'text', text: 'a', citations: [{ url: 'u' }] });
  });

  test('to a block of its own when that is all the block has', () => {
    expect(blocksOf(cite('u'), end, say('a'))).toEqual([
      { type: 'text', text: '', citations: [{ url: 'u' }] },
      { type: 'text', text: 'a' },
    ]);
  });
});
