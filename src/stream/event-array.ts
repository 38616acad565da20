/**
 * A stream of events as one JSON array that grows: what Google's `streamGenerateContent` answers
 * when it is not asked for `alt=sse` (recorded as `[{…}\n,\r\n{…}\n]`, errors inside it too).
 */
import { SseParser } from './sse.ts';

const utf8 = new TextEncoder();

/**
 * A reply as such an array: its events, or its JSON body as the only element. Pull-driven; a reader
 * that leaves cancels the reply.
 */
export function eventArray(response: Response): Response {
  const { status, headers, body } = response;
  if (body === null) return response;
  const isStream = headers.get('content-type')?.startsWith('text/event-stream') ?? false;
  headers.set('content-type', 'application/json; charset=utf-8');
  return new Response(arrayOf(body, isStream ? eventTexts() : bodyText()), { status, headers });
}

/** Takes decoded text, gives what to write; `end` when nothing follows. */
interface Elements {
  push(text: string): string;
  end(): string;
}

function eventTexts(): Elements {
  const parser = new SseParser();
  let any = false;
  const write = (events: readonly { data: string }[]): string => {
    let text = '';
    for (const { data } of events) {
      text += any ? `,\r\n${data}\n` : `[${data}\n`;
      any = true;
    }
    return text;
  };
  return {
    // White space between elements keeps a silent connection alive, as a comment does in SSE.
    push: (text) => write(parser.push(text)) || (any ? '\n' : ''),
    end: () => `${write(parser.end())}${any ? ']' : '[]'}`,
  };
}

function bodyText(): Elements {
  let any = false;
  return {
    push(text) {
      const open = any ? '' : '[';
      any = true;
      return open + text;
    },
    end: () => (any ? ']' : '[]'),
  };
}

function arrayOf(body: ReadableStream<Uint8Array>, elements: Elements): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await reader.read();
          const text = done
            ? elements.push(decoder.decode()) + elements.end()
            : elements.push(decoder.decode(value, { stream: true }));
          if (text !== '') controller.enqueue(utf8.encode(text));
          if (done) controller.close();
          if (done || text !== '') return;
        }
      },
      async cancel(reason) {
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
