/** Bodies of providers that do what a list of pieces cannot. */

/** A stream that falls silent, and breaks when its request is given up, as `fetch` does. */
export function silentStream(text: string, signal: AbortSignal): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      signal.addEventListener('abort', () => controller.error(signal.reason));
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}
