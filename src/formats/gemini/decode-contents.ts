/**
 * A client's `contents` → messages. A turn of the model is cut where its order is not reasoning,
 * content, calls; responses find their calls by id, or by name and order where there are no ids.
 */
import { invalid } from '../../errors.ts';
import { asObject, isObject, type JsonObject } from '../../json.ts';
import type { Opaque, UnifiedContent, UnifiedMessage, UnifiedReasoning } from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import { decodeToken } from './client-token.ts';
import { decodeBlob, decodeFileData, decodePart } from './decode-parts.ts';
import {
  booleanField,
  dropUnknown,
  field,
  keyOf,
  listField,
  objectField,
  objectList,
  restOf,
  stringField,
} from './proto.ts';

const CONTENT: ReadonlySet<string> = new Set(['role', 'parts']);
const CALL_PART: ReadonlySet<string> = new Set(['functionCall', 'thought', 'thoughtSignature']);
const CALL: ReadonlySet<string> = new Set(['id', 'name', 'args']);
const RESPONSE_PART: ReadonlySet<string> = new Set(['functionResponse', 'thought']);
const RESPONSE: ReadonlySet<string> = new Set(['id', 'name', 'response', 'parts']);

/** Keys under which a response object holds nothing but the result. Google's documentation says
 * `output` and `error`; its examples and most clients write `result`. */
const RESULT_KEYS: ReadonlySet<string> = new Set(['output', 'result']);

interface OpenCall {
  id: string;
  name: string;
}

/** Where an assistant message stands in its order: reasoning, content, calls. */
type Phase = 0 | 1 | 2;

/** Messages in the order of the contents; throws a 400 that names a content it cannot read. */
export function decodeContents(body: JsonObject, context: ClientContext): UnifiedMessage[] {
  const contents = field(body, 'contents');
  if (contents === undefined) throw invalid('contents', 'is required (a list of contents)');
  const decoder = new ContentsDecoder(context);
  if (Array.isArray(contents)) {
    for (const [index, content] of contents.entries()) decoder.add(content, `contents.${index}`);
  } else decoder.add(contents, 'contents');
  if (decoder.messages.length === 0) throw invalid('contents', 'must not be empty');
  return decoder.messages;
}

class ContentsDecoder {
  readonly messages: UnifiedMessage[] = [];
  readonly #context: ClientContext;
  /** Calls without a response so far, in their order; a response takes its call out. */
  #open: OpenCall[] = [];

  constructor(context: ClientContext) {
    this.#context = context;
  }

  add(content: unknown, path: string): void {
    if (typeof content === 'string') {
      this.messages.push({ role: 'user', content, path });
      return;
    }
    const object = asObject(content, path);
    dropUnknown(object, CONTENT, path, this.#context.ledger);
    const role = stringField(object, 'role', path) ?? 'user';
    const parts = this.#parts(object, path);
    if (role === 'model') new ModelTurn(this, path).read(parts);
    else if (role === 'user' || role === 'function' || role === 'tool') this.#user(parts, path);
    else if (role === 'system') this.#system(parts, path);
    else throw invalid(`${path}.role`, `must be "user" or "model", not "${role}"`);
  }

  #parts(content: JsonObject, path: string): { value: JsonObject; path: string }[] {
    const parts = field(content, 'parts');
    const place = `${path}.parts`;
    if (typeof parts === 'string') return [{ value: { text: parts }, path: place }];
    if (!Array.isArray(parts)) return objectList(content, 'parts', path);
    return parts.map((part, index) => ({
      value: typeof part === 'string' ? { text: part } : asObject(part, `${place}.${index}`),
      path: `${place}.${index}`,
    }));
  }

  #user(parts: { value: JsonObject; path: string }[], path: string): void {
    let content: UnifiedContent[] | undefined;
    for (const part of parts) {
      if (field(part.value, 'functionResponse') !== undefined) {
        this.#response(part.value, part.path);
        content = undefined;
        continue;
      }
      this.dropSignature(part.value, part.path);
      const decoded = decodePart(part.value, part.path, this.#context.ledger);
      if (!decoded) continue;
      if (!content) {
        content = [];
        this.messages.push({ role: 'user', content, path });
      }
      content.push(decoded);
    }
  }

  #system(parts: { value: JsonObject; path: string }[], path: string): void {
    const content: UnifiedContent[] = [];
    for (const part of parts) {
      const decoded = decodePart(part.value, part.path, this.#context.ledger);
      if (decoded) content.push(decoded);
    }
    if (content.length > 0) this.messages.push({ role: 'system', content, path });
  }

  #response(part: JsonObject, path: string): void {
    const { ledger } = this.#context;
    dropUnknown(part, RESPONSE_PART, path, ledger);
    const where = `${path}.${keyOf(part, 'functionResponse')}`;
    const response = objectField(part, 'functionResponse', path) ?? {};
    const name = stringField(response, 'name', where) ?? '';
    const id = this.#answer(stringField(response, 'id', where), name, path);
    const result = decodeResult(field(response, 'response'));
    const content: UnifiedContent[] = [];
    if (result.text !== '') content.push({ type: 'text', text: result.text, path: where });
    for (const inner of objectList(response, 'parts', where)) {
      const media = field(inner.value, 'inlineData') !== undefined ? decodeBlob : decodeFileData;
      content.push(media(inner.value, inner.path, ledger));
    }
    const rest = restOf(response, RESPONSE, where);
    const message: UnifiedMessage = { role: 'tool', tool_call_id: id, content, path, ...rest };
    if (result.isError) message.is_error = true;
    this.messages.push(message);
  }

  /** The id of the call that a response answers; the call is open no longer. */
  #answer(id: string | undefined, name: string, path: string): string {
    let index = id ? this.#open.findIndex((call) => call.id === id) : -1;
    if (index < 0) index = this.#open.findIndex((call) => call.name === name);
    const [call] = index < 0 ? [] : this.#open.splice(index, 1);
    return call?.id ?? (id || generatedId(path));
  }

  /** A call of the model: its id, given or made from its place so that it is the same every time. */
  open(call: JsonObject, path: string): OpenCall {
    const name = stringField(call, 'name', path);
    if (!name) throw invalid(`${path}.name`, 'is required');
    const id = stringField(call, 'id', path) || generatedId(path);
    const opened = { id, name };
    this.#open.push(opened);
    return opened;
  }

  get context(): ClientContext {
    return this.#context;
  }

  /** Signatures have no meaning on what a user says. */
  dropSignature(part: JsonObject, path: string): void {
    const signature = field(part, 'thoughtSignature');
    if (signature) this.#context.ledger.drop(`${path}.${keyOf(part, 'thoughtSignature')}`);
  }
}

/** `contents.3.parts.0.functionCall` → `call_3_0`. */
function generatedId(path: string): string {
  return `call_${(path.match(/\d+/g) ?? ['0']).join('_')}`;
}

function decodeResult(response: unknown): { text: string; isError: boolean } {
  if (response === undefined) return { text: '', isError: false };
  if (!isObject(response)) {
    const text = typeof response === 'string' ? response : JSON.stringify(response);
    return { text, isError: false };
  }
  const [key, ...others] = Object.keys(response);
  const isError = others.length === 0 && key === 'error';
  const isWrapped = others.length === 0 && key !== undefined && (isError || RESULT_KEYS.has(key));
  const value = isWrapped ? response[key] : response;
  return { text: typeof value === 'string' ? value : JSON.stringify(value), isError };
}

/** One content of role `model`, as one message or several that continue each other. */
class ModelTurn {
  readonly #decoder: ContentsDecoder;
  readonly #path: string;
  /** The open message; undefined before the first part. */
  #message: UnifiedMessage | undefined;
  #phase: Phase = 0;
  /** The reasoning that the next thought part goes on; cleared when a token or a part ends it. */
  #thought: UnifiedReasoning | undefined;

  constructor(decoder: ContentsDecoder, path: string) {
    this.#decoder = decoder;
    this.#path = path;
  }

  read(parts: { value: JsonObject; path: string }[]): void {
    for (const part of parts) this.#part(part.value, part.path);
  }

  #part(part: JsonObject, path: string): void {
    const isThought = booleanField(part, 'thought', path) === true;
    const { opaque, isSealed } = this.#token(part, path);
    const text = field(part, 'text');
    if (field(part, 'functionCall') !== undefined) this.#call(part, path, opaque);
    else if (isThought && typeof text === 'string') {
      // What was sealed has its text with it.
      if (!isSealed) this.#reason(text, path, opaque);
    } else if (opaque && text === undefined) {
      // The token belongs to this very part, so the part stays whole.
      this.#content({ type: 'hosted', format: 'gemini', value: part, path });
    } else this.#said(part, path, opaque);
  }

  #said(part: JsonObject, path: string, opaque: Opaque | undefined): void {
    const content = decodePart(part, path, this.#decoder.context.ledger);
    if (content?.type === 'text' && opaque) this.#content({ ...content, opaque });
    else if (content) this.#content(content);
    // An empty text part is the carrier of a token that came at the end of a stream.
    else if (opaque) this.#content({ type: 'text', text: '', opaque, path });
  }

  /** The part's own token. Reasoning that was sealed into it becomes a block before the part. */
  #token(part: JsonObject, path: string): { opaque?: Opaque; isSealed: boolean } {
    const signature = stringField(part, 'thoughtSignature', path);
    if (!signature) return { isSealed: false };
    const token = decodeToken(this.#decoder.context.envelope, signature);
    if (token.kind === 'native') return { opaque: token.opaque, isSealed: false };
    const where = `${path}.${keyOf(part, 'thoughtSignature')}`;
    if (token.kind === 'broken') this.#decoder.context.ledger.drop(where);
    if (token.kind !== 'reasoning') return { isSealed: false };
    // Thoughts that the client was shown come back before their token; the envelope has them too.
    const shown = this.#thought;
    this.#thought = undefined;
    const block: UnifiedReasoning = { text: token.text, opaque: token.opaque, path };
    if (token.redacted) block.redacted = true;
    const { reasoning } = this.#at(0);
    if (shown && reasoning?.at(-1) === shown) reasoning.pop();
    reasoning?.push(block);
    return { isSealed: true };
  }

  #reason(text: string, path: string, opaque: Opaque | undefined): void {
    if (text === '' && !opaque) return;
    if (this.#thought) this.#thought.text += text;
    else {
      const thought: UnifiedReasoning = { text, summarized: true, path };
      this.#at(0).reasoning?.push(thought);
      this.#thought = thought;
    }
    if (opaque) {
      this.#thought.opaque = opaque;
      this.#thought = undefined;
    }
  }

  #content(content: UnifiedContent): void {
    const message = this.#at(1);
    if (Array.isArray(message.content)) message.content.push(content);
    else message.content = [content];
  }

  #call(part: JsonObject, path: string, opaque: Opaque | undefined): void {
    const { ledger } = this.#decoder.context;
    dropUnknown(part, CALL_PART, path, ledger);
    const where = `${path}.${keyOf(part, 'functionCall')}`;
    const call = objectField(part, 'functionCall', path) ?? {};
    dropUnknown(call, CALL, where, ledger);
    const { id, name } = this.#decoder.open(call, where);
    const args = JSON.stringify(objectField(call, 'args', where) ?? {});
    const message = this.#at(2);
    message.tool_calls ??= [];
    message.tool_calls.push({
      type: 'function',
      id,
      function: { name, arguments: args },
      path,
      ...(opaque && { opaque }),
    });
  }

  /** The message in which something of this phase may stand. */
  #at(phase: Phase): UnifiedMessage {
    if (phase > 0) this.#thought = undefined;
    if (!this.#message || phase < this.#phase) {
      const continues = this.#message !== undefined;
      this.#message = { role: 'assistant', content: null, path: this.#path };
      if (continues) this.#message.continues = true;
      this.#decoder.messages.push(this.#message);
    }
    this.#phase = phase;
    if (phase === 0) this.#message.reasoning ??= [];
    return this.#message;
  }
}

/** The system instruction: a content, its parts, or plain text. */
export function decodeSystem(body: JsonObject, context: ClientContext): UnifiedMessage[] {
  const key = keyOf(body, 'systemInstruction');
  const instruction = field(body, 'systemInstruction');
  if (instruction === undefined) return [];
  if (typeof instruction === 'string') {
    return instruction === '' ? [] : [{ role: 'system', content: instruction, path: key }];
  }
  const parts = isObject(instruction) ? listField(instruction, 'parts') : [instruction].flat();
  const content: UnifiedContent[] = [];
  for (const [index, part] of parts.entries()) {
    const path = `${key}.parts.${index}`;
    const value = typeof part === 'string' ? { text: part } : asObject(part, path);
    const decoded = decodePart(value, path, context.ledger);
    if (decoded?.type === 'text') content.push(decoded);
    else if (decoded) context.ledger.drop(path);
  }
  return content.length === 0 ? [] : [{ role: 'system', content, path: key }];
}
