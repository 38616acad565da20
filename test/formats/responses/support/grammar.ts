/** What every stream of this format must keep, whatever it says. */
import type { JsonObject } from '../../../../src/json.ts';
import { dig } from './context.ts';

const TERMINAL = ['response.completed', 'response.incomplete', 'response.failed'];

/** Complaints about a stream; none for one that a strict client takes. */
export function complaints(frames: readonly JsonObject[]): string[] {
  const bad: string[] = [];
  const need = (isSo: boolean, complaint: string) => {
    if (!isSo) bad.push(complaint);
  };
  need(
    frames.every((frame, index) => frame['sequence_number'] === index),
    'sequence numbers',
  );
  need(frames[0]?.['type'] === 'response.created', 'created first');
  need(frames[1]?.['type'] === 'response.in_progress', 'in_progress second');
  const ends = frames.filter((frame) => TERMINAL.includes(String(frame['type'])));
  need(ends.length === 1 && frames.at(-1) === ends[0], 'one terminal event, last');
  const ids = new Set(frames.flatMap((frame) => dig(frame, 'response', 'id') ?? []));
  need(ids.size === 1, 'one response id');

  const open = new Map<unknown, { id: unknown; parts: Map<string, string>; args: string }>();
  const done: unknown[] = [];
  for (const frame of frames) {
    const type = String(frame['type']);
    const index = frame['output_index'];
    if (type === 'response.output_item.added') {
      need(
        index === open.size + done.filter((item) => item !== undefined).length,
        `index of ${type}`,
      );
      open.set(index, { id: dig(frame, 'item', 'id'), parts: new Map(), args: '' });
      continue;
    }
    if (index === undefined) continue;
    const item = open.get(index);
    if (item === undefined) {
      bad.push(`${type} outside an item`);
      continue;
    }
    if (type === 'response.output_item.done') {
      need(dig(frame, 'item', 'id') === item.id, 'id of the item that is done');
      need(item.parts.size === 0, 'parts closed before the item');
      done[Number(index)] = frame['item'];
      open.delete(index);
      continue;
    }
    need(frame['item_id'] === item.id, `item_id of ${type}`);
    const part = String(frame['summary_index'] ?? frame['content_index'] ?? 'args');
    const delta = frame['delta'];
    if (type.endsWith('part.added')) item.parts.set(part, '');
    else if (type.endsWith('part.done')) {
      const text = dig(frame, 'part', 'text') ?? dig(frame, 'part', 'refusal');
      need(item.parts.get(part) === text, `text of ${type}`);
      item.parts.delete(part);
    } else if (type.endsWith('_text.delta') || type === 'response.refusal.delta') {
      need(item.parts.has(part), `${type} in an announced part`);
      item.parts.set(part, (item.parts.get(part) ?? '') + String(delta));
    } else if (type.endsWith('_text.done') || type === 'response.refusal.done') {
      need(item.parts.get(part) === (frame['text'] ?? frame['refusal']), `${type} is the sum`);
    } else if (type.endsWith('.delta')) item.args += String(delta);
    else if (type.endsWith('arguments.done') || type.endsWith('input.done')) {
      need(item.args === (frame['arguments'] ?? frame['input']), `${type} is the sum`);
    }
  }
  const end = ends[0];
  if (end?.['type'] === 'response.completed') {
    need(open.size === 0, 'all items done');
    need(Bun.deepEquals(dig(end, 'response', 'output'), done), 'output is the items done');
  }
  return bad;
}
