/**
 * A client for `http:` providers, on Bun's sockets. Bun's fetch talks to the network on a thread of its
 * own, which is woken for each request and each piece of a reply; a gateway that lives beside its
 * provider spends more on that than on most of the rest (bench: plain, 1 KB: 2.0 and 2.4 of the floor).
 * Here a reply is read where it is needed, the provider is held back when nobody reads, and a request
 * that is given up ends at once.
 *
 * What fetch does for `https:` (certificates, proxies, TLS on that other thread) is left to it.
 */
import { Call } from './call.ts';
import { Origin } from './origin.ts';
import type { HttpReply } from './reply.ts';
import { type Address, type HttpRequest, parseAddress, requestHead } from './request.ts';

const MAX_ADDRESSES = 1000;
const SWEEP_MS = 1000;

export class HttpClient {
  /** By host and port. */
  readonly #origins = new Map<string, Origin>();
  /** By URL; undefined for those that are not for this client. */
  readonly #addresses = new Map<string, Address | undefined>();
  #sweeper: ReturnType<typeof setTimeout> | undefined;

  /**
   * Sends a POST. The body is read before this returns or when the connection stands, and again if it
   * must be sent once more; it may change when the reply's head has come.
   * @returns undefined when the URL is not for this client; the promise rejects with what broke the
   * connection, with the reason of the stop, or with a TypeError when a header cannot be sent
   */
  send(request: HttpRequest): Promise<HttpReply> | undefined {
    const address = this.#address(request.url);
    if (address === undefined) return undefined;
    const { stop, body } = request;
    if (stop.isStopped) return Promise.reject(stop.reason);
    const size = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    let head: string;
    try {
      head = requestHead(address, request.headers, size);
    } catch (cause) {
      return Promise.reject(cause);
    }
    const origin = this.#origin(address);
    const call = new Call(request, origin, head, size);
    origin.serve(call);
    return call.reply;
  }

  #address(url: string): Address | undefined {
    let address = this.#addresses.get(url);
    if (address !== undefined || this.#addresses.has(url)) return address;
    address = parseAddress(url);
    // Hooks may give each request an address of its own.
    if (this.#addresses.size >= MAX_ADDRESSES) this.#addresses.clear();
    this.#addresses.set(url, address);
    return address;
  }

  #origin({ key, hostname, port }: Address): Origin {
    let origin = this.#origins.get(key);
    if (origin === undefined) {
      origin = new Origin({ hostname, port });
      this.#origins.set(key, origin);
      this.#sweepLater();
    }
    return origin;
  }

  #sweepLater(): void {
    if (this.#sweeper !== undefined) return;
    this.#sweeper = setTimeout(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  #sweep(): void {
    this.#sweeper = undefined;
    const now = performance.now();
    let isAnyLeft = false;
    for (const [key, origin] of this.#origins) {
      if (origin.sweep(now)) isAnyLeft = true;
      else this.#origins.delete(key);
    }
    if (isAnyLeft) this.#sweepLater();
  }
}
