/** What a Messages reply of one text says of itself. */

import type { Marks } from '../../glance.ts';
import { isObject } from '../../json.ts';
import { decodeUsage } from './usage.ts';

export const MARKS: Marks = {
  text: Buffer.from('"text"'),
  finish: Buffer.from('"stop_reason"'),
  words: new Map([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop_sequence'],
    ['max_tokens', 'length'],
  ]),
  others: ['"tool_use"', '"error"'].map((word) => Buffer.from(word)),
  decodeUsage: (value) => (isObject(value) ? decodeUsage(value) : undefined),
};
