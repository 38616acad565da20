import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/**
 * The layers, lowest first. A module may import its own layer and those below; `import type` of a
 * higher layer's types is a dependency like any other.
 */
const LAYERS: readonly (readonly RegExp[])[] = [
  [
    /^(json|errors|ledger|unified|json-span|version|watch-timer|gather|roster|stop|zlib|give-back)\.ts$/,
    /^(closed-schema|effort|hook-fields|unknown-fields)\.ts$/,
  ],
  [/^http\//, /^stream\//, /^(log|assemble|glance|state-file|verbatim)\.ts$/],
  [/^formats\//, /^quirks\//],
  [/^transform\//, /^config\//, /^demo\//],
  [
    /^(auth|resolve|upstream|connect-probe|request-body|models|passthrough|passthrough-stream|stream-tap|hold|watch)\.ts$/,
    /^usage\//,
    /^media\//,
    /^health\//,
    /^limits\//,
    /^responses-store\//,
    /^count-tokens\//,
  ],
  [
    /^(exchange|earlier-answers|reply-headers|request-media|settings|failover|late-answer|gateway)\.ts$/,
    /^attempt\//,
  ],
  [/^(app|server|idle-sweep)\.ts$/, /^manage\//, /^workers\//],
  [/^cli\//, /^(main|index)\.ts$/],
];

const root = resolve(import.meta.dir, '../src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);

function layerOf(file: string): number {
  return LAYERS.findIndex((patterns) => patterns.some((pattern) => pattern.test(file)));
}

function importsOf(file: string): string[] {
  const source = readFileSync(join(root, file), 'utf8');
  return [...source.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path = '']) =>
    relative(root, resolve(root, dirname(file), path)),
  );
}

describe('imports', () => {
  test('every module has a layer', () => {
    expect(files.filter((file) => layerOf(file) < 0)).toEqual([]);
  });

  test('point downward only', () => {
    const upward = files.flatMap((file) =>
      importsOf(file)
        .filter((imported) => !imported.startsWith('..') && layerOf(imported) > layerOf(file))
        .map((imported) => `${file} imports ${imported}`),
    );
    expect(upward).toEqual([]);
  });

  test('a format never imports another', () => {
    const folder = (file: string): string => /^formats\/([^/]+)\//.exec(file)?.[1] ?? '';
    const crossing = files
      .filter((file) => folder(file) !== '')
      .flatMap((file) =>
        importsOf(file)
          .filter((imported) => folder(imported) !== '' && folder(imported) !== folder(file))
          .map((imported) => `${file} imports ${imported}`),
      );
    expect(crossing).toEqual([]);
  });

  test('only upstream.ts calls fetch, only server.ts calls Bun.serve', () => {
    const callers = (call: RegExp): string[] =>
      files.filter((file) => call.test(readFileSync(join(root, file), 'utf8')));
    expect(callers(/(?<![.\w])fetch\(url/)).toEqual(['upstream.ts']);
    expect(callers(/Bun\.serve[<(]/)).toEqual(['server.ts']);
  });
});
