import type { UnifiedBlock, UnifiedChunk, UnifiedReply } from '../../../src/unified.ts';

/** What a client makes of the chunks of an answer. */
export function assemble(chunks: Iterable<UnifiedChunk>): UnifiedReply {
  const reply: UnifiedReply = { id: '', model: '', blocks: [], finish: 'stop' };
  const calls: Extract<UnifiedBlock, { type: 'call' }>[] = [];
  let open: { type: 'text' | 'reasoning' | 'refusal'; text: string } | undefined;
  for (const chunk of chunks) {
    switch (chunk.type) {
      case 'start':
        reply.id = chunk.id;
        reply.model = chunk.model;
        if (chunk.created !== undefined) reply.created = chunk.created;
        break;
      case 'text':
      case 'reasoning':
      case 'refusal':
        if (open?.type !== chunk.type) {
          open = { type: chunk.type, text: '' };
          reply.blocks.push(open);
        }
        open.text += chunk.text;
        break;
      case 'blockEnd':
        open = undefined;
        break;
      case 'call': {
        const { id, name } = chunk;
        const where = chunk.namespace === undefined ? { id } : { id, namespace: chunk.namespace };
        const block: UnifiedBlock = {
          type: 'call',
          call: chunk.custom
            ? { ...where, type: 'custom', custom: { name, input: '' } }
            : { ...where, type: 'function', function: { name, arguments: '' } },
        };
        calls[chunk.index] = block;
        reply.blocks.push(block);
        break;
      }
      case 'arguments': {
        const call = calls[chunk.index]?.call;
        if (call?.type === 'function') call.function.arguments += chunk.text;
        else if (call?.type === 'custom') call.custom.input += chunk.text;
        break;
      }
      case 'finish':
        reply.finish = chunk.finish;
        if (chunk.stopSequence !== undefined) reply.stopSequence = chunk.stopSequence;
        break;
      case 'usage':
        reply.usage = chunk.usage;
        break;
    }
  }
  return reply;
}
