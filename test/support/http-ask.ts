/** The client of `src/http` as its tests use it. */
import { HttpClient } from '../../src/http/http-client.ts';
import type { HttpReply } from '../../src/http/reply.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { Stop } from '../../src/stop.ts';

/** Sends a request of which only what matters is told. @throws when the URL is not for the client */
export function ask(
  url: string,
  { client = new HttpClient(), ...more }: Partial<HttpRequest> & { client?: HttpClient } = {},
): Promise<HttpReply> {
  const sent = client.send({ url, headers: {}, body: '{}', stop: new Stop(), ...more });
  if (sent === undefined) throw new Error(`${url} is not for this client`);
  return sent;
}

/** The status and the whole body as text, a character a byte. */
export async function answerOf(sent: Promise<HttpReply>): Promise<[number, string]> {
  const reply = await sent;
  return [reply.status, Buffer.from(await reply.bytes()).toString('latin1')];
}

/** The body piece by piece, up to its end. @throws what broke it */
export async function piecesOf(reply: HttpReply): Promise<Buffer[]> {
  const reader = reply.body?.getReader();
  const pieces: Buffer[] = [];
  for (;;) {
    const value = (await reader?.read())?.value;
    if (value === undefined) return pieces;
    pieces.push(Buffer.from(value));
  }
}

/** The code of what a promise rejects with; undefined when it has none. @throws when it does not reject */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (cause) {
    return cause instanceof Error && 'code' in cause ? cause.code : undefined;
  }
  throw new Error('it did not reject');
}

/** A reply with a length. */
export function reply(body: string, ...headers: readonly string[]): string {
  const lines = ['HTTP/1.1 200 OK', ...headers, `content-length: ${body.length}`];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

export const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
export const UNTIL_CLOSE = 'HTTP/1.1 200 OK\r\n\r\n';
