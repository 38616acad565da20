/** What one client's key has used of what may be limited. */
import { array, isObject, number, object } from '../json.ts';
import { type MinuteEntry, SlidingMinute } from './sliding-minute.ts';
import { Spending } from './spending.ts';

/** An account as it is kept over a restart. */
export interface SavedAccount {
  readonly requests: readonly MinuteEntry[];
  readonly tokens: readonly MinuteEntry[];
  /** Absent when what was spent before the account was opened is not known. */
  readonly spent?: { readonly at: string; readonly dayUsd: number; readonly monthUsd: number };
}

export class KeyAccount {
  readonly requests = new SlidingMinute();
  readonly tokens = new SlidingMinute();
  readonly day = new Spending('day');
  readonly month = new Spending('month');
  /** True when the money of this month is all there, also what was spent before this process began. */
  knowsSpending = false;
  /** True once the key was seen with a budget. */
  hasBudget = false;

  /** Money was spent, at a time in Unix ms. */
  spend(at: number, usd: number): void {
    this.day.add(at, usd);
    this.month.add(at, usd);
  }

  /** True when nothing that was used counts any more. */
  isClear(now: number): boolean {
    return this.requests.sum(now) === 0 && this.tokens.sum(now) === 0 && this.month.sum(now) === 0;
  }

  save(now: number): SavedAccount {
    const minutes = { requests: this.requests.save(now), tokens: this.tokens.save(now) };
    if (!this.knowsSpending) return minutes;
    const at = new Date(now).toISOString();
    return {
      ...minutes,
      spent: { at, dayUsd: this.day.sum(now), monthUsd: this.month.sum(now) },
    };
  }

  static restore(saved: SavedAccount): KeyAccount {
    const account = new KeyAccount();
    account.requests.restore(saved.requests);
    account.tokens.restore(saved.tokens);
    if (saved.spent !== undefined) {
      const at = Date.parse(saved.spent.at);
      account.day.add(at, saved.spent.dayUsd);
      account.month.add(at, saved.spent.monthUsd);
      account.knowsSpending = true;
    }
    return account;
  }
}

/** Reads what `save` gave; undefined when it is something else. */
export function readAccount(value: unknown): SavedAccount | undefined {
  if (!isObject(value)) return undefined;
  const requests = readMinute(value['requests']);
  const tokens = readMinute(value['tokens']);
  if (requests === undefined || tokens === undefined) return undefined;
  if (value['spent'] === undefined) return { requests, tokens };
  const spent = object(value['spent']);
  const at = spent?.['at'];
  const dayUsd = number(spent?.['dayUsd']);
  const monthUsd = number(spent?.['monthUsd']);
  if (typeof at !== 'string' || Number.isNaN(Date.parse(at))) return undefined;
  if (dayUsd === undefined || monthUsd === undefined) return undefined;
  return { requests, tokens, spent: { at, dayUsd, monthUsd } };
}

function readMinute(value: unknown): MinuteEntry[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const entries: MinuteEntry[] = [];
  for (const entry of value) {
    const [at, amount] = array(entry).map(number);
    if (at === undefined || amount === undefined) return undefined;
    entries.push([at, amount]);
  }
  return entries;
}
