/** Where items come from, one network piece after the other; with no idea of what they are. */

import { giveBack } from '../give-back.ts';
import type { HttpBody, HttpBodyReader } from '../http/reply.ts';
import { Deadline } from '../watch-timer.ts';
import type { SseEvent } from './sse.ts';
import { SseParser } from './sse.ts';
import type { Stage } from './stage.ts';

export interface Source<T> {
  /** What is there already, without a wait; asked once, before the first `read`. */
  ahead?(): readonly T[] | undefined;
  /** The items of the next piece (perhaps none of them is complete: then an empty list); undefined at the end. */
  read(): Promise<readonly T[] | undefined>;
  /** Nobody will read on: lets go of whatever is behind. Safe to call twice, and after the end. */
  cancel(): void;
}

/** What ended a stream that did not end by itself. */
interface Break {
  /** The error that the socket or the abort gave. */
  cause: unknown;
}

const MAX_UNHEARD_BYTES = 64 * 1024 * 1024;

/** A stage for events as one for their text. */
export function eventsInto<T>(stage: Stage<SseEvent, T>): Stage<string, T> {
  const parser = new SseParser();
  const run = (events: readonly SseEvent[]): T[] => {
    const out: T[] = [];
    for (const event of events) for (const item of stage.push(event)) out.push(item);
    return out;
  };
  return {
    push: (text) => run(parser.push(text)),
    end: () => [...run(parser.end()), ...(stage.end?.() ?? [])],
  };
}

/**
 * A body of server-sent events as items of a stage that takes their text.
 * @param onBreak what to give when the connection breaks; gets the items that the stage's `end` gave
 * @param isLast true for an item after which nothing is to be read, though the connection may stay open
 */
export function eventSource<T>(
  body: HttpBody,
  stage: Stage<string, T>,
  isLast: (item: T) => boolean,
  onBreak: (broken: Break, ending: readonly T[]) => readonly T[],
  lingerMs = LINGER_MS,
): Source<T> {
  const reader = body.getReader();
  const text = new TextDecoder();
  let ended = false;
  /** Bytes since the last item: nobody sends so many without one. */
  let unheard = 0;

  const cancel = (): void => {
    ended = true;
    // The upstream may already be gone; that is what we wanted.
    reader.cancel().catch(() => undefined);
  };
  /** Up to the last item. */
  const untilLast = (items: readonly T[]): readonly T[] => {
    const last = items.findIndex(isLast);
    if (last < 0) return items;
    ended = true;
    void letEnd(reader, lingerMs);
    return items.slice(0, last + 1);
  };
  const finish = (): readonly T[] => {
    const out = untilLast([...stage.push(text.decode()), ...(stage.end?.() ?? [])]);
    ended = true;
    return out;
  };

  return {
    async read() {
      if (ended) return undefined;
      let piece: Awaited<ReturnType<HttpBodyReader['read']>>;
      try {
        piece = await reader.read();
      } catch (cause) {
        if (ended) return undefined;
        return onBreak({ cause }, finish());
      }
      try {
        if (piece.value === undefined) return ended ? undefined : finish();
        const { length } = piece.value;
        const told = text.decode(piece.value, { stream: true });
        if (reader.ownsPieces) giveBack(piece.value);
        const items = untilLast(stage.push(told));
        unheard = items.length > 0 ? 0 : unheard + length;
        if (unheard > MAX_UNHEARD_BYTES) throw new Error('no events');
        return items;
      } catch (cause) {
        // The stage did not know what to make of what came.
        cancel();
        return onBreak({ cause }, []);
      }
    },
    cancel,
  };
}

/** A body may end so long after its last item, ms. */
const LINGER_MS = 2000;

/**
 * Reads a body to its end, of which nothing is wanted any more: a connection can serve the next request
 * only when its last one was read, and a new one costs a handshake. One that does not end is let go.
 */
async function letEnd(reader: HttpBodyReader, lingerMs: number): Promise<void> {
  const letGo = (): void => void reader.cancel().catch(() => undefined);
  const deadline = new Deadline(lingerMs, letGo);
  try {
    for (let unheard = 0; unheard < MAX_TRAILING_BYTES; ) {
      const { done, value } = await reader.read();
      if (done) return;
      unheard += value?.length ?? 0;
    }
    letGo();
  } catch {
    // It broke: it is gone as well.
  } finally {
    deadline.cancel();
  }
}
const MAX_TRAILING_BYTES = 64 * 1024;

/** A list that is already there. */
export function listSource<T>(items: readonly T[]): Source<T> {
  let rest: readonly T[] | undefined = items;
  return {
    async read() {
      const now = rest;
      rest = undefined;
      return now;
    },
    cancel() {
      rest = undefined;
    },
  };
}

/** First what was read ahead, then the rest. */
export function prepend<T>(held: readonly T[], rest: Source<T>): Source<T> {
  let first: readonly T[] | undefined = held;
  function ahead(): readonly T[] | undefined {
    const now = first;
    first = undefined;
    return now;
  }
  return {
    ahead,
    read() {
      const now = ahead();
      return now === undefined ? rest.read() : Promise.resolve(now);
    },
    cancel() {
      first = undefined;
      rest.cancel();
    },
  };
}

/** Items of a source run through a stage. */
export function through<A, B>(source: Source<A>, stage: Stage<A, B>): Source<B> {
  let ended = false;
  return {
    async read() {
      if (ended) return undefined;
      const items = await source.read();
      if (items === undefined) {
        ended = true;
        return stage.end?.() ?? [];
      }
      const out: B[] = [];
      for (const item of items) out.push(...stage.push(item));
      return out;
    },
    cancel() {
      ended = true;
      source.cancel();
    },
  };
}
