import { describe, expect, test } from 'bun:test';
import { GatewayError } from '../../src/errors.ts';
import { isPublicAddress } from '../../src/media/address.ts';
import {
  createFetchMedia,
  type FetchMediaEffects,
  MAX_FILE_BYTES,
} from '../../src/media/fetch-media.ts';
import type { Media } from '../../src/media/media.ts';

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');

interface World {
  /** Addresses by host. */
  readonly hosts?: Record<string, readonly string[]>;
  /** Answers by URL; a string is a redirect. */
  readonly answers?: Record<string, string | (() => Response | Promise<Response>)>;
  readonly timeoutMs?: number;
}

/** Fetches from a world without a network; `asked` has each URL with the address it was asked at. */
function inWorld({ hosts = {}, answers = {}, timeoutMs = 1000 }: World) {
  const asked: string[] = [];
  const effects: FetchMediaEffects = {
    async lookup(host) {
      const found = hosts[host];
      if (found === undefined) throw new Error('ENOTFOUND');
      return found;
    },
    async get(url, address, signal) {
      asked.push(`${url.href} @ ${address}`);
      const answer = answers[url.href];
      if (answer === undefined) throw Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
      if (typeof answer === 'string') {
        return new Response(null, { status: 302, headers: { location: answer } });
      }
      const answered = answer();
      const { promise, reject } = Promise.withResolvers<never>();
      signal.addEventListener('abort', () => reject(signal.reason));
      return Promise.race([answered, promise]);
    },
    isAllowed: isPublicAddress,
    timeoutMs,
  };
  const fetchMedia = createFetchMedia(effects);
  const never = new AbortController().signal;
  return {
    asked,
    fetch: (url: string, room = { bytes: 1e9 }, signal: AbortSignal = never): Promise<Media> =>
      fetchMedia(url, { path: 'messages.0.content.1', room, signal }),
    async refusal(url: string, room = { bytes: 1e9 }): Promise<string> {
      const error = await this.fetch(url, room).catch((cause: unknown) => cause);
      if (!(error instanceof GatewayError)) return expect.unreachable(String(error));
      expect([error.kind, error.field]).toEqual(['invalid_request', 'messages.0.content.1']);
      return error.message.replace('messages.0.content.1: ', '');
    },
  };
}

function file(body: string | Uint8Array<ArrayBuffer>, type?: string): () => Response {
  return () => new Response(body, type === undefined ? {} : { headers: { 'content-type': type } });
}

const HOSTS = { 'a.test': ['1.1.1.1'], 'b.test': ['8.8.8.8'], 'in.test': ['10.0.0.1'] };

describe('a file by URL', () => {
  test('is asked for at the address that was checked', async () => {
    const world = inWorld({
      hosts: HOSTS,
      answers: { 'https://a.test/x.png?sig=1': file(PNG, 'image/png') },
    });
    const media = await world.fetch('https://a.test/x.png?sig=1');
    expect(media).toMatchObject({ kind: 'image', mediaType: 'image/png' });
    expect(Buffer.from(media.bytes).equals(PNG)).toBe(true);
    expect(world.asked).toEqual(['https://a.test/x.png?sig=1 @ 1.1.1.1']);
  });

  test('is tried at the next address of its host, IPv4 first', async () => {
    let tries = 0;
    const world = inWorld({
      hosts: { 'a.test': ['2606:4700::1', '1.1.1.1'] },
      answers: {
        'http://a.test/': () => {
          tries += 1;
          if (tries === 1) throw new Error('ENETUNREACH');
          return new Response('hello', { headers: { 'content-type': 'text/plain' } });
        },
      },
    });
    expect((await world.fetch('http://a.test/')).kind).toBe('text');
    expect(world.asked).toEqual(['http://a.test/ @ 1.1.1.1', 'http://a.test/ @ 2606:4700::1']);
  });

  test('is followed through three redirects, each checked, relative ones too', async () => {
    const world = inWorld({
      hosts: HOSTS,
      answers: {
        'https://a.test/1': '/2',
        'https://a.test/2': 'http://b.test/3',
        'http://b.test/3': 'https://a.test/4',
        'https://a.test/4': file('%PDF-1.7 …'),
        'https://a.test/0': '/1',
      },
    });
    expect((await world.fetch('https://a.test/1')).mediaType).toBe('application/pdf');
    expect(world.asked.at(-1)).toBe('https://a.test/4 @ 1.1.1.1');
    expect(await world.refusal('https://a.test/0')).toContain('redirected more than 3 times');
  });

  test.each([
    ['a private host', 'http://in.test/'],
    ['an unknown host', 'http://nowhere.test/'],
    ['loopback', 'http://127.0.0.1/'],
    ['loopback as a number', 'http://2130706433/'],
    ['loopback in hexadecimal', 'http://0x7f.1/'],
    ['IPv6 loopback', 'http://[::1]/'],
    ['mapped loopback', 'http://[::ffff:127.0.0.1]/'],
    ['metadata', 'http://169.254.169.254/latest/meta-data/'],
  ])('is refused without a connection: %s', async (_, url) => {
    const world = inWorld({ hosts: HOSTS });
    expect(await world.refusal(url)).toContain('has no public address');
    expect(world.asked).toEqual([]);
  });

  test('is refused when only one of the host’s addresses is private', async () => {
    const world = inWorld({ hosts: { 'a.test': ['1.1.1.1', '10.0.0.1'] } });
    expect(await world.refusal('http://a.test/')).toContain('has no public address');
    expect(world.asked).toEqual([]);
  });

  test.each([
    ['a private host', 'http://in.test/', 'has no public address'],
    ['metadata', 'http://169.254.169.254/', 'has no public address'],
    ['a file of this machine', 'file:///etc/passwd', 'other than http and https'],
    ['a password', 'http://me:secret@a.test/', 'user name or a password'],
  ])('is not followed to %s', async (_, location, message) => {
    const world = inWorld({ hosts: HOSTS, answers: { 'http://a.test/': location } });
    expect(await world.refusal('http://a.test/')).toContain(message);
    expect(world.asked).toHaveLength(1);
  });

  test.each([
    ['ftp://a.test/x', 'other than http and https'],
    ['http://me:secret@a.test/', 'user name or a password'],
    ['http://', 'not a URL'],
  ])('must be one: %s', async (url, message) => {
    expect(await inWorld({ hosts: HOSTS }).refusal(url)).toContain(message);
  });

  test('that cannot be had is the fault of the URL', async () => {
    const world = inWorld({
      hosts: HOSTS,
      answers: {
        'http://a.test/404': () => new Response('gone', { status: 404 }),
        'http://a.test/304': () => new Response(null, { status: 304 }),
        'http://a.test/empty': file('', 'text/plain'),
        'http://a.test/zip': file('PK', 'application/zip'),
        'http://a.test/raw': file('?', 'application/octet-stream'),
      },
    });
    expect(await world.refusal('http://a.test/down')).toBe(
      'the URL could not be fetched (ECONNREFUSED)',
    );
    expect(await world.refusal('http://a.test/404')).toBe(
      'the host "a.test" answered with status 404',
    );
    expect(await world.refusal('http://a.test/304')).toContain('status 304');
    expect(await world.refusal('http://a.test/empty')).toContain('empty');
    expect(await world.refusal('http://a.test/zip')).toContain('application/zip');
    expect(await world.refusal('http://a.test/raw')).toContain('application/octet-stream');
  });

  test('has a bound of its own and one with the others', async () => {
    const world = inWorld({
      hosts: HOSTS,
      answers: {
        'http://a.test/big': file(new Uint8Array(MAX_FILE_BYTES + 1), 'text/plain'),
        'http://a.test/small': file('12345', 'text/plain'),
      },
    });
    expect(await world.refusal('http://a.test/big')).toContain('more than 20 MB');
    const room = { bytes: 8 };
    await world.fetch('http://a.test/small', room);
    expect(room.bytes).toBe(3);
    expect(await world.refusal('http://a.test/small', room)).toContain('too large together');
  });

  test('has its time, also while its body comes', async () => {
    const silence = (): Promise<Response> => new Promise(() => undefined);
    const world = inWorld({ hosts: HOSTS, answers: { 'http://a.test/': silence }, timeoutMs: 20 });
    expect(await world.refusal('http://a.test/')).toContain('took longer than 0.02 s');
  });

  test('is let go when the request ends', async () => {
    const silence = (): Promise<Response> => new Promise(() => undefined);
    const world = inWorld({ hosts: HOSTS, answers: { 'http://a.test/': silence } });
    const controller = new AbortController();
    const reason = new GatewayError('client_left', 'gone');
    const fetching = world.fetch('http://a.test/', undefined, controller.signal);
    controller.abort(reason);
    expect(await fetching.catch((cause: unknown) => cause)).toBe(reason);
  });

  test.each([
    ['what its bytes say', PNG, 'application/octet-stream', 'image/png'],
    ['what its bytes say', PNG, 'image/jpeg', 'image/png'],
    ['what its bytes say', Buffer.from('ffd8ffe0', 'hex'), undefined, 'image/jpeg'],
    ['what its bytes say', Buffer.from('GIF89a..'), undefined, 'image/gif'],
    ['what its bytes say', Buffer.from('RIFF\0\0\0\0WEBP'), undefined, 'image/webp'],
    ['what its server says', Buffer.from('<svg/>'), 'image/svg+xml', 'image/svg+xml'],
    [
      'what its server says',
      Buffer.from('{}'),
      'Application/JSON; charset=utf-8',
      'application/json',
    ],
  ])('is %s', async (_, bytes, type, mediaType) => {
    const answers = { 'http://a.test/': file(new Uint8Array(bytes), type) };
    const world = inWorld({ hosts: HOSTS, answers });
    expect((await world.fetch('http://a.test/')).mediaType).toBe(mediaType);
  });
});
