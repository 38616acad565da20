/**
 * Watches the answer of one attempt pass by and keeps what its record needs. The gateway only calls
 * `see` for each chunk; a text chunk costs an addition and a comparison.
 */
import type { Glance } from '../glance.ts';
import type { Finish, UnifiedChunk, UnifiedReply, Usage } from '../unified.ts';

/** The public fields are the findings so far; only the meter writes them. */
export class Meter {
  /** When the first text, reasoning, call, media or hosted block came; streams only. */
  firstOutputAt: number | undefined;
  /** When the provider said that the answer ends, or broke. */
  finishedAt: number | undefined;
  /** True once anything came that a client would see as part of the answer. */
  hasOutput = false;
  /** True once reasoning text came, so that the time of reasoning lies after the first output. */
  hasReasoning = false;
  /** True once the whole answer was seen. */
  isComplete = false;
  toolCalls = 0;
  /** Characters of text, reasoning and calls, for an estimate where the provider gives no count. */
  outputChars = 0;
  finish: Finish | undefined;
  /** The last counts that the provider gave. */
  usage: Usage | undefined;
  /** True when `usage` is more than what a stream's first event says of the input. */
  hasFinalUsage = false;
  readonly #now: () => number;

  /** @param now a clock that never jumps, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  see(chunk: UnifiedChunk): void {
    switch (chunk.type) {
      case 'text':
      case 'refusal':
      case 'arguments':
        this.#count(chunk.text);
        return;
      case 'reasoning':
        if (chunk.text !== '') this.hasReasoning = true;
        this.#count(chunk.text);
        return;
      case 'call':
        this.toolCalls += 1;
        this.#count(chunk.name);
        return;
      case 'redacted':
        this.hasReasoning = true;
        this.#output();
        return;
      case 'media':
      case 'hosted':
        this.#output();
        return;
      case 'start':
        if (chunk.usage !== undefined) this.usage = chunk.usage;
        return;
      case 'usage':
        this.usage = chunk.usage;
        this.hasFinalUsage = true;
        return;
      case 'finish':
        this.finish = chunk.finish;
        this.finishedAt ??= this.#now();
        return;
      case 'done':
        this.isComplete = true;
        this.finishedAt ??= this.#now();
        return;
      case 'error':
        this.finishedAt ??= this.#now();
        return;
    }
  }

  /** Output of so many characters came that was forwarded unread. */
  count(chars: number): void {
    this.outputChars += chars;
    if (!this.hasOutput) this.#output();
  }

  /** The same for an answer of one text that came in one piece and was not read. */
  seeGlance({ finish, usage }: Glance): void {
    this.isComplete = true;
    this.hasOutput = true;
    this.finish = finish;
    this.usage = usage;
    this.hasFinalUsage = true;
  }

  /** The same for an answer that came in one piece; it has no time of a first output. */
  seeReply(reply: UnifiedReply): void {
    this.isComplete = true;
    this.finish = reply.finish;
    this.usage = reply.usage;
    this.hasFinalUsage = reply.usage !== undefined;
    for (const block of reply.blocks) {
      this.hasOutput = true;
      if (block.type === 'call') {
        this.toolCalls += 1;
        const { call } = block;
        const [name, input] =
          call.type === 'function'
            ? [call.function.name, call.function.arguments]
            : [call.custom.name, call.custom.input];
        this.outputChars += name.length + input.length;
      } else if ('text' in block) {
        if (block.type === 'reasoning') this.hasReasoning = true;
        this.outputChars += block.text.length;
      }
    }
  }

  #count(text: string): void {
    if (text === '') return;
    this.outputChars += text.length;
    if (!this.hasOutput) this.#output();
  }

  #output(): void {
    this.hasOutput = true;
    this.firstOutputAt ??= this.#now();
  }
}
