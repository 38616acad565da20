import { describe, expect, test } from 'bun:test';
import { Metrics } from '../../src/manage/metrics.ts';
import { Counter, Histogram, labelText } from '../../src/manage/prometheus.ts';
import { recordOf } from '../usage/support/record.ts';

function metricsOf(): Metrics {
  return new Metrics({
    version: '1.2.3',
    startedAt: 1_700_000_000_000,
    cooldowns: () => [{ provider: 'acme', model: undefined, remainingMs: 1500 }],
    inFlight: () => [{ provider: 'acme', model: 'large', count: 3 }],
    openStreams: () => 2,
    listeners: () => 1,
    droppedLines: () => ({ usage: 4 }),
    providerName: () => 'openai',
  });
}

/** Values by series. */
function read(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const blank = line.lastIndexOf(' ');
      return [line.slice(0, blank), Number(line.slice(blank + 1))];
    }),
  );
}

const LABELS =
  'gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_request_model="fast",gen_ai_response_model="large",provider="acme"';

describe('metrics', () => {
  test("follow OpenTelemetry's names and meanings", () => {
    const metrics = metricsOf();
    metrics.add(recordOf());
    const values = read(metrics.text());
    const get = (name: string, more = '') => values.get(`${name}{${LABELS}${more}}`);
    // Input includes what caches had a part in.
    expect(get('gen_ai_client_token_usage_sum', ',gen_ai_token_type="input"')).toBe(125);
    expect(get('gen_ai_client_token_usage_sum', ',gen_ai_token_type="output"')).toBe(50);
    expect(get('gen_ai_client_inference_usage_cache_read_input_tokens_total')).toBe(20);
    expect(get('gen_ai_server_request_duration_seconds_sum')).toBe(1);
    expect(get('gen_ai_server_time_to_first_token_seconds_sum')).toBe(0.2);
    expect(get('gen_ai_server_time_per_output_token_seconds_sum')).toBe(0.02);
    expect(get('plexus_cost_usd_total')).toBe(0.3);
    expect(values.get('plexus_overhead_seconds_count')).toBe(1);
    expect(values.get('plexus_overhead_seconds_sum')).toBe(0.0005);
  });

  test('say what the gateway does now', () => {
    const values = read(metricsOf().text());
    expect(values.get('plexus_open_streams')).toBe(2);
    expect(values.get('plexus_event_listeners')).toBe(1);
    expect(values.get('plexus_cooldown_seconds{provider="acme",model=""}')).toBe(1.5);
    expect(values.get('plexus_in_flight_requests{provider="acme",model="large"}')).toBe(3);
    expect(values.get('plexus_log_lines_dropped_total{log="usage"}')).toBe(4);
    expect(values.get('plexus_build_info{version="1.2.3"}')).toBe(1);
  });

  test('count failures with their kind', () => {
    const metrics = metricsOf();
    metrics.add(recordOf({ outcome: 'timeout', status: 504, usage: null, cost: null }));
    const values = read(metrics.text());
    const count = `gen_ai_server_request_duration_seconds_count{${LABELS},error_type="timeout"}`;
    expect(values.get(count)).toBe(1);
    const requests = 'plexus_requests_total{client_format="chat",outcome="timeout",status="5xx"}';
    expect(values.get(requests)).toBe(1);
  });

  test('take no model name from a request that came to no provider', () => {
    const metrics = metricsOf();
    const alias = 'made up by a client';
    metrics.add(recordOf({ alias, provider: null, model: null, outcome: 'error', status: 404 }));
    expect(metrics.text()).not.toContain(alias);
  });

  test('each have one HELP and one TYPE, before their series', () => {
    const metrics = metricsOf();
    metrics.add(recordOf());
    const lines = metrics.text().trimEnd().split('\n');
    let name = '';
    const seen = new Set<string>();
    for (const line of lines) {
      const [, kind, about = ''] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
      if (kind === 'HELP') {
        expect(seen.has(about)).toBe(false);
        seen.add(about);
        name = about;
      } else if (kind === 'TYPE') expect(about).toBe(name);
      else expect(line.startsWith(name)).toBe(true);
    }
  });
});

describe('a histogram', () => {
  test('counts each value under every bound that it does not exceed', () => {
    const histogram = new Histogram('h', 'help', [1, 5]);
    for (const value of [0.5, 1, 3, 9]) histogram.observe('', value);
    const values = read(histogram.render());
    expect(values.get('h_bucket{le="1"}')).toBe(2);
    expect(values.get('h_bucket{le="5"}')).toBe(3);
    expect(values.get('h_bucket{le="+Inf"}')).toBe(4);
    expect([values.get('h_sum'), values.get('h_count')]).toEqual([13.5, 4]);
  });
});

describe('labels', () => {
  test('are escaped and short', () => {
    expect(labelText([['a', 'x"y\\z\n']])).toBe('a="x\\"y\\\\z\\n"');
    expect(labelText([['a', 'x'.repeat(1000)]]).length).toBeLessThan(200);
  });

  test('beyond a bound become one series', () => {
    const counter = new Counter('c', 'help');
    for (let n = 0; n < 600; n += 1) counter.add(labelText([['model', `m"${n}`]]));
    const values = read(counter.render());
    expect(values.size).toBe(501);
    expect(values.get('c{model="other"}')).toBe(100);
  });
});

test('metrics of several processes add up to those of one', () => {
  const [single, all, ...parts] = [1, 2, 3, 4].map(() => metricsOf());
  if (single === undefined || all === undefined) throw new Error('four');
  for (let n = 0; n < 6; n += 1) {
    const record = recordOf({ outcome: n === 5 ? 'error' : 'success', durationMs: 50 * n });
    single.add(record);
    parts[n % 2]?.add(record);
  }
  for (const part of parts) all.merge(JSON.parse(JSON.stringify(part.save())));
  const counted = (metrics: Metrics): [string, number][] =>
    [...read(metrics.text())].filter(([name]) => !name.startsWith('process_')).toSorted();
  expect(counted(all)).toEqual(counted(single));
  expect(metricsOf().save()).toEqual({});
});

test('memory is told of each process where several serve', () => {
  const metrics = new Metrics({
    version: '1.2.3',
    startedAt: 0,
    cooldowns: () => [],
    inFlight: () => [],
    openStreams: () => 0,
    listeners: () => 0,
    droppedLines: () => ({}),
    providerName: () => 'openai',
    workers: () => [
      { worker: 1, residentBytes: 5 },
      { worker: 2, residentBytes: 7 },
    ],
  });
  const values = read(metrics.text());
  expect(values.get('process_resident_memory_bytes{worker="1"}')).toBe(5);
  expect(values.get('process_resident_memory_bytes{worker="2"}')).toBe(7);
});
