/** What runs in all workers: this one's as it is now, that of the others as they said a moment ago. */
import { type InFlight, type Progress, type Running, targetKey } from '../health/in-flight.ts';
import type { Concurrency } from '../limits/concurrency.ts';
import type { Load } from './messages.ts';

/** @param loads of the others */
export function runningEverywhere(own: InFlight, loads: () => readonly Load[]): Running {
  const sum = (pick: (load: Load) => number): number =>
    loads().reduce((total, load) => total + pick(load), 0);
  return {
    get size() {
      return own.size + sum(({ inFlight }) => inFlight);
    },
    get openStreams() {
      return own.openStreams + sum(({ openStreams }) => openStreams);
    },
    at(provider, model) {
      const isIt = (target: { provider: string; model: string }): boolean =>
        target.provider === provider && target.model === model;
      return own.at(provider, model) + sum(({ targets }) => targets.find(isIt)?.count ?? 0);
    },
    counts() {
      const totals = new Map<string, { provider: string; model: string; count: number }>();
      for (const one of [...own.counts(), ...loads().flatMap(({ targets }) => targets)]) {
        const key = targetKey(one.provider, one.model);
        totals.set(key, { ...one, count: one.count + (totals.get(key)?.count ?? 0) });
      }
      return [...totals.values()];
    },
    list(limit) {
      const all: Progress[] = [...own.list(limit), ...loads().flatMap(({ running }) => running)];
      return all.sort((a, b) => b.ms - a.ms).slice(0, limit);
    },
    progress(id) {
      const others = loads().flatMap(({ running }) => running);
      return own.progress(id) ?? others.find((one) => one.id === id);
    },
  };
}

/** @param loads of the others */
export function keysEverywhere(
  own: Pick<Concurrency, 'ofKey'>,
  loads: () => readonly Load[],
): Pick<Concurrency, 'ofKey'> {
  return {
    ofKey(name) {
      const all = [own.ofKey(name), ...loads().flatMap(({ keys }) => keys[name] ?? [])];
      return {
        inside: all.reduce((sum, { inside }) => sum + inside, 0),
        queued: all.reduce((sum, { queued }) => sum + queued, 0),
      };
    },
  };
}
