/** `GET` and `DELETE /v1/responses/{id}`, and the list of what was asked. */
import { GatewayError, invalid } from '../errors.ts';
import { type JsonObject, text } from '../json.ts';
import type { ResponsesStore } from './responses-store.ts';
import type { StoredResponse } from './stored-response.ts';

/** Whose answer, and which. */
export interface StoredQuery {
  readonly store: ResponsesStore;
  readonly owner: string;
  readonly id: string;
}

/** @throws GatewayError 404 as OpenAI says it */
export async function storedResponse(
  query: StoredQuery,
  options: URLSearchParams,
): Promise<JsonObject> {
  // OpenAI streams answers that are still being made; here there are none.
  if (options.get('stream') === 'true') throw invalid('stream', 'a kept answer is not streamed');
  return (await find(query)).response;
}

/** @throws GatewayError 404 as OpenAI says it */
export async function deleteStored(query: StoredQuery): Promise<object> {
  const { store, owner, id } = query;
  if (!(await store.delete(owner, id))) throw notFound(id);
  return { id, object: 'response', deleted: true };
}

const MAX_PAGE = 100;
const PAGE = 20;

/** A page of the items that were asked, the newest first unless `order=asc`. */
export async function storedInput(query: StoredQuery, page: URLSearchParams): Promise<object> {
  const stored = await find(query);
  const items = stored.input.map((item, index) => withId(item, query.id, index));
  if (page.get('order') !== 'asc') items.reverse();
  const after = page.get('after');
  const start = after === null ? 0 : items.findIndex((item) => item['id'] === after) + 1;
  if (after !== null && start === 0) throw invalid('after', `there is no item '${after}'`);
  const data = items.slice(start, start + limitOf(page));
  return {
    object: 'list',
    data,
    first_id: data[0]?.['id'] ?? null,
    last_id: data.at(-1)?.['id'] ?? null,
    has_more: start + data.length < items.length,
  };
}

function limitOf(page: URLSearchParams): number {
  const written = page.get('limit');
  if (written === null) return PAGE;
  const limit = Number(written);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    throw invalid('limit', `must be a whole number from 1 to ${MAX_PAGE}`);
  }
  return limit;
}

const PREFIX: Readonly<Record<string, string>> = {
  function_call: 'fc_',
  function_call_output: 'fc_',
  custom_tool_call: 'ctc_',
  custom_tool_call_output: 'ctco_',
  reasoning: 'rs_',
};

/** An item of a request needs no id; in a list it has one, the same each time. */
function withId(item: JsonObject, responseId: string, index: number): JsonObject {
  if (text(item['id']) !== undefined) return item;
  const type = text(item['type']) ?? 'message';
  const prefix = PREFIX[type] ?? 'msg_';
  return { ...item, type, id: `${prefix}${responseId.replace(/^resp_/, '')}${index}` };
}

async function find({ store, owner, id }: StoredQuery): Promise<StoredResponse> {
  const stored = await store.get(owner, id);
  if (stored === undefined) throw notFound(id);
  return stored;
}

function notFound(id: string): GatewayError {
  return new GatewayError('not_found', `Response with id '${id}' not found.`, {
    type: 'invalid_request_error',
  });
}
