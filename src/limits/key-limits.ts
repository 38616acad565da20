/**
 * What a client's key may use up: requests and tokens in any minute, money in a UTC day and month.
 * A request is admitted while the key is below its limits. What an answer uses is known only when
 * it has ended, so requests that run at once may pass a limit of tokens or money together; no
 * request does that comes after. Everything is counted by this process, and by the others of
 * `plexus --workers`, which tell one another; see `key-limits-file.ts`.
 */
import type { ApiKeyConfig } from '../config/config.ts';
import { GatewayError } from '../errors.ts';
import type { FormatName } from '../unified.ts';
import type { UsageRecord } from '../usage/record.ts';
import { KeyAccount, type SavedAccount } from './key-account.ts';
import { limitHeaders } from './limit-headers.ts';
import type { Spent } from './spent.ts';

export interface KeyLimitsOptions {
  /** Unix ms. */
  readonly now: () => number;
  /**
   * What the usage log knows of a key's money since a time. Asked once for a key with a budget of
   * which nothing else is known; its first request waits for the answer.
   */
  readonly spentBefore?: (apiKey: string, from: number) => AsyncIterable<Spent>;
  /** Hears what an operator should know. */
  readonly onProblem?: (message: string) => void;
}

/** A limit and what is used of it. */
export interface LimitUse {
  readonly limit: number;
  readonly used: number;
  readonly remaining: number;
  /** When nothing of it will be used any more if nothing is added, Unix ms. */
  readonly resetsAt: number;
}
/** By the limit's name in the configuration; only what is limited. */
export type LimitUses = Partial<Record<Counted, LimitUse>>;
type Counted = 'requestsPerMinute' | 'tokensPerMinute' | 'usdPerDay' | 'usdPerMonth';

/** What a key has used, for another process that counts the same keys. */
export type KeyUse =
  | { readonly kind: 'request'; readonly key: string }
  | {
      readonly kind: 'answer';
      readonly key: string;
      /** Of the request. */
      readonly id: string;
      readonly tokens: number;
      /** The request's arrival, Unix ms. */
      readonly at: number;
      /** Null without a price. */
      readonly usd: number | null;
    }
  | {
      /** What the usage log knew of the time before anybody counted. */
      readonly kind: 'before';
      readonly key: string;
      /** Unix ms. */
      readonly at: number;
      readonly dayUsd: number;
      readonly monthUsd: number;
    };

/** Models without a price that are remembered as having been told. */
const MAX_TOLD = 1000;

export class KeyLimits {
  /** Called after something was counted. */
  onChange: (() => void) | undefined;
  /** Hears what was counted here, not what was taken from others. */
  onUse: ((use: KeyUse) => void) | undefined;
  readonly #options: KeyLimitsOptions;
  /** By the key's name; only keys that have had a limit. */
  readonly #accounts = new Map<string, KeyAccount>();
  /** Reading of the usage log that is not yet over, by the key's name, and what ended meanwhile. */
  readonly #recalls = new Map<string, { done: Promise<void>; ended: Set<string> }>();
  readonly #told = new Set<string>();

  constructor(options: KeyLimitsOptions) {
    this.#options = options;
  }

  /**
   * Counts a request that may go on. Gives a promise only when it must wait for what was spent
   * before; that then rejects as this throws.
   * @throws GatewayError `limited`, which names the limit and when to come again
   */
  admit(key: ApiKeyConfig | undefined): Promise<void> | undefined {
    if (key === undefined || !isLimited(key)) return undefined;
    const { limits } = key;
    const account = this.#account(key.name);
    account.hasBudget = limits.usdPerDay !== undefined || limits.usdPerMonth !== undefined;
    if (account.hasBudget && !account.knowsSpending) {
      return this.#enterLater(key, account);
    }
    this.#enter(key, account);
    return undefined;
  }

  async #enterLater(key: ApiKeyConfig, account: KeyAccount): Promise<void> {
    await this.#recall(key.name, account);
    this.#enter(key, account);
  }

  #account(name: string): KeyAccount {
    const known = this.#accounts.get(name);
    if (known !== undefined) return known;
    const account = new KeyAccount();
    this.#accounts.set(name, account);
    return account;
  }

  #enter({ limits, name }: ApiKeyConfig, account: KeyAccount): void {
    const now = this.#options.now();
    const { requests, tokens, day, month } = account;
    const {
      requestsPerMinute = Infinity,
      tokensPerMinute = Infinity,
      usdPerDay = Infinity,
      usdPerMonth = Infinity,
    } = limits;
    const refusals: GatewayError[] = [];
    if (requests.sum(now) >= requestsPerMinute) {
      const seconds = secondsUntil(requests.belowAt(requestsPerMinute, now), now);
      refusals.push(rateLimited('requests', requestsPerMinute, seconds));
    }
    if (tokens.sum(now) >= tokensPerMinute) {
      const seconds = secondsUntil(tokens.belowAt(tokensPerMinute, now), now);
      refusals.push(rateLimited('tokens', tokensPerMinute, seconds));
    }
    if (day.sum(now) >= usdPerDay) {
      refusals.push(overBudget('day', usdPerDay, day.endsAt(now), now));
    }
    if (month.sum(now) >= usdPerMonth) {
      refusals.push(overBudget('month', usdPerMonth, month.endsAt(now), now));
    }
    // The one that lasts longest: a client that comes again after another would be refused again.
    const [refusal] = refusals.sort((a, b) => (b.retryAfter ?? 0) - (a.retryAfter ?? 0));
    if (refusal !== undefined) throw refusal;
    requests.add(1, now);
    this.onChange?.();
    this.onUse?.({ kind: 'request', key: name });
  }

  /** Counts what a request has used, when it has ended. */
  count({ id, apiKey, usage, cost, timestamp, provider, model }: UsageRecord): void {
    if (apiKey === null) return;
    const account = this.#accounts.get(apiKey);
    if (account === undefined) return;
    this.#recalls.get(apiKey)?.ended.add(id);
    if (usage === null) return;
    account.tokens.add(usage.total, this.#options.now());
    // The day of the request's arrival, as in the usage log.
    const at = Date.parse(timestamp);
    if (cost !== null) account.spend(at, cost.total);
    else if (account.hasBudget) this.#tellUnpriced(apiKey, `${provider}/${model}`);
    this.onChange?.();
    const usd = cost?.total ?? null;
    this.onUse?.({ kind: 'answer', key: apiKey, id, tokens: usage.total, at, usd });
  }

  /** Counts what another process has. */
  take(use: KeyUse): void {
    const account = this.#account(use.key);
    if (use.kind === 'request') account.requests.add(1, this.#options.now());
    else if (use.kind === 'before') addBefore(account, use);
    else {
      this.#recalls.get(use.key)?.ended.add(use.id);
      account.tokens.add(use.tokens, this.#options.now());
      if (use.usd !== null) account.spend(use.at, use.usd);
    }
    this.onChange?.();
  }

  /** What is used of each limit that the key has. */
  uses({ name, limits }: ApiKeyConfig): LimitUses {
    const now = this.#options.now();
    const { requests, tokens, day, month } = this.#accounts.get(name) ?? NOTHING_USED;
    const use = (limit: number | undefined, used: number, resetsAt: number) =>
      limit === undefined
        ? undefined
        : { limit, used, remaining: Math.max(0, limit - used), resetsAt };
    const uses: Record<Counted, LimitUse | undefined> = {
      requestsPerMinute: use(limits.requestsPerMinute, requests.sum(now), requests.emptyAt(now)),
      tokensPerMinute: use(limits.tokensPerMinute, tokens.sum(now), tokens.emptyAt(now)),
      usdPerDay: use(limits.usdPerDay, day.sum(now), day.endsAt(now)),
      usdPerMonth: use(limits.usdPerMonth, month.sum(now), month.endsAt(now)),
    };
    return Object.fromEntries(Object.entries(uses).filter(([, each]) => each !== undefined));
  }

  /**
   * The same reply, which now says in the client's style what is left of the minute. A provider's
   * refusal keeps the provider's figures: they are what it is about.
   */
  tell(reply: Response, key: ApiKeyConfig | undefined, format: FormatName): Response {
    if (key === undefined) return reply;
    const { requestsPerMinute, tokensPerMinute } = key.limits;
    if (requestsPerMinute === undefined && tokensPerMinute === undefined) return reply;
    if (reply.headers.get('x-plexus-error-source') === 'upstream') return reply;
    const told = limitHeaders(this.uses(key), format, this.#options.now());
    for (const [name, value] of told) reply.headers.set(name, value);
    return reply;
  }

  /** What is to be restored in another process, by the key's name; keys long gone are left out. */
  save(): Record<string, SavedAccount> {
    const now = this.#options.now();
    const saved: Record<string, SavedAccount> = {};
    for (const [name, account] of this.#accounts) {
      if (!account.isClear(now)) saved[name] = account.save(now);
    }
    return saved;
  }

  restore(saved: ReadonlyMap<string, SavedAccount>): void {
    for (const [name, account] of saved) this.#accounts.set(name, KeyAccount.restore(account));
  }

  /** Reads from the usage log what was spent before this process counted. */
  #recall(name: string, account: KeyAccount): Promise<void> {
    const running = this.#recalls.get(name);
    if (running !== undefined) return running.done;
    const ended = new Set<string>();
    const done = this.#readSpent(name, account, ended).then((before) => {
      this.#recalls.delete(name);
      // Another process may have told it meanwhile.
      if (account.knowsSpending) return;
      addBefore(account, before);
      this.onChange?.();
      this.onUse?.(before);
    });
    this.#recalls.set(name, { done, ended });
    return done;
  }

  async #readSpent(
    name: string,
    account: KeyAccount,
    ended: ReadonlySet<string>,
  ): Promise<SpentBefore> {
    const { now, spentBefore, onProblem } = this.#options;
    const at = now();
    const nothing: SpentBefore = { kind: 'before', key: name, at, dayUsd: 0, monthUsd: 0 };
    if (spentBefore === undefined) return nothing;
    // Counted since the process began, before the key had a budget; the log holds it too.
    const before = { day: account.day.sum(at), month: account.month.sum(at) };
    const log = new KeyAccount();
    try {
      for await (const spent of spentBefore(name, account.month.beganAt(at))) {
        // What has ended meanwhile is counted already.
        if (!ended.has(spent.id)) log.spend(spent.at, spent.usd);
      }
    } catch (cause) {
      onProblem?.(
        `what the key "${name}" has spent cannot be read from the usage log and counts from now on: ${String(cause)}`,
      );
    }
    const dayUsd = Math.max(0, log.day.sum(at) - before.day);
    return { ...nothing, dayUsd, monthUsd: Math.max(0, log.month.sum(at) - before.month) };
  }

  #tellUnpriced(apiKey: string, target: string): void {
    const told = `${apiKey} ${target}`;
    if (this.#told.has(told) || this.#told.size >= MAX_TOLD) return;
    this.#told.add(told);
    this.#options.onProblem?.(
      `the price of ${target} is not known, so the budget of the key "${apiKey}" does not count it; set it in pricing.models`,
    );
  }
}

const NOTHING_USED = new KeyAccount();

type SpentBefore = KeyUse & { readonly kind: 'before' };

/** What was spent before is added once, whoever reads it first. */
function addBefore(account: KeyAccount, { at, dayUsd, monthUsd }: SpentBefore): void {
  if (account.knowsSpending) return;
  account.day.add(at, dayUsd);
  account.month.add(at, monthUsd);
  account.knowsSpending = true;
}

function isLimited({ limits }: ApiKeyConfig): boolean {
  return (
    limits.requestsPerMinute !== undefined ||
    limits.tokensPerMinute !== undefined ||
    limits.usdPerDay !== undefined ||
    limits.usdPerMonth !== undefined
  );
}

function secondsUntil(at: number, now: number): number {
  return Math.max(1, Math.ceil((at - now) / 1000));
}

/** OpenAI's type says what there was too much of. Codex reads the time to wait out of the message. */
function rateLimited(what: 'requests' | 'tokens', limit: number, seconds: number): GatewayError {
  return new GatewayError(
    'limited',
    `This API key has reached its limit of ${limit} ${what} a minute. Please try again in ${seconds}s.`,
    { type: what, code: 'rate_limit_exceeded', retryAfter: seconds },
  );
}

/** OpenAI's code for what no retry mends; its SDKs do not retry this one of ours. */
function overBudget(
  period: 'day' | 'month',
  limitUsd: number,
  endsAt: number,
  now: number,
): GatewayError {
  const until = new Date(endsAt).toISOString().replace('.000Z', 'Z');
  return new GatewayError(
    'limited',
    `This API key has spent its budget of ${limitUsd} USD a ${period}. It may be used again from ${until} on.`,
    {
      type: 'insufficient_quota',
      code: 'insufficient_quota',
      retryAfter: secondsUntil(endsAt, now),
    },
  );
}
