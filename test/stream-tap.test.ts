/** What passes in the same format: byte for byte as it came but for the model, however it was cut. */
import { describe, expect, test } from 'bun:test';
import type { ProviderContext } from '../src/formats/format.ts';
import { FORMATS } from '../src/formats/index.ts';
import { Ledger } from '../src/ledger.ts';
import { SseParser } from '../src/stream/sse.ts';
import { StreamTap, type Tapped } from '../src/stream-tap.ts';
import type { FormatName, UnifiedChunk } from '../src/unified.ts';
import { Meter } from '../src/usage/meter.ts';
import { readFixture } from './support/matrix.ts';
import { randomFrom } from './transform/random.ts';

const context: ProviderContext = {
  provider: 'p',
  model: 'm',
  ledger: new Ledger(),
  newId: (prefix) => prefix,
  now: () => 0,
};

/** Words that look like what the tap searches for. */
const WORDS = [
  'plain',
  ' words',
  ', more',
  'a "model":"m" in the words',
  '{"model":"m"}',
  'ends in a backslash \\',
  'and so \\\\',
  'a quote at the end "',
  'ü – 漢字 🙂',
  '$& $1 $$',
  'two\n\nlines\r\n\r\nof it',
  'data: {"error":{}}',
  'plain',
  '"finish_reason":"stop"',
  '',
  'plain',
];

type Line = '\n' | '\r\n';
const frame = (value: unknown, line: Line, event?: string): string =>
  `${event === undefined ? '' : `event: ${event}${line}`}data: ${JSON.stringify(value)}${line}${line}`;

/** A chat answer; `tail` stands behind the words of each event. */
function chat(model: string, line: Line, tail: object = {}): string {
  const event = (delta: object, finish: string | null = null): string =>
    frame({ id: 'c', model, choices: [{ index: 0, delta, finish_reason: finish }], ...tail }, line);
  const usage = { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 };
  return [
    event({ role: 'assistant', content: '' }),
    ...WORDS.map((content) => event({ content })),
    `: a comment${line}${line}`,
    ...WORDS.map((content) => event({ content })),
    event({ tool_calls: [{ index: 0, id: 'x', function: { name: 'f', arguments: '{}' } }] }),
    ...WORDS.map((content) => event({ content })),
    event({}, 'stop'),
    frame({ id: 'c', model, choices: [], usage }, line),
    `data: [DONE]${line}${line}`,
  ].join('');
}

function messages(model: string, line: Line): string {
  const event = (type: string, fields: object = {}): string =>
    frame({ type, ...fields }, line, type);
  const block = (index: number): string =>
    WORDS.map((text) =>
      event('content_block_delta', { index, delta: { type: 'text_delta', text } }),
    ).join('');
  return [
    event('message_start', { message: { id: 'x', model, usage: { input_tokens: 3 } } }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    block(0),
    event('ping'),
    block(0),
    event('content_block_stop', { index: 0 }),
    event('message_delta', {
      delta: { stop_reason: 'end_turn' },
      usage: { output_tokens: 5 },
    }),
    event('message_stop'),
  ].join('');
}

/** The text in pieces of bytes. */
function cut(text: string, at: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const bounds = [0, ...at, bytes.length];
  return bounds.slice(1).map((end, i) => bytes.subarray(bounds[i], end));
}

function pass(format: FormatName, pieces: readonly Buffer[], hideUsage = false) {
  const tap = new StreamTap(FORMATS[format], context, 'our "alias"', hideUsage);
  const all: Tapped[] = [...pieces.map((piece) => tap.push(piece)), tap.end()];
  const chunks = all.flatMap((item) => item.chunks);
  return {
    bytes: Buffer.concat(all.flatMap((item) => [...item.spell()])).toString(),
    facts: chunks.filter((chunk) => isFact(chunk)),
    lengths: all.every((item) => item.length === Buffer.concat([...item.spell()]).length),
  };
}

/** Memory of its own, of a size that is worth being given back. */
function alone(bytes: Uint8Array): Buffer {
  const piece = Buffer.from(new ArrayBuffer(16 * 1024 + bytes.length), 100, bytes.length);
  piece.set(bytes);
  return piece;
}

const isFact = ({ type }: UnifiedChunk): boolean =>
  ['start', 'call', 'arguments', 'usage', 'finish', 'done', 'error'].includes(type);

const STREAMS: [string, FormatName, (model: string) => string][] = [
  ['chat', 'chat', (model) => chat(model, '\n')],
  ['chat with CRLF', 'chat', (model) => chat(model, '\r\n')],
  ['chat with fields behind the words', 'chat', (model) => chat(model, '\n', { obfuscation: 'x' })],
  ['messages', 'messages', (model) => messages(model, '\n')],
  ['messages with CRLF', 'messages', (model) => messages(model, '\r\n')],
];

describe.each(STREAMS)('%s', (_, format, stream) => {
  const came = stream('m');
  const expected = stream('our "alias"');
  const whole = pass(format, cut(came, []));

  test('passes as it came, with the client’s model', () => {
    expect(whole.bytes).toBe(expected);
    expect(whole.facts.map(({ type }) => type)).toContain('finish');
    expect(whole.facts.at(-1)?.type).toBe('done');
    expect(whole.lengths).toBe(true);
  });

  test('passes the same, cut in two at any byte', () => {
    const { length } = Buffer.from(came);
    for (let at = 1; at < length; at += 1) {
      const { bytes, facts, lengths } = pass(format, cut(came, [at]));
      if (bytes !== expected || !lengths) expect({ at, bytes }).toEqual({ at, bytes: expected });
      expect(facts).toEqual(whole.facts);
    }
  });

  test('passes the same, cut anywhere', () => {
    const { length } = Buffer.from(came);
    for (let seed = 1; seed <= 60; seed += 1) {
      const { below } = randomFrom(seed);
      const at = Array.from({ length: 1 + below(40) }, () => below(length)).sort((a, b) => a - b);
      const { bytes, facts } = pass(format, cut(came, at));
      if (bytes !== expected) expect({ seed, bytes }).toEqual({ seed, bytes: expected });
      expect(facts).toEqual(whole.facts);
    }
    const single = pass(
      format,
      cut(
        came,
        Array.from({ length: length - 1 }, (_, i) => i + 1),
      ),
    );
    expect(single.bytes).toBe(expected);
    expect(single.facts).toEqual(whole.facts);
  });

  test('passes the same where the memory of pieces is given back', () => {
    const { length } = Buffer.from(came);
    let given = 0;
    for (let seed = 1; seed <= 60; seed += 1) {
      const { below } = randomFrom(seed);
      const at = Array.from({ length: below(10) }, () => below(length)).sort((a, b) => a - b);
      const tap = new StreamTap(FORMATS[format], context, 'our "alias"', false);
      const out: Buffer[] = [];
      for (const each of cut(came, at)) {
        const piece = alone(each);
        const item = tap.push(piece, true);
        const told = Buffer.concat(item.spell());
        expect(item.text).toBe(told.toString());
        out.push(told);
        if (piece.buffer.byteLength === 0) given += 1;
      }
      out.push(...tap.end().spell());
      expect(Buffer.concat(out).toString()).toBe(expected);
    }
    expect(given).toBeGreaterThan(0);
  });

  test('passes the same bytes when nothing has to be changed', () => {
    const ours = stream('our "alias"');
    expect(pass(format, cut(ours, [])).bytes).toBe(ours);
  });
});

test('a long stretch that is not changed is not copied', () => {
  const tap = new StreamTap(FORMATS.messages, context, 'alias', false);
  const text = messages('m', '\n').repeat(1);
  const start = text.indexOf('event: content_block_delta');
  tap.push(Buffer.from(text.slice(0, start)));
  const delta = frame(
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'words' } },
    '\n',
    'content_block_delta',
  );
  const piece = alone(Buffer.from(delta.repeat(100)));
  const [bytes, ...more] = tap.push(piece, true).spell();
  expect(more).toEqual([]);
  expect(bytes?.buffer).toBe(piece.buffer);
  expect(bytes?.length).toBe(piece.length);
});

test('a model that stands behind the words is replaced there, too', () => {
  const event = (content: string, model: string): string =>
    frame({ id: 'c', choices: [{ index: 0, delta: { content } }], model }, '\n');
  const all = (model: string): string => WORDS.map((words) => event(words, model)).join('');
  expect(pass('chat', cut(all('m'), [])).bytes.startsWith(all('our "alias"'))).toBe(true);
});

test('the usage chunk that nobody asked for is hidden, between runs too', () => {
  const usage = frame({ id: 'c', model: 'm', choices: [], usage: { prompt_tokens: 1 } }, '\n');
  const plain = chat('m', '\n');
  const bytes = pass('chat', cut(usage + plain, []), true).bytes;
  expect(bytes).not.toContain('prompt_tokens');
  expect(bytes).toContain('[DONE]');
});

/** Characters that the tap gives an account of. */
function counted(format: FormatName, pieces: readonly Buffer[]): number {
  const tap = new StreamTap(FORMATS[format], context, 'alias', false);
  const meter = new Meter(() => 0);
  for (const { chunks, quiet } of [...pieces.map((piece) => tap.push(piece)), tap.end()]) {
    if (quiet !== undefined) meter.count(quiet);
    for (const chunk of chunks) meter.see(chunk);
  }
  return meter.outputChars;
}

/** What `counted` gives for a reader of every event. */
function read(format: FormatName, text: string): number {
  const decoder = FORMATS[format].decoder(context);
  const meter = new Meter(() => 0);
  const parser = new SseParser();
  for (const event of [...parser.push(text), ...parser.end()]) {
    for (const chunk of decoder.push(event)) meter.see(chunk);
  }
  return meter.outputChars;
}

describe('of events that are not read, the words are counted', () => {
  let number = 0;
  const event = (type: string, fields: object): string =>
    frame({ type, sequence_number: number++, ...fields }, '\n', type);
  const item = (output_index: number, kind: object, deltas: string, done: object): string =>
    [
      event('response.output_item.added', { output_index, item: { id: 'i', ...kind } }),
      ...['first', ' and', ' more', ' of it'].map((delta, i) =>
        event(deltas, { output_index, delta, logprobs: [], obfuscation: 'x'.repeat(9 - i) }),
      ),
      event(deltas.replace('delta', 'done'), { output_index, text: 'first and more of it' }),
      event('response.output_item.done', { output_index, item: { id: 'i', ...kind, ...done } }),
    ].join('');
  const text = 'first and more of it';
  const all = [
    event('response.created', { response: { id: 'r', model: 'm' } }),
    item(0, { type: 'reasoning' }, 'response.reasoning_summary_text.delta', {
      summary: [{ type: 'summary_text', text }],
    }),
    item(1, { type: 'message' }, 'response.output_text.delta', {
      content: [{ type: 'output_text', text }],
    }),
    item(
      2,
      { type: 'function_call', name: 'look', call_id: 'c' },
      'response.function_call_arguments.delta',
      { arguments: text },
    ),
    item(3, { type: 'message' }, 'response.output_text.delta', {
      content: [{ type: 'output_text', text }],
    }),
  ];

  test('once, also where the whole is said again', () => {
    const stream = all.join('');
    expect(counted('responses', cut(stream, []))).toBe(4 * text.length + 'look'.length);
    expect(read('responses', stream)).toBe(4 * text.length + 'look'.length);
  });

  test('once, also of calls that were announced together', () => {
    const input = '{"some":"words"}';
    const call = (output_index: number): object => ({
      output_index,
      item: { type: 'function_call', id: `${output_index}`, call_id: 'c', name: 'look' },
    });
    const deltas = (output_index: number): string =>
      [...input]
        .map((delta) => event('response.function_call_arguments.delta', { output_index, delta }))
        .join('');
    const done = (output_index: number): string =>
      event('response.output_item.done', {
        output_index,
        item: { type: 'function_call', call_id: 'c', name: 'look', arguments: input },
      });
    const stream = [
      event('response.created', { response: { id: 'r', model: 'm' } }),
      ...[0, 1].map((i) => event('response.output_item.added', call(i))),
      ...[0, 1].map(deltas),
      ...[0, 1].map(done),
    ].join('');
    expect(counted('responses', cut(stream, []))).toBe(
      2 * ('look'.length + input.replaceAll('"', '\\"').length),
    );
  });

  test('of an answer that breaks off', () => {
    const half = all.join('').split('" of it"')[0] ?? '';
    expect(counted('responses', cut(half, []))).toBe(14);
  });

  test('and nothing is left out of an item that has no deltas', () => {
    const done = event('response.output_item.done', {
      output_index: 4,
      item: { id: 'j', type: 'message', content: [{ type: 'output_text', text }] },
    });
    const stream = all.join('') + done;
    expect(counted('responses', cut(stream, []))).toBe(5 * text.length + 'look'.length);
  });

  test.each([
    ['responses', 'reasoning.reply.sse'],
    ['responses', 'shown-reasoning.sse'],
    ['responses', 'everything.sse'],
    ['responses', 'items-only.sse'],
    ['responses', 'calls.reply.sse'],
    ['messages', 'reasoning.reply.sse'],
    ['messages', 'calls.reply.sse'],
    ['messages', 'thinking-and-tools.sse'],
    ['chat', 'calls.reply.sse'],
  ] as const)('%s %s, as if all were read', (format, name) => {
    const stream = readFixture(`${format}/${name}`);
    const expected = read(format, stream);
    expect(expected).toBeGreaterThan(0);
    const pieces = cut(
      stream,
      Array.from({ length: 20 }, (_, i) => 1 + i * 150).filter((at) => at < stream.length),
    );
    // Escapes and letters beyond ASCII count as they are written.
    expect(counted(format, pieces) / expected).toBeWithin(0.99, 1.25);
  });
});
