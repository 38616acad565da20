/**
 * `/metrics`: Prometheus text. Counters and histograms are fed from usage records, gauges are read
 * when somebody asks. Names are those of OpenTelemetry's GenAI conventions where it has one, in
 * Prometheus' spelling (unit as a suffix), else `plexus_`.
 */
import type { UsageRecord } from '../usage/record.ts';
import {
  Counter,
  type CounterSeries,
  Histogram,
  type HistogramSeries,
  type Labels,
  labelText,
  renderGauge,
  type SharedSeries,
} from './prometheus.ts';

/** What was counted since some time, by the metric's name: for another process that adds it up. */
export type SharedMetrics = Readonly<Record<string, readonly SharedSeries[]>>;

export interface MetricsParts {
  readonly version: string;
  /** Unix ms. */
  readonly startedAt: number;
  cooldowns(): readonly { provider: string; model: string | undefined; remainingMs: number }[];
  inFlight(): readonly { provider: string; model: string; count: number }[];
  openStreams(): number;
  listeners(): number;
  /** Lines that were lost because a disk was too slow, by log. */
  droppedLines(): Readonly<Record<string, number>>;
  /** OpenTelemetry's name of the provider (`openai`, `anthropic`, `gcp.gemini` …) for one of ours. */
  providerName(provider: string): string;
  /** Memory of each process, where several serve together: bytes. */
  workers?(): readonly { worker: number; residentBytes: number }[];
}

/** Seconds; OpenTelemetry's own bounds (gen-ai-metrics, server.request.duration). */
const DURATION = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84,
  327.68,
];
const FIRST_TOKEN = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60,
];
const PER_TOKEN = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5,
];
const TOKENS = [
  1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
  67_108_864,
];
const OVERHEAD = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** Texts of labels that are remembered. */
const MAX_TEXTS = 1000;

/** Series come into being at their first value, as an empty one would be shown. */
interface SeriesMakers {
  requests(): CounterSeries;
  attempt(): CounterSeries;
  overhead(): HistogramSeries;
  duration(): HistogramSeries;
  tokensIn(): HistogramSeries;
  tokensOut(): HistogramSeries;
  input(): CounterSeries;
  output(): CounterSeries;
}

/** The series that one kind of request adds to. */
class RequestSeries {
  readonly labels: string;
  readonly #make: SeriesMakers;
  readonly #made: { [K in keyof SeriesMakers]?: ReturnType<SeriesMakers[K]> } = {};

  constructor(labels: string, make: SeriesMakers) {
    this.labels = labels;
    this.#make = make;
  }

  get requests(): CounterSeries {
    this.#made.requests ??= this.#make.requests();
    return this.#made.requests;
  }
  get attempt(): CounterSeries {
    this.#made.attempt ??= this.#make.attempt();
    return this.#made.attempt;
  }
  get overhead(): HistogramSeries {
    this.#made.overhead ??= this.#make.overhead();
    return this.#made.overhead;
  }
  get duration(): HistogramSeries {
    this.#made.duration ??= this.#make.duration();
    return this.#made.duration;
  }
  get tokensIn(): HistogramSeries {
    this.#made.tokensIn ??= this.#make.tokensIn();
    return this.#made.tokensIn;
  }
  get tokensOut(): HistogramSeries {
    this.#made.tokensOut ??= this.#make.tokensOut();
    return this.#made.tokensOut;
  }
  get input(): CounterSeries {
    this.#made.input ??= this.#make.input();
    return this.#made.input;
  }
  get output(): CounterSeries {
    this.#made.output ??= this.#make.output();
    return this.#made.output;
  }
}

/** True when two requests add to the same series. */
function isAlike(a: UsageRecord, b: UsageRecord): boolean {
  return (
    a.clientFormat === b.clientFormat &&
    a.outcome === b.outcome &&
    a.status === b.status &&
    a.alias === b.alias &&
    a.provider === b.provider &&
    a.model === b.model
  );
}

export class Metrics {
  readonly #parts: MetricsParts;
  readonly #requests = new Counter('plexus_requests_total', 'Requests, by how they ended.');
  readonly #attempts = new Counter(
    'plexus_attempts_total',
    'Attempts at providers; the reason is empty for those that succeeded.',
  );
  readonly #cost = new Counter(
    'plexus_cost_usd_total',
    'What requests cost, where prices are known.',
  );
  readonly #lost = new Counter(
    'plexus_lossy_requests_total',
    'Requests of which something could not be carried to the provider or back.',
  );
  readonly #tokens = new Histogram(
    'gen_ai_client_token_usage',
    'Tokens of a request; input includes cached ones, output includes reasoning.',
    TOKENS,
  );
  readonly #usage = {
    input: new Counter(
      'gen_ai_client_inference_usage_input_tokens_total',
      'Input tokens, cached ones included.',
    ),
    output: new Counter(
      'gen_ai_client_inference_usage_output_tokens_total',
      'Output tokens, reasoning included.',
    ),
    cached: new Counter(
      'gen_ai_client_inference_usage_cache_read_input_tokens_total',
      'Input tokens that were read from a cache.',
    ),
    cacheWrite: new Counter(
      'gen_ai_client_inference_usage_cache_write_input_tokens_total',
      'Input tokens that were written to a cache.',
    ),
    reasoning: new Counter(
      'gen_ai_client_inference_usage_reasoning_output_tokens_total',
      'Output tokens that were reasoning.',
    ),
  };
  readonly #duration = new Histogram(
    'gen_ai_server_request_duration_seconds',
    'From the arrival of a request to its end.',
    DURATION,
  );
  readonly #firstToken = new Histogram(
    'gen_ai_server_time_to_first_token_seconds',
    'From the arrival of a request to the first output; streams only.',
    FIRST_TOKEN,
  );
  readonly #perToken = new Histogram(
    'gen_ai_server_time_per_output_token_seconds',
    'Time for one output token after the first; streams only.',
    PER_TOKEN,
  );
  readonly #overhead = new Histogram(
    'plexus_overhead_seconds',
    "What of a request's duration was the gateway's own.",
    OVERHEAD,
  );

  /** Texts of labels. */
  readonly #texts = new Map<string, string>();
  /** By what requests are told apart by, the series that they add to. */
  readonly #bundles = new Map<string, RequestSeries>();

  /** The series that the request before added to. */
  #last: { record: UsageRecord; series: RequestSeries } | undefined;

  constructor(parts: MetricsParts) {
    this.#parts = parts;
  }

  /** Takes a request that has ended. */
  add(record: UsageRecord): void {
    const { outcome, attempts, provider, usage } = record;
    const series = this.#seriesOf(record);
    series.requests.value += 1;
    if (outcome === 'success' && attempts.length === 1) series.attempt.value += 1;
    else {
      for (const { provider: name, model, reason } of attempts) {
        this.#attempts.add(this.#attemptLabels(name, model, reason ?? ''));
      }
    }
    series.overhead.observe(record.overheadMs / 1000);
    if (record.dropped.length > 0) {
      this.#lost.add(`client_format="${record.clientFormat ?? ''}"`);
    }
    // A request that never came to a provider has a model's name of the client's making.
    if (provider === null) return;
    const { labels } = series;
    if (outcome === 'success') series.duration.observe(record.durationMs / 1000);
    else {
      this.#duration.observe(`${labels},error_type="${outcome}"`, record.durationMs / 1000);
    }
    if (record.ttftMs !== null) this.#firstToken.observe(labels, record.ttftMs / 1000);
    if (record.tokensPerSecond) this.#perToken.observe(labels, 1 / record.tokensPerSecond);
    if (record.cost !== null) this.#cost.add(labels, record.cost.total);
    if (usage === null) return;
    const input = usage.input + usage.cached + usage.cacheWrite;
    series.tokensIn.observe(input);
    series.tokensOut.observe(usage.output);
    series.input.value += input;
    series.output.value += usage.output;
    if (usage.cached > 0) this.#usage.cached.add(labels, usage.cached);
    if (usage.cacheWrite > 0) this.#usage.cacheWrite.add(labels, usage.cacheWrite);
    if (usage.reasoning > 0) this.#usage.reasoning.add(labels, usage.reasoning);
  }

  /** The series that requests like this one add to, found by one look. */
  #seriesOf(record: UsageRecord): RequestSeries {
    // Most requests are like the one before.
    const last = this.#last;
    if (last !== undefined && isAlike(last.record, record)) return last.series;
    const series = this.#findSeries(record);
    this.#last = { record, series };
    return series;
  }

  #findSeries(record: UsageRecord): RequestSeries {
    const { clientFormat, outcome, status, alias, provider, model } = record;
    const kind = `${Math.floor(status / 100)}xx`;
    const key = `${clientFormat}\u0000${outcome}\u0000${kind}\u0000${alias}\u0000${provider}\u0000${model}`;
    const known = this.#bundles.get(key);
    if (known !== undefined) return known;
    if (this.#bundles.size >= MAX_TEXTS) this.#bundles.clear();
    const who = `client_format="${clientFormat ?? ''}",outcome="${outcome}",status="${kind}"`;
    const labels = provider === null ? '' : this.#requestLabels(alias ?? '', provider, model ?? '');
    const made = new RequestSeries(labels, {
      requests: () => this.#requests.series(who),
      attempt: () => this.#attempts.series(this.#attemptLabels(provider ?? '', model ?? '', '')),
      overhead: () => this.#overhead.series(''),
      duration: () => this.#duration.series(labels),
      tokensIn: () => this.#tokens.series(`${labels},gen_ai_token_type="input"`),
      tokensOut: () => this.#tokens.series(`${labels},gen_ai_token_type="output"`),
      input: () => this.#usage.input.series(labels),
      output: () => this.#usage.output.series(labels),
    });
    this.#bundles.set(key, made);
    return made;
  }

  /** Everything, in Prometheus' text format 0.0.4. */
  text(): string {
    return [...this.#all().map((one) => one.render()), ...this.#gauges()].join('');
  }

  /** All that was counted, gauges left out. */
  save(): SharedMetrics {
    return Object.fromEntries(
      this.#all().flatMap((one) => {
        const series = one.save();
        return series.length === 0 ? [] : [[one.name, series]];
      }),
    );
  }

  /** Adds what another process has counted. */
  merge(shared: SharedMetrics): void {
    for (const one of this.#all()) one.merge(shared[one.name] ?? []);
  }

  #all(): readonly (Counter | Histogram)[] {
    return [
      this.#requests,
      this.#attempts,
      this.#cost,
      this.#lost,
      this.#tokens,
      ...Object.values(this.#usage),
      this.#duration,
      this.#firstToken,
      this.#perToken,
      this.#overhead,
    ];
  }

  /** Operation, provider and models, as OpenTelemetry calls them; the provider's own name beside them. */
  #requestLabels(alias: string, provider: string, model: string): string {
    return this.#remembered(`${alias}\u0000${provider}\u0000${model}`, () => [
      ['gen_ai_operation_name', 'chat'],
      ['gen_ai_provider_name', this.#parts.providerName(provider)],
      ['gen_ai_request_model', alias],
      ['gen_ai_response_model', model],
      ['provider', provider],
    ]);
  }

  #attemptLabels(provider: string, model: string, reason: string): string {
    return this.#remembered(`attempt\u0000${provider}\u0000${model}\u0000${reason}`, () => [
      ['provider', provider],
      ['model', model],
      ['reason', reason],
    ]);
  }

  /** Labels are few and their text is wanted at each request. */
  #remembered(key: string, labels: () => Labels): string {
    const known = this.#texts.get(key);
    if (known !== undefined) return known;
    const text = labelText(labels());
    if (this.#texts.size >= MAX_TEXTS) this.#texts.clear();
    this.#texts.set(key, text);
    return text;
  }

  #gauges(): string[] {
    const parts = this.#parts;
    const memory = parts.workers?.().map(({ worker, residentBytes }) => ({
      labels: [['worker', String(worker)]] as const,
      value: residentBytes,
    }));
    const dropped = Object.entries(parts.droppedLines());
    return [
      renderGauge('plexus_build_info', 'The version that runs.', [
        { labels: [['version', parts.version]], value: 1 },
      ]),
      renderGauge(
        'plexus_cooldown_seconds',
        'How long a target still rests; a rest of the whole provider has no model.',
        parts.cooldowns().map(({ provider, model, remainingMs }) => ({
          labels: [
            ['provider', provider],
            ['model', model ?? ''],
          ],
          value: remainingMs / 1000,
        })),
      ),
      renderGauge(
        'plexus_in_flight_requests',
        'Requests that run now.',
        parts.inFlight().map(({ provider, model, count }) => ({
          labels: [
            ['provider', provider],
            ['model', model],
          ],
          value: count,
        })),
      ),
      renderGauge('plexus_open_streams', 'Streams that are being sent to clients.', [
        { labels: [], value: parts.openStreams() },
      ]),
      renderGauge('plexus_event_listeners', 'Listeners at /v0/events.', [
        { labels: [], value: parts.listeners() },
      ]),
      renderGauge(
        'plexus_log_lines_dropped_total',
        'Lines that were lost because a disk did not take them.',
        dropped.map(([log, value]) => ({ labels: [['log', log]], value })),
        'counter',
      ),
      renderGauge(
        'process_start_time_seconds',
        'When the process started, in seconds since 1970.',
        [{ labels: [], value: parts.startedAt / 1000 }],
      ),
      renderGauge(
        'process_resident_memory_bytes',
        'Memory in use.',
        memory ?? [{ labels: [], value: process.memoryUsage.rss() }],
      ),
    ];
  }
}
