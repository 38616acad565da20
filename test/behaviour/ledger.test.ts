/**
 * Nothing is lost in silence. Requests are built from the whole vocabulary of each client format; for
 * every provider format each leaf of a request must reach the provider, or its path (or one above
 * it) must be reported. A text reaches the provider when it occurs in what is sent. Any other value
 * does when another value in its place would have made a difference: in what is sent, or in what is
 * reported.
 */
import { describe, expect, test } from 'bun:test';
import { GatewayError } from '../../src/errors.ts';
import { FORMATS } from '../../src/formats/index.ts';
import { isObject, type JsonObject } from '../../src/json.ts';
import { Ledger } from '../../src/ledger.ts';
import { createEnvelope } from '../../src/transform/envelope.ts';
import { reportForeignExtra } from '../../src/transform/foreign-extra.ts';
import { settleHistory } from '../../src/transform/history.ts';
import { ClientSide } from '../../src/transform/hook-context.ts';
import { spellLosses } from '../../src/transform/losses.ts';
import { mapTools } from '../../src/transform/tools.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { jsonReply, oneProvider, testGateway } from '../support/gateway.ts';
import { CHAT_FIELDS, chatRequest, legacyChatRequest } from '../support/vocabulary/chat.ts';
import { geminiRequest } from '../support/vocabulary/gemini.ts';
import { MESSAGES_FIELDS, messagesRequest } from '../support/vocabulary/messages.ts';
import { RESPONSES_FIELDS, responsesRequest } from '../support/vocabulary/responses.ts';
import { Builder, bodyOf, type FoundLeaf, leavesOf } from '../support/vocabulary/specimen.ts';

const VOCABULARIES: readonly [FormatName, (b: Builder) => object][] = [
  ['chat', chatRequest],
  ['chat', legacyChatRequest],
  ['messages', messagesRequest],
  ['responses', responsesRequest],
  ['gemini', geminiRequest],
];
/** Models with which a format's encoder takes different ways. */
const MODELS: Readonly<Record<FormatName, readonly string[]>> = {
  chat: ['some-model', 'gpt-5-mini'],
  messages: ['claude-sonnet-4-5', 'claude-opus-4-8'],
  responses: ['some-model', 'gpt-5'],
  gemini: ['gemini-2.5-flash', 'gemini-3-pro-preview'],
};
const SEEDS = 25;

/** Leaves that need neither arrive nor be reported, and why. */
const NEEDLESS: readonly Needless[] = [
  {
    client: 'messages',
    provider: 'gemini',
    path: /^service_tier$/,
    reason: 'both words mean the standard tier to a provider that sells no other unasked',
  },
  {
    provider: 'gemini',
    path: /\bstrict$/,
    reason: 'Gemini enforces every response schema, so that strict is what happens anyway',
    when: (_, path) => !path.startsWith('tools.'),
  },
  {
    path: /^parallel_tool_calls$/,
    reason: 'where no tool may be called, nothing can be parallel',
    when: (body) => body['tool_choice'] === 'none',
  },
  {
    client: 'responses',
    provider: 'gemini',
    path: /^tools\.\d+\.description$/,
    reason: 'a namespace of which no tool may be called needs no description',
    when: (body) =>
      isObject(body['tool_choice']) && body['tool_choice']['type'] === 'allowed_tools',
  },
];

interface Needless {
  client?: FormatName;
  provider?: FormatName;
  path: RegExp;
  reason: string;
  when?(body: JsonObject, path: string): boolean;
}

interface Sent {
  text: string;
  /** Paths that were reported, whatever became of them. */
  reported: string[];
}

const envelope = createEnvelope('a secret of the tests');
const newId = (prefix: string): string => `${prefix}000000000000000000000000`;
const now = (): number => 1_750_000_000_000;

/** What a provider is sent; undefined for a request that a client's format refuses. */
function send(
  client: FormatName,
  provider: FormatName,
  model: string,
  body: JsonObject,
): Sent | undefined {
  const ledger = new Ledger();
  const side = new ClientSide({ model: 'm', body, bytes: 1, ledger, envelope, newId, now });
  const upstream = { provider: 'p', model, ledger: new Ledger(), newId, now };
  try {
    const stream = body['stream'] === true;
    const request = { ...FORMATS[client].decodeRequest(body, side), model, stream };
    reportForeignExtra(request, provider, upstream.ledger);
    const messages = settleHistory(request.messages, upstream.ledger);
    const mapped = mapTools({ ...request, messages }, FORMATS[provider], upstream.ledger);
    const sent = FORMATS[provider].encodeRequest(mapped.request, upstream);
    spellLosses(upstream.ledger, { format: FORMATS[client], body });
    const reported = [ledger, upstream.ledger].flatMap(({ dropped, approximated }) => [
      ...dropped,
      ...approximated.map((entry) => entry.replace(/ \(.*$/s, '')),
    ]);
    return { text: JSON.stringify(sent), reported };
  } catch (cause) {
    if (cause instanceof GatewayError) return undefined;
    throw cause;
  }
}

function isReported(path: string, { reported }: Sent): boolean {
  return reported.some((entry) => path === entry || path.startsWith(`${entry}.`));
}

/** Base64 may arrive decoded. */
function arrives(mark: string, { text }: Sent): boolean {
  if (text.includes(mark)) return true;
  return /^[A-Za-z0-9+/=]{16,}$/.test(mark) && text.includes(atob(mark));
}

function isLost(
  { path, leaf }: FoundLeaf,
  sent: Sent,
  sendOther: (other: unknown) => Sent | undefined,
): boolean {
  if (isReported(path, sent)) return false;
  if (leaf.mark !== undefined) return !arrives(leaf.mark, sent);
  if (leaf.others.length === 0) return false;
  const others = leaf.others.map(sendOther).filter((other) => other !== undefined);
  return !others.some((other) => other.text !== sent.text || isReported(path, other));
}

function isNeedless(
  client: FormatName,
  provider: FormatName,
  path: string,
  body: JsonObject,
): boolean {
  return NEEDLESS.some(
    (each) =>
      (each.client ?? client) === client &&
      (each.provider ?? provider) === provider &&
      each.path.test(path) &&
      each.when?.(body, path) !== false,
  );
}

function lostLeaves(
  client: FormatName,
  provider: FormatName,
  model: string,
  tree: object,
): string[] {
  const body = bodyOf(tree);
  const sent = send(client, provider, model, body);
  if (sent === undefined) throw new Error('the vocabulary made a request that is refused');
  return leavesOf(tree)
    .filter(({ path }) => !isNeedless(client, provider, path, body))
    .filter((found) =>
      isLost(found, sent, (other) =>
        send(client, provider, model, bodyOf(tree, found.leaf, other)),
      ),
    )
    .map(({ path, leaf }) => `${path} = ${JSON.stringify(leaf.value)}`);
}

describe('the vocabularies', () => {
  const said = (build: (b: Builder) => object): Set<string> => {
    const names = Array.from({ length: 60 }, (_, seed) =>
      Object.keys(bodyOf(build(new Builder(seed + 1)))),
    );
    return new Set(names.flat());
  };
  test.each([
    ['chat', CHAT_FIELDS, [chatRequest, legacyChatRequest]],
    ['messages', MESSAGES_FIELDS, [messagesRequest]],
    ['responses', RESPONSES_FIELDS, [responsesRequest]],
  ] as const)('%s says every parameter that the SDK knows', (_name, fields, builds) => {
    const known = new Set(builds.flatMap((build) => [...said(build)]));
    expect(Object.keys(fields).filter((field) => !known.has(field))).toEqual([]);
  });
});

describe.each(VOCABULARIES)('a %s client', (client, build) => {
  test.each(FORMAT_NAMES)('loses nothing in silence at a %s provider', (provider) => {
    const lost = new Map<string, string>();
    for (const model of MODELS[provider]) {
      for (let seed = 0; seed <= SEEDS; seed += 1) {
        for (const leaf of lostLeaves(
          client,
          provider,
          model,
          build(new Builder(seed + 1, seed === 0)),
        )) {
          const kind = leaf.replace(/mark\d+x|"[A-Za-z0-9+/=]{16,}"/g, '…');
          if (!lost.has(kind)) lost.set(kind, `${leaf} (seed ${seed + 1}, ${model})`);
        }
      }
    }
    expect([...lost.values()]).toEqual([]);
  });
});

describe('what a client is told', () => {
  const reply = () =>
    jsonReply({ choices: [{ message: { content: 'x' }, finish_reason: 'stop' }] });
  const ask = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] };

  test('is spelled as the client spelled it: in both headers and in the record', async () => {
    const gateway = await testGateway(oneProvider('chat'), reply);
    const answer = await gateway.post('/v1/messages', {
      ...ask,
      max_tokens: 9000,
      thinking: { type: 'enabled', budget_tokens: 5000 },
      top_k: 3,
      metadata: { user_id: 'u', session: 's' },
      tools: [
        { name: 'f', input_schema: { type: 'object' }, cache_control: { type: 'ephemeral' } },
      ],
    });
    const dropped = answer.headers.get('x-plexus-dropped')?.split(', ').toSorted();
    expect(dropped).toEqual(['metadata.session', 'tools.0.cache_control', 'top_k']);
    expect(answer.headers.get('x-plexus-approximated')).toMatch(/^thinking \(/);
    expect(gateway.records[0]?.dropped.toSorted()).toEqual(dropped ?? []);
  });

  test('names the fields that are there, where several amount to one', async () => {
    const raw = { ...ask, safety_identifier: 'somebody' };
    const gemini = await testGateway(oneProvider('gemini'), () =>
      jsonReply({ candidates: [{ content: { parts: [{ text: 'x' }] }, finishReason: 'STOP' }] }),
    );
    const told = await gemini.post('/v1/chat/completions', raw);
    expect(told.headers.get('x-plexus-dropped')).toBe('safety_identifier');
  });

  test('is nothing where the bytes pass', async () => {
    const gateway = await testGateway(oneProvider('chat'), reply);
    const answer = await gateway.post('/v1/chat/completions', { ...ask, odd: { field: 1 } });
    expect(answer.headers.has('x-plexus-dropped')).toBe(false);
    expect(answer.headers.has('x-plexus-approximated')).toBe(false);
  });
});
