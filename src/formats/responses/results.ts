/** Where a Responses client writes what its tools gave: items that name the call. */
import { array, isObject } from '../../json.ts';
import type { ResultPlaces } from '../../verbatim.ts';

const OUTPUTS: ReadonlySet<unknown> = new Set(['function_call_output', 'custom_tool_call_output']);

export const RESULTS: ResultPlaces = {
  sign: Buffer.from('call_output"'),
  depths: new Map([['output', 3]]),
  visit(body, see) {
    for (const item of array(body['input'])) {
      if (isObject(item)) see(item, 'output', OUTPUTS.has(item['type']));
    }
  },
};
