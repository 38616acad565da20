/**
 * What the gateways in front of many providers have in common (OpenRouter, Vercel): reasoning is an
 * object instead of `reasoning_effort`, marks of the prompt cache are taken for some models, and the
 * options of the configuration are fields of the body, as llms has it.
 */
import { type JsonObject, object } from '../json.ts';
import type { Ledger } from '../ledger.ts';
import type { UnifiedChatRequest } from '../unified.ts';
import { markBody, takeMarks } from './cache-marks.ts';
import { chatOnly } from './chat-only.ts';
import type { Quirk } from './quirk.ts';
import { setAside, takeUp } from './set-aside.ts';
import { reportSummary } from './thinking-wish.ts';

export interface AggregatorTraits {
  readonly name: string;
  /** Models whose providers take cache marks. */
  readonly marked: RegExp;
  /** Fields of the middle language that chat itself has no place for and this gateway takes. */
  readonly fields: readonly string[];
}

export function aggregator({ name, marked, fields }: AggregatorTraits): Quirk {
  return {
    name,
    create: (options) =>
      chatOnly({
        request(request, { model, ledger }) {
          const waiting: JsonObject = {};
          let rest = request;
          if (rest.reasoning) {
            waiting['reasoning'] = reasoningObject(rest, ledger);
            const { reasoning: _said, ...silent } = rest;
            rest = silent;
          }
          for (const field of fields) {
            if (rest[field] === undefined) continue;
            waiting[field] = rest[field];
            rest = { ...rest };
            delete rest[field];
          }
          const taken = marked.test(model) ? takeMarks(rest) : undefined;
          if (taken) waiting['marks'] = taken.marks;
          return setAside(taken?.request ?? rest, name, waiting);
        },
        body(encoded, request, { ledger }) {
          const { fields: waiting, body } = takeUp(encoded, name);
          const { marks, ...said } = waiting;
          const whole = { ...body, ...said };
          // What OpenAI's own endpoint wants said of its models, unless a hook said it.
          if (request['reasoning_effort'] === undefined) delete whole['reasoning_effort'];
          const taken = object(marks);
          const result = taken ? markBody(whole, taken, ledger) : whole;
          return { ...result, ...options };
        },
      }),
  };
}

/** An effort and a limit exclude each other on both gateways; the limit is the more exact. */
function reasoningObject(request: UnifiedChatRequest, ledger: Ledger): JsonObject {
  const { enabled, effort, max_tokens: limit, summary } = request.reasoning ?? {};
  if (effort === 'none') return { effort };
  if (enabled === false) return { enabled };
  const said: JsonObject = {};
  if (limit !== undefined) {
    said['max_tokens'] = limit;
    if (effort) ledger.drop('reasoning.effort');
  } else if (effort === 'max') {
    said['effort'] = 'xhigh';
    ledger.approximate('reasoning.effort', 'effort xhigh');
  } else if (effort) said['effort'] = effort;
  else said['enabled'] = true;
  // Omitted only, reasoning is still needed back with its signature.
  if (summary === 'none') said['exclude'] = true;
  else reportSummary(request, ledger);
  return said;
}
