/**
 * Whether a provider takes connections. Bun's fetch does not say when its connection stands, so one
 * that waits long for headers is told from one that never got through by a connection of our own.
 */

/** True when a connection to where `url` is served stood within `timeoutMs`. */
export type ConnectProbe = (
  url: string,
  proxy: string | false | undefined,
  timeoutMs: number,
) => Promise<boolean>;

/** A provider that took a connection so lately is not asked again, ms. */
const FRESH_MS = 2_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** @param env where `HTTP_PROXY` and its like are looked up, as fetch does */
export function createConnectProbe(env: Environment): ConnectProbe {
  /** By address: the probe that runs, or the last that succeeded. */
  const probes = new Map<string, { at: number; up: Promise<boolean> }>();
  return (url, proxy, timeoutMs) => {
    const address = addressOf(url, proxy, env);
    // Who cannot be probed gets the benefit of the doubt: the time until its first output still counts.
    if (address === undefined) return Promise.resolve(true);
    const key = `${address.hostname} ${address.port}`;
    const known = probes.get(key);
    if (known && performance.now() - known.at < FRESH_MS) return known.up;
    const up = connects(address, timeoutMs).then((isUp) => {
      if (!isUp || probes.size > MAX_ADDRESSES) probes.delete(key);
      return isUp;
    });
    probes.set(key, { at: performance.now(), up });
    return up;
  };
}

const MAX_ADDRESSES = 1000;

interface Address {
  hostname: string;
  port: number;
}

/** Where the connection for a request goes: to its proxy when it has one. */
function addressOf(
  url: string,
  proxy: string | false | undefined,
  env: Environment,
): Address | undefined {
  const target = URL.parse(url);
  if (target === null) return undefined;
  if (proxy === false) return addressOfUrl(target);
  const via = proxy ?? proxyOf(target, env);
  // Which hosts `NO_PROXY` means is fetch's to say.
  if (via !== undefined && (env['NO_PROXY'] ?? env['no_proxy'])) return undefined;
  return addressOfUrl(via === undefined ? target : URL.parse(via));
}

function proxyOf(target: URL, env: Environment): string | undefined {
  const name = target.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const named = env[name] || env[name.toLowerCase()] || env['ALL_PROXY'] || env['all_proxy'];
  return named || undefined;
}

function addressOfUrl(url: URL | null): Address | undefined {
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined;
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { hostname: url.hostname.replace(/^\[|\]$/g, ''), port };
}

function connects(address: Address, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs, false);
    const settle = (isUp: boolean): void => {
      clearTimeout(timer);
      resolve(isUp);
    };
    Bun.connect({
      ...address,
      socket: {
        open(socket) {
          socket.end();
          settle(true);
        },
        connectError: () => settle(false),
        data: () => undefined,
        error: () => settle(false),
      },
    }).catch(() => settle(false));
  });
}
