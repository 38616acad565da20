/**
 * What a Responses request refers to instead of saying it. A provider that keeps the answer itself
 * gets the reference as it is; for every other one the items take its place.
 */
import { GatewayError } from '../errors.ts';
import type { Envelope } from '../formats/format.ts';
import { array, isObject, type JsonObject, text } from '../json.ts';
import type { ResponsesStore } from './responses-store.ts';
import { inputItems, outputItems, type StoredResponse } from './stored-response.ts';

export interface References {
  /** The body without references; undefined when something that it refers to is not kept here. */
  readonly body: JsonObject | undefined;
  /** How many items stand in it before those of the client. */
  readonly offset: number;
  /** The provider that keeps all that is referred to. */
  readonly home: string | undefined;
  /** OpenAI's own error, for when nobody else knows the reference either. */
  readonly missing: GatewayError | undefined;
}

/** Whose references, and what opens them. */
export interface ReferenceScope {
  readonly store: ResponsesStore;
  readonly owner: string;
  readonly envelope: Envelope;
}

/** True for a body that refers to something kept elsewhere; cheap. */
export function hasReferences(body: JsonObject): boolean {
  const { previous_response_id: previous, conversation, prompt, input } = body;
  return Boolean(previous || conversation || prompt) || array(input).some(isReference);
}

function isReference(item: unknown): boolean {
  return (
    isObject(item) &&
    typeof item['id'] === 'string' &&
    // The type may be left out (OpenAI's specification, `ItemReferenceParam`).
    (item['type'] === 'item_reference' ||
      (item['type'] === undefined && item['role'] === undefined))
  );
}

/** @throws GatewayError when a reference is known to belong to another key */
export async function resolveReferences(
  body: JsonObject,
  scope: ReferenceScope,
): Promise<References> {
  const reader = new ReferenceReader(scope);
  reader.missing = elsewhere(body);
  const previous = text(body['previous_response_id']);
  const history = previous ? await reader.history(previous) : [];
  const own = await reader.items(inputItems(body), true);
  const { previous_response_id: _, ...rest } = body;
  return {
    body: reader.missing === undefined ? { ...rest, input: [...history, ...own] } : undefined,
    offset: history.length,
    home: reader.home,
    missing: reader.missing,
  };
}

/** A path of the body without references, in the client's own body. */
export function clientPath(path: string, { offset }: References, body: JsonObject): string {
  const match = /^input\.(\d+)(.*)$/.exec(path);
  if (match === null) return path;
  const [, index = '', rest = ''] = match;
  const at = Number(index) - offset;
  if (at < 0) return `previous_response_id.${index}${rest}`;
  return typeof body['input'] === 'string' ? 'input' : `input.${at}${rest}`;
}

class ReferenceReader {
  missing: GatewayError | undefined;
  readonly #scope: ReferenceScope;
  /** Providers that keep what was found so far; undefined among them: nobody but the store. */
  readonly #homes = new Set<string | undefined>();

  constructor(scope: ReferenceScope) {
    this.#scope = scope;
  }

  /** The one provider that keeps everything. */
  get home(): string | undefined {
    const [only] = this.#homes;
    return this.#homes.size === 1 ? only : undefined;
  }

  /** All items up to and including the answer of that id. */
  async history(id: string): Promise<JsonObject[]> {
    const { store, owner } = this.#scope;
    const answers: StoredResponse[] = [];
    const seen = new Set<string>();
    for (let next: string | undefined = id; next !== undefined && !seen.has(next); ) {
      seen.add(next);
      const stored: StoredResponse | undefined = await store.get(owner, next);
      if (stored === undefined) {
        await this.#refuseForeign(next, previousNotFound(id));
        this.missing ??= previousNotFound(id);
        return [];
      }
      // What the newest answer's provider keeps, it keeps with all that it went on from.
      if (answers.length === 0) this.#homes.add(homeOf(stored));
      answers.unshift(stored);
      next = stored.previous;
    }
    const items: JsonObject[] = [];
    for (const stored of answers) {
      items.push(...(await this.items(stored.input, false)));
      for (const item of outputItems(stored)) items.push(this.#bound(item, stored));
    }
    return items;
  }

  /** The items with those that they refer to in their places. */
  async items(items: readonly JsonObject[], isClients: boolean): Promise<JsonObject[]> {
    const out: JsonObject[] = [];
    for (const item of items) {
      if (!isReference(item)) {
        out.push(item);
        continue;
      }
      const id = text(item['id']) ?? '';
      const found = await this.#scope.store.item(this.#scope.owner, id);
      if (found === undefined) {
        if (this.#scope.store.itemBelongsToAnother(this.#scope.owner, id)) throw itemNotFound(id);
        this.missing ??= itemNotFound(id);
        continue;
      }
      if (isClients) this.#homes.add(homeOf(found.from));
      out.push(found.isOutput ? this.#bound(found.item, found.from) : found.item);
    }
    return out;
  }

  /** A token bound to the provider that issued it, so that no other one is sent it. */
  #bound(item: JsonObject, { provider, model }: StoredResponse): JsonObject {
    const { envelope } = this.#scope;
    const value = text(item['encrypted_content']) ?? '';
    if (item['type'] !== 'reasoning' || value === '' || envelope.isSealed(value)) return item;
    const summary = array(item['summary'])
      .map((part) => (isObject(part) ? (text(part['text']) ?? '') : ''))
      .filter((part) => part !== '')
      .join('\n\n');
    const sealed = envelope.seal({ value, format: 'responses', provider, model }, summary, true);
    return { ...item, encrypted_content: sealed };
  }

  async #refuseForeign(id: string, error: GatewayError): Promise<void> {
    if (await this.#scope.store.belongsToAnother(this.#scope.owner, id)) throw error;
  }
}

/**
 * The provider that keeps an answer itself: it speaks this format and says so. OpenAI's replies carry
 * `store: true`; those of servers that are only like it say false or nothing.
 */
function homeOf(stored: StoredResponse): string | undefined {
  return stored.native && stored.response['store'] === true ? stored.provider : undefined;
}

/** What is never kept here: conversations and prompts that live with a provider. */
function elsewhere({ conversation, prompt }: JsonObject): GatewayError | undefined {
  const type = 'invalid_request_error';
  if (conversation) {
    const id = isObject(conversation) ? conversation['id'] : conversation;
    const message = `Conversation with id '${String(id)}' not found.`;
    return new GatewayError('not_found', message, { field: 'conversation', type });
  }
  if (!prompt) return undefined;
  const message = 'A stored prompt is known only to a provider of the Responses API.';
  return new GatewayError('unsupported', message, { field: 'prompt', type });
}

/** As OpenAI says it: 400 with this code (maximhq/bifrost#2441). */
function previousNotFound(id: string): GatewayError {
  return new GatewayError('invalid_request', `Previous response with id '${id}' not found.`, {
    field: 'previous_response_id',
    type: 'invalid_request_error',
    code: 'previous_response_not_found',
  });
}

/** As OpenAI says it, with status 404 (router-for-me/CLIProxyAPI#2381). */
function itemNotFound(id: string): GatewayError {
  return new GatewayError('not_found', `Item with id '${id}' not found.`, {
    field: 'input',
    type: 'invalid_request_error',
  });
}
