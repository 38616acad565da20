import { describe, expect, test } from 'bun:test';
import { requireAdmin } from '../../src/manage/admin.ts';

function visit(headers: Record<string, string>, ip: string | null, adminKey?: string): () => void {
  const auth = { isAdmin: (key: string | undefined) => key !== undefined && key === adminKey };
  const request = new Request('http://localhost/v0/state', { headers });
  return () => requireAdmin(request, { config: { adminKey }, auth, ip });
}

describe('with an admin key', () => {
  test.each([[{ authorization: 'Bearer adm' }], [{ 'x-api-key': 'adm' }]])(
    '%p may manage from anywhere',
    (headers) => {
      expect(visit(headers, '10.1.2.3', 'adm')).not.toThrow();
    },
  );

  test.each([[{}], [{ authorization: 'Bearer other' }], [{ 'x-api-key': '' }]])(
    '%p may not, not even from this machine',
    (headers) => {
      expect(visit(headers, '127.0.0.1', 'adm')).toThrow('admin key');
    },
  );
});

describe('without an admin key', () => {
  test.each(['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1', null])('%p may manage', (ip) => {
    expect(visit({}, ip)).not.toThrow();
    expect(visit({ host: 'localhost:4000' }, ip)).not.toThrow();
    expect(visit({ host: '[::1]:4000', origin: 'http://127.0.0.1:5173' }, ip)).not.toThrow();
  });

  test.each(['10.0.0.1', '::2', '128.0.0.1', '1127.0.0.1', ''])('%p may not', (ip) => {
    expect(visit({}, ip)).toThrow('only programs on this machine');
  });

  test.each([
    [{ origin: 'https://evil.test' }],
    [{ origin: 'null' }],
    [{ host: 'rebound.evil.test:4000' }],
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'x-forwarded-for': '10.0.0.1' }],
    [{ forwarded: 'for=10.0.0.1' }],
  ])('what another page or a proxy sends may not: %p', (headers) => {
    expect(visit(headers, '127.0.0.1')).toThrow('only programs on this machine');
  });
});
