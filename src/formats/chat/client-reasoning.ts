/**
 * Reasoning between Plexus and a chat client. The text goes in `reasoning_content`, which every client
 * that knows reasoning reads; what another format's provider needs back goes beside it, sealed, in
 * an entry of `reasoning_details` with the format name "plexus".
 */
import { array, isObject, type JsonObject, text } from '../../json.ts';
import type { Opaque, UnifiedReasoning } from '../../unified.ts';
import type { ClientContext, Envelope } from '../format.ts';
import { detailText, hasToken, unpackDetails } from './reasoning-details.ts';

/** `format` of the entries that Plexus makes. */
const OWN_FORMAT = 'plexus';

/** A finished block of reasoning, on its way to a client. */
export interface FinishedReasoning {
  text: string;
  summarized?: boolean;
  redacted?: boolean;
  id?: string;
  opaque?: Opaque;
}

/** The entries that carry the block's token; none when the text alone is enough. */
export function encodeDetails(
  block: FinishedReasoning,
  index: number,
  envelope: Envelope,
): JsonObject[] {
  const { opaque } = block;
  if (!opaque) return [];
  if (opaque.format === 'chat') {
    if (opaque.value === '') return [];
    const native = unpackDetails(opaque.value, block.text);
    if (native) return native;
  }
  const common = { ...(block.id === undefined ? {} : { id: block.id }), format: OWN_FORMAT, index };
  if (block.redacted) {
    return [{ type: 'reasoning.encrypted', data: envelope.seal(opaque), ...common }];
  }
  const signature = envelope.seal(opaque, block.text);
  return block.summarized
    ? [{ type: 'reasoning.summary', summary: block.text, signature, ...common }]
    : [{ type: 'reasoning.text', text: block.text, signature, ...common }];
}

/** Reads the reasoning of an assistant message that a client sends back. */
export function decodeReasoningBack(
  message: JsonObject,
  path: string,
  context: ClientContext,
): UnifiedReasoning[] {
  const plain = text(message['reasoning_content']) || text(message['reasoning']) || '';
  const field = text(message['reasoning_content']) ? 'reasoning_content' : 'reasoning';
  const details = array(message['reasoning_details']).filter(isObject);
  const result: UnifiedReasoning[] = [];
  const native: JsonObject[] = [];
  details.forEach((detail, index) => {
    if (!isSealed(detail, context.envelope)) native.push(detail);
    else {
      const opened = openDetail(detail, `${path}.reasoning_details.${index}`, context.envelope);
      if (opened) result.push(opened);
      else context.ledger.drop(`${path}.reasoning_details.${index}`);
    }
  });
  if (hasToken(native)) {
    // The list goes back as it is, whatever the client made of the text beside it.
    const opaque: Opaque = { value: JSON.stringify(native), format: 'chat' };
    result.push({ text: plainOf(native, plain), opaque, path: `${path}.reasoning_details` });
  } else if (details.length === native.length && (plain || native.length > 0)) {
    const value = field === 'reasoning' ? 'reasoning' : '';
    result.push({
      text: plainOf(native, plain),
      opaque: { value, format: 'chat' },
      path: `${path}.${plain ? field : 'reasoning_details'}`,
    });
  } else if (plain && !holds(result, plain)) {
    context.ledger.drop(`${path}.${field}`);
  }
  return result.filter((block) => block.text !== '' || block.opaque?.value);
}

function plainOf(native: readonly JsonObject[], plain: string): string {
  return plain || native.map(detailText).join('');
}

/** True when `plain` is no more than what the blocks say, as Plexus wrote it. */
function holds(blocks: readonly UnifiedReasoning[], plain: string): boolean {
  const said = blocks.map((block) => block.text).filter((said) => said !== '');
  return said.join('\n\n') === plain;
}

function sealedValue(detail: JsonObject): string {
  return text(detail['signature']) ?? text(detail['data']) ?? '';
}

function isSealed(detail: JsonObject, envelope: Envelope): boolean {
  return detail['format'] === OWN_FORMAT || envelope.isSealed(sealedValue(detail));
}

function openDetail(
  detail: JsonObject,
  path: string,
  envelope: Envelope,
): UnifiedReasoning | undefined {
  const isRedacted = detail['type'] === 'reasoning.encrypted';
  const said = detailText(detail);
  const opened = envelope.open(sealedValue(detail), isRedacted ? undefined : said);
  if (!opened) return undefined;
  const block: UnifiedReasoning = { text: said, opaque: opened.opaque, path };
  if (isRedacted) block.redacted = true;
  if (detail['type'] === 'reasoning.summary') block.summarized = true;
  const id = text(detail['id']);
  if (id !== undefined) block.id = id;
  return block;
}
