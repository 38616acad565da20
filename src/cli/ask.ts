/** The one GET that commands make: of a running gateway, or of a provider's model list. */
import { parseJson } from '../json.ts';

export interface Asked {
  readonly status: number;
  /** Parsed JSON, or undefined when it was something else. */
  readonly body: unknown;
  readonly headers: Headers;
}

interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly unix?: string | undefined;
  readonly proxy?: string | false | undefined;
  readonly timeoutMs?: number;
}

/** @returns why there was no answer, in a few words, or the answer */
export async function ask(address: string, options: AskOptions = {}): Promise<Asked | string> {
  const { headers = {}, unix, proxy, timeoutMs = 10_000 } = options;
  try {
    const init: BunFetchRequestInit = {
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      ...(unix === undefined ? {} : { unix }),
      ...(proxy === undefined ? {} : { proxy }),
    };
    const response = await fetch(address, init);
    return {
      status: response.status,
      body: parseJson(await response.text()),
      headers: response.headers,
    };
  } catch (cause) {
    if (!(cause instanceof Error)) return String(cause);
    if (cause.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
    // The code only: a message may hold the URL, and the URL a key.
    return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
  }
}
