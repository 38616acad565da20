import { describe, expect, test } from 'bun:test';
import { GatewayError } from '../../src/errors.ts';
import { FORMATS } from '../../src/formats/index.ts';
import { Ledger } from '../../src/ledger.ts';
import type { FetchMedia } from '../../src/media/fetch-media.ts';
import { inlineMedia, MAX_ALL_BYTES, MAX_FILES } from '../../src/media/inline-media.ts';
import { type Media, readMedia } from '../../src/media/media.ts';
import { wantedUrl } from '../../src/media/wants-content.ts';
import {
  FORMAT_NAMES,
  type FormatName,
  type UnifiedChatRequest,
  type UnifiedContent,
} from '../../src/unified.ts';

const PDF = Buffer.from('%PDF-1.7');

function request(...content: UnifiedContent[]): UnifiedChatRequest {
  return { model: 'm', messages: [{ role: 'user', content, path: 'messages.0' }] };
}
function fileAt(url: string, more: object = {}): UnifiedContent {
  return { type: 'file', file: { url, ...more }, path: 'messages.0.content.0' };
}
function imageAt(url: string): UnifiedContent {
  return { type: 'image_url', image_url: { url, detail: 'low' }, path: 'messages.0.content.0' };
}

/** Fetches out of a table: by URL, the bytes and their type. */
function fetching(table: Record<string, readonly [bytes: Uint8Array, type: string]>) {
  const asked: string[] = [];
  const ledger = new Ledger();
  const fetched = new Map<string, Media>();
  const fetchMedia: FetchMedia = async (url) => {
    asked.push(url);
    const [bytes, type] = table[url] ?? [];
    if (bytes === undefined) throw new Error(`nothing is at ${url}`);
    return readMedia(bytes, type ?? null) ?? expect.unreachable();
  };
  const inline = (value: UnifiedChatRequest, format: FormatName = 'chat', inlineOnly = false) =>
    inlineMedia(value, {
      format,
      inlineOnly,
      fetchMedia,
      fetched,
      ledger,
      signal: new AbortController().signal,
      spell: (path) => path,
    });
  return { asked, ledger, fetched, inline };
}

/** A provider's body for a request with this part alone. */
function encoded(part: UnifiedContent, format: FormatName): string {
  const context = {
    provider: 'p',
    model: 'm',
    ledger: new Ledger(),
    newId: (prefix: string) => `${prefix}1`,
    now: () => 0,
  };
  return JSON.stringify(FORMATS[format].encodeRequest(request(part), context));
}

describe('what is fetched', () => {
  const PARTS: readonly (readonly [string, UnifiedContent])[] = [
    ['an image', imageAt('https://a.test/x.png')],
    ['a document of no type', fileAt('https://a.test/x')],
    ['a PDF', fileAt('https://a.test/x', { media_type: 'application/pdf' })],
    ['a text', fileAt('https://a.test/x', { media_type: 'text/plain' })],
    ['JSON', fileAt('https://a.test/x', { media_type: 'application/json' })],
    ['a text by its name', fileAt('https://a.test/x', { filename: 'x.csv' })],
    ['a file that is an image', fileAt('https://a.test/x', { media_type: 'image/png' })],
  ];
  test.each(
    FORMAT_NAMES.flatMap((format) => PARTS.map(([name, part]) => [format, name, part] as const)),
  )('for %s, %s: exactly what its encoder leaves out', (format, _, part) => {
    const isCarried = encoded(part, format).includes('https://a.test/x');
    expect(wantedUrl(part, format, false) === undefined).toBe(isCarried);
    expect(wantedUrl(part, format, true)?.url).toStartWith('https://a.test/x');
  });

  test.each([
    ['content', { type: 'file', file: { url: 'https://a.test/', data: 'AA==' } }],
    ['a file that the provider holds', { type: 'file', file: { id: 'f', idFormat: 'chat' } }],
    ['Cloud Storage', { type: 'file', file: { url: 'gs://bucket/x.pdf' } }],
    ['a data URL', { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }],
    [
      'what has another type',
      { type: 'file', file: { url: 'https://a.test/', media_type: 'x/y' } },
    ],
    ['a video', { type: 'video', video: { url: 'https://a.test/x.mp4' } }],
  ] satisfies [string, UnifiedContent][])('never %s', (_, part) => {
    for (const format of FORMAT_NAMES) expect(wantedUrl(part, format, true)).toBeUndefined();
  });

  test('a text by the end of its URL, for a provider that would take it for a PDF', () => {
    expect(wantedUrl(fileAt('https://a.test/notes.md?v=2#top'), 'messages', false)).toBeDefined();
    expect(
      wantedUrl(fileAt('https://a.test/x.pdf?from=notes.md'), 'messages', false),
    ).toBeUndefined();
  });
});

describe('the request', () => {
  test('is the same value when nothing is to be fetched', async () => {
    const { inline, asked } = fetching({});
    const value = request(imageAt('https://a.test/x.png'));
    expect(await inline(value)).toBe(value);
    expect(asked).toEqual([]);
  });

  test('gets content in the place of the URL, reported, and the old one stays as it was', async () => {
    const { inline, ledger } = fetching({ 'https://a.test/x': [PDF, 'application/pdf'] });
    const part = fileAt('https://a.test/x', { filename: 'x.pdf', context: 'c' });
    const value = request(part, { type: 'text', text: 'read it' });
    const before = structuredClone(value);
    const told = await inline(value);
    expect(told.messages[0]?.content).toEqual([
      {
        type: 'file',
        file: {
          filename: 'x.pdf',
          context: 'c',
          media_type: 'application/pdf',
          data: PDF.toString('base64'),
        },
        path: 'messages.0.content.0',
      },
      { type: 'text', text: 'read it' },
    ]);
    expect(value).toEqual(before);
    expect(ledger.approximated).toEqual(['messages.0.content.0 (fetched)']);
    expect(ledger.dropped).toEqual([]);
  });

  test('gets text as text, in the charset that its server names', async () => {
    const latin = Buffer.from('café', 'latin1');
    const { inline } = fetching({ 'https://a.test/x': [latin, 'text/csv; charset="iso-8859-1"'] });
    const told = await inline(request(fileAt('https://a.test/x')));
    expect(told.messages[0]?.content).toMatchObject([
      { type: 'file', file: { media_type: 'text/csv', text: 'café' } },
    ]);
  });

  test('gets images as data URLs where the provider takes no URL', async () => {
    const gif = Buffer.from('GIF89a..');
    const { inline } = fetching({ 'http://a.test/x': [gif, 'image/gif'] });
    const told = await inline(request(imageAt('http://a.test/x')), 'chat', true);
    const url = `data:image/gif;base64,${gif.toString('base64')}`;
    expect(told.messages[0]?.content).toMatchObject([{ image_url: { url, detail: 'low' } }]);
  });

  test('also out of results of tools, but not of other voices', async () => {
    const { inline, asked } = fetching({ 'https://a.test/x': [PDF, ''] });
    const content = [fileAt('https://a.test/x')];
    const value: UnifiedChatRequest = {
      model: 'm',
      messages: [
        { role: 'system', content: [fileAt('https://a.test/s')] },
        { role: 'assistant', content: [fileAt('https://a.test/a')] },
        { role: 'tool', tool_call_id: 'c', content },
      ],
    };
    await inline(value);
    expect(asked).toEqual(['https://a.test/x']);
  });

  test('fetches a URL once, and not again for the next attempt', async () => {
    const { inline, asked } = fetching({ 'https://a.test/x': [PDF, ''] });
    const value = request(fileAt('https://a.test/x'), fileAt('https://a.test/x'));
    const first = await inline(value);
    expect(await inline(value)).toEqual(first);
    expect(asked).toEqual(['https://a.test/x']);
  });

  test.each([
    ['an image', imageAt('https://a.test/x'), PDF, 'is application/pdf, not an image'],
    [
      'a PDF',
      fileAt('https://a.test/x', { media_type: 'application/pdf' }),
      Buffer.from('<html>'),
      'is text/html, not a PDF',
    ],
  ])('is refused when %s turns out to be something else', async (_, part, bytes, message) => {
    const { inline } = fetching({ 'https://a.test/x': [bytes, 'text/html'] });
    const error = await inline(request(part), 'chat', true).catch((cause: unknown) => cause);
    if (!(error instanceof GatewayError)) return expect.unreachable();
    expect(error.message).toContain(message);
    expect(error.field).toBe('messages.0.content.0');
  });

  test('is refused when it names too many files, before any is fetched', async () => {
    const { inline, asked } = fetching({});
    const many = Array.from({ length: MAX_FILES + 1 }, (_, i) => fileAt(`https://a.test/${i}`));
    await expect(inline(request(...many))).rejects.toThrow(`at most ${MAX_FILES} files`);
    expect(asked).toEqual([]);
  });

  test('is refused when one file in many places is too large together', async () => {
    const half = Buffer.alloc(MAX_ALL_BYTES / 2, 'a');
    const { inline } = fetching({ 'https://a.test/x': [half, 'text/plain'] });
    const part = fileAt('https://a.test/x');
    await inline(request(part, { ...part }));
    await expect(inline(request(part, { ...part }, { ...part }))).rejects.toThrow(
      'too large together',
    );
  });

  test('lets the other files go when one fails', async () => {
    const value = request(fileAt('https://a.test/bad'), fileAt('https://a.test/slow'));
    const { promise: letGo, resolve } = Promise.withResolvers<void>();
    const fetchMedia: FetchMedia = (url, { signal }) => {
      if (url.endsWith('bad')) return Promise.reject(new Error('bad'));
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          resolve();
          reject(signal.reason);
        });
      });
    };
    const told = inlineMedia(value, {
      format: 'chat',
      inlineOnly: false,
      fetchMedia,
      fetched: new Map(),
      ledger: new Ledger(),
      signal: new AbortController().signal,
      spell: (path) => path,
    });
    await expect(told).rejects.toThrow('bad');
    await letGo;
  });
});
