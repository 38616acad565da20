/**
 * However the network cuts a provider's stream, the client gets the same events: cut once at every
 * byte, in pieces of seven bytes, byte by byte; also with CRLF, with comments, without a last blank
 * line. For every pair of formats, in which each decoder and each encoder takes part four times.
 */
import { describe, expect, test } from 'bun:test';
import { createLog } from '../../src/log.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { oneProvider, type TestGateway, testGateway } from '../support/gateway.ts';
import { pathOf, readFixture, requestOf } from '../support/matrix.ts';

const pairs = FORMAT_NAMES.flatMap((client) =>
  FORMAT_NAMES.map((provider): [FormatName, FormatName] => [client, provider]),
);

/** A stream in these pieces, each in a network read of its own. */
function pieces(bytes: readonly Uint8Array[]): Response {
  let next = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = bytes[next];
        next += 1;
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

function sliced(bytes: Uint8Array, size: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; from += size) out.push(bytes.slice(from, from + size));
  return out;
}

/** A gateway whose ids do not count up, so that two runs can be compared as text. */
class Cutter {
  readonly #client: FormatName;
  readonly #gateway: Promise<TestGateway>;
  #next: readonly Uint8Array[] = [];

  constructor(client: FormatName, provider: FormatName) {
    this.#client = client;
    this.#gateway = testGateway(oneProvider(provider), () => pieces(this.#next), {
      newId: (prefix) => prefix + '0'.repeat(24),
      log: createLog({ level: 'silent', format: 'json', write: () => undefined }),
    });
  }

  async run(bytes: readonly Uint8Array[]): Promise<string> {
    this.#next = bytes;
    const { post } = await this.#gateway;
    const asked = requestOf(this.#client, 'text', true);
    return (await post(pathOf(this.#client, true), asked)).text();
  }
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Events that a terse server leaves out; without them each byte is cut for half the time. */
const SPARED: Readonly<Record<FormatName, RegExp>> = {
  chat: /"content":""|"choices":\[\]/,
  messages: /event: ping/,
  responses: /in_progress"|\.done\n|part\.added/,
  gemini: /$^/,
};

/** A small stream that holds text of several bytes a character. */
function tiny(provider: FormatName): string {
  const events = readFixture(`${provider}/text.reply.sse`).split('\n\n').filter(Boolean);
  return `${events.filter((event) => !SPARED[provider].test(event)).join('\n\n')}\n\n`;
}

describe.each(pairs)('%s client, %s provider', (client, provider) => {
  test('a stream cut at every byte gives the same events', async () => {
    const cutter = new Cutter(client, provider);
    const bytes = encode(tiny(provider));
    const whole = await cutter.run([bytes]);
    expect(whole).toContain('東京');
    for (let at = 1; at < bytes.length; at += 1) {
      const cut = await cutter.run([bytes.slice(0, at), bytes.slice(at)]);
      if (cut !== whole) expect(`cut at ${at}: ${cut}`).toBe(whole);
    }
  });

  test.each(['calls', 'reasoning', 'usage', 'refusal', 'error'])(
    'pieces of seven bytes and of one: %s',
    async (name) => {
      const cutter = new Cutter(client, provider);
      const bytes = encode(readFixture(`${provider}/${name}.reply.sse`));
      const whole = await cutter.run([bytes]);
      expect(await cutter.run(sliced(bytes, 7))).toBe(whole);
      expect(await cutter.run(sliced(bytes, 1))).toBe(whole);
    },
  );

  test('CRLF, comments, `data:` without a space and a missing last blank line', async () => {
    const cutter = new Cutter(client, provider);
    const text = readFixture(`${provider}/calls.reply.sse`);
    const whole = await cutter.run([encode(text)]);
    if (client === provider) return;
    const variants = [
      text.replaceAll('\n', '\r\n'),
      `\ufeff: hello\n\n${text.replaceAll('\n\n', '\n\n: ping\n\n')}`,
      text.replaceAll('data: ', 'data:'),
      text.trimEnd(),
    ];
    for (const variant of variants) {
      expect(await cutter.run(sliced(encode(variant), 7))).toBe(whole);
    }
  });
});
