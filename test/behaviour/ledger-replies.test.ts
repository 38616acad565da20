/**
 * Nothing of a reply is lost in silence: each text that a provider's reply holds reaches the client,
 * plain and streamed, or its path (or one above it) is reported.
 */
import { describe, expect, test } from 'bun:test';
import { replyChunks } from '../../src/assemble.ts';
import type { Envelope } from '../../src/formats/format.ts';
import { FORMATS } from '../../src/formats/index.ts';
import { isObject, type JsonObject, text as textOf } from '../../src/json.ts';
import { Ledger } from '../../src/ledger.ts';
import { ClientSide } from '../../src/transform/hook-context.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { REPLIES } from '../support/vocabulary/replies.ts';
import { Builder, bodyOf, leavesOf } from '../support/vocabulary/specimen.ts';

const SEEDS = 40;
/** An envelope of glass. */
const envelope: Envelope = {
  seal: ({ value }, text = '') => `sealed ${value} ${text}`,
  open: () => undefined,
  isSealed: () => false,
  attach: (id, { value }) => `${id} ${value}`,
  detach: (id) => ({ id }),
};

interface Seen {
  text: string;
  reported: string[];
}

function see(provider: FormatName, client: FormatName, body: JsonObject, stream: boolean): Seen {
  const ledger = new Ledger();
  const now = (): number => 1_750_000_000_000;
  const newId = (prefix: string): string => `${prefix}000000000000000000000000`;
  const side = new ClientSide({ model: 'm', body: {}, bytes: 1, ledger, envelope, newId, now });
  side.request = {
    model: 'm',
    messages: [],
    logprobs: true,
    reasoning: { enabled: true, summary: 'auto' },
  };
  const upstream = { provider: 'p', model: 'up', ledger, newId, now };
  const reply = FORMATS[provider].decodeReply(body, upstream);
  let text: string;
  if (stream) {
    const encoder = FORMATS[client].encoder(side);
    text = replyChunks(reply)
      .filter(({ type }) => type !== 'done')
      .map((chunk) => encoder.push(chunk))
      .join('');
    text += encoder.end();
  } else text = JSON.stringify(FORMATS[client].encodeReply(reply, side));
  const approximated = ledger.approximated.map((entry) => entry.replace(/ \(.*$/s, ''));
  return { text, reported: [...ledger.dropped, ...approximated] };
}

function isThere(mark: string, text: string): boolean {
  if (text.includes(mark)) return true;
  return /^[A-Za-z0-9+/=]{16,}$/.test(mark) && text.includes(atob(mark));
}

/** What an encoder may call the thing at a path: its own name of it, as it knows no paths. */
function namesOf(path: string, tree: object): string[] {
  const names: string[] = [];
  let value: unknown = bodyOf(tree);
  for (const key of path.split('.')) {
    value = Array.isArray(value) ? value[Number(key)] : isObject(value) ? value[key] : undefined;
    names.push(key);
    if (!isObject(value)) continue;
    for (const field of ['type', 'mimeType', 'output_format']) {
      const name = textOf(value[field]);
      if (name !== undefined) names.push(name, `image/${name}`);
    }
  }
  return names;
}

function isReported(path: string, names: readonly string[], { reported }: Seen): boolean {
  return reported.some(
    (each) =>
      path === each || path.startsWith(`${each}.`) || names.includes(each.slice('reply.'.length)),
  );
}

describe.each(FORMAT_NAMES)('a %s provider', (provider) => {
  test.each(FORMAT_NAMES)(
    'has its whole reply arrive at a %s client, or the loss is named',
    (client) => {
      const lost = new Map<string, string>();
      for (let seed = 0; seed <= SEEDS; seed += 1) {
        const tree = REPLIES[provider](new Builder(seed + 1, seed === 0));
        for (const stream of [false, true]) {
          const seen = see(provider, client, bodyOf(tree), stream);
          for (const { path, leaf } of leavesOf(tree)) {
            const full = `reply.${path}`;
            // A messages client cannot ask for log probabilities.
            if (client === 'messages' && path.includes('logprobs')) continue;
            if (leaf.mark === undefined || isThere(leaf.mark, seen.text)) continue;
            if (isReported(full, namesOf(path, tree), seen)) continue;
            const kind = path.replace(/\d+/g, 'N');
            if (!lost.has(kind)) {
              lost.set(
                kind,
                `${path} (seed ${seed + 1}, stream ${stream}; said: ${seen.reported.join(' ')})`,
              );
            }
          }
        }
      }
      expect([...lost.values()]).toEqual([]);
    },
  );
});
