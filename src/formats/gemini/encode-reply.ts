/** A whole reply → `GenerateContentResponse` for a Gemini client. */
import type { JsonObject } from '../../json.ts';
import {
  callName,
  hostedName,
  reportCitation,
  type UnifiedBlock,
  type UnifiedReply,
} from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import { encodeCitations, type PlacedCitation } from './citations.ts';
import { encodeRedacted, encodeToken } from './client-token.ts';
import { encodeFinish } from './finish.ts';
import { encodeLogprobs } from './logprobs.ts';
import { callArguments, callPart, showsThoughts, tokenPart } from './reply-parts.ts';
import { encodeUsage } from './usage.ts';
import type { Part, WireCandidate, WireReply } from './wire.ts';

/** `Format.encodeReply`; thoughts only for a client that asked for them. */
export function encodeReply(reply: UnifiedReply, context: ClientContext): WireReply {
  const writer = new PartsWriter(context);
  for (const block of reply.blocks) writer.add(block);
  const parts = writer.finish();
  const candidate: WireCandidate & JsonObject = {
    content: parts.length > 0 ? { parts, role: 'model' } : { role: 'model' },
    finishReason: encodeFinish(reply.finish),
    index: 0,
    ...encodeCitations(writer.citations, writer.text),
  };
  if (writer.logprobs.length > 0) candidate.logprobsResult = encodeLogprobs(writer.logprobs);
  if (writer.malformed !== undefined && reply.finish !== 'length') {
    candidate.finishReason = 'MALFORMED_FUNCTION_CALL';
    candidate.finishMessage = `Malformed function call: ${writer.malformed}`;
  }
  if (reply.stopSequence !== undefined) context.ledger.drop('reply.stop_sequence');
  return {
    candidates: [candidate],
    ...(reply.usage && { usageMetadata: encodeUsage(reply.usage) }),
    modelVersion: context.model,
    responseId: reply.id === '' ? context.newId('') : reply.id,
  };
}

class PartsWriter {
  readonly citations: PlacedCitation[] = [];
  readonly logprobs: unknown[] = [];
  /** The answer's text, for the offsets of citations. */
  text = '';
  /** A call that could not be shown, because its arguments are no JSON object. */
  malformed: string | undefined;
  readonly #parts: Part[] = [];
  readonly #context: ClientContext;
  readonly #shows: boolean;
  /** How many calls the answer had so far, shown or not. */
  #calls = 0;
  /** The sealed token of the last reasoning, until it is known what follows to carry it: clients
   * keep the signature of a call most surely, that of a text next. */
  #pending: string | undefined;

  constructor(context: ClientContext) {
    this.#context = context;
    this.#shows = showsThoughts(context.request);
  }

  add(block: UnifiedBlock): void {
    if (block.type !== 'call' && block.type !== 'text') this.#flush();
    switch (block.type) {
      case 'call':
        this.#call(block);
        break;
      case 'text':
        this.#text(block);
        break;
      case 'refusal':
        if (block.text !== '') this.#parts.push({ text: block.text });
        break;
      case 'reasoning':
        this.#reasoning(block);
        break;
      case 'media': {
        const part: Part = { inlineData: { mimeType: block.mediaType, data: block.data } };
        if (block.opaque?.format === 'gemini') part.thoughtSignature = block.opaque.value;
        this.#parts.push(part);
        break;
      }
      case 'hosted':
        if (block.format === 'gemini') this.#parts.push(block.value);
        else this.#context.ledger.drop(`reply.${hostedName(block.value)}`);
    }
  }

  finish(): Part[] {
    this.#flush();
    return this.#parts;
  }

  #flush(): void {
    if (this.#pending === undefined) return;
    this.#parts.push(tokenPart(this.#pending, true));
    this.#pending = undefined;
  }

  #text(block: Extract<UnifiedBlock, { type: 'text' }>): void {
    const own = block.opaque?.format === 'gemini' ? block.opaque.value : undefined;
    if (own !== undefined || block.text === '') this.#flush();
    const token = own ?? this.#pending;
    this.#pending = undefined;
    if (token !== undefined) this.#parts.push({ text: block.text, thoughtSignature: token });
    else if (block.text !== '') this.#parts.push({ text: block.text });
    const blockStart = this.text.length;
    for (const citation of block.citations ?? []) {
      reportCitation(citation, 'gemini', this.#context.ledger);
      this.citations.push({ citation, blockStart });
    }
    this.text += block.text;
    if (block.logprobs) this.logprobs.push(...block.logprobs);
  }

  #reasoning(block: Extract<UnifiedBlock, { type: 'reasoning' }>): void {
    const { envelope } = this.#context;
    const isShown = this.#shows && block.text !== '';
    const { opaque } = block;
    if (opaque?.format === 'gemini') {
      this.#parts.push(
        isShown
          ? { text: block.text, thought: true, thoughtSignature: opaque.value }
          : tokenPart(opaque.value, false),
      );
      return;
    }
    if (isShown) this.#parts.push({ text: block.text, thought: true });
    if (!opaque) return;
    this.#pending = block.redacted
      ? encodeRedacted(envelope, opaque)
      : encodeToken(envelope, opaque, block.text);
  }

  #call(block: Extract<UnifiedBlock, { type: 'call' }>): void {
    const { call } = block;
    const index = this.#calls;
    this.#calls += 1;
    const args = callArguments(call);
    if (!args) {
      this.malformed = callName(call);
      this.#context.ledger.drop(`reply.tool_calls.${index}`);
      return;
    }
    const own = call.opaque?.format === 'gemini' ? call.opaque.value : undefined;
    if (own !== undefined) this.#flush();
    this.#parts.push(callPart(call.id, callName(call), args, own ?? this.#pending));
    this.#pending = undefined;
  }
}
