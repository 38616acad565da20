/**
 * A chat provider's answer → chunks. Reads OpenAI's stream and what compatible servers make of it; a
 * whole reply is read as a stream of one event (`decode-reply.ts`), so that each oddity is known once.
 */
import { array, isObject, type JsonObject, object, parseJson, text } from '../../json.ts';
import type { SseEvent } from '../../stream/sse.ts';
import { NOTHING, type Stage } from '../../stream/stage.ts';
import {
  type Citation,
  type Finish,
  type ProviderFault,
  parseDataUrl,
  type UnifiedChunk,
} from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { CallReader } from './call-reader.ts';
import { decodeAnnotation, decodeSources } from './citation.ts';
import { thinkingText } from './dialect.ts';
import { decodeError } from './errors.ts';
import { decodeFinish } from './finish.ts';
import { ReasoningReader } from './reasoning-reader.ts';
import { decodeUsage } from './usage.ts';

const NO_TERMINAL: ProviderFault = {
  message: 'The provider ended the stream before the answer was complete',
  status: 502,
  type: 'upstream_garbled',
};
const NOT_JSON: ProviderFault = {
  message: 'The provider sent an event that is not JSON',
  status: 502,
  type: 'upstream_garbled',
};

/** Where the message stands in a reply, for the ledger. */
const MESSAGE = 'reply.choices.0.message';

export class ChatDecoder implements Stage<SseEvent, UnifiedChunk> {
  readonly #context: ProviderContext;
  readonly #reasoning: ReasoningReader;
  readonly #calls: CallReader;
  #hasStarted = false;
  /** Set by `done` and `error`: nothing follows. */
  #isOver = false;
  /** True while text deltas go to an open text block; citations may then be given. */
  #hasText = false;
  #hasRefusal = false;
  /** The provider's `finish_reason`; some repeat it, the last counts. */
  #finishWord: string | undefined;
  /** The finish that was given out last. */
  #finish: Finish | undefined;
  /** The last `usage`, as it came; read once, at the end. */
  #usage: unknown;
  #serviceTier: string | undefined;
  /** Citations that came before the text. */
  #held: Citation[] = [];
  /** The last event with Perplexity's lists of sources. */
  #sources: JsonObject | undefined;

  constructor(context: ProviderContext) {
    this.#context = context;
    this.#reasoning = new ReasoningReader(context);
    this.#calls = new CallReader(context);
  }

  push({ event, data }: SseEvent): readonly UnifiedChunk[] {
    if (this.#isOver) return NOTHING;
    if (data === '[DONE]') return this.#hasStarted ? this.#complete() : this.#fail(NO_TERMINAL);
    const body = parseJson(data);
    if (!isObject(body)) return data.trim() === '' ? NOTHING : this.#fail(NOT_JSON);
    if (event === 'error') return this.#fail(decodeError(200, body));
    return this.read(body);
  }

  end(): readonly UnifiedChunk[] {
    if (this.#isOver) return NOTHING;
    // [DONE] is not demanded: many servers end with the finish reason.
    return this.#finishWord === undefined ? this.#fail(NO_TERMINAL) : this.#complete();
  }

  /** One event's body. */
  read(body: JsonObject): readonly UnifiedChunk[] {
    this.#readUsage(body);
    if (body['error'] || body['object'] === 'error') return this.#fail(decodeError(200, body));
    const choices = body['choices'];
    if (!Array.isArray(choices) || choices.length === 0) return NOTHING;
    const choice = this.#firstChoice(choices);
    if (!choice) return NOTHING;
    const out: UnifiedChunk[] = [];
    const isFirst = !this.#hasStarted;
    if (isFirst) this.#start(body, out);
    if (body['citations'] || body['search_results']) this.#sources = body;
    if (choice['usage']) this.#usage = choice['usage'];
    const reason = choice['finish_reason'];
    if (choice['error'] || reason === 'error') {
      return [...out, ...this.#fail(decodeError(200, choice['error'] ? choice : body))];
    }
    // Asked for a stream, some servers send the whole message in one event.
    const delta = choice['delta'] ?? (isFirst ? choice['message'] : undefined);
    if (isObject(delta)) this.#readDelta(delta, choice, out);
    if (typeof reason === 'string' && reason !== '') {
      this.#finishWord = reason;
      this.#giveFinish(out);
    }
    return out;
  }

  #firstChoice(choices: unknown[]): JsonObject | undefined {
    let first: JsonObject | undefined;
    for (const choice of choices) {
      if (!isObject(choice)) continue;
      const index = choice['index'] ?? 0;
      if (index === 0) first ??= choice;
      else this.#context.ledger.drop(`reply.choices.${index}`);
    }
    return first;
  }

  #start(body: JsonObject, out: UnifiedChunk[]): void {
    this.#hasStarted = true;
    const chunk: Extract<UnifiedChunk, { type: 'start' }> = {
      type: 'start',
      id: text(body['id']) ?? '',
      model: text(body['model']) ?? '',
    };
    const created = body['created'];
    if (typeof created === 'number' && created > 0) chunk.created = Math.floor(created);
    out.push(chunk);
  }

  #readUsage(body: JsonObject): void {
    const usage = body['usage'];
    if (usage) this.#usage = usage;
    else if (body['x_groq']) this.#usage = object(body['x_groq'])?.['usage'] ?? this.#usage;
    const tier = body['service_tier'];
    if (typeof tier === 'string' && tier !== '') this.#serviceTier = tier;
  }

  #readDelta(delta: JsonObject, choice: JsonObject, out: UnifiedChunk[]): void {
    this.#reasoning.read(delta, out);
    const content = delta['content'];
    if (typeof content === 'string') {
      if (content !== '') this.#say(content, choice['logprobs'], out);
    } else if (Array.isArray(content)) this.#readParts(content, out);
    const refusal = delta['refusal'];
    if (typeof refusal === 'string' && refusal !== '') this.#refuse(refusal, out);
    if (delta['annotations']) this.#cite(array(delta['annotations']).filter(isObject), out);
    if (delta['images']) this.#readImages(array(delta['images']), out);
    if (delta['audio']) this.#readAudio(object(delta['audio']) ?? {}, out);
    const calls = delta['tool_calls'];
    if (Array.isArray(calls) && calls.length > 0) {
      this.#closeBefore(out);
      this.#calls.read(calls, out);
    }
    const legacy = delta['function_call'];
    if (isObject(legacy)) {
      this.#closeBefore(out);
      this.#calls.readLegacy(legacy, out);
    }
    // Groq's own tool runs; the token that Google's endpoint puts on a text.
    if (delta['executed_tools']) this.#context.ledger.drop(`${MESSAGE}.executed_tools`);
    if (delta['extra_content']) this.#context.ledger.drop(`${MESSAGE}.extra_content`);
  }

  /** Another block than text begins: the token of the reasoning before it comes first. */
  #closeBefore(out: UnifiedChunk[]): void {
    this.#reasoning.close(out);
    this.#hasText = false;
  }

  #say(said: string, logprobs: unknown, out: UnifiedChunk[]): void {
    if (this.#reasoning.isPending) this.#reasoning.close(out);
    const tokens = logprobs ? object(logprobs)?.['content'] : undefined;
    out.push(
      Array.isArray(tokens) && tokens.length > 0
        ? { type: 'text', text: said, logprobs: tokens }
        : { type: 'text', text: said },
    );
    this.#hasText = true;
    if (this.#held.length > 0) {
      for (const citation of this.#held) out.push({ type: 'citation', citation });
      this.#held = [];
    }
  }

  #refuse(refusal: string, out: UnifiedChunk[]): void {
    this.#closeBefore(out);
    this.#hasRefusal = true;
    out.push({ type: 'refusal', text: refusal });
  }

  /** Mistral's content: a list of thinking and text. */
  #readParts(list: unknown[], out: UnifiedChunk[]): void {
    for (const part of list) {
      if (!isObject(part)) continue;
      const type = part['type'];
      const said = text(part['text']) ?? '';
      if (type === 'thinking') {
        const thought = thinkingText(part['thinking']);
        if (thought !== '') this.#reasoning.say(thought, 'thinking', out);
      } else if (type === 'text') {
        if (said !== '') this.#say(said, undefined, out);
      } else if (type === 'refusal') this.#refuse(text(part['refusal']) ?? '', out);
      else if (type === 'image_url') this.#readImages([part], out);
      else this.#context.ledger.drop(`${MESSAGE}.content.${String(type)}`);
    }
  }

  #cite(annotations: JsonObject[], out: UnifiedChunk[]): void {
    for (const annotation of annotations) {
      const citation = decodeAnnotation(annotation);
      // OpenRouter sends them before the text that they belong to.
      if (this.#hasText) out.push({ type: 'citation', citation });
      else this.#held.push(citation);
    }
  }

  /** OpenRouter: `images: [{type: "image_url", image_url: {url: "data:…"}}]`. */
  #readImages(list: unknown[], out: UnifiedChunk[]): void {
    for (const entry of list) {
      const image = object(entry)?.['image_url'];
      const split = parseDataUrl(text(object(image)?.['url']) ?? text(image) ?? '');
      if (split) {
        this.#closeBefore(out);
        out.push({ type: 'media', mediaType: split.mediaType, data: split.data });
      } else this.#context.ledger.drop(`${MESSAGE}.images`);
    }
  }

  /** Spoken answers: what is said is kept as text, the sound itself has no place between formats. */
  #readAudio(audio: JsonObject, out: UnifiedChunk[]): void {
    const transcript = text(audio['transcript']);
    if (transcript) this.#say(transcript, undefined, out);
    if (audio['data']) this.#context.ledger.drop(`${MESSAGE}.audio`);
  }

  #giveFinish(out: UnifiedChunk[]): void {
    const finish = decodeFinish(this.#finishWord, {
      calls: this.#calls.hasCalls,
      refusal: this.#hasRefusal,
    });
    if (finish === this.#finish) return;
    this.#finish = finish;
    out.push({ type: 'finish', finish });
  }

  #giveUsage(out: UnifiedChunk[]): void {
    const usage = decodeUsage(this.#usage);
    if (!usage) return;
    out.push(
      this.#serviceTier === undefined
        ? { type: 'usage', usage }
        : { type: 'usage', usage, serviceTier: this.#serviceTier },
    );
  }

  #giveSources(out: UnifiedChunk[]): void {
    const sources = this.#sources ? decodeSources(this.#sources) : [];
    if (this.#hasText) for (const citation of sources) out.push({ type: 'citation', citation });
    else if (sources.length > 0) this.#context.ledger.drop('reply.citations');
    if (this.#held.length > 0) this.#context.ledger.drop(`${MESSAGE}.annotations`);
  }

  #complete(): readonly UnifiedChunk[] {
    this.#isOver = true;
    const out: UnifiedChunk[] = [];
    this.#giveSources(out);
    this.#reasoning.close(out);
    this.#calls.end();
    this.#giveUsage(out);
    this.#giveFinish(out);
    out.push({ type: 'done' });
    return out;
  }

  /** What was used up to the break is still told. */
  #fail(error: ProviderFault): readonly UnifiedChunk[] {
    this.#isOver = true;
    const out: UnifiedChunk[] = [];
    this.#giveUsage(out);
    out.push({ type: 'error', error });
    return out;
  }
}
