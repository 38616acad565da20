/**
 * What ends a request before its time: its client left, or the gateway is shutting down. A request
 * does one thing after another (it waits in line, it asks a provider, it waits before a retry); the
 * one that is at work listens.
 */
import { GatewayError } from '../errors.ts';
import { type Listed, Roster } from '../roster.ts';

/**
 * A request listens to its client once it has run for so long, ms. One that is over by then never does:
 * to have Bun make the signal, to begin and to end that is a fifteenth of a small request (bench: plain,
 * 1 KB, 32 connections).
 */
const LISTEN_MS = 10;

/** The requests that run, so that all can be told to end. */
export class OpenRequests {
  readonly #open = new Roster<Interruption>();
  /** Set while there may be requests that do not listen to their clients yet. */
  #attending: ReturnType<typeof setTimeout> | undefined;
  /** Set once the gateway ends: no request is begun any more. */
  #closed: GatewayError | undefined;

  get size(): number {
    return this.#open.size;
  }

  /**
   * A request begins.
   * @param isHere its client cannot have left yet, so that its signal need not be looked up at once
   */
  open(client: Signalling, isHere = false): Interruption {
    const interruption = new Interruption(client, isHere, this.#open);
    this.#open.add(interruption);
    if (this.#closed) interruption.interrupt(this.#closed);
    else if (this.#attending === undefined) this.#attendLater();
    return interruption;
  }

  #attendLater(): void {
    this.#attending = setTimeout(() => {
      this.#attending = undefined;
      for (const interruption of this.#open.list()) interruption.attend();
    }, LISTEN_MS);
    this.#attending.unref();
  }

  /** Ends all that runs, and all that is still to come, with this error. */
  close(reason: GatewayError): void {
    this.#closed = reason;
    for (const interruption of this.#open.list()) interruption.interrupt(reason);
  }
}

/** Who has a signal that tells of its leaving; Bun makes that of a request when it is asked for. */
type Signalling = Pick<Request, 'signal'>;

/** Who is at work and must be told. */
export interface Interruptible {
  interrupt(reason: GatewayError): void;
}

export class Interruption implements Listed {
  place = -1;
  /** Cleared once the request is over. */
  #client: Signalling | undefined;
  /** The client's; set once somebody looked. */
  #signal: AbortSignal | undefined;
  #isListening = false;
  /** Those that run; this one is among them until its end. */
  readonly #open: Roster<Interruption>;
  /** Who is at work; set by `listen`, cleared by `ignore` and once it was told. */
  #listener: Interruptible | undefined;
  #reason: GatewayError | undefined;

  constructor(client: Signalling, isHere: boolean, open: Roster<Interruption>) {
    this.#client = client;
    this.#open = open;
    if (!isHere) this.#look();
  }

  /** From now on the client's leaving is heard at once, and not only when somebody looks. */
  attend(): void {
    this.#look();
    if (this.#isListening || this.#reason !== undefined) return;
    this.#isListening = true;
    this.#signal?.addEventListener('abort', this);
  }

  #look(): void {
    this.#signal ??= this.#client?.signal;
    if (this.#signal?.aborted) this.interrupt(clientLeft());
  }

  /** The client's signal: it has left. */
  handleEvent(): void {
    this.interrupt(clientLeft());
  }

  /** Why the request must end, by what is known now; undefined while it may go on. */
  get reason(): GatewayError | undefined {
    this.#look();
    return this.#reason;
  }

  /** From now on `listener` is told, once; at once when it has already happened. */
  listen(listener: Interruptible): void {
    if (this.#signal !== undefined) this.#look();
    if (this.#reason) listener.interrupt(this.#reason);
    else this.#listener = listener;
  }

  /** Nobody is at work. */
  ignore(): void {
    this.#listener = undefined;
  }

  /** Ends the request's work. The first reason stays. */
  interrupt(reason: GatewayError): void {
    if (this.#reason) return;
    this.#reason = reason;
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.interrupt(reason);
  }

  /** Waits, but no longer than the request may go on. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.listen({
        interrupt() {
          clearTimeout(timer);
          resolve();
        },
      });
    });
  }

  /** The request is over: nothing interrupts it any more. */
  end(): void {
    this.#listener = undefined;
    if (this.#isListening) this.#signal?.removeEventListener('abort', this);
    this.#signal = undefined;
    this.#client = undefined;
    this.#open.delete(this);
  }
}

export function clientLeft(): GatewayError {
  return new GatewayError('client_left', 'The client closed the connection.');
}

/** Said to requests that outlast the grace time of a shutdown. */
export function shuttingDown(): GatewayError {
  return new GatewayError('unavailable', 'The gateway is shutting down. Try again later.', {
    retryAfter: 5,
    code: 'shutting_down',
  });
}
