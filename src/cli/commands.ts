/** The subcommands: what each is for, and where it is. Loaded only when called. */
import type { Terminal } from './terminal.ts';

export interface Command {
  readonly summary: string;
  load(): Promise<{ run(args: readonly string[], terminal: Terminal): Promise<number> }>;
}

export const COMMANDS: Readonly<Record<string, Command>> = {
  serve: {
    summary: 'start the gateway (the same as no command)',
    load: () => import('./serve.ts'),
  },
  init: { summary: 'write a first configuration', load: () => import('./init.ts') },
  check: { summary: 'check the configuration', load: () => import('./check.ts') },
  models: {
    summary: 'list the models that clients can ask for',
    load: () => import('./models.ts'),
  },
  route: { summary: 'show where a model leads, and why', load: () => import('./route.ts') },
  translate: {
    summary: 'show what would be sent, and what would be lost',
    load: () => import('./translate.ts'),
  },
  setup: { summary: 'point a client at the gateway', load: () => import('./setup.ts') },
  logs: { summary: 'show the requests that were served', load: () => import('./logs.ts') },
  usage: { summary: 'show what requests used and cost', load: () => import('./usage.ts') },
  top: { summary: 'show what the running gateway does now', load: () => import('./top.ts') },
  doctor: { summary: 'look for what is wrong', load: () => import('./doctor.ts') },
  schema: {
    summary: 'print the JSON Schema of the configuration',
    load: () => import('./schema.ts'),
  },
  version: { summary: 'print version and commit', load: () => import('./version.ts') },
};
