import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { estimateTokens } from '../../src/count-tokens/estimate-request.ts';
import { estimateText } from '../../src/count-tokens/estimate-text.ts';
import { imageSize, imageTokens } from '../../src/count-tokens/media-tokens.ts';
import { FORMATS } from '../../src/formats/index.ts';
import { array, isObject, type JsonObject, object, parseJson } from '../../src/json.ts';
import { Ledger } from '../../src/ledger.ts';
import { SseParser } from '../../src/stream/sse.ts';
import { runStage } from '../../src/stream/stage.ts';
import { createEnvelope } from '../../src/transform/envelope.ts';
import { ClientSide } from '../../src/transform/hook-context.ts';
import { FORMAT_NAMES, type FormatName, totalInput, type Usage } from '../../src/unified.ts';
import { RECORDINGS } from '../support/recordings.ts';

describe('text', () => {
  /** Counts that tiktoken's o200k_base is known to give. */
  test.each([
    ['', 0],
    ['Hello', 1],
    ['The quick brown fox jumps over the lazy dog.', 10],
    ['1234567890', 4],
    ['{"a": [1, 2, 3]}', 13],
    ['東京は日本の首都です。', 8],
  ])('%j is about %d tokens', (text, tokens) => {
    expect(Math.abs(estimateText(text) - tokens)).toBeLessThanOrEqual(Math.max(1, tokens * 0.35));
  });

  test('white space costs little, however much there is', () => {
    expect(estimateText(`a${' '.repeat(1000)}b`)).toBeLessThan(5);
  });
});

describe('pictures', () => {
  test('by the rule of each provider', () => {
    expect(imageTokens({ width: 1000, height: 1000 }, 'messages')).toBe(1334);
    expect(imageTokens({ width: 4000, height: 4000 }, 'messages')).toBeLessThanOrEqual(1640);
    expect(imageTokens({ width: 300, height: 300 }, 'gemini')).toBe(258);
    expect(imageTokens({ width: 1024, height: 1024 }, 'chat')).toBe(765);
    expect(imageTokens({ width: 1024, height: 1024 }, 'chat', true)).toBe(85);
  });

  test('their size is read out of their head', () => {
    const png = Buffer.alloc(40);
    png.writeUInt32BE(0x89504e47, 0);
    png.writeUInt32BE(640, 16);
    png.writeUInt32BE(480, 20);
    expect(imageSize(png.toString('base64'))).toEqual({ width: 640, height: 480 });
    const jpeg = Buffer.from('ffd8ffe000040000ffc0001108012c019003', 'hex');
    const padded = Buffer.concat([jpeg, Buffer.alloc(30)]);
    expect(imageSize(padded.toString('base64'))).toEqual({ width: 400, height: 300 });
    expect(imageSize(btoa('no picture at all, only some text'))).toBeUndefined();
    expect(imageSize('')).toBeUndefined();
  });
});

test('never 0', () => {
  for (const format of FORMAT_NAMES) {
    expect(estimateTokens({ model: 'm', messages: [] }, format)).toBeGreaterThan(0);
  }
});

// ------------------------------------------------------------------------------ against recordings

/** What a provider's own tools add cannot be seen in a request. */
const HOSTED =
  /server-tool|web-|code-execution|file-search|mcp|grounding|client-builtin|previous-response|container|tool-search/;

function reported(format: FormatName, dir: string): Usage | undefined {
  const context = { provider: 'p', model: 'm', ledger: new Ledger(), newId: String, now: () => 0 };
  const sse = join(dir, 'response.sse');
  if (!existsSync(sse)) {
    const reply = object(parseJson(readFileSync(join(dir, 'response.json'), 'utf8')));
    return reply && FORMATS[format].decodeReply(reply, context).usage;
  }
  const decoder = FORMATS[format].decoder(context);
  const chunks = runStage(decoder, runStage(new SseParser(), [readFileSync(sse, 'utf8')]));
  return chunks.flatMap((chunk) => ('usage' in chunk && chunk.usage ? [chunk.usage] : [])).at(-1);
}

function readJson(path: string): JsonObject {
  return object(parseJson(readFileSync(path, 'utf8'))) ?? {};
}

/** Absolute errors as parts of what was reported, in order. */
function errors(format: FormatName): number[] {
  const found: number[] = [];
  for (const name of readdirSync(join(RECORDINGS, format))) {
    const dir = join(RECORDINGS, format, name);
    const meta = readJson(join(dir, 'meta.json'));
    const isOdd = meta['odd'] === true || Number(meta['status']) >= 400;
    if (isOdd || array(meta['features']).some((each) => HOSTED.test(String(each)))) continue;
    if (!existsSync(join(dir, 'request.json'))) continue;
    const usage = reported(format, dir);
    const total = usage === undefined ? 0 : totalInput(usage);
    const body = readJson(join(dir, 'request.json'));
    if (total <= 0 || !isObject(body)) continue;
    const ledger = new Ledger();
    const envelope = createEnvelope('x');
    const side = { model: 'm', body, bytes: 0, ledger, envelope, newId: String, now: () => 0 };
    // Where the model is in the URL the body has none.
    const request = FORMATS[format].decodeRequest({ model: 'm', ...body }, new ClientSide(side));
    found.push(Math.abs(estimateTokens(request, format) - total) / total);
  }
  return found.sort((a, b) => a - b);
}

describe.skipIf(!existsSync(RECORDINGS))('against recorded usage', () => {
  /** Median and 90th percentile that must not be exceeded; the source says what they are. */
  test.each([
    ['messages', 0.1, 0.45],
    ['responses', 0.16, 1.35],
    ['gemini', 0.11, 0.85],
    ['chat', 0.45, 1.05],
  ] as const)('%s: median and p90', (format, median, p90) => {
    const all = errors(format);
    expect(all.length).toBeGreaterThan(40);
    expect(all[Math.floor(all.length * 0.5)]).toBeLessThan(median);
    expect(all[Math.floor(all.length * 0.9)]).toBeLessThan(p90);
  });
});
