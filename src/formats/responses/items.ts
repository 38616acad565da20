/** The output items of a client's response, shared by the whole reply and the stream. */
import type {
  ResponseCustomToolCallItem,
  ResponseFunctionToolCallItem,
  ResponseOutputItem,
  ResponseOutputMessage,
  ResponseReasoningItem,
} from 'openai/resources/responses/responses';
import type { JsonObject } from '../../json.ts';
import type { Opaque } from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import { REDACTED } from './redacted.ts';

export type ItemStatus = 'completed' | 'incomplete';
type CallItem = ResponseFunctionToolCallItem | ResponseCustomToolCallItem;
type ImageItem = Extract<ResponseOutputItem, { type: 'image_generation_call' }>;
/** A part of a message; annotations are as the provider or a citation made them. */
export interface TextPart {
  type: 'output_text';
  text: string;
  annotations: JsonObject[];
  logprobs: unknown[];
}
export interface RefusalPart {
  type: 'refusal';
  refusal: string;
}
export type MessagePart = TextPart | RefusalPart;
type MessageItem = Omit<ResponseOutputMessage, 'content'> & { content: MessagePart[] };
/** `encrypted_content` and so on; hosted items are as their provider made them. */
export type OutputItem = MessageItem | ResponseReasoningItem | CallItem | ImageItem | JsonObject;

export function messageItem(id: string, content: MessagePart[], status: ItemStatus): MessageItem {
  return { id, type: 'message', status, role: 'assistant', content };
}

export function textPart(text = '', annotations: JsonObject[] = []): TextPart {
  return { type: 'output_text', text, annotations, logprobs: [] };
}

export function refusalPart(refusal = ''): RefusalPart {
  return { type: 'refusal', refusal };
}

/** Reasoning of whatever kind is shown as summary: that is what clients display. */
export function reasoningItem(
  id: string,
  texts: readonly string[],
  token: string | undefined,
): ResponseReasoningItem {
  return {
    id,
    type: 'reasoning',
    summary: texts.map((text) => ({ type: 'summary_text', text })),
    encrypted_content: token ?? null,
  };
}

/** What an item says of a call, apart from its arguments. */
export interface CallHead {
  id: string;
  name: string;
  custom?: boolean;
  namespace?: string;
}

/** `input` is the JSON text of a function's arguments or a custom tool's free text. */
export function callItem(
  id: string,
  call: CallHead,
  input: string,
  status: CallItem['status'],
): CallItem {
  const common = {
    id,
    status,
    call_id: call.id,
    name: call.name,
    ...(call.namespace !== undefined && { namespace: call.namespace }),
  };
  return call.custom === true
    ? { ...common, type: 'custom_tool_call', input }
    : { ...common, type: 'function_call', arguments: input };
}

/** The id of a new call item, with the prefix that belongs to its kind. */
export function callItemId(call: CallHead, context: ClientContext): string {
  return context.newId(call.custom === true ? 'ctc_' : 'fc_');
}

const IMAGE_FORMATS = ['png', 'webp', 'jpeg', 'gif', 'svg'] as const;

/** A picture that the model made; undefined for any other medium, which no item can hold. */
export function mediaItem(
  mediaType: string,
  data: string,
  context: ClientContext,
): ImageItem | undefined {
  if (!mediaType.startsWith('image/')) return undefined;
  const name = mediaType.slice('image/'.length).replace('+xml', '').replace('jpg', 'jpeg');
  const format = IMAGE_FORMATS.find((known) => known === name);
  return {
    id: context.newId('ig_'),
    type: 'image_generation_call',
    status: 'completed',
    ...(format !== undefined && { output_format: format }),
    result: data,
  };
}

/** A hosted item as it came, with an id, which clients refer to. */
export function hostedItem(value: JsonObject, context: ClientContext): JsonObject {
  return typeof value['id'] === 'string' ? value : { ...value, id: context.newId('item_') };
}

/**
 * The `encrypted_content` that carries a token: a native one as it is, another format's in the
 * envelope, together with the text, which clients may change (they show it as a summary).
 */
export function tokenText(opaque: Opaque, text: string, context: ClientContext): string {
  const isNative = opaque.format === 'responses' && opaque.value !== '';
  return isNative ? opaque.value : context.envelope.seal(opaque, text, true);
}

/** The same for a block that is nothing but a token. */
export function redactedText(opaque: Opaque, context: ClientContext): string {
  return tokenText(opaque, REDACTED, context);
}

/** The id of a reasoning item: a native token is bound to the one it came with. */
export function reasoningId(id: string | undefined, context: ClientContext): string {
  return id?.startsWith('rs_') ? id : context.newId('rs_');
}
