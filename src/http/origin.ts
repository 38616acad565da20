/** The connections to one host and port. */
import type { Call } from './call.ts';
import { Connection } from './connection.ts';
import type { Address } from './request.ts';

const MAX_IDLE_CONNECTIONS = 256;

export class Origin {
  readonly hostname: string;
  readonly port: number;
  /** Those that serve nobody, the one used last at the end. */
  readonly #idle: Connection[] = [];
  /** Connections that are there or on their way, idle or not. */
  #size = 0;

  constructor({ hostname, port }: Pick<Address, 'hostname' | 'port'>) {
    this.hostname = hostname;
    this.port = port;
  }

  /** Starts a call on the connection that was used last, so that others may grow old; or on a new one. */
  serve(call: Call): void {
    const connection = this.#idle.pop();
    if (connection === undefined) {
      this.connect(call);
      return;
    }
    connection.take(call);
    call.start(connection);
  }

  /** Starts a call on a new connection. */
  connect(call: Call): void {
    this.#size += 1;
    new Connection(this, call).open();
  }

  keep(connection: Connection): void {
    this.#idle.push(connection);
    if (this.#idle.length > MAX_IDLE_CONNECTIONS) this.#idle.shift()?.drop();
  }

  /** A connection is no more. */
  lost(connection: Connection): void {
    this.#size -= 1;
    this.#forget(connection);
  }

  #forget(connection: Connection): void {
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** Closes those that have been idle for long enough. @returns whether any is left, idle or not */
  sweep(now: number): boolean {
    for (const connection of [...this.#idle]) {
      if (connection.idleUntil > now) continue;
      this.#forget(connection);
      connection.drop();
    }
    return this.#size > 0;
  }
}
