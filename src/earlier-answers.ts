/**
 * The Responses API's memory, seen from a request: what it refers to is found before the first
 * attempt, its own answer is kept when it has ended.
 */
import type { Exchange } from './exchange.ts';
import type { JsonObject } from './json.ts';
import type { Ledger } from './ledger.ts';
import type { Route, Target } from './resolve.ts';
import { keepAnswer } from './responses-store/keep-answer.ts';
import {
  clientPath,
  hasReferences,
  type References,
  resolveReferences,
} from './responses-store/references.ts';
import { spellLosses } from './transform/losses.ts';

/** What a body that refers to something holds somewhere; most bodies need no closer look. */
const SIGNS = ['"previous_response_id"', '"item_reference"', '"conversation"', '"prompt"'].map(
  // As bytes: a search for text costs several times as much.
  (sign) => Buffer.from(sign),
);

/** Looks up what the request refers to. Nothing to do, and no promise, for most. */
export function findReferences(exchange: Exchange): Promise<void> | undefined {
  const { call, body } = exchange;
  if (call.format.name !== 'responses') return undefined;
  if (!SIGNS.some((sign) => body.bytes.includes(sign)) || !hasReferences(body.json)) {
    return undefined;
  }
  return lookUp(exchange);
}

async function lookUp(exchange: Exchange): Promise<void> {
  const { body, deps, owner } = exchange;
  const { envelope, responses: store } = deps;
  exchange.references = await resolveReferences(body.json, { store, owner, envelope });
}

/**
 * The route with the targets that can answer: where something is not kept here, those that may know it themselves;
 * else the one that does comes first.
 * @throws GatewayError OpenAI's own, when nobody can know what is referred to
 */
export function knowingRoute<T extends Route>({ references }: Exchange, route: T): T {
  if (references === undefined) return route;
  return { ...route, targets: knowingTargets(references, route) };
}

function knowingTargets({ home, missing }: References, { targets }: Route): readonly Target[] {
  if (missing !== undefined) {
    const knowing = targets.filter(({ format }) => format === 'responses');
    if (knowing.length === 0) throw missing;
    return knowing;
  }
  const isHome = ({ provider, format }: Target): boolean =>
    provider.name === home && format === 'responses';
  return [...targets.filter(isHome), ...targets.filter((target) => !isHome(target))];
}

/** True when the provider is to get the references as they are. */
export function keepsReferences({ references }: Exchange, provider: string): boolean {
  if (references === undefined) return true;
  return references.body === undefined || references.home === provider;
}

/** The client's body with what it refers to in it, and marks for what is left unread. */
export function wholeBody({ references, verbatim, body }: Exchange): JsonObject {
  return references?.body ?? verbatim?.json ?? body.json;
}

/**
 * Takes what ends the client's answer, so that later requests may refer to it; undefined when it is
 * not to be kept.
 * @param native the answer goes out as the provider made it
 */
export function answerKeeper(
  exchange: Exchange,
  target: Target,
  native: boolean,
): ((ended: string) => void) | undefined {
  if (!isKept(exchange)) return undefined;
  const { body, deps, owner } = exchange;
  const who = { owner, provider: target.provider.name, model: target.model, native };
  return (ended) => keepAnswer(ended, { store: deps.responses, ...who, body: body.readable });
}

/** True when the answer is to be kept, with what was asked. */
export function isKept({ call, body, settings }: Exchange): boolean {
  if (call.format.name !== 'responses' || settings.config.responses.store === 'off') return false;
  return body.value('store') !== false;
}

/** Reports what the reader of the body reported as what the client itself wrote; once, after reading. */
export function spellOwn({ references, ledger, body }: Exchange): void {
  if (references?.body === undefined) return;
  ledger.respell((path) => [clientPath(path, references, body.json)]);
}

/** A path of the body without references as what the client itself wrote. */
export function ownPath({ references, body }: Exchange, path: string): string {
  return references?.body === undefined ? path : clientPath(path, references, body.json);
}

/** Reports what the provider's side reported as what the client itself wrote. */
export function spellProviders(exchange: Exchange, provider: Ledger): void {
  if (provider.dropped.length + provider.approximated.length === 0) return;
  const { call, references, body } = exchange;
  spellLosses(provider, { format: call.format, body: wholeBody(exchange) });
  if (references?.body === undefined) return;
  provider.respell((path) => [clientPath(path, references, body.json)]);
}
