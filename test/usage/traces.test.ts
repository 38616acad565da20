import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import fs from 'node:fs';
import path from 'node:path';
import type { TraceSink } from '../../src/usage/trace.ts';
import { createTraces, readTrace, type TracesOptions } from '../../src/usage/traces.ts';
import { type LogDir, logDir } from './support/log-dir.ts';
import { recordOf } from './support/record.ts';

const DAY = '2025-01-02';
let log: LogDir;
beforeEach(() => {
  log = logDir();
});
afterEach(() => log.remove());

function tracesOf(mode: 'off' | 'on' | 'errors', more: Partial<TracesOptions> = {}) {
  const index: object[] = [];
  const problems: string[] = [];
  const traces = createTraces({
    dir: log.dir,
    settings: () => ({ mode, maxBytes: 1000 }),
    secrets: () => ['sk-very-secret', 'with"quote'],
    index: (line) => index.push(line),
    onProblem: (message) => problems.push(message),
    settleMs: 10,
    ...more,
  });
  return { traces, index, problems };
}

const request = () =>
  new Request('http://localhost/v1beta/models/x:generateContent?key=abc&alt=sse', {
    method: 'POST',
    headers: { authorization: 'Bearer abc', 'x-goog-api-key': 'abc', 'user-agent': 'test' },
  });

function streamOf(...pieces: string[]): Response {
  async function* give() {
    for (const piece of pieces) yield Buffer.from(piece);
  }
  return new Response(give(), { status: 200, headers: { 'content-type': 'text/plain' } });
}

/** A whole request: two attempts, the second answers. */
async function play(sink: TraceSink): Promise<string> {
  sink.clientRequest(request(), '{"model":"fast","note":"sk-very-secret"}');
  sink.providerRequest('https://acme.test/v1?api_key=xyz', { 'x-api-key': 'k', a: '1' }, 'first');
  await sink.providerReply(new Response('no', { status: 500 })).bytes();
  sink.providerRequest('https://user:pass@other.test/v1', {}, Buffer.from('second'));
  const reply = sink.providerReply(streamOf('piece ', 'by ', 'piece'));
  return sink.clientReply(new Response(await reply.bytes(), { status: 200 })).text();
}

const read = () => readTrace(log.dir, `${DAY}T12:00:00.000Z`, 'req_1');

describe('a trace', () => {
  test('holds the bodies of client and providers, each attempt apart', async () => {
    const { traces, index } = tracesOf('on');
    const sink = traces.open('req_1');
    if (sink === undefined) throw new Error('no sink');
    expect(traces.of('req_1')).toBe(sink);
    expect(traces.of('req_2')).toBeUndefined();
    expect(await play(sink)).toBe('piece by piece');
    traces.close(recordOf());
    await traces.drain();
    expect(await read()).toMatchObject({
      id: 'req_1',
      clientRequest: { method: 'POST', body: '{"model":"fast","note":"***"}' },
      attempts: [
        { providerRequest: { body: 'first' }, providerReply: { status: 500, body: 'no' } },
        { providerRequest: { body: 'second' }, providerReply: { body: 'piece by piece' } },
      ],
      clientReply: { status: 200, body: 'piece by piece' },
    });
    expect(index).toMatchObject([{ id: 'req_1', provider: 'acme', outcome: 'success' }]);
  });

  test('shows no key, wherever it stands', async () => {
    const { traces } = tracesOf('on');
    const sink = traces.open('req_1');
    if (sink) await play(sink);
    sink?.providerRequest('https://x.test', {}, JSON.stringify({ a: 'with"quote' }));
    traces.close(recordOf());
    await traces.drain();
    const text = fs.readFileSync(path.join(log.dir, DAY, 'req_1.json'), 'utf8');
    for (const secret of ['abc', 'xyz', 'pass@', 'sk-very-secret', 'quote']) {
      expect(text).not.toContain(secret);
    }
    expect(await read()).toMatchObject({
      clientRequest: { headers: { authorization: '***', 'user-agent': 'test' } },
      attempts: [{ providerRequest: { headers: { 'x-api-key': '***', a: '1' } } }, {}, {}],
    });
    expect(text).toContain('?key=***&alt=sse');
  });

  test('keeps no more of a body than the bound, and says what is missing', async () => {
    const { traces } = tracesOf('on', { settings: () => ({ mode: 'on', maxBytes: 4 }) });
    const sink = traces.open('req_1');
    sink?.clientRequest(request(), 'ü3456789');
    const reply = sink?.clientReply(streamOf('123', '456'));
    expect(await reply?.text()).toBe('123456');
    traces.close(recordOf());
    await traces.drain();
    expect(await read()).toMatchObject({
      clientRequest: { body: 'ü34', cut: { bytes: 5, of: 9 } },
      clientReply: { body: '1234', cut: { bytes: 2, of: 6 } },
    });
  });

  test('is not begun when traces are off', () => {
    expect(tracesOf('off').traces.open('req_1')).toBeUndefined();
  });

  test('of a success is dropped when only errors count', async () => {
    const { traces, index } = tracesOf('errors');
    const sink = traces.open('req_1');
    if (sink) await play(sink);
    traces.close(recordOf());
    const other = traces.open('req_2');
    other?.clientRequest(request(), 'x');
    traces.close(recordOf({ id: 'req_2', outcome: 'error', status: 400 }));
    // The error's reply is handed over after its record is closed.
    await other?.clientReply(new Response('refused', { status: 400 })).text();
    await traces.drain();
    expect(fs.readdirSync(path.join(log.dir, DAY))).toEqual(['req_2.json']);
    expect(index).toHaveLength(1);
    expect(await readTrace(log.dir, `${DAY}T`, 'req_2')).toMatchObject({
      clientReply: { status: 400, body: 'refused' },
    });
  });

  test('is written although its reply is never read to the end', async () => {
    const { traces } = tracesOf('on');
    const sink = traces.open('req_1');
    sink?.clientRequest(request(), 'x');
    sink?.clientReply(streamOf('never', 'read'));
    traces.close(recordOf({ outcome: 'cancelled', status: 499 }));
    for (let tries = 0; tries < 100 && (await read()) === undefined; tries += 1) await Bun.sleep(5);
    expect(await read()).toMatchObject({ clientRequest: { body: 'x' } });
  });

  test('passes a cancel on to its source', async () => {
    let cancelled = false;
    const source = new ReadableStream({
      cancel() {
        cancelled = true;
      },
    });
    const sink = tracesOf('on').traces.open('req_1');
    await sink?.clientReply(new Response(source)).body?.cancel();
    expect(cancelled).toBe(true);
  });

  test('keeps nothing more when all together hold too much, and gives back what it held', async () => {
    const { traces } = tracesOf('on', { maxHeldBytes: 10 });
    traces.open('req_1')?.clientRequest(request(), '12345678');
    const second = traces.open('req_2');
    second?.clientRequest(request(), '12345678');
    traces.close(recordOf({ id: 'req_2' }));
    await traces.drain();
    expect(await readTrace(log.dir, `${DAY}T`, 'req_2')).toMatchObject({
      clientRequest: { body: '', cut: { bytes: 8, of: 8 } },
    });
    traces.close(recordOf());
    await traces.drain();
    traces.open('req_3')?.clientRequest(request(), '12345678');
    traces.close(recordOf({ id: 'req_3' }));
    await traces.drain();
    expect(await readTrace(log.dir, `${DAY}T`, 'req_3')).toMatchObject({
      clientRequest: { body: '12345678' },
    });
  });

  test('that cannot be written is told once', async () => {
    const file = path.join(log.dir, 'a-file');
    fs.writeFileSync(file, '');
    const { traces, problems } = tracesOf('on', { dir: file });
    for (const id of ['req_1', 'req_2']) {
      traces.open(id)?.clientRequest(request(), 'x');
      traces.close(recordOf({ id }));
    }
    await traces.drain();
    expect(problems).toHaveLength(1);
  });

  test('is read only by an id', async () => {
    expect(await readTrace(log.dir, `${DAY}T`, '../../etc/passwd')).toBeUndefined();
    expect(await readTrace(log.dir, '../..', 'req_1')).toBeUndefined();
  });
});
