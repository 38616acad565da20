/**
 * What the processes of `plexus --workers` tell one another. A worker speaks only with the supervisor,
 * which passes on to the others what concerns them. Both ends are this program, in one version: the
 * kind of a message says all of its shape.
 */
import type { LogLevel } from '../config/config.ts';
import type { CooldownChange, Remembered } from '../health/cooldowns.ts';
import type { Progress } from '../health/in-flight.ts';
import type { SharedSlot } from '../health/statistics.ts';
import type { Held } from '../health/sticky.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { SavedAccount } from '../limits/key-account.ts';
import type { KeyUse } from '../limits/key-limits.ts';
import type { Switch } from '../manage/controls.ts';
import type { EventType } from '../manage/events.ts';
import type { SharedMetrics } from '../manage/metrics.ts';
import type { Kept } from '../responses-store/responses-store.ts';

/** Which of the processes one is, and what it must know before it can begin. */
export interface Seat {
  /** From 1 on. */
  readonly worker: number;
  readonly count: number;
  /** False for one that takes the place of another. */
  readonly isFirstStart: boolean;
  /** Where the others listen already. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** When the supervisor started, Unix ms. */
  readonly startedAt: number;
  /** Secret of sealed reasoning for when none can be kept: 64 hexadecimal digits. */
  readonly secret: string;
  /** A folder of all workers that is gone at the end. */
  readonly scratchDir: string;
}

/** What all know by now. */
export interface Welcome {
  readonly cooldowns: readonly Remembered[];
  readonly keys: Readonly<Record<string, SavedAccount>>;
  readonly switches: readonly Switch[];
  readonly conversations: readonly Held[];
  readonly statistics: readonly SharedSlot[];
  readonly metrics: SharedMetrics;
  readonly loads: readonly Load[];
  /** The last event that was told. */
  readonly seq: number;
  readonly isWatched: boolean;
}

/** What a worker does now. */
export interface Load {
  readonly worker: number;
  readonly pid: number;
  readonly residentBytes: number;
  readonly inFlight: number;
  readonly openStreams: number;
  readonly targets: readonly { provider: string; model: string; count: number }[];
  /** Those that run longest. */
  readonly running: readonly Progress[];
  readonly listeners: number;
  /** Log lines that were lost, by log. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Requests of limited keys. */
  readonly keys: Readonly<Record<string, { inside: number; queued: number }>>;
}

/** What a worker has done since it last said so, and what it does now. */
export interface Share {
  readonly statistics: readonly SharedSlot[];
  readonly metrics: SharedMetrics;
  readonly load: Load;
}

/** Where a worker listens, and what a start says of it. */
export interface Listening {
  readonly host: string;
  readonly port: number;
  readonly address: string;
  /** Lines for people. */
  readonly lines: string;
  readonly logFormat: 'text' | 'json';
  readonly logLevel: LogLevel;
}

/** Goes to all workers, its sender included where that matters. */
type ForOthers =
  | { readonly kind: 'use'; readonly use: KeyUse }
  | { readonly kind: 'switch'; readonly change: Switch }
  | { readonly kind: 'held'; readonly held: Held }
  | { readonly kind: 'kept'; readonly kept: Kept }
  | { readonly kind: 'share'; readonly share: Share }
  /** The configuration was changed. */
  | { readonly kind: 'reload' };

/** From a worker. */
export type FromWorker =
  | ForOthers
  /** It hears what it is told; asks for its seat. */
  | { readonly kind: 'here' }
  /** Asks for the welcome; the data folder is where the state of all is kept. */
  | { readonly kind: 'join'; readonly dataDir: string }
  | { readonly kind: 'listening'; readonly listening: Listening }
  | { readonly kind: 'cooldown'; readonly change: CooldownChange }
  | { readonly kind: 'event'; readonly type: EventType; readonly data: object }
  | { readonly kind: 'listeners'; readonly count: number }
  /** Everything was said; the answer is `bye`. */
  | { readonly kind: 'bye' };

/** From the supervisor. */
export type ToWorker =
  | ForOthers
  | { readonly kind: 'seat'; readonly seat: Seat }
  | { readonly kind: 'welcome'; readonly welcome: Welcome }
  | { readonly kind: 'cooldowns'; readonly remembered: readonly Remembered[] }
  | {
      readonly kind: 'event';
      readonly type: EventType;
      readonly data: object;
      readonly seq: number;
    }
  /** Whether anybody listens to events, now or a moment ago; `seq` is the last number that was used. */
  | { readonly kind: 'watched'; readonly isWatched: boolean; readonly seq: number }
  | { readonly kind: 'left'; readonly worker: number }
  | { readonly kind: 'bye' }
  /** Let running requests end; end at once. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'end' };

const FROM_WORKER: Readonly<Record<FromWorker['kind'], true>> = {
  here: true,
  join: true,
  listening: true,
  cooldown: true,
  use: true,
  switch: true,
  held: true,
  kept: true,
  share: true,
  reload: true,
  event: true,
  listeners: true,
  bye: true,
};
const TO_WORKER: Readonly<Record<ToWorker['kind'], true>> = {
  seat: true,
  welcome: true,
  cooldowns: true,
  use: true,
  switch: true,
  held: true,
  kept: true,
  share: true,
  reload: true,
  event: true,
  watched: true,
  left: true,
  bye: true,
  stop: true,
  end: true,
};

export function isFromWorker(message: unknown): message is FromWorker & JsonObject {
  return isObject(message) && isKind(message['kind'], FROM_WORKER);
}

export function isToWorker(message: unknown): message is ToWorker & JsonObject {
  return isObject(message) && isKind(message['kind'], TO_WORKER);
}

function isKind(kind: unknown, known: object): boolean {
  return typeof kind === 'string' && Object.hasOwn(known, kind);
}
