/** The arguments of `plexus serve`, apart so that help need not load the gateway. */
import { CONFIG_OPTION, type Usage } from './arguments.ts';

export const SERVE: Usage = {
  command: 'plexus serve',
  summary: 'start the gateway and run until told to stop',
  options: {
    ...CONFIG_OPTION,
    host: { value: 'HOST', help: 'address to listen on (default: 127.0.0.1)' },
    port: { value: 'PORT', help: 'port to listen on; 0 takes a free one (default: 4000)' },
    'data-dir': { value: 'DIR', help: 'where logs and state are kept (default: ./data)' },
    'log-level': { value: 'LEVEL', help: 'silent, error, warn, info or debug (default: info)' },
    'log-format': { value: 'FORMAT', help: 'text for people, json for machines' },
    quiet: { short: 'q', help: 'say nothing but errors' },
    workers: { value: 'N', help: 'processes that serve behind the port (default: 1; Linux)' },
    'ready-fd': { value: 'N', help: 'write a line of JSON to this descriptor once it listens' },
    'with-parent': { help: 'end when the process that started this one ends' },
  },
  more: `
SIGTERM and SIGINT let running requests end; a second one does not. SIGHUP reads the configuration again,
as does saving it.

With several workers the system spreads connections over that many processes. They share what they know of
targets, keys and requests; a maxConcurrency is divided among them.`,
};
