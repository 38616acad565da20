/** Gateways that SDKs of clients talk to without a port, and what must be true after their loops. */
import { expect } from 'bun:test';
import type { FormatName } from '../../src/unified.ts';
import { oneProvider, type TestGateway, testGateway } from './gateway.ts';
import { scripted, TOOLS, whatCameBack } from './scripted.ts';

export const BASE = 'http://gateway.test';

/** What SDKs take instead of `fetch`. */
export type ClientFetch = typeof globalThis.fetch;

export interface SdkGateway {
  gateway: TestGateway;
  fetch: ClientFetch;
}

function fetchOf(gateway: TestGateway): ClientFetch {
  const visit = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request =
      input instanceof Request ? new Request(input, init) : new Request(String(input), init);
    return gateway.app(request, { ip: '127.0.0.1' });
  };
  return Object.assign(visit, { preconnect: () => undefined });
}

/** A gateway in front of a provider that plays the loop of tools. */
export async function loopGateway(provider: FormatName): Promise<SdkGateway> {
  const gateway = await testGateway(oneProvider(provider), scripted(provider));
  return { gateway, fetch: fetchOf(gateway) };
}

/** A gateway with nothing but the demo provider. */
export async function demoGateway(): Promise<SdkGateway> {
  const gateway = await testGateway({
    providers: { demo: { type: 'demo' } },
    models: { m: 'demo/echo' },
  });
  return { gateway, fetch: fetchOf(gateway) };
}

/** Runs the tool of a name; the arguments are what the SDK read. */
export function runTool(name: string, input: unknown): string {
  const values = typeof input === 'object' && input !== null ? Object.values(input) : [];
  const [value] = values;
  if (name === 'get_weather') return TOOLS.get_weather(String(value));
  if (name === 'get_time') return TOOLS.get_time(String(value));
  throw new Error(`no tool is called ${name}`);
}

export const RESULTS = ['Paris: 18 degrees', 'noon in Europe/Paris', 'noon in Asia/Tokyo'];

/**
 * Three requests went up, all results and tokens came back, three records say so.
 * @param tokens how many tokens the client carries: both, unless its SDK drops them itself
 */
export function expectLoop({ gateway }: SdkGateway, provider: FormatName, tokens = 2): void {
  expect(gateway.sent).toHaveLength(3);
  const back = whatCameBack(provider, gateway.sent[2]?.body);
  // The AI SDK wraps the results of Google's format in JSON of its own.
  expect(back.results).toEqual(RESULTS.map((result) => expect.stringContaining(result)));
  expect(back.tokens).toBe(tokens);
  expect(gateway.records).toHaveLength(3);
  for (const record of gateway.records) {
    expect(record).toMatchObject({
      outcome: 'success',
      usage: { input: 10, cached: 100, output: 12, reasoning: 5 },
    });
  }
}
