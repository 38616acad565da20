import { expect, test } from 'bun:test';
import type { UnifiedChunk } from '../../src/unified.ts';
import { Meter } from '../../src/usage/meter.ts';

const USAGE = { input: 10, cached: 0, cacheWrite: 0, output: 0 };

/** A meter that saw the chunks at 1, 2, 3 … ms. */
function seen(chunks: readonly UnifiedChunk[]): Meter {
  let time = 0;
  const meter = new Meter(() => time);
  for (const chunk of chunks) {
    time += 1;
    meter.see(chunk);
  }
  return meter;
}

test('start, pings, usage and empty deltas are no output', () => {
  const meter = seen([
    { type: 'start', id: 'x', model: 'm', usage: USAGE },
    { type: 'idle' },
    { type: 'text', text: '' },
    { type: 'reasoning', text: '' },
    { type: 'blockEnd' },
    { type: 'usage', usage: USAGE },
  ]);
  expect(meter.hasOutput).toBe(false);
  expect(meter.firstOutputAt).toBeUndefined();
});

const FIRSTS: UnifiedChunk[] = [
  { type: 'text', text: 'a' },
  { type: 'refusal', text: 'a' },
  { type: 'reasoning', text: 'a' },
  { type: 'redacted', opaque: { value: 'x', format: 'messages' } },
  { type: 'call', index: 0, id: 'c', name: 'f' },
  { type: 'media', mediaType: 'image/png', data: 'AA==' },
  { type: 'hosted', format: 'messages', value: {} },
];
for (const chunk of FIRSTS) {
  test(`${chunk.type} is output, timed once`, () => {
    const meter = seen([{ type: 'idle' }, chunk, { type: 'text', text: 'b' }]);
    expect(meter.hasOutput).toBe(true);
    expect(meter.firstOutputAt).toBe(2);
  });
}

test('calls are counted, not their pieces', () => {
  const meter = seen([
    { type: 'call', index: 0, id: 'c', name: 'f' },
    { type: 'arguments', index: 0, text: '{' },
    { type: 'call', index: 1, id: 'd', name: 'g' },
    { type: 'arguments', index: 0, text: '}' },
    { type: 'callEnd', index: 0 },
  ]);
  expect(meter.toolCalls).toBe(2);
  expect(meter.outputChars).toBe(4);
});

test('the last usage and finish count; the end is timed at the first sign of it', () => {
  const meter = seen([
    { type: 'start', id: 'x', model: 'm', usage: USAGE },
    { type: 'finish', finish: 'stop' },
    { type: 'usage', usage: { ...USAGE, output: 1 } },
    { type: 'finish', finish: 'length' },
    { type: 'usage', usage: { ...USAGE, output: 2 } },
    { type: 'done' },
  ]);
  expect(meter.usage?.output).toBe(2);
  expect(meter.finish).toBe('length');
  expect(meter.finishedAt).toBe(2);
  expect(meter.isComplete).toBe(true);
});

test('what a first event says of usage is not final', () => {
  expect(seen([{ type: 'start', id: 'x', model: 'm', usage: USAGE }]).hasFinalUsage).toBe(false);
  expect(seen([{ type: 'usage', usage: USAGE }]).hasFinalUsage).toBe(true);
});

test('a broken answer is not complete', () => {
  const meter = seen([{ type: 'error', error: { message: 'no' } }]);
  expect(meter.isComplete).toBe(false);
  expect(meter.finishedAt).toBe(1);
});

test('a whole reply gives the same counts and no times', () => {
  const meter = new Meter(() => 5);
  meter.seeReply({
    id: '',
    model: 'm',
    blocks: [
      { type: 'reasoning', text: 'hmm' },
      { type: 'text', text: 'hello' },
      {
        type: 'call',
        call: { type: 'function', id: 'c', function: { name: 'f', arguments: '{}' } },
      },
      { type: 'call', call: { type: 'custom', id: 'd', custom: { name: 'g', input: 'abc' } } },
    ],
    finish: 'tool_calls',
    usage: USAGE,
  });
  expect(meter).toMatchObject({
    hasOutput: true,
    hasReasoning: true,
    toolCalls: 2,
    outputChars: 15,
    finish: 'tool_calls',
    usage: USAGE,
    hasFinalUsage: true,
    isComplete: true,
  });
  expect(meter.firstOutputAt).toBeUndefined();
});
