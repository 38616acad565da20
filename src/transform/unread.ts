/**
 * A reply between two hooks: values, or for a hook that is not ours a `Response` with ordinary llms
 * text in its body. It remembers the values it stands for, so that nothing is parsed or serialised
 * when such a hook hands it on as it is.
 */
import type { HttpReply } from '../http/reply.ts';
import type { Source } from '../stream/source.ts';
import type { UnifiedChunk, UnifiedReply } from '../unified.ts';

export type Unread =
  | { kind: 'reply'; reply: UnifiedReply }
  | { kind: 'chunks'; chunks: Source<UnifiedChunk> };

const unread = new WeakMap<Response, Unread>();

/**
 * @param makeBody the same as text, for a foreign hook that reads it. From its first byte on the
 * values are used up: what such a hook hands on, a copy read or not, is then read as text.
 */
export function rememberUnread(
  value: Unread,
  init: ResponseInit,
  makeBody: () => ReadableStream<Uint8Array>,
): Response {
  const body = startedLate(makeBody, () => unread.delete(response));
  const response = new Response(body, init);
  unread.set(response, value);
  return response;
}

/** A stream that is made when somebody reads it. */
function startedLate(
  make: () => ReadableStream<Uint8Array>,
  onStart: () => void,
): ReadableStream<Uint8Array> {
  function start() {
    onStart();
    return make().getReader();
  }
  let reader: ReturnType<typeof start> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        reader ??= start();
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel(reason) {
        reader ??= start();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** The values behind a response of ours; undefined for any other. */
export function takeUnread(response: Response): Unread | undefined {
  const value = unread.get(response);
  unread.delete(response);
  return value;
}

/** True for a reply in server-sent events. */
export function isEventStream(response: Pick<HttpReply, 'headers'>): boolean {
  const type = response.headers.get('content-type');
  return type?.toLowerCase().startsWith('text/event-stream') ?? false;
}
