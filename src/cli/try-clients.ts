/** A request of each client's kind, plain and streamed, through a whole gateway in this process. */
import { createGateway } from '../index.ts';
import { createLog } from '../log.ts';
import type { FormatName } from '../unified.ts';
import type { Finding } from './doctor.ts';

const ASK = 'Say hello.';
const BODIES: Readonly<Record<FormatName, (stream: boolean) => { path: string; body: object }>> = {
  chat: (stream) => ({
    path: '/v1/chat/completions',
    body: { model: 'demo', stream, messages: [{ role: 'user', content: ASK }] },
  }),
  messages: (stream) => ({
    path: '/v1/messages',
    body: { model: 'demo', stream, max_tokens: 100, messages: [{ role: 'user', content: ASK }] },
  }),
  responses: (stream) => ({ path: '/v1/responses', body: { model: 'demo', stream, input: ASK } }),
  gemini: (stream) => ({
    path: `/v1beta/models/demo:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: { contents: [{ role: 'user', parts: [{ text: ASK }] }] },
  }),
};

/** What the terminal event of each format's stream looks like. */
const ENDS: Readonly<Record<FormatName, RegExp>> = {
  chat: /data: \[DONE\]/,
  messages: /"type":"message_stop"/,
  responses: /"type":"response\.completed"/,
  gemini: /"finishReason":"STOP"/,
};

export async function tryClients(): Promise<Finding[]> {
  const gateway = await createGateway({
    config: { providers: { demo: { type: 'demo' } }, models: { demo: 'demo/echo' } },
    log: createLog({ level: 'silent', format: 'text' }),
  });
  const findings: Finding[] = [];
  for (const format of ['chat', 'messages', 'responses', 'gemini'] as const) {
    const plain = await tryOne(gateway.fetch, format, false);
    const streamed = plain ?? (await tryOne(gateway.fetch, format, true));
    findings.push(
      streamed === undefined
        ? { what: format, state: 'fine', says: 'answers, plain and streamed' }
        : { what: format, state: 'wrong', says: streamed },
    );
  }
  return findings;
}

/** @returns what went wrong */
async function tryOne(
  answer: (request: Request) => Promise<Response>,
  format: FormatName,
  stream: boolean,
): Promise<string | undefined> {
  const { path, body } = BODIES[format](stream);
  const request = new Request(`http://plexus.invalid${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const response = await answer(request);
  const text = await response.text();
  const how = stream ? 'a stream' : 'a plain request';
  if (response.status !== 200) return `${how} is answered with ${response.status}`;
  return stream && !ENDS[format].test(text) ? `${how} does not end as it must` : undefined;
}
