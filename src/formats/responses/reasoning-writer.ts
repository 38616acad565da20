/** The reasoning items of a client's stream: the text as parts of a summary, the token at the end. */
import type { ResponseReasoningItem } from 'openai/resources/responses/responses';
import type { Opaque, UnifiedChunk } from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import type { Frames } from './frames.ts';
import { reasoningId, reasoningItem, tokenText } from './items.ts';

interface OpenReasoning {
  readonly id: string;
  readonly index: number;
  /** The parts of the summary; the last one takes deltas. */
  readonly texts: string[];
  /** The number that the chunks give the last part. */
  part: number;
  /** Set by the provider's token, which may come at any time before the item is closed. */
  opaque: Opaque | undefined;
}

export class ReasoningWriter {
  readonly #frames: Frames;
  readonly #context: ClientContext;
  /** The item that grows; cleared when it is closed. */
  #open: OpenReasoning | undefined;

  constructor(frames: Frames, context: ClientContext) {
    this.#frames = frames;
    this.#context = context;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** True while the open item waits for a token. */
  get lacksToken(): boolean {
    return this.#open !== undefined && this.#open.opaque === undefined;
  }

  text(chunk: Extract<UnifiedChunk, { type: 'reasoning' }>): string {
    const part = chunk.part ?? 0;
    let out = '';
    let open = this.#open;
    if (open === undefined) {
      const id = reasoningId(chunk.id, this.#context);
      open = { id, index: this.#frames.nextIndex(), texts: [], part, opaque: undefined };
      this.#open = open;
      out = this.#frames.added(open.index, bare(id)) + this.#openPart(open);
    } else if (part !== open.part) {
      out = this.#closePart(open);
      open.part = part;
      out += this.#openPart(open);
    }
    open.texts[open.texts.length - 1] += chunk.text;
    return out + this.#event(open, 'text.delta', `"delta":${JSON.stringify(chunk.text)}`);
  }

  /** The token of the open item. */
  token(opaque: Opaque): void {
    if (this.#open !== undefined) this.#open.opaque = opaque;
  }

  /** An item that is nothing but a token; `token` is the text that carries it. */
  bare(token: string, id?: string): string {
    const itemId = reasoningId(id, this.#context);
    return this.#frames.whole(reasoningItem(itemId, [], token), bare(itemId));
  }

  close(): string {
    const open = this.#open;
    if (open === undefined) return '';
    this.#open = undefined;
    const out = this.#closePart(open);
    const token = open.opaque && tokenText(open.opaque, open.texts.join('\n\n'), this.#context);
    return out + this.#frames.done(open.index, reasoningItem(open.id, open.texts, token));
  }

  #openPart(open: OpenReasoning): string {
    open.texts.push('');
    return this.#event(open, 'part.added', '"part":{"type":"summary_text","text":""}');
  }

  #closePart(open: OpenReasoning): string {
    const text = JSON.stringify(open.texts.at(-1) ?? '');
    return (
      this.#event(open, 'text.done', `"text":${text}`) +
      this.#event(open, 'part.done', `"part":{"type":"summary_text","text":${text}}`)
    );
  }

  #event(
    open: OpenReasoning,
    name: 'part.added' | 'part.done' | 'text.delta' | 'text.done',
    field: string,
  ): string {
    const summary = open.texts.length - 1;
    return this.#frames.event(
      `response.reasoning_summary_${name}`,
      `,"item_id":"${open.id}","output_index":${open.index},"summary_index":${summary},${field}`,
    );
  }
}

/** What a reasoning item looks like when it is announced. */
function bare(id: string): Pick<ResponseReasoningItem, 'id' | 'type' | 'summary'> {
  return { id, type: 'reasoning', summary: [] };
}
