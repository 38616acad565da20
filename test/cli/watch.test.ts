import { describe, expect, test } from 'bun:test';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { watchFiles } from '../../src/config/watch.ts';
import { until } from './support/process.ts';
import { inFolder } from './support/terminal.ts';

/** Watches a file for as long as `use` runs; `seen` counts the changes. */
async function watching(
  use: (path: string, seen: () => number, folder: string) => Promise<void>,
  pollMs = 60_000,
): Promise<void> {
  await inFolder(async (folder) => {
    const path = join(folder, 'file');
    writeFileSync(path, 'first');
    let count = 0;
    const files = watchFiles(
      () => {
        count += 1;
      },
      { debounceMs: 20, pollMs },
    );
    files.follow([path]);
    try {
      await use(path, () => count, folder);
    } finally {
      files.close();
    }
  });
}

async function reaches(seen: () => number, count: number): Promise<void> {
  await until(
    () => seen() >= count,
    () => `${count} changes, but ${seen()}`,
  );
  // A change must not be told twice.
  await Bun.sleep(60);
  expect(seen()).toBe(count);
}

describe('a watched file', () => {
  test('is noticed each time it is written, replaced, or removed and made again', async () => {
    await watching(async (path, seen) => {
      writeFileSync(path, 'second');
      await reaches(seen, 1);
      writeFileSync(`${path}~`, 'third');
      renameSync(`${path}~`, path);
      await reaches(seen, 2);
      rmSync(path);
      await Bun.sleep(60);
      expect(seen()).toBe(1 + 1);
      writeFileSync(path, 'fourth');
      await reaches(seen, 3);
    });
  });

  test('is not noticed for what happens beside it', async () => {
    await watching(async (path, seen) => {
      writeFileSync(`${path}.other`, 'x');
      await Bun.sleep(80);
      expect(seen()).toBe(0);
    });
  });

  test('behind a link in another folder is noticed by looking', async () => {
    await inFolder(async (folder) => {
      for (const name of ['a', 'b']) {
        mkdirSync(join(folder, name));
        writeFileSync(join(folder, name, 'file'), `in ${name}`);
      }
      mkdirSync(join(folder, 'seen'));
      const link = join(folder, 'current');
      symlinkSync(join(folder, 'a'), link);
      const path = join(folder, 'seen', 'file');
      symlinkSync(join(link, 'file'), path);
      let count = 0;
      const files = watchFiles(
        () => {
          count += 1;
        },
        { debounceMs: 5, pollMs: 20 },
      );
      files.follow([path]);
      rmSync(link);
      symlinkSync(join(folder, 'b'), link);
      await reaches(() => count, 1);
      files.close();
    });
  });

  test('a burst of writes is one change', async () => {
    await watching(async (path, seen) => {
      for (let i = 0; i < 5; i++) writeFileSync(path, 'x'.repeat(i + 10));
      await reaches(seen, 1);
    });
  });
});
