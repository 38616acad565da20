/**
 * Messages → `systemInstruction` and `contents`. A turn of the model is one content, text and calls
 * together; the responses to its calls are one content of their own, in the order of the calls.
 * Gemini counts the parts of that content against the calls, so nothing else stands in it.
 */
import { isObject, type JsonObject, parseJson } from '../../json.ts';
import {
  callName,
  isTokenOf,
  type Opaque,
  parts,
  restFor,
  type UnifiedChatRequest,
  type UnifiedContent,
  type UnifiedMessage,
  type UnifiedReasoning,
  type UnifiedToolCall,
} from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { DUMMY_SIGNATURE } from './client-token.ts';
import { encodeContent } from './encode-parts.ts';
import type { ModelTraits } from './model-traits.ts';
import type { Content, FunctionResponsePart, Part } from './wire.ts';

/** Ids that another format or we have made. Gemini's own go back (3.5 and later demand it); these
 * are not sent, because Vertex AI refuses every id and never gives one. */
const FOREIGN_ID = /^(?:call_|toolu_|srvtoolu_|fc_|ctc_|chatcmpl-|functions\.)/;

/** What may stand in `functionResponse.parts`: the function calling page, "Multimodal function
 * responses". */
const RESPONSE_MEDIA = /^(?:image\/(?:png|jpeg|webp)|application\/pdf|text\/plain)$/;

/** The two fields of the body that the messages become. */
interface EncodedContents {
  contents: Content[];
  systemInstruction?: Content;
}

/** What these messages are for a model with these traits; what it cannot be told is reported. */
export function encodeContents(
  request: UnifiedChatRequest,
  traits: ModelTraits,
  context: ProviderContext,
): EncodedContents {
  const { messages } = request;
  const firstTurn = messages.findIndex((message) => message.role !== 'system');
  const writer = new ContentsWriter(traits, context);
  if (firstTurn < 0) {
    // Gemini needs a content to answer to; instructions alone become one.
    writer.write(messages);
    return { contents: writer.contents };
  }
  const system = messages.slice(0, firstTurn).flatMap((message) => writer.textParts(message));
  writer.write(messages.slice(firstTurn));
  if (traits.needsSignatures) writer.signCurrentTurn();
  return {
    contents: writer.contents,
    ...(system.length > 0 && { systemInstruction: { parts: system } }),
  };
}

interface KnownCall {
  name: string;
  /** Position among all calls of the conversation. */
  order: number;
  /** The id as sent; undefined when none is. */
  id: string | undefined;
}

class ContentsWriter {
  readonly contents: Content[] = [];
  readonly #traits: ModelTraits;
  readonly #context: ProviderContext;
  readonly #calls = new Map<string, KnownCall>();
  /** The content that holds responses only, while it is the last one. */
  #responses: Content | undefined;
  /** Index of the first content after the last thing a user said: the current turn. */
  #turnStart = 0;

  constructor(traits: ModelTraits, context: ProviderContext) {
    this.#traits = traits;
    this.#context = context;
  }

  write(messages: readonly UnifiedMessage[]): void {
    let results: UnifiedMessage[] = [];
    for (const message of messages) {
      if (message.role === 'tool') {
        results.push(message);
        continue;
      }
      if (results.length > 0) this.#results(results);
      results = [];
      this.#message(message);
    }
    if (results.length > 0) this.#results(results);
  }

  /** The text of a system message; anything else in it is reported. */
  textParts(message: UnifiedMessage): Part[] {
    this.#dropName(message);
    const out: Part[] = [];
    for (const part of parts(message)) {
      if (part.type === 'text' || part.type === 'refusal') out.push(...this.#content(part));
      else this.#drop(part.path ?? part.type);
    }
    return out;
  }

  /**
   * Gemini 3 refuses a call of the current turn that has no signature where one is due: on the first
   * call of each step. For calls that it did not make itself its page documents one value ("FAQs" of
   * ai.google.dev/gemini-api/docs/thought-signatures).
   */
  signCurrentTurn(): void {
    for (const content of this.contents.slice(this.#turnStart)) {
      if (content.role !== 'model') continue;
      const first = content.parts?.find((part) => part.functionCall !== undefined);
      if (first && first.thoughtSignature === undefined) first.thoughtSignature = DUMMY_SIGNATURE;
    }
  }

  #message(message: UnifiedMessage): void {
    this.#dropName(message);
    if (message.role === 'assistant') {
      this.#append('model', this.#assistant(message));
      return;
    }
    if (message.role === 'system') {
      this.#context.ledger.approximate(message.path ?? 'messages', 'user text');
    }
    this.#append(
      'user',
      parts(message).flatMap((part) => this.#content(part)),
    );
    this.#turnStart = this.contents.length;
  }

  /** Parts of one role that follow each other are one content. */
  #append(role: 'user' | 'model', added: Part[]): void {
    if (added.length === 0) return;
    const last = this.contents.at(-1);
    if (last?.parts && last.role === role && last !== this.#responses) last.parts.push(...added);
    else this.contents.push({ role, parts: added });
    this.#responses = undefined;
  }

  #assistant(message: UnifiedMessage): Part[] {
    const out: Part[] = [];
    const isSigned = this.#isSigned(message);
    for (const block of message.reasoning ?? []) {
      const part = this.#reasoning(block, isSigned);
      if (part) out.push(part);
    }
    for (const part of parts(message)) out.push(...this.#content(part));
    for (const call of message.tool_calls ?? []) out.push(this.#call(call));
    return out;
  }

  /** True when what the model thought goes back in the token of what it then said or called. */
  #isSigned(message: UnifiedMessage): boolean {
    const has = (holder: { opaque?: Opaque }): boolean => this.#token(holder.opaque) !== undefined;
    return (
      (message.tool_calls?.some(has) ?? false) ||
      parts(message).some((part) => part.type === 'text' && has(part))
    );
  }

  /** A thought goes back only with its own token, on the part it came with. */
  #reasoning(block: UnifiedReasoning, isSigned: boolean): Part | undefined {
    const token = this.#token(block.opaque);
    if (token === undefined) {
      const path = block.path ?? 'reasoning';
      if (isSigned && !block.opaque?.value) {
        this.#context.ledger.approximate(path, 'in the signature behind it');
      } else this.#drop(path);
      return undefined;
    }
    return block.text === ''
      ? { text: '', thoughtSignature: token }
      : { text: block.text, thought: true, thoughtSignature: token };
  }

  #content(content: UnifiedContent): Part[] {
    const rest = restFor('gemini', content);
    const bare = encodeContent(content, this.#context.ledger);
    const encoded = rest === undefined ? bare : bare.map((part) => ({ ...part, ...rest }));
    if (content.type !== 'text' || !content.opaque) return encoded;
    const token = this.#token(content.opaque);
    if (token !== undefined) return [{ text: content.text, thoughtSignature: token, ...rest }];
    this.#drop(`${content.path ?? 'text'}.thoughtSignature`);
    return encoded;
  }

  #call(call: UnifiedToolCall): Part {
    const path = call.path ?? 'tool_calls';
    if (call.cache_control !== undefined) this.#drop(`${path}.cache_control`);
    const name = callName(call);
    const id = this.#traits.callIds && !FOREIGN_ID.test(call.id) ? call.id : undefined;
    this.#calls.set(call.id, { name, order: this.#calls.size, id });
    const args =
      call.type === 'custom'
        ? { input: call.custom.input }
        : this.#arguments(call.function.arguments, path);
    const part: Part = { functionCall: id === undefined ? { name, args } : { id, name, args } };
    if (call.opaque) {
      const token = this.#token(call.opaque);
      if (token !== undefined) part.thoughtSignature = token;
      else this.#drop(`${path}.thoughtSignature`);
    }
    return part;
  }

  #arguments(text: string, path: string): JsonObject {
    if (text.trim() === '') return {};
    const args = parseJson(text);
    if (isObject(args)) return args;
    this.#context.ledger.approximate(path, 'arguments that are no JSON object, as text');
    return { arguments: text };
  }

  /** The responses to the calls of one turn. */
  #results(messages: UnifiedMessage[]): void {
    const ordered = messages.toSorted((a, b) => this.#order(a) - this.#order(b));
    const content: Content = { role: 'user', parts: [] };
    const beside: Part[] = [];
    for (const message of ordered) content.parts?.push(this.#result(message, beside));
    this.contents.push(content);
    this.#responses = content;
    this.#append('user', beside);
  }

  #order(message: UnifiedMessage): number {
    return this.#calls.get(message.tool_call_id ?? '')?.order ?? Number.MAX_SAFE_INTEGER;
  }

  #result(message: UnifiedMessage, beside: Part[]): Part {
    const path = message.path ?? 'messages';
    if (message.cache_control !== undefined) this.#drop(`${path}.cache_control`);
    const call = this.#calls.get(message.tool_call_id ?? '');
    const texts: string[] = [];
    const media: FunctionResponsePart[] = [];
    for (const content of parts(message)) {
      for (const part of this.#content(content)) {
        if (part.text !== undefined) texts.push(part.text);
        else if (this.#fitsResponse(part)) media.push(part);
        else {
          beside.push(part);
          this.#context.ledger.approximate(content.path ?? path, 'beside the function response');
        }
      }
    }
    const functionResponse: Part['functionResponse'] = {
      name: call?.name ?? message.name ?? 'unknown',
      response: encodeResult(texts.join('\n'), message.is_error === true),
    };
    if (call?.id !== undefined) functionResponse.id = call.id;
    if (media.length > 0) functionResponse.parts = media;
    return { functionResponse: { ...functionResponse, ...restFor('gemini', message) } };
  }

  #fitsResponse(part: Part): boolean {
    const mediaType = part.inlineData?.mimeType ?? part.fileData?.mimeType ?? '';
    return this.#traits.mediaInResponses && RESPONSE_MEDIA.test(mediaType);
  }

  /** The token as Gemini made it, if this very provider did. */
  #token(opaque: Opaque | undefined): string | undefined {
    const isOwn = isTokenOf(opaque, 'gemini', this.#context.provider);
    return isOwn && opaque.value !== '' ? opaque.value : undefined;
  }

  #dropName(message: UnifiedMessage): void {
    if (message.name !== undefined && message.role !== 'tool') {
      this.#drop(`${message.path ?? 'messages'}.name`);
    }
  }

  #drop(path: string): void {
    this.#context.ledger.drop(path);
  }
}

/**
 * `response` must be an object. Text goes under `output` or `error`, the keys that Google documents;
 * text that is just such an object goes as the object, if that changes no character of it (a number
 * beyond 2^53 would) and it does not use those two keys itself.
 */
function encodeResult(text: string, isError: boolean): JsonObject {
  if (isError) return { error: text };
  if (text.startsWith('{')) {
    const value = parseJson(text);
    const isPlain = isObject(value) && !('output' in value) && !('error' in value);
    if (isPlain && JSON.stringify(value) === text) return value;
  }
  return { output: text };
}
