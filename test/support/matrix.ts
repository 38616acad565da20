/**
 * The matrix: every client format × every provider format × every case, plain and streamed, through
 * the whole gateway with a provider that plays a fixture. A cell gives the list of what is wrong
 * with it; the test wants none, the table of the README counts them.
 */
import { readFileSync } from 'node:fs';
import { isObject, type JsonObject, object, parseJson } from '../../src/json.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { type Answer, readAnswer } from './answer.ts';
import { jsonReply, oneProvider, streamReply, testGateway } from './gateway.ts';
import { reportOf } from './not-carried.ts';
import { outline } from './outline.ts';

const FIXTURES = new URL('../fixtures/', import.meta.url);

/** A fixture as text: `chat/text.reply.sse`. */
export function readFixture(name: string): string {
  return readFileSync(new URL(name, FIXTURES), 'utf8');
}

interface Case {
  /** Which client request is sent; by default the one of the case's own name. */
  request?: string;
  /** Which provider reply is played; by default the one of the case's own name. */
  reply?: string;
  /** Lines that every client's request says, as a check of the outline itself. */
  says: readonly string[];
}

const ASK = 'What is the weather in Paris, and what time is it?';
const TOOLS = ['tool: get_weather ["city"]', 'tool: get_time ["zone"]'];

export const CASES: Readonly<Record<string, Case>> = {
  text: { says: ['user: Say two words.'] },
  system: {
    reply: 'text',
    says: ['system: You are terse. Answer in French.', 'user: Say two words.'],
  },
  images: {
    reply: 'text',
    says: [
      'user: Compare',
      'image: image/png iVBORw0KGgoAAAAN',
      'user: with',
      'image: https://pictures.test/cat.png',
    ],
  },
  pdf: { reply: 'text', says: ['file: application/pdf JVBERi0xLjQKJeLj', 'user: Summarise.'] },
  calls: { says: [`user: ${ASK}`, ...TOOLS, 'choice: "auto"'] },
  choice: { reply: 'calls', says: [...TOOLS, 'choice: "get_time"'] },
  results: {
    reply: 'text',
    says: [
      'assistant: Let me look.',
      'call #0: get_weather {"city":"Paris"}',
      'call #1: get_time {"zone":"Europe/Paris"}',
      'result #0: eighteen degrees',
      'result #1: zone unknown',
      'user: And tomorrow?',
      ...TOOLS,
    ],
  },
  reasoning: { says: ['user: Which is larger?', 'reasoning: on'] },
  schema: { says: ['user: Describe Bern.', 'schema: ["city","population"]'] },
  stop: { says: ['user: Count.'] },
  sampling: { reply: 'text', says: ['limit: 77', 'temperature: 0', 'top_p: 0.5'] },
  usage: { request: 'text', says: ['user: Say two words.'] },
  refusal: { request: 'text', says: ['user: Say two words.'] },
  length: { request: 'text', says: ['user: Say two words.'] },
  filter: { request: 'text', says: ['user: Say two words.'] },
  error: { request: 'text', says: ['user: Say two words.'] },
};

export interface CellId {
  client: FormatName;
  provider: FormatName;
  name: string;
  stream: boolean;
}

export interface Cell {
  status: number;
  /** The client's reply as text. */
  body: string;
  /** What was sent to the provider. */
  sent: JsonObject;
  dropped: string[];
  approximated: string[];
  answer: Answer;
  /** What is wrong; empty for a cell that passes. */
  problems: string[];
}

/** Every cell, in the order of the table. */
export function allCells(): CellId[] {
  const cells: CellId[] = [];
  for (const client of FORMAT_NAMES)
    for (const provider of FORMAT_NAMES)
      for (const name of Object.keys(CASES))
        for (const stream of [false, true]) cells.push({ client, provider, name, stream });
  return cells;
}

/** The path a client calls for the model `m`. */
export function pathOf(client: FormatName, stream: boolean): string {
  if (client === 'gemini') {
    return `/v1beta/models/m:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
  }
  return { chat: '/v1/chat/completions', messages: '/v1/messages', responses: '/v1/responses' }[
    client
  ];
}

/** A client's body of a case, with the fields that ask for a stream and its usage. */
export function requestOf(client: FormatName, name: string, stream: boolean): JsonObject {
  const body = object(parseJson(readFixture(`${client}/${name}.request.json`))) ?? {};
  if (!stream || client === 'gemini') return body;
  return client === 'chat'
    ? { ...body, stream, stream_options: { include_usage: true } }
    : { ...body, stream };
}

/** What the provider plays for a case. */
export function replyOf(provider: FormatName, name: string, stream: boolean): Response {
  if (stream) return streamReply([readFixture(`${provider}/${name}.reply.sse`)]);
  return jsonReply(readFixture(`${provider}/${name}.reply.json`), name === 'error' ? 529 : 200);
}

export const MATRIX_CONFIG = { resilience: { retries: { max: 0 } } };

export async function runCell({ client, provider, name, stream }: CellId): Promise<Cell> {
  const { request = name, reply = name } = CASES[name] ?? { says: [] };
  const gateway = await testGateway({ ...oneProvider(provider), ...MATRIX_CONFIG }, () =>
    replyOf(provider, reply, stream),
  );
  const asked = requestOf(client, request, stream);
  const response = await gateway.post(pathOf(client, stream), asked);
  const body = await response.text();
  const list = (header: string): string[] =>
    response.headers.get(header)?.split(', ').filter(Boolean) ?? [];
  const sent = parseJson(gateway.sent[0]?.body ?? '');
  const cell: Cell = {
    status: response.status,
    body,
    sent: isObject(sent) ? sent : {},
    dropped: list('x-plexus-dropped'),
    approximated: list('x-plexus-approximated'),
    answer: readAnswer(client, body, stream && response.status === 200),
    problems: [],
  };
  cell.problems.push(
    ...requestProblems({ client, provider, name, stream }, asked, cell),
    ...answerProblems({ client, provider, name: reply, stream }, cell),
  );
  if (gateway.records.length !== 1) cell.problems.push(`${gateway.records.length} records`);
  return cell;
}

// ------------------------------------------------------------------------------ requests

/** An outline with what formats spell differently made alike. */
export function plainOutline(format: FormatName, body: JsonObject): string[] {
  const ids: string[] = [];
  const lines: string[] = [];
  const system: string[] = [];
  for (const line of outline(format, body)) {
    if (line.startsWith('system: ')) system.push(line.slice(8));
    else {
      const call = /^(call|result) (\S+): (.*)$/s.exec(line);
      if (call === null) lines.push(line.replace(/^choice: "(AUTO|auto)"$/, 'choice: "auto"'));
      else {
        const [, kind, id = '', rest] = call;
        if (!ids.includes(id)) ids.push(id);
        lines.push(`${kind} #${ids.indexOf(id)}: ${rest}`);
      }
    }
  }
  const joined = system.join(' ').replace(/\s+/g, ' ');
  return joined === '' ? lines : [`system: ${joined}`, ...lines];
}

function requestProblems(id: CellId, asked: JsonObject, cell: Cell): string[] {
  const problems: string[] = [];
  const wanted = plainOutline(id.client, asked);
  const said = plainOutline(id.provider, cell.sent);
  for (const line of CASES[id.name]?.says ?? []) {
    if (!wanted.includes(line)) problems.push(`the client's request does not say "${line}"`);
  }
  for (const line of wanted) {
    if (said.includes(line)) continue;
    const report = reportOf(line, id.client, id.provider);
    if (report === undefined) problems.push(`lost: ${line}`);
    else if (![...cell.dropped, ...cell.approximated].some((entry) => entry.startsWith(report))) {
      problems.push(`lost without a word: ${line} (expected a report of ${report})`);
    }
  }
  for (const line of said) {
    if (wanted.includes(line) || isAdded(line, id)) continue;
    problems.push(`added: ${line}`);
  }
  return problems;
}

/** What a format demands although the client did not say it. */
function isAdded(line: string, { client, provider }: CellId): boolean {
  if (client === provider) return false;
  // Anthropic's `max_tokens` is required.
  if (provider === 'messages' && line.startsWith('limit: ')) return true;
  // A failed call is said in words where there is no mark for it.
  return line === 'result #1: Error: zone unknown';
}

// ------------------------------------------------------------------------------ answers

const REASONING = 'First compare, then decide.';
const OVERLOADED = 'The model is overloaded, try again later.';

type Expected = Partial<Answer>;

/** What a client must understand of a reply. */
function expected({ client, provider, name, stream }: CellId): Expected {
  const usage = (input: number, output: number, cached = 0, reasoning = 0) => ({
    input,
    cached,
    output,
    reasoning,
  });
  switch (name) {
    case 'text':
      return { text: 'Zwei Wörter: 東京 ✓', finish: 'stop', usage: usage(11, 7) };
    case 'calls':
      return {
        text: 'Let me look.',
        finish: 'calls',
        usage: usage(30, 20),
      };
    case 'reasoning':
      return { text: 'Oslo.', reasoning: REASONING, finish: 'stop', usage: usage(40, 25, 0, 15) };
    case 'schema':
      return { text: '{"city":"Bern","population":134794}', finish: 'stop', usage: usage(21, 12) };
    case 'stop':
      return {
        text: 'One, two, ',
        finish: client === 'messages' && provider === 'messages' ? 'stop_sequence' : 'stop',
        usage: usage(11, 5),
      };
    case 'usage':
      // Only Anthropic counts what it writes to the cache.
      return {
        text: 'Counted.',
        finish: 'stop',
        usage: usage(provider === 'messages' ? 150 : 120, 12, 100, 4),
      };
    case 'length':
      return { text: 'This goes on and', finish: 'length', usage: usage(11, 4) };
    case 'filter':
      return { text: 'The recipe begins', finish: 'declined', usage: usage(11, 4) };
    case 'refusal':
      return { finish: 'declined', ...refusalText(client, provider) };
    default:
      return stream
        ? { text: 'Half an answer', error: OVERLOADED, finish: undefined }
        : { error: OVERLOADED };
  }
}

/** OpenAI's formats have words for a refusal; Anthropic and Google only say that they declined. */
function refusalText(client: FormatName, provider: FormatName): Expected {
  const hasWords = provider === 'chat' || provider === 'responses';
  const words = hasWords ? 'I cannot help with that.' : '';
  return client === 'chat' || client === 'responses'
    ? { refusal: words, text: '' }
    : { refusal: '', text: words };
}

function answerProblems(id: CellId, cell: Cell): string[] {
  const problems: string[] = [];
  const { answer } = cell;
  const want = expected(id);
  const failed = id.name === 'error' && !id.stream;
  const status = failed ? 529 : 200;
  if (cell.status !== status) problems.push(`status ${cell.status}, not ${status}: ${cell.body}`);
  const actual: Record<string, unknown> = { ...answer };
  for (const [key, value] of Object.entries(want)) {
    if (!Bun.deepEquals(actual[key], value)) {
      problems.push(`${key}: ${JSON.stringify(actual[key])}, not ${JSON.stringify(value)}`);
    }
  }
  if (id.name === 'calls') problems.push(...callProblems(id, answer));
  else if (answer.calls.length > 0) problems.push('calls out of nothing');
  if (id.name !== 'reasoning' && answer.reasoning !== '') problems.push('reasoning out of nothing');
  if (id.name !== 'error' && answer.error !== undefined) problems.push(`error: ${answer.error}`);
  if (!failed && answer.model !== 'm') problems.push(`model: ${answer.model}, not m`);
  return problems;
}

function callProblems({ client }: CellId, { calls }: Answer): string[] {
  const ids = new Set(calls.map(({ id }) => id));
  const said = calls.map(({ name, input }) => ({ name, input }));
  const want = [
    { name: 'get_weather', input: { city: 'Paris' } },
    { name: 'get_time', input: { zone: 'Europe/Paris' } },
  ];
  const problems: string[] = [];
  if (!Bun.deepEquals(said, want)) problems.push(`calls: ${JSON.stringify(said)}`);
  // Google itself gives calls no ids; a client matches them by name and order.
  const hasIds = ids.size === 2 && !ids.has('');
  if (!hasIds && client !== 'gemini') problems.push(`call ids: ${[...ids].join(', ')}`);
  return problems;
}
