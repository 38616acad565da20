/**
 * Reads a provider's events with a shortcut: text deltas that are like the one before but for their
 * words are not parsed, and those that came in one piece are one chunk (`scenario burst` of the bench:
 * one string an event instead of seven). Anything else goes to the decoder, and after anything but a plain
 * text delta the shortcut is learned anew, so the decoder misses nothing that could change its state.
 */
import { DeltaTemplate } from '../stream/delta-template.ts';
import { type SseEvent, SseParser } from '../stream/sse.ts';
import type { Stage } from '../stream/stage.ts';
import type { UnifiedChunk } from '../unified.ts';

/** What no JSON string may hold as it is. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f]/;

export class SkimmingReader implements Stage<string, UnifiedChunk> {
  readonly #decoder: Stage<SseEvent, UnifiedChunk>;
  readonly #parser = new SseParser();
  /** Set while the last event was a plain text delta. */
  #template: DeltaTemplate | undefined;

  constructor(decoder: Stage<SseEvent, UnifiedChunk>) {
    this.#decoder = decoder;
  }

  push(piece: string): readonly UnifiedChunk[] {
    const out: UnifiedChunk[] = [];
    for (let from = 0; from < piece.length; ) {
      const behind = this.#run(piece, from, out);
      from = behind > from ? behind : this.#event(piece, from, out);
    }
    return out;
  }

  end(): readonly UnifiedChunk[] {
    const out: UnifiedChunk[] = [];
    for (const event of this.#parser.end()) out.push(...this.#decoder.push(event));
    out.push(...(this.#decoder.end?.() ?? []));
    return out;
  }

  /** The run of events from `from` on that are like the template; gives where it ends. */
  #run(piece: string, from: number, out: UnifiedChunk[]): number {
    if (this.#template === undefined || !this.#parser.isBetween) return from;
    const { prefix, suffix } = this.#template;
    // Escapes are for a parser.
    const escaped = piece.indexOf('\\', from);
    const pieces: string[] = [];
    let end = from;
    while (piece.startsWith(prefix, end)) {
      const start = end + prefix.length;
      const quote = piece.indexOf('"', start);
      if (quote <= start || (escaped >= 0 && quote > escaped)) break;
      if (!piece.startsWith(suffix, quote)) break;
      pieces.push(piece.slice(start, quote));
      end = quote + suffix.length;
    }
    if (end === from) return from;
    const text = pieces.join('');
    if (CONTROL.test(text)) return from;
    out.push(pieces.length === 1 ? { type: 'text', text } : { type: 'text', text, pieces });
    return end;
  }

  /** What the parser takes at once: an event, or a part of one. */
  #event(piece: string, from: number, out: UnifiedChunk[]): number {
    const begins = this.#parser.isBetween;
    const events: SseEvent[] = [];
    const end = this.#parser.read(piece, from, events);
    const before = out.length;
    for (const event of events) for (const chunk of this.#decoder.push(event)) out.push(chunk);
    if (events.length === 0) return end;
    const only = out.length === before + 1 ? out[before] : undefined;
    const isPlain = only?.type === 'text' && only.logprobs === undefined && only.text !== '';
    if (!isPlain) this.#template = undefined;
    else if (begins && this.#parser.isBetween) {
      this.#template = learn(piece.slice(from, end), only.text);
    }
    return end;
  }
}

function learn(frame: string, words: string): DeltaTemplate | undefined {
  const template = DeltaTemplate.learn(frame, JSON.stringify(words));
  if (template === undefined) return undefined;
  const { prefix, suffix } = template;
  return prefix.includes('\\') || suffix.includes('\\') ? undefined : template;
}
