/**
 * The floor: the smallest proxy that Bun allows, which forwards what it gets. What a gateway takes
 * beyond it is the gateway's own.
 *
 *     bun floor.ts <port> <upstream's port>
 */
const [, , port, upstreamPort] = process.argv;
const upstream = `http://127.0.0.1:${upstreamPort}`;

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(port),
  idleTimeout: 0,
  async fetch(request) {
    const { method, headers, url } = request;
    if (method === 'GET') return new Response('ok');
    const body = await request.arrayBuffer();
    const path = url.slice(url.indexOf('/', 'http://'.length));
    const reply = await fetch(upstream + path, { method, headers, body });
    const type = reply.headers.get('content-type') ?? 'application/json';
    return new Response(reply.body, { status: reply.status, headers: { 'content-type': type } });
  },
});
