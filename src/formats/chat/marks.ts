/** What a chat reply of one text says of itself. */
import type { Marks } from '../../glance.ts';
import { decodeUsage } from './usage.ts';

export const MARKS: Marks = {
  text: Buffer.from('"content"'),
  finish: Buffer.from('"finish_reason"'),
  words: new Map([
    ['stop', 'stop'],
    ['length', 'length'],
  ]),
  others: ['"tool_calls"', '"function_call"', '"refusal"', '"error"'].map((key) =>
    Buffer.from(key),
  ),
  decodeUsage,
};
