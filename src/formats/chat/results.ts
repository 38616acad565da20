/** Where a Chat client writes what its tools gave: messages of the role `tool`. */
import { array, isObject } from '../../json.ts';
import type { ResultPlaces } from '../../verbatim.ts';

export const RESULTS: ResultPlaces = {
  sign: Buffer.from('"tool_call_id"'),
  depths: new Map([['content', 3]]),
  visit(body, see) {
    for (const message of array(body['messages'])) {
      if (isObject(message)) see(message, 'content', message['role'] === 'tool');
    }
  },
};
