/** What the quirks' tests share: a quirk run the way the chain runs it. */
import { FORMATS } from '../../src/formats/index.ts';
import type { JsonObject } from '../../src/json.ts';
import { isObject } from '../../src/json.ts';
import { Ledger } from '../../src/ledger.ts';
import type { Quirk, QuirkContext, QuirkEffects } from '../../src/quirks/quirk.ts';
import { runStage } from '../../src/stream/stage.ts';
import type {
  FormatName,
  UnifiedChatRequest,
  UnifiedChunk,
  UnifiedMessage,
  UnifiedTool,
} from '../../src/unified.ts';

interface Setting {
  model?: string;
  format?: FormatName;
  options?: JsonObject;
}

function contextOf({ model = 'some-model', format = 'chat' }: Setting): QuirkContext {
  const baseUrl = 'https://provider.example/v1';
  return { provider: 'p', baseUrl, model, format, ledger: new Ledger() };
}

/** Quirks reach nothing unless a test says so. */
export const offline: QuirkEffects = {
  request: () => Promise.reject(new Error('offline')),
  readFile: () => Promise.resolve(undefined),
  environment: {},
  now: () => 0,
};

/** The body that a provider gets for the request, and what was reported on the way. */
export function encodeWith(
  quirk: Quirk,
  request: UnifiedChatRequest,
  setting: Setting = {},
): { body: JsonObject; dropped: readonly string[]; approximated: readonly string[] } {
  const context = contextOf(setting);
  const before = structuredClone(request);
  const hooks = quirk.create(setting.options ?? {}, offline);
  const changed = hooks.request?.(request, context) ?? request;
  const encoded = FORMATS[context.format].encodeRequest(changed, {
    provider: context.provider,
    model: context.model,
    ledger: context.ledger,
    newId: (prefix) => `${prefix}1`,
    now: () => 0,
  });
  if (!isObject(encoded)) throw new Error('no body');
  const body = hooks.body?.(encoded, changed, context) ?? encoded;
  if (!Bun.deepEquals(request, before))
    throw new Error('the quirk changed the request it was given');
  const { dropped, approximated } = context.ledger;
  return { body, dropped, approximated };
}

/** What the quirk's stage makes of an answer, as one list. */
export function answerWith(
  quirk: Quirk,
  chunks: readonly UnifiedChunk[],
  request: UnifiedChatRequest = ask(),
): UnifiedChunk[] {
  const stage = quirk.create({}, offline).stage?.(request, contextOf({}));
  if (!stage) throw new Error('no stage');
  return runStage(stage, chunks);
}

/** A request with one question. */
export function ask(rest: Partial<UnifiedChatRequest> = {}): UnifiedChatRequest {
  return { model: 'alias', messages: [user('Hi')], ...rest };
}

export function user(content: UnifiedMessage['content']): UnifiedMessage {
  return { role: 'user', content, path: 'messages.0' };
}

export function tool(name: string): UnifiedTool {
  return { type: 'function', function: { name, parameters: { type: 'object', properties: {} } } };
}

/** A call of `look` with its result, as a history has it. */
export function calledOnce(id = 'call_1'): UnifiedMessage[] {
  return [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id, type: 'function', function: { name: 'look', arguments: '{}' } }],
    },
    { role: 'tool', tool_call_id: id, content: 'seen' },
  ];
}

/** Every way to cut a text in two. */
export function cuts(text: string): Array<[string, string]> {
  return Array.from({ length: text.length + 1 }, (_, at) => [text.slice(0, at), text.slice(at)]);
}

export function textChunks(...pieces: string[]): UnifiedChunk[] {
  return [
    { type: 'start', id: '1', model: 'm' },
    ...pieces.map((text): UnifiedChunk => ({ type: 'text', text })),
    { type: 'finish', finish: 'stop' },
    { type: 'done' },
  ];
}

/** The texts of a kind of chunk, joined. */
export function joined(chunks: readonly UnifiedChunk[], type: 'text' | 'reasoning'): string {
  return chunks.map((chunk) => (chunk.type === type ? chunk.text : '')).join('');
}
