/**
 * Recorded answers of real providers, asked for by a client of each format: what the usage record
 * and the client's reply count is what the provider counted.
 */
import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import type { UsageRecord } from '../../src/usage/record.ts';
import { jsonReply, oneProvider, streamReply, testGateway } from '../support/gateway.ts';
import { pathOf, requestOf } from '../support/matrix.ts';
import { type Counts, recordedUsage, tellable } from '../support/recorded-usage.ts';
import { RECORDINGS } from '../support/recordings.ts';

const isHere = existsSync(RECORDINGS);
if (!isHere) console.warn('skipped: no recorded usage is here');

interface Recording {
  readonly name: string;
  readonly isStream: boolean;
  readonly status: number;
  readonly text: string;
}

function recordingsOf(format: FormatName): Recording[] {
  return readdirSync(join(RECORDINGS, format)).map((folder) => {
    const dir = join(RECORDINGS, format, folder);
    const isStream = existsSync(join(dir, 'response.sse'));
    const { status } = JSON.parse(readFileSync(join(dir, 'meta.json'), 'utf8'));
    const text = readFileSync(join(dir, `response.${isStream ? 'sse' : 'json'}`), 'utf8');
    return { name: `${format}/${folder}`, isStream, status, text };
  });
}

const NO_CACHE = { cached: 0, cacheWrite: 0, reasoning: 0 };

/** Answers whose counts do not mean what the format's documentation says, and what they mean. */
const MEANT: Readonly<Record<string, Counts>> = {
  // xAI: `completion_tokens` exclude reasoning; `total_tokens` (556, 674) are the sum of all three.
  'chat/xai-grok-code-fast-tool-1-stream': {
    input: 58,
    output: 12 + 38,
    cached: 448,
    cacheWrite: 0,
    reasoning: 38,
  },
  'chat/xai-grok-3-mini-thinking-1': {
    input: 48,
    output: 11 + 332,
    cached: 283,
    cacheWrite: 0,
    reasoning: 332,
  },
  // Azure's Grok: `prompt_tokens` (29) exclude the 157 that were cached.
  'chat/azure-chat-with-params-azure-grok-4-1-fast-non-reasoning-supports-resp': {
    ...NO_CACHE,
    input: 29,
    output: 6,
    cached: 157,
  },
};

/** Answers whose counts are not there to be read, each with the reason. */
const UNREADABLE: Readonly<Record<string, string>> = {
  'messages/anthropic-programmatic-tool-calling-1-1-stream':
    'trimmed: only message_start has counts, all 0; what came is estimated and marked partial',
  'gemini/google-generate-content-with-file-uri-image-true-stream':
    'the input is not counted, so that nothing of it counts as measured',
  'gemini/google-prompt': 'a list, as streamGenerateContent answers without alt=sse',
  'gemini/google-prompt-with-pydantic-schema': 'the same',
};

/** A stream that fails ends in an error, which has no place for counts in these formats. */
const NOT_SHOWN: Readonly<Record<string, readonly FormatName[]>> = {
  'chat/openrouter-error-stream': ['messages', 'gemini'],
};

function countsOf({ usage }: UsageRecord): Counts | undefined {
  if (usage === null) return undefined;
  const { total: _, ...counts } = usage;
  return counts;
}

describe.skipIf(!isHere).each(FORMAT_NAMES)('recorded usage of %s', (format) => {
  const recordings = isHere ? recordingsOf(format) : [];

  test.each(FORMAT_NAMES)('is what a %s client and its record are told', async (client) => {
    let played: Recording | undefined;
    const gateway = await testGateway(
      {
        ...oneProvider(format),
        resilience: { retries: { max: 0 }, cooldown: { enabled: false } },
      },
      () => {
        const { isStream, text, status } = played ?? { isStream: false, text: '', status: 500 };
        return isStream ? streamReply([text]) : jsonReply(text, status);
      },
    );
    const wrong: object[] = [];
    let compared = 0;
    for (const recording of recordings) {
      const { name, isStream, text } = recording;
      if (name in UNREADABLE) continue;
      played = recording;
      const request = requestOf(client, 'text', isStream);
      const reply = await (await gateway.post(pathOf(client, isStream), request)).text();
      const record = gateway.records.at(-1);
      const said = recordedUsage(format, text);
      const source = record?.usageSource;
      if (said === undefined) {
        const shown = recordedUsage(client, reply);
        // Counts that nobody gave are not invented; only Anthropic's answers cannot do without.
        const isInvented = shown !== undefined && client !== 'messages';
        if (source === 'measured' || isInvented) wrong.push({ name, source, shown });
        continue;
      }
      compared += 1;
      const meant = MEANT[name] ?? said;
      const counted = record && countsOf(record);
      if (source !== 'measured' || !Bun.deepEquals(counted, meant)) {
        wrong.push({ name, meant, counted, source });
      }
      // Between two sides of one format the provider's own words pass.
      const due = client === format ? said : tellable(client, meant);
      const shown = recordedUsage(client, reply);
      if (NOT_SHOWN[name]?.includes(client) !== true && !Bun.deepEquals(shown, due)) {
        wrong.push({ name, due, shown });
      }
    }
    expect(wrong).toEqual([]);
    expect(gateway.records).toHaveLength(
      recordings.filter(({ name }) => !(name in UNREADABLE)).length,
    );
    expect(compared).toBeGreaterThan(70);
  });

  test('is odd where the lists above say so', () => {
    const all = [MEANT, UNREADABLE, NOT_SHOWN].flatMap(Object.keys);
    const own = all.filter((name) => name.startsWith(`${format}/`));
    expect(recordings.map(({ name }) => name)).toEqual(expect.arrayContaining(own));
    const listed = Object.entries(MEANT).filter(([name]) => name.startsWith(`${format}/`));
    for (const [name, meant] of listed) {
      const text = recordings.find((recording) => recording.name === name)?.text ?? '';
      expect(recordedUsage(format, text)).toBeDefined();
      expect(recordedUsage(format, text)).not.toEqual(meant);
    }
  });
});
