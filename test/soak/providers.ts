/** The providers of `soak.ts`: one server, a path for each format, everything that can go wrong. */
import { FORMAT_NAMES } from '../../src/unified.ts';
import { misbehave, randomOf } from '../support/chaos.ts';

const random = randomOf(Number(process.argv[2] ?? 1) + 1);
let asked = 0;
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  idleTimeout: 0,
  development: false,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/asked') return new Response(String(asked));
    const format = FORMAT_NAMES.find((name) => pathname.startsWith(`/${name}/`)) ?? 'chat';
    asked += 1;
    try {
      const body = await request.text();
      const isStream = pathname.includes('stream') || /"stream":\s*true/.test(body);
      const isSame = request.headers.has('idempotency-key');
      return await misbehave(random, format, isStream, request, isSame);
    } catch {
      // A provider that is gone: the connection is reset.
      return new Response(new ReadableStream({ pull: (body) => body.error(new Error('gone')) }));
    }
  },
});
process.stdout.write(`http://127.0.0.1:${server.port}\n`);
