/**
 * Reasoning that a model writes into its text between tags: out of the answer's text as reasoning,
 * and back into the text when the client returns it.
 */
import { NOTHING, type Stage } from '../stream/stage.ts';
import {
  parts,
  type UnifiedChatRequest,
  type UnifiedChunk,
  type UnifiedMessage,
} from '../unified.ts';
import type { QuirkContext } from './quirk.ts';

export interface Tags {
  readonly open: string;
  readonly close: string;
  /** True where text may come before the opening tag; false where only white space may. */
  readonly anywhere: boolean;
}

type TextChunk = Extract<UnifiedChunk, { type: 'text' }>;

/**
 * Splits the text of an answer. Tags may be cut anywhere by the stream. When the closing tag never
 * comes and the answer would be empty, the reasoning is given as its text too, so that nothing is
 * swallowed (test/README.md, 23); an answer cut by its token limit stays cut.
 */
export class TaggedReasoning implements Stage<UnifiedChunk, UnifiedChunk> {
  readonly #tags: Tags;
  readonly #context: QuirkContext;
  /** `start`: no text of the block yet. `inside`: between the tags. `behind`: after the closing one,
   * while only white space came. `text`: nothing more to look for. */
  #at: 'start' | 'inside' | 'behind' | 'text' = 'start';
  /** White space and what may become a tag, held until the next piece. */
  #held = '';
  /** The reasoning of a block that is still open. */
  #thought = '';
  /** The reasoning whose closing tag did not come; set when its block was closed without one. */
  #unclosed = '';
  /** True once the block has text before a tag; cleared when it is closed. */
  #hasText = false;
  /** True once the answer holds anything but reasoning. */
  #hasAnswer = false;
  /** True when the token limit cut the answer. */
  #isCut = false;

  constructor(tags: Tags, context: QuirkContext) {
    this.#tags = tags;
    this.#context = context;
  }

  push(chunk: UnifiedChunk): readonly UnifiedChunk[] {
    switch (chunk.type) {
      case 'text':
        return this.#readText(chunk);
      case 'start':
      case 'usage':
      case 'idle':
        return [chunk];
      case 'finish':
        this.#isCut = chunk.finish === 'length';
        return [chunk];
      case 'done':
        return [...this.#close(), ...this.#rescue(), chunk];
      case 'error':
        return [...this.#close(), chunk];
      case 'citation':
      case 'opaque':
        return [...this.#flush(), chunk];
      case 'reasoning':
      case 'redacted':
        return this.#pass(chunk);
      default:
        if (chunk.type !== 'blockEnd') this.#hasAnswer = true;
        return this.#pass(chunk);
    }
  }

  end(): readonly UnifiedChunk[] {
    return this.#close();
  }

  /** Another kind of block begins or the block ends: a later text block may have tags of its own. */
  #pass(chunk: UnifiedChunk): readonly UnifiedChunk[] {
    if (this.#at === 'text' && this.#held === '') {
      if (!this.#tags.anywhere) this.#at = 'start';
      return [chunk];
    }
    const closed = this.#close();
    if (chunk.type === 'blockEnd' && closed.at(-1)?.type === 'blockEnd') return closed;
    return [...closed, chunk];
  }

  #readText(chunk: TextChunk): readonly UnifiedChunk[] {
    return this.#at === 'text' ? [chunk] : this.#search(chunk);
  }

  #search(chunk: TextChunk): readonly UnifiedChunk[] {
    const out: UnifiedChunk[] = [];
    let rest = this.#held + chunk.text;
    this.#held = '';
    if (this.#at === 'start') rest = this.#findOpening(rest, out);
    if (this.#at === 'inside') rest = this.#findClosing(rest, out);
    if (this.#at === 'behind') rest = this.#trim(rest);
    if (this.#at === 'text' && rest !== '') {
      // Untouched, it keeps its log probabilities.
      if (rest === chunk.text) out.push(chunk);
      else out.push({ type: 'text', text: rest });
    }
    if (chunk.logprobs && !out.includes(chunk))
      this.#context.ledger.drop('reply.choices.0.logprobs');
    this.#hasAnswer ||= out.some((said) => said.type === 'text' && said.text.trim() !== '');
    return out;
  }

  /** What follows the opening tag; '' while it may still come. */
  #findOpening(text: string, out: UnifiedChunk[]): string {
    const { open, anywhere } = this.#tags;
    const at = text.indexOf(open);
    const before = at < 0 ? text : text.slice(0, at);
    if (!anywhere && before.trimStart() !== '') {
      if (at < 0 && open.startsWith(before.trimStart())) {
        this.#held = text;
        return '';
      }
      this.#at = 'text';
      return text;
    }
    if (at >= 0) {
      this.#at = 'inside';
      if (this.#hasText || before.trim() !== '') this.#say(before, out);
      return text.slice(at + open.length);
    }
    // Until there is text, white space waits: before a tag it belongs to nothing.
    const isBlank = !this.#hasText && before.trim() === '';
    const kept = anywhere && !isBlank ? startOfTag(text, open) : text.length;
    this.#say(text.slice(0, text.length - kept), out);
    this.#held = text.slice(text.length - kept);
    return '';
  }

  /** What follows the closing tag; '' while it may still come. */
  #findClosing(text: string, out: UnifiedChunk[]): string {
    const { close } = this.#tags;
    const at = text.indexOf(close);
    const kept = at < 0 ? startOfTag(text, close) : 0;
    this.#think(at < 0 ? text.slice(0, text.length - kept) : text.slice(0, at), out);
    if (at < 0) {
      this.#held = text.slice(text.length - kept);
      return '';
    }
    this.#endThought(out);
    this.#at = 'behind';
    return text.slice(at + close.length);
  }

  /** The line breaks between reasoning and answer belong to neither. */
  #trim(text: string): string {
    const said = text.trimStart();
    if (said !== '') this.#at = 'text';
    return said;
  }

  #say(text: string, out: UnifiedChunk[]): void {
    if (text === '') return;
    this.#hasText = true;
    out.push({ type: 'text', text });
  }

  #think(text: string, out: UnifiedChunk[]): void {
    const said = this.#thought === '' ? text.trimStart() : text;
    if (said === '') return;
    this.#thought += said;
    out.push({ type: 'reasoning', text: said });
  }

  /** Closes the reasoning; the token brings the text back, to be written between tags again. */
  #endThought(out: UnifiedChunk[]): void {
    if (this.#thought === '') return;
    const { provider, model } = this.#context;
    out.push(
      { type: 'opaque', opaque: { value: '', format: 'chat', provider, model } },
      { type: 'blockEnd' },
    );
    this.#thought = '';
  }

  /** What is held turned out to be no tag. */
  #flush(): UnifiedChunk[] {
    const out: UnifiedChunk[] = [];
    const held = this.#held;
    this.#held = '';
    if (this.#at === 'inside') this.#think(held, out);
    else if (this.#hasText || held.trim() !== '') {
      this.#hasAnswer = true;
      this.#say(held, out);
    }
    return out;
  }

  #close(): UnifiedChunk[] {
    const out = this.#flush();
    this.#hasText = false;
    if (this.#at === 'inside') {
      this.#unclosed = this.#thought;
      this.#endThought(out);
    }
    this.#at = this.#at !== 'start' && this.#tags.anywhere ? 'text' : 'start';
    return out;
  }

  #rescue(): readonly UnifiedChunk[] {
    if (this.#hasAnswer || this.#isCut || this.#unclosed === '') return NOTHING;
    return [{ type: 'text', text: this.#unclosed }, { type: 'blockEnd' }];
  }
}

/** How many letters at the end of the text are the beginning of the tag. */
function startOfTag(text: string, tag: string): number {
  const from = text.lastIndexOf('<');
  return from >= 0 && tag.startsWith(text.slice(from)) ? text.length - from : 0;
}

/**
 * The request with reasoning of earlier answers written into their text again, as the model wrote it.
 * @param isOwn whether a block of reasoning goes this way; others stay what they are
 */
export function writeTags(
  request: UnifiedChatRequest,
  tags: Tags,
  isOwn: (reasoning: NonNullable<UnifiedMessage['reasoning']>[number]) => boolean,
): UnifiedChatRequest {
  let isChanged = false;
  const messages = request.messages.map((message) => {
    const own = message.reasoning?.filter((each) => each.text !== '' && isOwn(each)) ?? [];
    if (own.length === 0) return message;
    isChanged = true;
    const text = own.map((each) => `${tags.open}\n${each.text}\n${tags.close}\n\n`).join('');
    const { reasoning = [], ...rest } = message;
    const others = reasoning.filter((each) => !own.includes(each));
    const content = [{ type: 'text' as const, text }, ...parts(message)];
    return others.length > 0 ? { ...rest, content, reasoning: others } : { ...rest, content };
  });
  return isChanged ? { ...request, messages } : request;
}
