/**
 * `plexus translate`: a dry run. The request goes the gateway's own way, and what would leave for
 * the provider is shown instead of sent, with all that it could not be told.
 */
import { isAbsolute, join } from 'node:path';
import { formatProblems } from '../config/problem.ts';
import { ConfigError, createGateway, type GatewayOptions, type PlexusGateway } from '../index.ts';
import { isObject, type JsonObject, parseJson, text } from '../json.ts';
import { createLog } from '../log.ts';
import { FORMAT_NAMES, type FormatName } from '../unified.ts';
import type { UsageRecord } from '../usage/record.ts';
import {
  CONFIG_OPTION,
  EXIT,
  type Given,
  readArguments,
  type Usage,
  wrongUsage,
} from './arguments.ts';
import { formatNamed } from './route.ts';
import { columns, paint, processTerminal, type Terminal } from './terminal.ts';

const USAGE: Usage = {
  command: 'plexus translate',
  summary: 'show what would be sent to a provider, and what would be lost',
  positionals: { FILE: "a client's request body; - is standard input" },
  options: {
    from: { value: 'FORMAT', help: `the client's format: ${FORMAT_NAMES.join(', ')}` },
    to: { value: 'FORMAT', help: "a provider's format, for a dry run without a configuration" },
    model: { value: 'MODEL', help: 'ask for this model instead of the one in the body' },
    ...CONFIG_OPTION,
    json: { help: 'all of it as one JSON object' },
    strict: { help: 'end with 1 when something would be lost' },
  },
  more: `
Without --to the model leads to its target as in the configuration, with its transformers.
Nothing is sent. The body goes to standard output, the rest to standard error.`,
};

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  const wish = wishOf(given);
  if (typeof wish === 'string') return wrongUsage(USAGE, wish, terminal);
  const body = await readBody(wish.file, terminal);
  if (typeof body === 'string') {
    terminal.err(`${body}\n`);
    return EXIT.problem;
  }
  const outcome = await dryRun(wish, body, given, terminal);
  if (outcome === undefined) return EXIT.problem;
  if (typeof outcome === 'string') {
    terminal.err(`${outcome}\n`);
    return EXIT.problem;
  }
  tell(outcome, given.switches.has('json'), terminal);
  return given.switches.has('strict') && outcome.dropped.length > 0 ? EXIT.problem : EXIT.ok;
}

interface Wish {
  readonly file: string;
  readonly from: FormatName;
  readonly to: FormatName | undefined;
}

function wishOf({ positionals, values }: Given): Wish | string {
  const [file] = positionals;
  if (file === undefined) return 'one file is expected, or -';
  const from = formatNamed(values.get('from') ?? '');
  if (from === undefined) return `--from is needed, one of ${FORMAT_NAMES.join(', ')}`;
  const wanted = values.get('to');
  const to = wanted === undefined ? undefined : formatNamed(wanted);
  if (wanted !== undefined && to === undefined) return `--to is one of ${FORMAT_NAMES.join(', ')}`;
  return { file, from, to };
}

async function readBody(file: string, terminal: Terminal): Promise<JsonObject | string> {
  let content: string;
  try {
    content =
      file === '-'
        ? await terminal.readInput()
        : await Bun.file(isAbsolute(file) ? file : join(terminal.cwd, file)).text();
  } catch (cause) {
    return `${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
  const body = parseJson(content);
  return isObject(body) ? body : `${file} holds no JSON object`;
}

// ------------------------------------------------------------------------------ dry run

interface Sent {
  readonly url: string;
  readonly body: unknown;
}
interface Outcome {
  readonly target: string;
  readonly format: string;
  readonly passthrough: boolean;
  readonly url: string;
  readonly body: unknown;
  readonly dropped: readonly string[];
  readonly approximated: readonly string[];
}

/** @returns undefined when the configuration's problems were told, a sentence when nothing would be sent */
async function dryRun(
  wish: Wish,
  client: JsonObject,
  given: Given,
  terminal: Terminal,
): Promise<Outcome | string | undefined> {
  const model = given.values.get('model') ?? text(client['model']) ?? 'model';
  const body = wish.from === 'gemini' ? client : { ...client, model };
  let sent: Sent | undefined;
  let record: UsageRecord | undefined;
  const config = wish.to === undefined ? given.values.get('config') : providerOf(wish.to, model);
  const gateway = await open(
    {
      ...(config === undefined ? {} : { config }),
      fetch: async (url, init) => {
        sent = { url, body: parseJson(String(init.body)) };
        return Response.json({ error: { message: 'a dry run' } }, { status: 400 });
      },
      onRecord: (closed) => {
        record = closed;
      },
    },
    terminal,
  );
  if (gateway === undefined) return undefined;
  const reply = await gateway.fetch(requestOf(wish.from, body, model, gateway));
  if (sent === undefined || record === undefined) return whyNothing(reply, model);
  const { provider, model: name, providerFormat, passthrough, dropped, approximated } = record;
  return {
    target: `${provider}/${name}`,
    format: providerFormat ?? '',
    passthrough,
    ...sent,
    dropped,
    approximated,
  };
}

/** A provider of that format which is nowhere. */
function providerOf(format: FormatName, model: string): JsonObject {
  const provider = { type: format, baseUrl: 'https://provider.invalid/v1', apiKey: 'none' };
  return {
    providers: { provider },
    models: { [model]: { targets: [{ provider: 'provider', model }] } },
  };
}

async function open(
  options: GatewayOptions,
  { cwd, env, err, color }: Terminal,
): Promise<PlexusGateway | undefined> {
  const log = createLog({ level: 'error', format: 'text', write: err });
  try {
    return await createGateway({ ...options, cwd, env, log, persist: false });
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    err(`${formatProblems(cause.problems, { color })}\n`);
    return undefined;
  }
}

const PATHS: Readonly<Record<Exclude<FormatName, 'gemini'>, string>> = {
  chat: '/v1/chat/completions',
  messages: '/v1/messages',
  responses: '/v1/responses',
};

function requestOf(
  from: FormatName,
  body: JsonObject,
  model: string,
  { config }: PlexusGateway,
): Request {
  const path =
    from === 'gemini' ? `/v1beta/models/${encodeURIComponent(model)}:generateContent` : PATHS[from];
  const key = [...config.apiKeys.values()].find(({ enabled }) => enabled)?.secret;
  return new Request(`http://plexus.invalid${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify(body),
  });
}

/** The gateway's own refusal, or that the target needs nobody. */
async function whyNothing(reply: Response, model: string): Promise<string> {
  const body = parseJson(await reply.text());
  if (reply.ok) return `"${model}" is answered in the gateway itself; nothing would be sent.`;
  const error = isObject(body) ? body['error'] : undefined;
  return isObject(error) ? String(error['message']) : `The gateway answers ${reply.status}.`;
}

// ------------------------------------------------------------------------------ telling

function tell(outcome: Outcome, asJson: boolean, terminal: Terminal): void {
  if (asJson) {
    terminal.out(`${JSON.stringify(outcome, null, 2)}\n`);
    return;
  }
  const { target, format, passthrough, url, body, dropped, approximated } = outcome;
  terminal.err(`POST ${url}\n`);
  terminal.out(`${JSON.stringify(body, null, 2)}\n`);
  const rows = [
    ...dropped.map((path) => [paint(terminal, 'red', 'lost'), path]),
    ...approximated.map((path) => [paint(terminal, 'yellow', 'approximated'), path]),
  ];
  const way = passthrough ? 'byte for byte' : `as ${format}`;
  const end = rows.length === 0 ? 'nothing is lost' : `${dropped.length} lost`;
  terminal.err(`${columns(rows)}${target}, ${way}: ${end}\n`);
}
