/** Where a Messages client writes what its tools gave: blocks of the user's turns, or texts in them. */
import { array, isObject } from '../../json.ts';
import type { ResultPlaces } from '../../verbatim.ts';

export const RESULTS: ResultPlaces = {
  sign: Buffer.from('"tool_result"'),
  depths: new Map([
    ['content', 5],
    ['text', 7],
  ]),
  visit(body, see) {
    for (const message of array(body['messages'])) {
      const blocks = isObject(message) ? array(message['content']) : [];
      for (const block of blocks) {
        if (!isObject(block)) continue;
        // Of one that failed other formats say so in words, unless its text does.
        const isResult = block['type'] === 'tool_result' && block['is_error'] !== true;
        see(block, 'content', isResult);
        for (const part of array(block['content'])) {
          if (isObject(part)) see(part, 'text', isResult && part['type'] === 'text');
        }
      }
    }
  },
};
