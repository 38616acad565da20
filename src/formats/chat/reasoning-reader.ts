/** Reads the reasoning of a provider's answer, in whichever field it comes, and its token. */
import { isObject, type JsonObject, text } from '../../json.ts';
import type { Opaque, UnifiedChunk } from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { addDetail, detailText, hasToken, packDetails } from './reasoning-details.ts';

/**
 * Where the reasoning stood, which is where the provider wants it back: '' is `reasoning_content`,
 * 'reasoning' that field, 'thinking' a part of the content.
 */
type ReasoningField = '' | 'reasoning' | 'thinking';

/** Entries that another Plexus made (see `client-reasoning.ts`): each ends a block. */
const SEALED_FORMAT = 'plexus';

export class ReasoningReader {
  readonly #context: ProviderContext;
  /** True from the first piece of text until `close`. */
  #isOpen = false;
  /** The field of the open block. */
  #field: ReasoningField = '';
  /** The text of the open block. */
  #said = '';
  /** The entries of the open block, or those that came after it was closed. */
  #details: JsonObject[] = [];
  /** True after a sealed entry: the blank line before the next block is Plexus's own. */
  #isAfterSealed = false;

  constructor(context: ProviderContext) {
    this.#context = context;
  }

  /** Takes what a delta says. */
  read(delta: JsonObject, out: UnifiedChunk[]): void {
    const content = delta['reasoning_content'];
    const plain = delta['reasoning'];
    const isContent = typeof content === 'string' && content !== '';
    const said = isContent ? content : typeof plain === 'string' ? plain : '';
    const field = isContent ? '' : 'reasoning';
    const details = delta['reasoning_details'];
    if (Array.isArray(details) && details.length > 0) {
      this.#readDetails(details.filter(isObject), said, field, out);
    } else if (said !== '') this.say(said, field, out);
  }

  say(said: string, field: ReasoningField, out: UnifiedChunk[], isSummary = false): void {
    const isSeparator = this.#isAfterSealed && said === '\n\n';
    this.#isAfterSealed = false;
    if (isSeparator) return;
    this.#isOpen = true;
    this.#field = field;
    this.#said += said;
    out.push(
      isSummary
        ? { type: 'reasoning', text: said, summarized: true }
        : { type: 'reasoning', text: said },
    );
  }

  #readDetails(
    details: JsonObject[],
    said: string,
    field: ReasoningField,
    out: UnifiedChunk[],
  ): void {
    const sealed = details.filter((detail) => detail['format'] === SEALED_FORMAT);
    if (sealed.length > 0) {
      this.#readSealed(sealed, said, field, out);
      return;
    }
    const listed = details.map(detailText).join('');
    // A list that comes once, at the end, repeats what the plain field has said before.
    const isRepeated = said === '' && this.#details.length === 0 && listed === this.#said;
    const shown = said || (isRepeated ? '' : listed);
    const isSummary = details.every((detail) => detail['type'] === 'reasoning.summary');
    if (shown !== '') this.say(shown, field, out, isSummary);
    for (const detail of details) addDetail(this.#details, detail);
  }

  /** A whole message repeats the blocks' texts in `reasoning_content`; a stream has sent them before. */
  #readSealed(
    sealed: JsonObject[],
    said: string,
    field: ReasoningField,
    out: UnifiedChunk[],
  ): void {
    const texts = sealed.map(detailText);
    const isWhole = said !== '' && texts.filter((piece) => piece !== '').join('\n\n') === said;
    if (said !== '' && !isWhole) this.say(said, field, out);
    sealed.forEach((detail, index) => {
      const isSummary = detail['type'] === 'reasoning.summary';
      const piece = texts[index] ?? '';
      if (isWhole && piece !== '') this.say(piece, field, out, isSummary);
      const token = text(detail['signature']) ?? text(detail['data']) ?? '';
      const opaque = this.#opaque(token);
      const id = text(detail['id']);
      if (detail['type'] === 'reasoning.encrypted') out.push({ type: 'redacted', opaque });
      else out.push(id === undefined ? { type: 'opaque', opaque } : { type: 'opaque', opaque, id });
      out.push({ type: 'blockEnd' });
      this.#reset();
    });
    this.#isAfterSealed = true;
  }

  /** The reasoning is over: gives its token. Called before any other block, and at the end. */
  close(out: UnifiedChunk[]): void {
    if (this.#isOpen) {
      const token = hasToken(this.#details) ? packDetails(this.#details, this.#said) : this.#field;
      out.push({ type: 'opaque', opaque: this.#opaque(token) });
    } else if (hasToken(this.#details)) {
      // Entries that came after their text (xAI, Gemini by way of OpenRouter): a block of their own.
      const opaque = this.#opaque(packDetails(this.#details, ''));
      out.push({ type: 'blockEnd' }, { type: 'opaque', opaque }, { type: 'blockEnd' });
    }
    this.#reset();
  }

  /** True when `close` has something to give. */
  get isPending(): boolean {
    return this.#isOpen;
  }

  #reset(): void {
    this.#isOpen = false;
    this.#said = '';
    if (this.#details.length > 0) this.#details = [];
  }

  #opaque(value: string): Opaque {
    const { provider, model } = this.#context;
    return { value, format: 'chat', provider, model };
  }
}
