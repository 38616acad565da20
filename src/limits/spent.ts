/** Money in the usage log: what budgets know of the time before their own counters. */
import { number, object, text } from '../json.ts';
import { dayPath, listDays, scanForward } from '../usage/line-scan.ts';
import { mayHold } from '../usage/query.ts';

/** What a request has cost. */
export interface Spent {
  readonly id: string;
  /** When it arrived, Unix ms. */
  readonly at: number;
  readonly usd: number;
}

/** What the requests of a key have cost that arrived at `from` (Unix ms) or later. */
export async function* spentSince(
  dir: string,
  apiKey: string,
  from: number,
): AsyncGenerator<Spent, void> {
  const needles = [`"apiKey":${JSON.stringify(apiKey)}`];
  for (const day of await listDays(dir)) {
    if (!mayHold(day, { from })) continue;
    for await (const { lines } of scanForward({ path: dayPath(dir, day), needles })) {
      for (const { value } of lines) {
        const at = Date.parse(text(value['timestamp']) ?? '');
        const usd = number(object(value['cost'])?.['total']);
        if (value['apiKey'] !== apiKey || usd === undefined || !(at >= from)) continue;
        yield { id: text(value['id']) ?? '', at, usd };
      }
    }
  }
}
