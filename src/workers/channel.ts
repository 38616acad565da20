/** A worker's line to its supervisor. */
import { type FromWorker, isToWorker, type ToWorker } from './messages.ts';

/** What carries messages: the process's own line, or a test's. */
export interface Wire {
  /** False when nobody is at the other end any more. */
  isOpen(): boolean;
  send(message: FromWorker): void;
  /** Called once, with what takes each message. */
  listen(take: (message: unknown) => void): void;
}

export class Channel {
  readonly #wire: Wire;
  readonly #handlers = new Set<(message: ToWorker) => void>();

  constructor(wire: Wire) {
    this.#wire = wire;
    wire.listen((message) => {
      if (isToWorker(message)) for (const handler of [...this.#handlers]) handler(message);
    });
  }

  get isOpen(): boolean {
    return this.#wire.isOpen();
  }

  /** What is said to nobody is lost: the one at the other end knows what all know, and has ended. */
  send(message: FromWorker): void {
    if (this.isOpen) this.#wire.send(message);
  }

  /** Hears every message from now on. */
  listen(handler: (message: ToWorker) => void): void {
    this.#handlers.add(handler);
  }

  /** The next message of a kind; heard in its turn, before any that comes after it. */
  next<K extends ToWorker['kind']>(kind: K): Promise<ToWorker & { readonly kind: K }> {
    const isWanted = (message: ToWorker): message is ToWorker & { readonly kind: K } =>
      message.kind === kind;
    return new Promise((resolve) => {
      const handler = (message: ToWorker): void => {
        if (!isWanted(message)) return;
        this.#handlers.delete(handler);
        resolve(message);
      };
      this.#handlers.add(handler);
    });
  }
}
