/** Runs of deltas that are read at once: the same chunks and the same events as one by one. */
import { describe, expect, test } from 'bun:test';
import { GatewayError } from '../../src/errors.ts';
import { FORMATS } from '../../src/formats/index.ts';

import { eventsInto, listSource } from '../../src/stream/source.ts';
import { runStage } from '../../src/stream/stage.ts';
import { clientStream } from '../../src/transform/client-stream.ts';
import { SkimmingReader } from '../../src/transform/skim.ts';
import type { FormatName, UnifiedChunk } from '../../src/unified.ts';
import { client, provider } from '../formats/sides.ts';
import { randomFrom } from './random.ts';

const WORDS = [
  ...['plain', ' words', ', ü – 漢字 🙂', '$& $1 $$', 'a "quote"', 'plain', 'end \\', 'one\ntwo'],
  ...['', 'plain', ' words', 'data: x', '{"content":', 'plain', 'and', 'so', 'on', '\u0001'],
];

function frame(value: unknown, line: string, event?: string): string {
  const name = event === undefined ? '' : `event: ${event}${line}`;
  return `${name}data: ${JSON.stringify(value)}${line}${line}`;
}

function chat(line: string): string {
  const event = (delta: object, more: object = {}): string =>
    frame({ id: 'c', model: 'm', choices: [{ index: 0, delta, ...more }] }, line);
  const said = WORDS.map((content) => event({ content })).join('');
  return [
    event({ role: 'assistant', content: '' }),
    WORDS.map((reasoning_content) => event({ reasoning_content })).join(''),
    said,
    `: comment${line}${line}`,
    said,
    event({ content: 'probable' }, { logprobs: { content: [{ token: 'probable' }] } }),
    said,
    event({ tool_calls: [{ index: 0, id: 'x', function: { name: 'f', arguments: '{}' } }] }),
    event({}, { finish_reason: 'tool_calls' }),
    `data: [DONE]${line}${line}`,
  ].join('');
}

function messages(line: string): string {
  const event = (type: string, fields: object): string => frame({ type, ...fields }, line, type);
  const delta = (index: number): string =>
    WORDS.map((text) =>
      event('content_block_delta', { index, delta: { type: 'text_delta', text } }),
    ).join('');
  return [
    event('message_start', { message: { id: 'x', model: 'm', usage: { input_tokens: 3 } } }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    delta(0),
    event('ping', {}),
    delta(0),
    event('content_block_stop', { index: 0 }),
    event('content_block_start', { index: 1, content_block: { type: 'text', text: '' } }),
    delta(1),
    event('content_block_stop', { index: 1 }),
    event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 5 } }),
    event('message_stop', {}),
  ].join('');
}

/** Chunks with each piece as one of its own. */
function apart(chunks: readonly UnifiedChunk[]): UnifiedChunk[] {
  return chunks.flatMap((chunk): UnifiedChunk[] => {
    if (chunk.type !== 'text' || chunk.pieces === undefined) return [chunk];
    expect(chunk.pieces.join('')).toBe(chunk.text);
    return chunk.pieces.map((text) => ({ type: 'text', text }));
  });
}

function skim(format: FormatName, pieces: readonly string[]): UnifiedChunk[] {
  return runStage(new SkimmingReader(FORMATS[format].decoder(provider())), pieces);
}

const CASES: [string, FormatName, string][] = [
  ['chat', 'chat', chat('\n')],
  ['chat with CRLF', 'chat', chat('\r\n')],
  ['chat with CR', 'chat', chat('\r')],
  ['messages', 'messages', messages('\n')],
  ['messages with CRLF', 'messages', messages('\r\n')],
  ['messages with CR', 'messages', messages('\r')],
];

describe.each(CASES)('%s', (_, format, stream) => {
  const expected = runStage(eventsInto(FORMATS[format].decoder(provider())), [stream]);

  test('deltas that come together are one chunk, and say the same', () => {
    const chunks = skim(format, [stream]);
    expect(apart(chunks)).toEqual(expected);
    expect(chunks.some((chunk) => chunk.type === 'text' && chunk.pieces)).toBe(true);
  });

  test('cut in two at any character', () => {
    for (let at = 1; at < stream.length; at += 1) {
      const chunks = apart(skim(format, [stream.slice(0, at), stream.slice(at)]));
      if (!Bun.deepEquals(chunks, expected))
        expect({ at, chunks }).toEqual({ at, chunks: expected });
    }
  });

  test('cut anywhere', () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const { below } = randomFrom(seed);
      const cuts = Array.from({ length: 1 + below(30) }, () => below(stream.length));
      const at = [0, ...cuts.sort((a, b) => a - b), stream.length];
      const pieces = at.slice(1).map((end, i) => stream.slice(at[i], end));
      expect(apart(skim(format, pieces))).toEqual(expected);
    }
    expect(apart(skim(format, [...stream]))).toEqual(expected);
  });
});

test('an event that is no JSON is not taken for one that is like the others', () => {
  const event = frame({ id: 'c', choices: [{ index: 0, delta: { content: 'words' } }] }, '\n');
  const stream = event.repeat(3) + event.replace('words', 'wo\trds') + event;
  expect(apart(skim('chat', [stream]))).toEqual(
    runStage(eventsInto(FORMATS.chat.decoder(provider())), [stream]),
  );
});

describe.each(['chat', 'messages', 'responses', 'gemini'] as const)('%s clients', (format) => {
  test.each(CASES)('get the same events: %s', async (_, from, stream) => {
    const chunks = skim(from, [stream]);
    const encode = (said: readonly UnifiedChunk[]): Promise<string> => {
      const toError = () => new GatewayError('internal', 'broken');
      const encoder = FORMATS[format].encoder(client());
      return new Response(
        clientStream(listSource(said), encoder, { keepAliveMs: 0, toError }),
      ).text();
    };
    expect(await encode(chunks)).toBe(await encode(apart(chunks)));
  });
});
