/** The session in the README is what really happens. */
import { expect, test } from 'bun:test';
import { chmodSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MAIN, spawn, until } from './support/process.ts';
import { inFolder } from './support/terminal.ts';

const README = resolve(import.meta.dir, '../../README.md');
/** How the README calls the folder, and the port that is the default. */
const SHOWN_FOLDER = '/home/me/try';
const SHOWN_PORT = '4000';

interface Step {
  readonly command: string;
  readonly shown: string;
}

/** The commands of the README's `console` block, each with what is shown below it. */
function session(): Step[] {
  const block = /```console\n([\s\S]*?)```/.exec(readFileSync(README, 'utf8'))?.[1] ?? '';
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.trimEnd().split('\n');
      return { command, shown: lines.join('\n') };
    });
}

function freePort(): string {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
  const { port } = server;
  server.stop(true);
  return String(port);
}

const hasShell = process.platform !== 'win32' && Bun.which('curl') !== null;

test.skipIf(!hasShell)(
  'the session in the README happens as it is shown',
  async () => {
    const steps = session();
    expect(steps.map(({ command }) => command)).toContain('plexus &');
    await inFolder(async (temporary) => {
      const folder = realpathSync(temporary);
      const bin = join(folder, '.bin');
      const shim = join(bin, 'plexus');
      mkdirSync(bin);
      writeFileSync(shim, `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
      chmodSync(shim, 0o755);
      const port = freePort();
      const env = { PATH: `${bin}:${process.env['PATH']}`, PLEXUS_PORT: port, HOME: folder };
      const shownAs = (text: string): string =>
        text
          .replaceAll(folder, SHOWN_FOLDER)
          .replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${SHOWN_PORT}`)
          .replace(/^plexus \d+\.\d+\.\d+\S*/gm, 'plexus VERSION')
          .trimEnd();
      const running: ReturnType<typeof spawn>[] = [];
      try {
        for (const { command, shown } of steps) {
          const wanted = shown.replace(/^plexus \d+\.\d+\.\d+\S*/gm, 'plexus VERSION');
          if (command === 'plexus &') {
            const gateway = spawn([], { cwd: folder, env, command: [shim] });
            running.push(gateway);
            const lines = shown.split('\n').length;
            await until(
              () => gateway.out().trim().split('\n').length === lines,
              () => gateway.out() + gateway.err(),
            );
            expect(shownAs(gateway.out())).toBe(wanted);
            continue;
          }
          const typed = command.replaceAll(`127.0.0.1:${SHOWN_PORT}`, `127.0.0.1:${port}`);
          // Into a file, so that both kinds of output keep their order.
          const script = `(${typed}) > .output 2>&1`;
          await spawn(['-c', script], { cwd: folder, env, command: ['sh'] }).ended();
          const output = readFileSync(join(folder, '.output'), 'utf8');
          expect(`$ ${command}\n${shownAs(output)}`).toBe(`$ ${command}\n${wanted}`);
        }
      } finally {
        for (const gateway of running) await gateway.stop();
      }
    });
  },
  30_000,
);
