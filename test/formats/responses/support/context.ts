/** Contexts for the tests of this format: ids count up, the clock stands still. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientContext, ProviderContext } from '../../../../src/formats/format.ts';
import { isObject, type JsonObject } from '../../../../src/json.ts';
import { Ledger } from '../../../../src/ledger.ts';
import { type SseEvent, SseParser } from '../../../../src/stream/sse.ts';
import { createEnvelope } from '../../../../src/transform/envelope.ts';
import type { UnifiedChatRequest } from '../../../../src/unified.ts';

export const envelope = createEnvelope('a secret of the tests');

function counter(): (prefix: string) => string {
  let count = 0;
  return (prefix) => prefix + String(++count).padStart(24, '0');
}

export function clientContext(
  body: JsonObject = {},
  request?: UnifiedChatRequest,
): ClientContext & { readonly ledger: Ledger } {
  return {
    model: 'my-alias',
    body,
    ...(request !== undefined && { request }),
    ledger: new Ledger(),
    envelope,
    estimateInput: () => 10,
    newId: counter(),
    now: () => 1_700_000_000_500,
  };
}

export function providerContext(
  model = 'model-x',
  provider = 'up',
): ProviderContext & { readonly ledger: Ledger } {
  return {
    provider,
    model,
    ledger: new Ledger(),
    newId: counter(),
    now: () => 1_700_000_000_500,
  };
}

const FIXTURES = join(import.meta.dir, '../../../fixtures/responses');

export function fixtureEvents(name: string): SseEvent[] {
  return events(readFileSync(join(FIXTURES, name), 'utf8'));
}

export function fixtureJson(name: string): JsonObject {
  return asJson(JSON.parse(readFileSync(join(FIXTURES, name), 'utf8')));
}

export function events(sse: string): SseEvent[] {
  const parser = new SseParser();
  return [...parser.push(sse), ...parser.end()];
}

/** The events of a stream as JSON, each checked to carry its own name. */
export function frames(sse: string): JsonObject[] {
  return events(sse).map(({ event, data }) => {
    const value = asJson(JSON.parse(data));
    if (value['type'] !== event) throw new Error(`event ${event} says ${String(value['type'])}`);
    return value;
  });
}

export function asJson(value: unknown): JsonObject {
  const plain: unknown = JSON.parse(JSON.stringify(value));
  if (!isObject(plain)) throw new Error('not an object');
  return plain;
}

/** A value within a value: `dig(x, 'output', 0, 'id')`. */
export function dig(value: unknown, ...path: (string | number)[]): unknown {
  let current = value;
  for (const key of path) {
    if (Array.isArray(current) && typeof key === 'number') current = current[key];
    else if (isObject(current)) current = current[key];
    else return undefined;
  }
  return current;
}
