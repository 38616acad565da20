/**
 * 4 client formats × 4 provider formats × every case, plain and streamed. What a client understands
 * and what a provider is told is asserted by readers of the wire (`support/`); the exact bytes of
 * both are snapshots, reviewed like code.
 */
import { describe, expect, test } from 'bun:test';
import { isObject, parseJson } from '../../src/json.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { jsonReply, oneProvider, testGateway } from '../support/gateway.ts';
import { CASES, pathOf, readFixture, requestOf, runCell } from '../support/matrix.ts';
import { NOT_CARRIED } from '../support/not-carried.ts';

/** Cases whose point is what the provider is told; the others' is what the client is told. */
const ABOUT_REQUEST = new Set([
  'system',
  'images',
  'pdf',
  'choice',
  'results',
  'schema',
  'stop',
  'sampling',
]);
/** Streams worth reading event by event. */
const ABOUT_EVENTS = new Set(['calls', 'reasoning', 'error']);

/** Sealed tokens have tests of their own; here it counts that one is there. */
function masked(text: string): string {
  return text.replace(/plexusV1\w+/g, 'plexusV1…');
}

const pairs = FORMAT_NAMES.flatMap((client) =>
  FORMAT_NAMES.map((provider): [FormatName, FormatName] => [client, provider]),
);

describe.each(pairs)('%s client, %s provider', (client, provider) => {
  test.each(Object.keys(CASES))('%s, plain', async (name) => {
    const cell = await runCell({ client, provider, name, stream: false });
    expect(cell.problems).toEqual([]);
    if (client === provider) return;
    const { sent, dropped, approximated, body } = cell;
    if (ABOUT_REQUEST.has(name) || name === 'calls') {
      expect({ sent, dropped, approximated }).toMatchSnapshot('request');
    }
    if (!ABOUT_REQUEST.has(name)) expect(parseJson(masked(body))).toMatchSnapshot('reply');
  });

  test.each(Object.keys(CASES))('%s, streamed', async (name) => {
    const cell = await runCell({ client, provider, name, stream: true });
    expect(cell.problems).toEqual([]);
    if (client !== provider && ABOUT_EVENTS.has(name)) {
      expect(masked(cell.body)).toMatchSnapshot('events');
    }
  });
});

describe('what a provider cannot be told is reported by its path', () => {
  const probes = NOT_CARRIED.flatMap(({ what, providers, probe }) =>
    probe === undefined
      ? []
      : providers.map((provider) => ({ what, provider, client: probe.client, probe })),
  );
  test.each(probes)('$what: $client → $provider', async ({ provider, client, probe }) => {
    const gateway = await testGateway(oneProvider(provider), () =>
      jsonReply(readFixture(`${provider}/text.reply.json`)),
    );
    const asked = { ...requestOf(client, 'text', false), ...probe.fields };
    const response = await gateway.post(pathOf(client, false), asked);
    expect(await response.text()).toContain('東京');
    const reports = ['x-plexus-dropped', 'x-plexus-approximated'].flatMap(
      (header) => response.headers.get(header)?.split(', ') ?? [],
    );
    expect(reports.filter((report) => report.startsWith(probe.report))).not.toEqual([]);
    expect(isObject(parseJson(gateway.sent[0]?.body ?? ''))).toBe(true);
  });
});
