/**
 * Keeps a conversation on its target, so that the provider's prompt cache is of use. A conversation
 * moves when its target cannot serve it, and then stays where it went.
 */
import { isObject, type JsonObject, object, parseJson, text } from '../json.ts';
import { targetKey } from './in-flight.ts';
import type { RankedTarget } from './ranking.ts';

/** Conversations that are remembered; the one that was silent longest goes first. */
const MAX_CONVERSATIONS = 10_000;
/** No provider keeps a prompt longer than this unless it is used (Anthropic, OpenAI: an hour). */
const FORGET_MS = 60 * 60_000;
/** How long `onHold` need not hear again of a conversation that stays where it is. */
const TOLD_MS = 10 * 60_000;

/** A conversation, the key of its target, and when it was last answered, Unix ms. */
export type Held = readonly [conversation: string, target: string, at: number];

export class Sticky {
  /** Hears of conversations that begin, move, or go on after a while. */
  onHold: ((held: Held) => void) | undefined;
  /** By conversation, the one that was silent longest first. */
  readonly #targets = new Map<string, { target: string; at: number; toldAt: number }>();
  readonly #now: () => number;
  readonly #max: number;

  constructor(now: () => number, max = MAX_CONVERSATIONS) {
    this.#now = now;
    this.#max = max;
  }

  /** The targets with the conversation's own first, when it is among them. */
  order<T extends RankedTarget>(key: string, targets: readonly T[]): readonly T[] {
    const entry = this.#targets.get(key);
    if (entry === undefined || this.#now() - entry.at > FORGET_MS) return targets;
    const own = targets.find((target) => keyOf(target) === entry.target);
    if (own === undefined || own === targets[0]) return targets;
    return [own, ...targets.filter((target) => target !== own)];
  }

  /** The conversation was answered by this target. */
  hold(key: string, target: RankedTarget): void {
    const before = this.#targets.get(key);
    const at = this.#now();
    const isNews = before?.target !== keyOf(target) || at - before.toldAt > TOLD_MS;
    this.#set([key, keyOf(target), at], isNews ? at : before.toldAt);
    if (isNews) this.onHold?.([key, keyOf(target), at]);
  }

  /** Takes what another process holds. */
  take(held: readonly Held[]): void {
    for (const one of held) this.#set(one, one[2]);
  }

  /** All that is held, for another process. */
  save(): Held[] {
    return [...this.#targets].map(([key, { target, at }]) => [key, target, at]);
  }

  #set([key, target, at]: Held, toldAt: number): void {
    this.#targets.delete(key);
    this.#targets.set(key, { target, at, toldAt });
    if (this.#targets.size <= this.#max) return;
    const [oldest] = this.#targets.keys();
    if (oldest !== undefined) this.#targets.delete(oldest);
  }
}

function keyOf(target: RankedTarget): string {
  return targetKey(target.provider.name, target.model);
}

// ------------------------------------------------------------------------------ conversation

export interface ConversationFacts {
  /** The alias that was asked for: each has its own targets. */
  readonly alias: string;
  /** Name of the client's key. */
  readonly apiKey: string | undefined;
  readonly headers: Headers;
  readonly body: JsonObject;
}

/** Headers that name a session: Claude Code, Codex, opencode and others. */
const SESSION_HEADERS = [
  'x-claude-code-session-id',
  'session-id',
  'session_id',
  'x-session-id',
  'x-session-affinity',
] as const;

/** What tells one conversation from another: the client's own name for it, else how it begins. */
export function conversationKey({ alias, apiKey, headers, body }: ConversationFacts): string {
  const session = sessionOf(headers, body);
  const hash = Bun.hash(session ?? JSON.stringify(beginning(body), withoutMarks));
  const kind = session === undefined ? 'b' : 's';
  return `${alias}\u0000${apiKey ?? ''}\u0000${kind}${hash.toString(36)}`;
}

function sessionOf(headers: Headers, body: JsonObject): string | undefined {
  for (const name of SESSION_HEADERS) {
    const value = headers.get(name);
    if (value) return value;
  }
  const key = text(body['prompt_cache_key']);
  return key || sessionOfUser(text(object(body['metadata'])?.['user_id']));
}

/** Claude Code's user id holds the session: `…_session_<uuid>`, or JSON with a `session_id`. */
function sessionOfUser(user: string | undefined): string | undefined {
  if (user === undefined) return undefined;
  const value = user.startsWith('{') ? parseJson(user) : undefined;
  if (isObject(value)) return text(value['session_id']);
  return /_session_(.+)$/.exec(user)?.[1];
}

/** Instructions and the first turn of the user, in whichever format: the same in every later request. */
function beginning(body: JsonObject): unknown[] {
  const gemini = body['systemInstruction'] ?? body['system_instruction'];
  const system = body['system'] ?? body['instructions'] ?? gemini;
  const turns = body['messages'] ?? body['input'] ?? body['contents'];
  if (!Array.isArray(turns)) return [system, turns];
  const first = turns.findIndex(isUserTurn);
  return [system, ...turns.slice(0, first + 1)];
}

/** Cache marks wander to later turns as a conversation grows. */
function withoutMarks(key: string, value: unknown): unknown {
  return key === 'cache_control' ? undefined : value;
}

function isUserTurn(turn: unknown): boolean {
  return isObject(turn) && (turn['role'] === 'user' || turn['role'] === undefined);
}
