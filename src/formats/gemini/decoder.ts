/**
 * A provider's events → chunks. Every event is a whole `GenerateContentResponse` with the next
 * parts. Nothing marks the last one: a `finishReason` may be followed by more text and another
 * (recorded with code execution), so the answer is complete when the connection closes after one.
 */
import { array, isObject, type JsonObject, number, object, parseJson, text } from '../../json.ts';
import type { SseEvent } from '../../stream/sse.ts';
import { NOTHING, type Stage } from '../../stream/stage.ts';
import type { Citation, Opaque, ProviderFault, UnifiedChunk, Usage } from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { decodeCitations, SOURCE_FIELDS } from './citations.ts';
import { decodeFault, isFault } from './fault.ts';
import { decodeFinish, finishReason, isBroken } from './finish.ts';
import { decodeLogprobs } from './logprobs.ts';
import { applyPartialArg, emptyArguments } from './partial-args.ts';
import { decodeUsage } from './usage.ts';

/** Fields of a candidate that are read; others are reported once, with the finishing event. */
const READ: ReadonlySet<string> = new Set([
  'content',
  'finishReason',
  'finishMessage',
  'index',
  'logprobsResult',
  ...SOURCE_FIELDS,
  // Sums of what `logprobsResult` says, and counts that the usage has.
  'avgLogprobs',
  'tokenCount',
]);

/** `Format.decoder`; `decode` takes a body that is parsed already. */
export class GeminiDecoder implements Stage<SseEvent, UnifiedChunk> {
  readonly #context: ProviderContext;
  /** Set with the first event. */
  #isStarted = false;
  /** Set when an error has been given: nothing follows it. */
  #isFailed = false;
  /** The block that a next delta would go on; a call, a hosted part or a picture closes it. */
  #open: 'text' | 'reasoning' | undefined;
  /** The open block has its token. Thoughts after it are another block; text goes on (2.5 signs the
   * first piece of a text), until a second token comes. */
  #isSigned = false;
  /** The text of the answer so far, and where its last block begins: for the offsets of citations. */
  #text = '';
  #blockStart = 0;
  /** How many calls were opened, and their ids. */
  #callIds = new Set<string>();
  /** The call whose arguments arrive by path; cleared when it is complete. */
  #partial: { index: number; args: JsonObject } | undefined;
  /** The last of each, from whichever event had it. */
  #reason: string | undefined;
  #finishMessage: string | undefined;
  #usage: JsonObject | undefined;
  #sources: JsonObject | undefined;
  /** Why the prompt itself was refused; then there is no candidate. */
  #blockReason: string | undefined;
  /** The body came whole, so HTTP itself says where it ends: a `finishReason` is not missed. */
  readonly #isWhole: boolean;
  /** Set by the first candidate. */
  #hasCandidate = false;

  constructor(context: ProviderContext, isWhole = false) {
    this.#context = context;
    this.#isWhole = isWhole;
  }

  push(event: SseEvent): readonly UnifiedChunk[] {
    if (this.#isFailed || event.data === '') return NOTHING;
    const body = parseJson(event.data);
    if (isObject(body)) return this.decode(body);
    // Some proxies end every stream the way OpenAI does.
    if (event.data.trim() === '[DONE]') return NOTHING;
    if (Array.isArray(body)) return body.flatMap((one) => (isObject(one) ? this.decode(one) : []));
    return this.#fail({
      message: `The provider sent an event that is not JSON: ${event.data.slice(0, 200)}`,
    });
  }

  /** One `GenerateContentResponse`, or an error in its place. */
  decode(body: JsonObject): readonly UnifiedChunk[] {
    if (this.#isFailed) return NOTHING;
    if (isFault(body)) return this.#fail(decodeFault(200, body));
    const out: UnifiedChunk[] = [];
    const usage = body['usageMetadata'];
    if (isObject(usage)) this.#usage = usage;
    if (!this.#isStarted) out.push(this.#start(body));
    const feedback = body['promptFeedback'];
    if (isObject(feedback)) this.#feedback(feedback);
    const candidate = this.#candidate(body['candidates']);
    if (candidate) this.#read(candidate, out);
    return out;
  }

  end(): readonly UnifiedChunk[] {
    if (this.#isFailed) return NOTHING;
    const fault = this.#fault();
    if (fault) return this.#fail(fault);
    const out: UnifiedChunk[] = [];
    if (this.#sources) this.#cite(this.#sources, out);
    const usage = this.#usage && decodeUsage(this.#usage);
    const tier = text(this.#usage?.['serviceTier']);
    if (usage) out.push({ type: 'usage', usage, ...(tier !== undefined && { serviceTier: tier }) });
    const finish =
      this.#blockReason === undefined
        ? decodeFinish(this.#reason ?? 'STOP', this.#callIds.size > 0)
        : 'content_filter';
    out.push({ type: 'finish', finish }, { type: 'done' });
    return out;
  }

  /** Why the answer is not one; undefined when it is complete. */
  #fault(): ProviderFault | undefined {
    if (this.#partial) return { message: 'The provider ended the answer within a function call' };
    if (this.#blockReason !== undefined) return undefined;
    const reason = this.#reason;
    if (reason === undefined) {
      if (this.#isWhole && this.#hasCandidate) return undefined;
      return { message: 'The provider ended the answer without a finishReason' };
    }
    if (!isBroken(reason)) return undefined;
    const message = this.#finishMessage ?? `The model's answer was unusable (${reason})`;
    return { message, status: 502, type: reason };
  }

  #fail(error: ProviderFault): readonly UnifiedChunk[] {
    this.#isFailed = true;
    return [{ type: 'error', error }];
  }

  #start(body: JsonObject): UnifiedChunk {
    this.#isStarted = true;
    const created = Date.parse(text(body['createTime']) ?? '');
    const usage: Usage | undefined = this.#usage && decodeUsage(this.#usage);
    return {
      type: 'start',
      id: text(body['responseId']) ?? '',
      model: text(body['modelVersion']) ?? '',
      ...(!Number.isNaN(created) && { created: Math.floor(created / 1000) }),
      ...(usage && { usage }),
    };
  }

  #feedback(feedback: JsonObject): void {
    const reason = feedback['blockReason'];
    if (reason === undefined || reason === null) return;
    this.#blockReason = String(reason);
    if (text(feedback['blockReasonMessage'])) {
      this.#context.ledger.drop('reply.promptFeedback.blockReasonMessage');
    }
  }

  /** The first candidate, which may come alone or beside others, in any order. */
  #candidate(candidates: unknown): JsonObject | undefined {
    if (!Array.isArray(candidates)) return undefined;
    const [only] = candidates;
    if (candidates.length === 1 && isObject(only) && (only['index'] ?? 0) === 0) return only;
    let first: JsonObject | undefined;
    for (const candidate of candidates) {
      if (!isObject(candidate)) continue;
      const index = number(candidate['index']) ?? 0;
      if (index === 0 && !first) first = candidate;
      else this.#context.ledger.drop(`reply.candidates.${index || 1}`);
    }
    return first;
  }

  #read(candidate: JsonObject, out: UnifiedChunk[]): void {
    this.#hasCandidate = true;
    const content = candidate['content'];
    if (isObject(content)) {
      const parts = content['parts'];
      const logprobs = object(candidate['logprobsResult']);
      if (Array.isArray(parts)) {
        for (const part of parts) if (isObject(part)) this.#part(part, out);
      }
      if (logprobs) attachLogprobs(out, decodeLogprobs(logprobs));
    }
    for (const name of SOURCE_FIELDS) {
      const value = candidate[name];
      if (isObject(value) && Object.keys(value).length > 0) {
        this.#sources ??= {};
        this.#sources[name] = value;
      }
    }
    const reason = finishReason(candidate['finishReason']);
    if (reason !== undefined) this.#finish(reason, candidate);
  }

  #finish(reason: string, candidate: JsonObject): void {
    const { ledger } = this.#context;
    this.#reason = reason;
    const message = text(candidate['finishMessage']);
    if (message && reason !== 'STOP') {
      this.#finishMessage = message;
      if (!isBroken(reason)) ledger.drop('reply.candidates.0.finishMessage');
    }
    for (const key in candidate) {
      if (!READ.has(key)) ledger.drop(`reply.candidates.0.${key}`);
    }
  }

  #part(part: JsonObject, out: UnifiedChunk[]): void {
    const said = part['text'];
    const token = part['thoughtSignature'];
    if (typeof said === 'string') {
      const kind = part['thought'] === true ? 'reasoning' : 'text';
      const hasToken = typeof token === 'string' && token !== '';
      if (said !== '') this.#delta(kind, said, hasToken, out);
      if (hasToken) this.#token(token, out);
      return;
    }
    const call = part['functionCall'];
    if (isObject(call)) this.#call(call, token, out);
    else this.#thing(part, token, out);
  }

  /** A picture or a sound, or something that only this format knows. */
  #thing(part: JsonObject, token: unknown, out: UnifiedChunk[]): void {
    this.#open = undefined;
    const blob = part['inlineData'];
    // A picture among the thoughts is a draft, not the answer: only Gemini's clients know it as such.
    if (isObject(blob) && part['thought'] !== true) {
      const mediaType = text(blob['mimeType']) ?? 'application/octet-stream';
      const opaque = typeof token === 'string' ? this.#opaque(token) : undefined;
      out.push({
        type: 'media',
        mediaType,
        data: text(blob['data']) ?? '',
        ...(opaque && { opaque }),
      });
    } else if (Object.keys(part).length > 0)
      out.push({ type: 'hosted', format: 'gemini', value: part });
  }

  #delta(kind: 'text' | 'reasoning', said: string, hasToken: boolean, out: UnifiedChunk[]): void {
    const isOver = this.#isSigned && (hasToken || kind === 'reasoning');
    if (isOver || this.#open !== kind) {
      if (this.#open === kind) out.push({ type: 'blockEnd' });
      this.#isSigned = false;
      this.#open = kind;
      if (kind === 'text') this.#blockStart = this.#text.length;
    }
    if (kind === 'text') {
      this.#text += said;
      out.push({ type: 'text', text: said });
    } else out.push({ type: 'reasoning', text: said, summarized: true });
  }

  /** The token of the open block. On an empty part, it belongs to what came before. */
  #token(token: string, out: UnifiedChunk[]): void {
    if (this.#isSigned && this.#open !== undefined) {
      out.push({ type: 'blockEnd' });
      this.#open = undefined;
    }
    out.push({ type: 'opaque', opaque: this.#opaque(token) });
    this.#isSigned = this.#open !== undefined;
    if (!this.#isSigned) out.push({ type: 'blockEnd' });
  }

  #opaque(value: string): Opaque {
    const { provider, model } = this.#context;
    return { value, format: 'gemini', provider, model };
  }

  #call(call: JsonObject, token: unknown, out: UnifiedChunk[]): void {
    this.#open = undefined;
    this.#isSigned = false;
    const name = text(call['name']) ?? '';
    const willContinue = call['willContinue'] === true;
    const partials = array(call['partialArgs']);
    const args = object(call['args']);
    if (this.#partial && name === '') {
      this.#extend(this.#partial, partials, willContinue, out);
      return;
    }
    const index = this.#callIds.size;
    const given = text(call['id']);
    const id = given && !this.#callIds.has(given) ? given : this.#context.newId('call_');
    this.#callIds.add(id);
    out.push(
      typeof token === 'string' && token !== ''
        ? { type: 'call', index, id, name, opaque: this.#opaque(token) }
        : { type: 'call', index, id, name },
    );
    if (willContinue || partials.length > 0) {
      this.#partial = { index, args: Object.assign(emptyArguments(), args) };
      this.#extend(this.#partial, partials, willContinue, out);
      return;
    }
    out.push({ type: 'arguments', index, text: JSON.stringify(args ?? {}) });
    out.push({ type: 'callEnd', index });
  }

  /** More of a call whose arguments arrive by path; they leave when they are whole, because the
   * order of the paths says nothing of the order of the JSON text. */
  #extend(
    partial: { index: number; args: JsonObject },
    partials: readonly unknown[],
    willContinue: boolean,
    out: UnifiedChunk[],
  ): void {
    for (const piece of partials) applyPartialArg(partial.args, piece);
    if (willContinue) return;
    const { index, args } = partial;
    out.push({ type: 'arguments', index, text: JSON.stringify(args) }, { type: 'callEnd', index });
    this.#partial = undefined;
  }

  #cite(sources: JsonObject, out: UnifiedChunk[]): void {
    const citations = decodeCitations(sources, this.#text);
    for (const citation of citations) {
      out.push({ type: 'citation', citation: within(citation, this.#blockStart) });
    }
    if (citations.length > 0) return;
    for (const name of Object.keys(sources))
      this.#context.ledger.drop(`reply.candidates.0.${name}`);
  }
}

/** The citation with offsets of the text block that begins at `start`; without, if it is before. */
function within(citation: Citation, start: number): Citation {
  if (start === 0 || citation.start === undefined || citation.end === undefined) return citation;
  const { start: from, end: to, ...rest } = citation;
  return from < start ? rest : { ...rest, start: from - start, end: to - start };
}

/** The probabilities come for the event as a whole; its first text carries them. */
function attachLogprobs(out: readonly UnifiedChunk[], logprobs: unknown[]): void {
  const chunk = out.find((one) => one.type === 'text');
  if (chunk?.type === 'text' && logprobs.length > 0) chunk.logprobs = logprobs;
}
