/** Events of a client's stream as text: numbered, and remembering the items that are done. */
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import type { OutputItem } from './items.ts';

type EventName = Exclude<ResponseStreamEvent['type'], 'error'>;

/** The constant pieces of a delta's frame: up to the number, and from there to the text. */
export interface DeltaFrame {
  readonly before: string;
  readonly after: string;
}

/** `at` is the text of the fields that name the item (and part), each with a comma before it. */
export function deltaFrame(name: EventName, at: string): DeltaFrame {
  return {
    before: `event: ${name}\ndata: {"type":"${name}","sequence_number":`,
    after: `${at},"delta":`,
  };
}

export class Frames {
  #sequence = 0;
  #nextIndex = 0;
  readonly #done: (OutputItem | undefined)[] = [];

  /** One event; `rest` is the text of its further fields, each with a comma before it. */
  event(name: EventName, rest: string): string {
    return `event: ${name}\ndata: {"type":"${name}","sequence_number":${this.#sequence++}${rest}}\n\n`;
  }

  json(name: EventName, fields: object): string {
    return this.event(name, `,${JSON.stringify(fields).slice(1, -1)}`);
  }

  /** A delta; `rest` as in `event`. This is what most of a stream consists of. */
  delta(frame: DeltaFrame, text: string, rest = ''): string {
    return `${frame.before}${this.#sequence++}${frame.after}${JSON.stringify(text)}${rest}}\n\n`;
  }

  /** Several deltas; the texts need no escape in JSON. */
  deltas({ before, after }: DeltaFrame, texts: readonly string[], rest: string): string {
    const opening = `${after}"`;
    const closing = `"${rest}}\n\n`;
    let out = '';
    for (const text of texts) out += before + this.#sequence++ + opening + text + closing;
    return out;
  }

  /** The place of a new item among the output. */
  nextIndex(): number {
    return this.#nextIndex++;
  }

  added(index: number, item: object): string {
    return this.json('response.output_item.added', { output_index: index, item });
  }

  done(index: number, item: OutputItem): string {
    this.#done[index] = item;
    return this.json('response.output_item.done', { output_index: index, item });
  }

  /** An item that comes whole; `added` is what it looks like at first. */
  whole(item: OutputItem, added: object = item): string {
    const index = this.nextIndex();
    return this.added(index, added) + this.done(index, item);
  }

  /** The items that are done, in their places; what is still open is left out. */
  output(): OutputItem[] {
    return this.#done.filter((item) => item !== undefined);
  }
}
