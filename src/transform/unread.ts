/**
 * A reply between two hooks. A `Response` that one of our hooks made remembers the values it stands
 * for, so that the next hook of ours takes those and nothing is parsed or serialised twice. A hook
 * that is not ours reads the body, and finds ordinary llms text there.
 */
import type { Source } from '../stream/source.ts';
import type { UnifiedChunk, UnifiedReply } from '../unified.ts';

export type Unread =
  | { kind: 'reply'; reply: UnifiedReply }
  | { kind: 'chunks'; chunks: Source<UnifiedChunk> };

const unread = new WeakMap<Response, Unread>();

/**
 * @param body the same as text, made only when a foreign hook may read it; must not start before it is read
 */
export function rememberUnread(
  value: Unread,
  init: ResponseInit,
  body: ReadableStream<Uint8Array> | null = null,
): Response {
  const response = new Response(body, init);
  unread.set(response, value);
  return response;
}

/** The values behind a response of ours; undefined for any other. */
export function takeUnread(response: Response): Unread | undefined {
  const value = unread.get(response);
  unread.delete(response);
  return value;
}

/** True for a reply in server-sent events. */
export function isEventStream(response: Response): boolean {
  const type = response.headers.get('content-type');
  return type?.toLowerCase().startsWith('text/event-stream') ?? false;
}
