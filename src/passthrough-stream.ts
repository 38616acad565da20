/** A same-format stream from the provider to the client: bytes, watched by a tap. */

import type { ProviderConfig } from './config/config.ts';
import { GatewayError } from './errors.ts';
import type { Format, ProviderContext, ReplyEncoder } from './formats/format.ts';
import type { HttpReply } from './http/reply.ts';
import { byteStream } from './stream/byte-stream.ts';
import type { Source } from './stream/source.ts';
import { StreamTap, type Tapped } from './stream-tap.ts';
import { faultError } from './transform/fault-error.ts';
import { hiderOf, withoutSecrets } from './transform/hide-secrets.ts';
import { brokenFault } from './transform/provider-reply.ts';
import type { UnifiedChunk } from './unified.ts';
import type { Watch } from './watch.ts';

/** The pieces of a provider's stream, with what each says. */
export function tappedSource(
  response: HttpReply,
  format: Format,
  context: ProviderContext,
  model: string,
  hideUsage: boolean,
): Source<Tapped> {
  const { body } = response;
  if (body === null) {
    throw new GatewayError('upstream_garbled', 'The provider answered with an empty body.', {
      provider: context.provider,
    });
  }
  const reader = body.getReader();
  const tap = new StreamTap(format, context, model, hideUsage);
  /** Set by the end of the answer: the connection is then not waited for much longer. */
  let lingering = false;
  let ended = false;
  const cancel = (): void => {
    ended = true;
    // The upstream may already be gone; that is what we wanted.
    reader.cancel().catch(() => undefined);
  };
  return {
    async read() {
      if (ended) return undefined;
      try {
        const piece = await (lingering ? withinLinger(reader.read()) : reader.read());
        if (piece === undefined) {
          cancel();
          return undefined;
        }
        if (piece.value !== undefined) {
          const tapped = tap.push(piece.value, reader.ownsPieces);
          if (tapped.chunks.some(isLast)) lingering = true;
          return [tapped];
        }
        ended = true;
        return lingering ? undefined : [tap.end()];
      } catch (cause) {
        if (lingering) cancel();
        if (ended) return undefined;
        cancel();
        const last = tap.end();
        // An answer that was complete before the connection broke is complete.
        if (last.chunks.some(isDone)) return [last];
        const said = last.chunks.filter((chunk) => chunk.type !== 'error');
        last.chunks = [...said, { type: 'error', error: brokenFault(cause) }];
        return [last];
      }
    },
    cancel,
  };
}

/**
 * The same of a stream that is all there already, as caches and gateways that gather send it.
 * @param bytes their memory may be given back
 * @returns its pieces; undefined for anything but one answer that ended well
 */
export function tappedWhole(
  bytes: Buffer,
  format: Format,
  context: ProviderContext,
  model: string,
  hideUsage: boolean,
): readonly Tapped[] | undefined {
  const tap = new StreamTap(format, context, model, hideUsage);
  const items = [tap.push(bytes, true)];
  const isEnded = (): boolean => items.some(({ chunks }) => chunks.some(isDone));
  if (!isEnded()) items.push(tap.end());
  return isEnded() ? items : undefined;
}

/**
 * What some providers send behind the end of an answer (a `[DONE]` of another format) belongs to their
 * bytes; a connection that they merely leave open is not waited for: agents act when it closes.
 */
const LINGER_MS = 100;

function withinLinger<T>(reading: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, LINGER_MS, undefined);
    reading.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function isLast(chunk: UnifiedChunk): boolean {
  return chunk.type === 'done' || chunk.type === 'error';
}

function isDone(chunk: UnifiedChunk): boolean {
  return chunk.type === 'done';
}

function isError(chunk: UnifiedChunk): boolean {
  return chunk.type === 'error';
}

function isStart(chunk: UnifiedChunk): boolean {
  return chunk.type === 'start';
}

export interface TappedStreamOptions {
  watch: Watch;
  /** Makes an encoder for what only Plexus says: signs of life, and the error of a broken stream. */
  encoder(): ReplyEncoder;
  keepAliveMs: number;
  provider: ProviderConfig;
  /** Gets the text in which the answer ends well; unset: nobody wants it. */
  onLast: ((ended: string) => void) | undefined;
}

/**
 * The client's stream: the bytes as they came; when the provider breaks off, the format's error.
 * @param held pieces that the watch has already seen
 */
export function tappedStream(
  held: readonly Tapped[],
  rest: Source<Tapped>,
  options: TappedStreamOptions,
): ReadableStream<Uint8Array> {
  const { watch } = options;
  const last: LastSaid = { start: undefined, item: undefined };
  return byteStream(
    {
      head: spell(held, options, last),
      async next() {
        watch.waiting();
        const items = await rest.read();
        if (items === undefined) return { bytes: [], last: true };
        for (const { chunks, quiet } of items) {
          if (quiet !== undefined) watch.sawQuiet(quiet);
          watch.saw(chunks);
        }
        return spell(items, options, last);
      },
      keepAlive: () => Buffer.from(options.encoder().keepAlive(), 'utf8'),
      cancel() {
        watch.end({ kind: 'cancelled' });
        rest.cancel();
      },
    },
    options.keepAliveMs,
  );
}

/** Pieces as the client gets them; `last` when they end in an error that the provider did not tell. */
function spell(
  items: readonly Tapped[],
  options: TappedStreamOptions,
  last: LastSaid,
): { bytes: Uint8Array[]; last: boolean } {
  const bytes: Uint8Array[] = [];
  let isBroken = false;
  for (const item of items) {
    const { chunks, isTold } = item;
    isBroken ||= !isTold && chunks.some(isError);
    if (item.length > 0) last.item = item;
    last.start ??= chunks.find(isStart);
    if (isTold) bytes.push(Buffer.from(hiderOf(options.provider)(item.text)));
    else bytes.push(...item.spell(), ...breakBytes(item, options, last));
    if (options.onLast && chunks.some(isDone)) {
      options.onLast(item.text);
    }
  }
  return { bytes, last: isBroken };
}

/** The format's terminal error after a piece that broke off; nothing when there is none to add. */
function breakBytes({ chunks }: Tapped, options: TappedStreamOptions, last: LastSaid): Buffer[] {
  const broken = chunks.find((chunk) => chunk.type === 'error');
  if (broken === undefined) return [];
  const encoder = options.encoder();
  // The encoder catches up with what the client was told; only its last words go out.
  if (last.start) encoder.push(last.start);
  const { name } = options.provider;
  const error = withoutSecrets(faultError(broken.error, name), hiderOf(options.provider));
  const text = encoder.fail(error);
  return [Buffer.from(last.start ? renumbered(text, last.item?.text ?? '') : text, 'utf8')];
}

const SEQUENCE = /"sequence_number":\s*(\d+)/g;

/** Events of the Responses format are counted: the last one goes on from what was forwarded. */
function renumbered(text: string, forwarded: string): string {
  const last = [...forwarded.matchAll(SEQUENCE)].at(-1)?.[1];
  if (last === undefined) return text;
  return text.replace(SEQUENCE, `"sequence_number":${Number(last) + 1}`);
}

/** What a client was told so far, as far as the error of a broken stream has to fit to it. */
interface LastSaid {
  start: UnifiedChunk | undefined;
  /** The last piece that was forwarded. */
  item: Tapped | undefined;
}
