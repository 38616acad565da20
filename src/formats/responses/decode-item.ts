/** One finished output item of a provider → blocks. Shared by whole replies and streams. */
import { array, isObject, type JsonObject, object, text } from '../../json.ts';
import type { Citation, Opaque, UnifiedBlock, UnifiedToolCall } from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { decodeAnnotation } from './citations.ts';

/** Blocks of one item, in order; none for an item that says nothing. */
export function decodeItem(item: JsonObject, context: ProviderContext): UnifiedBlock[] {
  switch (item['type']) {
    case 'message':
      return array(item['content']).flatMap(decodePart);
    case 'reasoning':
      return decodeReasoning(item, context);
    case 'function_call':
      return [{ type: 'call', call: decodeCall(item, context) }];
    case 'custom_tool_call':
      return isProviderRun(item)
        ? [hosted(item)]
        : [{ type: 'call', call: decodeCall(item, context) }];
    case 'image_generation_call':
      return [decodeImage(item) ?? hosted(item)];
    default:
      return text(item['type']) === undefined ? [] : [hosted(item)];
  }
}

function hosted(value: JsonObject): UnifiedBlock {
  return { type: 'hosted', format: 'responses', value };
}

function decodePart(part: unknown): UnifiedBlock[] {
  if (!isObject(part)) return [];
  const refusal = text(part['refusal']);
  if (part['type'] === 'refusal') return refusal ? [{ type: 'refusal', text: refusal }] : [];
  const value = text(part['text']);
  if (!value) return [];
  const citations = citationsOf(part);
  const logprobs = array(part['logprobs']);
  return [
    {
      type: 'text',
      text: value,
      ...(citations.length > 0 && { citations }),
      ...(logprobs.length > 0 && { logprobs }),
    },
  ];
}

/** The citations of a text part. */
export function citationsOf(part: JsonObject): Citation[] {
  return array(part['annotations']).flatMap((value) => decodeAnnotation(value) ?? []);
}

/** What a reasoning item holds. */
interface ReasoningTexts {
  texts: string[];
  /** False when the texts are the reasoning itself. */
  summarized: boolean;
}

/** A summary where there is one, else the reasoning itself, which open models show. */
export function reasoningTexts(item: JsonObject): ReasoningTexts {
  const summary = textsOf(item['summary']);
  if (summary.some((part) => part !== '')) return { texts: summary, summarized: true };
  return { texts: textsOf(item['content']), summarized: false };
}

function textsOf(list: unknown): string[] {
  return array(list).map((part) => text(object(part)?.['text']) ?? '');
}

/**
 * The token of a reasoning item. One that shows its reasoning and has no token still gets an empty
 * one, so that the text can come back to this provider (DeepSeek wants it in tool loops).
 */
export function reasoningToken(
  item: JsonObject,
  isShown: boolean,
  context: ProviderContext,
): Opaque | undefined {
  const value = text(item['encrypted_content']) ?? '';
  if (value === '' && !isShown) return undefined;
  const { provider, model } = context;
  return { value, format: 'responses', provider, model };
}

function decodeReasoning(item: JsonObject, context: ProviderContext): UnifiedBlock[] {
  const { texts, summarized } = reasoningTexts(item);
  const filled = texts.filter((part) => part !== '');
  const opaque = reasoningToken(item, !summarized && filled.length > 0, context);
  if (filled.length === 0 && opaque === undefined) return [];
  const id = text(item['id']);
  return [
    {
      type: 'reasoning',
      text: filled.join('\n\n'),
      ...(summarized && { summarized, parts: filled }),
      ...(opaque !== undefined && { opaque }),
      ...(id !== undefined && { id }),
    },
  ];
}

/** What a call item says before its arguments are known; some dialects leave `call_id` empty. */
export function callHead(
  item: JsonObject,
  context: ProviderContext,
): { id: string; name: string; namespace?: string } {
  const namespace = text(item['namespace']);
  return {
    id: text(item['call_id']) || text(item['id']) || context.newId('call_'),
    name: text(item['name']) ?? '',
    ...(namespace !== undefined && { namespace }),
  };
}

/** The JSON text of a call's arguments, or the free text of a custom call. */
export function callInput(item: JsonObject): string {
  if (item['type'] === 'custom_tool_call') return text(item['input']) ?? '';
  const args = item['arguments'];
  return typeof args === 'string' ? args : isObject(args) ? JSON.stringify(args) : '';
}

function decodeCall(item: JsonObject, context: ProviderContext): UnifiedToolCall {
  const { id, name, namespace } = callHead(item, context);
  const inNamespace = namespace === undefined ? {} : { namespace };
  const input = callInput(item);
  return item['type'] === 'custom_tool_call'
    ? { type: 'custom', id, custom: { name, input }, ...inNamespace }
    : { type: 'function', id, function: { name, arguments: input || '{}' }, ...inNamespace };
}

/** xAI shows the steps of its own search as custom calls, by these names and this prefix of the id. */
const PROVIDER_RUN =
  /^(x_(user_search|keyword_search|semantic_search|thread_fetch)|view_image|view_x_video)$/;

/** True for a custom call that the provider answers itself, so that no client must. */
export function isProviderRun(item: JsonObject): boolean {
  const isOfSearch = text(item['call_id'])?.startsWith('xs_') === true;
  return isOfSearch || PROVIDER_RUN.test(text(item['name']) ?? '');
}

/** A finished picture; undefined while (or when) there is none. */
export function decodeImage(
  item: JsonObject,
): Extract<UnifiedBlock, { type: 'media' }> | undefined {
  const data = text(item['result']);
  if (!data) return undefined;
  return { type: 'media', mediaType: `image/${text(item['output_format']) ?? 'png'}`, data };
}
