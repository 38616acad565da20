/**
 * How many requests run at once: in all, by a client's key, at a provider. Who comes when all places
 * are taken waits in a line that is bounded in length and time, and is then told when to come again.
 */
import type { ApiKeyConfig, Config, ProviderConfig, QueueConfig } from '../config/config.ts';
import { GatewayError } from '../errors.ts';
import { Gate, type Leave } from './gate.ts';
import type { Interruption } from './interruption.ts';

/** Seconds after which a refused client may come again; Codex does not retry a 429 that names no time. */
const RETRY_AFTER_S = 5;

export class Concurrency {
  /** By what is limited: '' is the whole gateway, `key:…` a client's key, `provider:…` a provider. */
  readonly #gates = new Map<string, Gate>();
  readonly #partOf: (max: number) => number;

  /** @param partOf what of a limit is this process's, where several share it */
  constructor(partOf: (max: number) => number = (max) => max) {
    this.#partOf = partOf;
  }

  /**
   * A place for a request; undefined when nothing limits it, so that it need not wait for a promise.
   * @throws GatewayError `limited`
   */
  admit(
    { server, resilience }: Config,
    key: ApiKeyConfig | undefined,
    interruption: Interruption,
  ): Promise<Leave> | undefined {
    const keyMax = key?.limits.maxConcurrency ?? 0;
    if (server.maxConcurrency === 0 && keyMax === 0) return undefined;
    return this.#admit(
      server.maxConcurrency,
      key?.name ?? '',
      keyMax,
      resilience.queue,
      interruption,
    );
  }

  async #admit(
    serverMax: number,
    keyName: string,
    keyMax: number,
    queue: QueueConfig,
    interruption: Interruption,
  ): Promise<Leave> {
    // The key's line first: its clients must not fill the gateway's with what may not run anyway.
    const ofKey =
      keyMax === 0
        ? undefined
        : await enter(this.#gate(`key:${keyName}`, keyMax, queue), interruption, () =>
            limited(`This API key may have ${keyMax} requests open at once`),
          );
    if (serverMax === 0) return ofKey ?? (() => undefined);
    try {
      const ofServer = await enter(this.#gate('', serverMax, queue), interruption, () =>
        limited(`The gateway serves ${serverMax} requests at once`),
      );
      return () => {
        ofServer();
        ofKey?.();
      };
    } catch (cause) {
      ofKey?.();
      throw cause;
    }
  }

  /** True when a request need not wait for the provider. */
  hasRoom({ name, maxConcurrency }: ProviderConfig): boolean {
    if (maxConcurrency === 0) return true;
    const gate = this.#gates.get(`provider:${name}`);
    return gate === undefined || (gate.inside < this.#partOf(maxConcurrency) && gate.queued === 0);
  }

  /**
   * A place at a provider; undefined when it has no limit.
   * @throws GatewayError `limited`
   */
  atProvider(
    { name, maxConcurrency }: ProviderConfig,
    queue: QueueConfig,
    interruption: Interruption,
  ): Promise<Leave> | undefined {
    if (maxConcurrency === 0) return undefined;
    return enter(this.#gate(`provider:${name}`, maxConcurrency, queue), interruption, () =>
      limited(`The provider "${name}" is given ${maxConcurrency} requests at once`),
    );
  }

  /** What runs and what waits of a client's key that is limited. */
  ofKey(name: string): { inside: number; queued: number } {
    const { inside = 0, queued = 0 } = this.#gates.get(`key:${name}`) ?? {};
    return { inside, queued };
  }

  /** Places that are taken and requests that wait, all gates together. */
  get load(): { inside: number; queued: number } {
    let inside = 0;
    let queued = 0;
    for (const gate of this.#gates.values()) {
      inside += gate.inside;
      queued += gate.queued;
    }
    return { inside, queued };
  }

  #gate(name: string, max: number, { maxLength, maxWaitMs }: QueueConfig): Gate {
    const bounds = { max: this.#partOf(max), maxQueued: maxLength, maxWaitMs };
    const known = this.#gates.get(name);
    if (known) {
      known.bounds = bounds;
      return known;
    }
    const gate = new Gate(bounds);
    this.#gates.set(name, gate);
    return gate;
  }
}

async function enter(
  gate: Gate,
  interruption: Interruption,
  refusal: () => GatewayError,
): Promise<Leave> {
  const leave = await gate.enter((stop) => interruption.listen({ interrupt: stop }));
  interruption.ignore();
  // A place may have come free just as the client left.
  if (interruption.reason !== undefined) {
    leave?.();
    throw interruption.reason;
  }
  if (leave === undefined) throw refusal();
  return leave;
}

function limited(what: string): GatewayError {
  return new GatewayError('limited', `${what}, and too many wait already. Try again later.`, {
    retryAfter: RETRY_AFTER_S,
    code: 'concurrency_limit',
  });
}
