/** A provider's whole reply → unified. */
import { array, isObject, type JsonObject, object, text } from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import type { Opaque, UnifiedBlock, UnifiedReply } from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { decodeCitation } from './citations.ts';
import { decodeFinish } from './finish.ts';
import { decodeUsage } from './usage.ts';

/** See `Format.decodeReply`. */
export function decodeReply(body: JsonObject, context: ProviderContext): UnifiedReply {
  const blocks: UnifiedBlock[] = [];
  array(body['content']).forEach((value, i) => {
    if (isObject(value) && !isEmptyThinking(value)) {
      blocks.push(decodeBlock(value, `reply.content.${i}`, context));
    }
  });
  reportReply(body, context.ledger);
  const usage = object(body['usage']);
  const reply: UnifiedReply = {
    id: text(body['id']) ?? '',
    model: text(body['model']) ?? context.model,
    blocks,
    finish: decodeFinish(
      body['stop_reason'],
      blocks.some((each) => each.type === 'call'),
    ),
  };
  const stopSequence = text(body['stop_sequence']);
  const tier = text(usage?.['service_tier']);
  if (stopSequence !== undefined) reply.stopSequence = stopSequence;
  if (usage) reply.usage = decodeUsage(usage);
  if (tier !== undefined) reply.serviceTier = tier;
  return reply;
}

/** Reports what stands beside the answer and has no place in the middle language. */
export function reportReply(message: JsonObject, ledger: Ledger): void {
  for (const key of ['stop_details', 'container', 'diagnostics']) {
    if (isObject(message[key])) ledger.drop(`reply.${key}`);
  }
  const edits = object(message['context_management'])?.['applied_edits'];
  if (array(edits).length) ledger.drop('reply.context_management');
}

/** A token of this provider; '' when thinking came without one and must still return to it. */
export function opaqueOf(value: string, context: ProviderContext): Opaque {
  return { value, format: 'messages', provider: context.provider, model: context.model };
}

/** Thinking without text and without a token says nothing and could not be sent back. */
function isEmptyThinking(block: JsonObject): boolean {
  return block['type'] === 'thinking' && !block['thinking'] && !block['signature'];
}

function decodeBlock(block: JsonObject, path: string, context: ProviderContext): UnifiedBlock {
  switch (block['type']) {
    case 'text':
      return decodeText(block);
    case 'thinking':
      return {
        type: 'reasoning',
        text: text(block['thinking']) ?? '',
        opaque: opaqueOf(text(block['signature']) ?? '', context),
      };
    case 'redacted_thinking':
      return {
        type: 'reasoning',
        text: '',
        redacted: true,
        opaque: opaqueOf(text(block['data']) ?? '', context),
      };
    case 'tool_use':
      reportCaller(block, path, context.ledger);
      return {
        type: 'call',
        call: {
          type: 'function',
          id: text(block['id']) ?? '',
          function: {
            name: text(block['name']) ?? '',
            arguments: JSON.stringify(block['input'] ?? {}),
          },
        },
      };
    default:
      return { type: 'hosted', format: 'messages', value: block };
  }
}

function decodeText(block: JsonObject): UnifiedBlock {
  const decoded: UnifiedBlock = { type: 'text', text: text(block['text']) ?? '' };
  const citations = array(block['citations']).filter(isObject);
  if (citations.length) decoded.citations = citations.map(decodeCitation);
  return decoded;
}

/** A call that code of the provider made; `direct` is what every other one is. */
export function reportCaller(block: JsonObject, path: string, ledger: Ledger): void {
  const caller = object(block['caller']);
  if (caller && caller['type'] !== 'direct') ledger.drop(`${path}.caller`);
}
