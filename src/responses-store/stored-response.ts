/** One kept answer of the Responses API, and its text form. */
import { array, isObject, type JsonObject, object, parseJson, text } from '../json.ts';

/** An answer, with what was asked, so that a later request can go on from it. */
export interface StoredResponse {
  /** Name of the API key that it belongs to; '' in an open gateway. */
  readonly owner: string;
  /** Who answered. */
  readonly provider: string;
  readonly model: string;
  /** The provider speaks this format and its reply went out as it was, ids included. */
  readonly native: boolean;
  /** The answer that the request went on from. */
  readonly previous?: string;
  /** The items of the request itself, as the client sent them. */
  readonly input: readonly JsonObject[];
  /** The response object as the client got it. */
  readonly response: JsonObject;
}

/** The id by which clients refer to it. */
export function responseId(stored: StoredResponse): string {
  return text(stored.response['id']) ?? '';
}

/** The items of the answer. */
export function outputItems(stored: StoredResponse): JsonObject[] {
  return array(stored.response['output']).filter(isObject);
}

/** Ids that `item_reference` may name. */
export function itemIds(stored: StoredResponse): string[] {
  return [...stored.input, ...outputItems(stored)].flatMap((item) => {
    const id = item['type'] === 'item_reference' ? undefined : text(item['id']);
    return id === undefined ? [] : [id];
  });
}

/** A request's `input` as items; a string stands for one user message. */
export function inputItems(body: JsonObject): JsonObject[] {
  const { input } = body;
  if (typeof input === 'string') {
    const content = [{ type: 'input_text', text: input }];
    return [{ type: 'message', role: 'user', content }];
  }
  return array(input).filter(isObject);
}

export function serializeStored(stored: StoredResponse): string {
  return JSON.stringify(stored);
}

/** Undefined for text that `serializeStored` did not write. */
export function parseStored(content: string): StoredResponse | undefined {
  const value = parseJson(content);
  const response = object(object(value)?.['response']);
  if (!isObject(value) || response === undefined) return undefined;
  const { owner, provider, model, native, previous, input } = value;
  if (typeof owner !== 'string' || typeof provider !== 'string' || typeof model !== 'string') {
    return undefined;
  }
  return {
    owner,
    provider,
    model,
    native: native === true,
    ...(typeof previous === 'string' && { previous }),
    input: array(input).filter(isObject),
    response,
  };
}
