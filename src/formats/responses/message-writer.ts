/** The message item of a client's stream: its parts, their deltas and their citations. */
import { type Citation, reportCitation, type UnifiedChunk } from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import { encodeAnnotation } from './citations.ts';
import { type DeltaFrame, deltaFrame, type Frames } from './frames.ts';
import {
  type ItemStatus,
  type MessagePart,
  messageItem,
  type RefusalPart,
  refusalPart,
  type TextPart,
  textPart,
} from './items.ts';

const NO_LOGPROBS = ',"logprobs":[]';

interface OpenMessage {
  readonly id: string;
  readonly index: number;
  readonly parts: MessagePart[];
}
interface OpenPart<Part extends MessagePart> {
  readonly part: Part;
  /** Text of the fields that name the part in every event. */
  readonly at: string;
  readonly frame: DeltaFrame;
}

/** Writes one message after the other. Neighbouring blocks of text are parts of the same one. */
export class MessageWriter {
  readonly #frames: Frames;
  readonly #context: ClientContext;
  /** The item that grows; cleared when it is closed. */
  #message: OpenMessage | undefined;
  /** The part that takes deltas; at most one of the two is set. */
  #text: OpenPart<TextPart> | undefined;
  #refusal: OpenPart<RefusalPart> | undefined;
  /** Citations that wait for the end of the text they refer to; some come before its first word. */
  #citations: Citation[] = [];
  /** The model declined in words, at some point of the answer. */
  hasRefusal = false;

  constructor(frames: Frames, context: ClientContext) {
    this.#frames = frames;
    this.#context = context;
  }

  /** True while a text or refusal part takes deltas. */
  get isPartOpen(): boolean {
    return this.#text !== undefined || this.#refusal !== undefined;
  }

  get isTextOpen(): boolean {
    return this.#text !== undefined;
  }

  /** A piece of text; the part must be open. */
  textDelta(chunk: Extract<UnifiedChunk, { type: 'text' }>): string {
    const open = this.#text;
    if (open === undefined) return '';
    open.part.text += chunk.text;
    if (chunk.logprobs === undefined || chunk.logprobs.length === 0) {
      return this.#frames.delta(open.frame, chunk.text, NO_LOGPROBS);
    }
    open.part.logprobs.push(...chunk.logprobs);
    const logprobs = JSON.stringify(chunk.logprobs);
    return this.#frames.delta(open.frame, chunk.text, `,"logprobs":${logprobs}`);
  }

  /** Several pieces of text without log probabilities; undefined when no text part is open. */
  textDeltas(pieces: readonly string[], text: string): string | undefined {
    const open = this.#text;
    if (open === undefined) return undefined;
    open.part.text += text;
    return this.#frames.deltas(open.frame, pieces, NO_LOGPROBS);
  }

  openText(): string {
    const out = this.closePart();
    const [open, opened] = this.#open(textPart());
    this.#text = open;
    return out + opened;
  }

  refusal(text: string): string {
    this.hasRefusal = true;
    let out = '';
    let open = this.#refusal;
    if (open === undefined) {
      const closed = this.closePart();
      const [next, opened] = this.#open(refusalPart());
      this.#refusal = next;
      open = next;
      out = closed + opened;
    }
    open.part.refusal += text;
    return out + this.#frames.delta(open.frame, text);
  }

  citation(citation: Citation): void {
    this.#citations.push(citation);
  }

  #open<Part extends MessagePart>(part: Part): [OpenPart<Part>, string] {
    const frames = this.#frames;
    let out = '';
    let message = this.#message;
    if (message === undefined) {
      message = { id: this.#context.newId('msg_'), index: frames.nextIndex(), parts: [] };
      this.#message = message;
      const { id, index, parts } = message;
      out = frames.added(index, { ...messageItem(id, parts, 'completed'), status: 'in_progress' });
    }
    const { id, index, parts } = message;
    const at = `,"item_id":"${id}","output_index":${index},"content_index":${parts.length}`;
    const name = part.type === 'refusal' ? 'response.refusal.delta' : 'response.output_text.delta';
    parts.push(part);
    out += frames.event('response.content_part.added', `${at},"part":${JSON.stringify(part)}`);
    return [{ part, at, frame: deltaFrame(name, at) }, out];
  }

  /** Closes the part; the next one may still be of the same message. */
  closePart(): string {
    const frames = this.#frames;
    const open = this.#text ?? this.#refusal;
    if (open === undefined) return '';
    const { part, at } = open;
    let out = '';
    if (part.type === 'refusal') {
      out = frames.event(
        'response.refusal.done',
        `${at},"refusal":${JSON.stringify(part.refusal)}`,
      );
    } else {
      out = this.#annotate(part, at);
      const logprobs = JSON.stringify(part.logprobs);
      out += frames.event(
        'response.output_text.done',
        `${at},"text":${JSON.stringify(part.text)},"logprobs":${logprobs}`,
      );
    }
    this.#text = undefined;
    this.#refusal = undefined;
    return out + frames.event('response.content_part.done', `${at},"part":${JSON.stringify(part)}`);
  }

  #annotate(part: TextPart, at: string): string {
    let out = '';
    for (const citation of this.#citations) {
      const annotation = encodeAnnotation(citation, part.text.length);
      reportCitation(citation, 'responses', this.#context.ledger);
      if (annotation === undefined) {
        this.#context.ledger.drop('reply.citations');
        continue;
      }
      const index = part.annotations.push(annotation) - 1;
      out += this.#frames.event(
        'response.output_text.annotation.added',
        `${at},"annotation_index":${index},"annotation":${JSON.stringify(annotation)}`,
      );
    }
    this.#citations = [];
    return out;
  }

  /** Closes the item, if one is open. */
  close(status: ItemStatus): string {
    const out = this.closePart();
    const message = this.#message;
    if (message === undefined) return out;
    this.#message = undefined;
    const { id, index, parts } = message;
    return out + this.#frames.done(index, messageItem(id, parts, status));
  }

  /** Citations that no text came for are lost. */
  end(): void {
    if (this.#citations.length > 0) this.#context.ledger.drop('reply.citations');
  }
}
