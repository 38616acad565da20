/** Files by URL from the open internet. Loaded when the first is fetched: names and addresses take 2 MB. */
import { lookup } from 'node:dns/promises';
import { isPublicAddress } from './address.ts';
import { createFetchMedia, type FetchMedia, type FetchMediaEffects } from './fetch-media.ts';

/** Time for one file, redirects included, ms. */
const TIMEOUT_MS = 10_000;

export function publicMedia(get: FetchMediaEffects['get']): FetchMedia {
  return createFetchMedia({
    async lookup(host) {
      return (await lookup(host, { all: true })).map(({ address }) => address);
    },
    get,
    isAllowed: isPublicAddress,
    timeoutMs: TIMEOUT_MS,
  });
}
