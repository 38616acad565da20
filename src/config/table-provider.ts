/** The keys of a provider. */
import { isObject, type JsonObject } from '../json.ts';
import { FORMAT_NAMES, type FormatName } from '../unified.ts';
import type { CooldownConfig, Timeouts } from './config.ts';
import { oneOfText, quotedList, show } from './problem.ts';
import {
  anyObject,
  choice,
  defaultTold,
  describe,
  either,
  exactly,
  flag,
  type Infer,
  integer,
  type Located,
  located,
  mapped,
  mismatch,
  number,
  orElse,
  type Place,
  ruled,
  type Shape,
  text,
} from './shape.ts';
import { list, map, object, pair } from './shape-group.ts';
import { TRANSFORMER_NAMES } from './transformer-names.ts';

/** Timers take no more than 2^31 - 1 ms and would fire at once; a day is beyond any use. */
const LONGEST_MS = 86_400_000;
/** A time in milliseconds. */
export const milliseconds = (min = 1) => integer({ min, max: LONGEST_MS });

const notShown = () => 'a string (not shown)';

/** A secret that fits into a header. */
export const secret = text({
  pattern: '^[\\x21-\\x7e]+$',
  expected: 'a key of visible ASCII characters',
  shown: notShown,
});

/** A path of a base URL ends in no slash, so that the format's path can follow. */
export const withoutSlash = (url: string) => url.replace(/\/+$/, '');

/** A URL as a message may show it: without user, password and query, which may be secrets. */
export const shownUrl = (url: string) =>
  show(url.replace(/\/\/[^/@]*@/, '//…@').replace(/\?.*$/s, '?…'));

function url(pattern: string, expected: string): Shape<string> {
  return ruled(text({ pattern, expected, shown: shownUrl }), (value, place) => {
    // `{model}` may stand in an endpoint, also as a host's part.
    if (URL.canParse(value.replaceAll('{model}', 'model'))) return true;
    mismatch(place, expected, value, shownUrl(value));
    return false;
  });
}
const BASE_URL = 'an http:// or https:// URL without "?" and "#"';
const baseUrl = mapped(url('^https?://[^\\s?#/][^\\s?#]*$', BASE_URL), withoutSlash);
const fullUrl = url('^https?://[^\\s/]\\S*$', 'an http:// or https:// URL');

const FORMATS = { names: FORMAT_NAMES, expected: `one of ${quotedList(FORMAT_NAMES)}` };

/** What other gateways call the formats. */
const CALLED_ELSEWHERE: Readonly<Record<string, FormatName>> = {
  openai: 'chat',
  'openai-chat': 'chat',
  'openai-compatible': 'chat',
  completions: 'chat',
  anthropic: 'messages',
  claude: 'messages',
  'openai-responses': 'responses',
  google: 'gemini',
  vertex: 'gemini',
};

/** What `type` may say, made one: the formats in the order of preference, with their own URLs. */
export interface ProviderType {
  readonly names: readonly string[];
  readonly urls: ReadonlyMap<string, Located<string>>;
}
const NO_URLS: ReadonlyMap<string, Located<string>> = new Map();
const type: Shape<ProviderType> = describe(
  either(
    mapped(choice([...FORMAT_NAMES, 'demo'], CALLED_ELSEWHERE), (name) => ({
      names: [name],
      urls: NO_URLS,
    })),
    mapped(list(choice(FORMAT_NAMES, CALLED_ELSEWHERE), 1), (names) => ({ names, urls: NO_URLS })),
    mapped(map(located(baseUrl), FORMATS, 1), (urls) => ({ names: [...urls.keys()], urls })),
  ),
  'The wire formats it speaks: one, a list in the order of preference, or a map from format to base URL. "demo" is the model inside Plexus that needs no network.',
);

/**
 * Times as they are written; what is absent is filled in later.
 * @param defaults what the schema tells of that; a provider's come from `resilience`
 */
export const timeouts = (defaults: Partial<Timeouts> = {}) =>
  either(
    mapped(milliseconds(), (firstOutput) => ({
      connect: undefined,
      firstOutput,
      stall: undefined,
    })),
    object({
      connect: defaultTold(
        describe(milliseconds(), 'Until the connection stands.'),
        defaults.connectMs,
      ),
      firstOutput: defaultTold(
        describe(
          milliseconds(),
          'Until the first text, reasoning or tool call. An answer that is not streamed must be complete by then.',
        ),
        defaults.firstOutputMs,
      ),
      stall: defaultTold(
        describe(milliseconds(), 'Between two signs of progress in a stream; pings do not count.'),
        defaults.stallMs,
      ),
    }),
  );

/**
 * Cooldown as it is written; `true` and `false` switch it.
 * @param defaults as for `timeouts`
 */
export const cooldown = (defaults: Partial<CooldownConfig> = {}) =>
  either(
    mapped(flag(), (enabled) => ({ enabled, minMs: undefined, maxMs: undefined })),
    object({
      enabled: orElse(describe(flag(), 'Whether failures are remembered at all.'), true),
      minMs: defaultTold(describe(milliseconds(0), 'The shortest cooldown.'), defaults.minMs),
      maxMs: defaultTold(describe(milliseconds(0), 'The longest cooldown.'), defaults.maxMs),
    }),
  );

const usd = number({ min: 0 });
/** Prices of a model. */
export const priceFields = {
  inputPer1M: describe(usd, 'USD per million input tokens that were not cached.'),
  outputPer1M: describe(usd, 'USD per million output tokens.'),
  cachedPer1M: describe(usd, 'USD per million cached input tokens; by default as input.'),
  cacheWritePer1M: describe(usd, 'USD per million tokens written to a cache; by default as input.'),
  reasoningPer1M: describe(usd, 'USD per million reasoning tokens; by default as output.'),
  perRequest: describe(usd, 'USD per request, besides tokens.'),
};
/** The same as a section of its own. */
export const price = object(priceFields);

// ------------------------------------------------------------------------------ transformers

const transformerName = text({
  pattern: '^\\S+$',
  expected: "a transformer's name",
  examples: TRANSFORMER_NAMES,
});
const use = describe(
  list(
    located(
      either(
        mapped(transformerName, (name) => ({ name, options: undefined })),
        mapped(pair(transformerName, anyObject()), ([name, options]) => ({ name, options })),
      ),
    ),
  ),
  'llms transformers, in order: "name" or ["name", { options }].',
);
/** A chain as it is written, each entry with its place. */
export type WrittenUse = Infer<typeof use>;

const modelTransformer = object({ use });

/** What `transformer` says: `use` for every model, any other key for the model of that name. */
export interface WrittenTransformer {
  readonly use: WrittenUse;
  readonly models: ReadonlyMap<string, Located<WrittenUse>>;
}
const modelTransformers = map(located(mapped(modelTransformer, (value) => value.use ?? [])));
const transformer: Shape<WrittenTransformer> = {
  kinds: ['object'],
  expected: 'an object',
  schema: {
    type: 'object',
    description:
      'llms transformers: "use" for every model of the provider, and under a model\'s name for that model after them.',
    properties: { use: use.schema },
    additionalProperties: modelTransformer.schema,
    propertyNames: modelTransformers.schema['propertyNames'],
  },
  read(value, place: Place) {
    if (!isObject(value)) return void mismatch(place, 'an object', value);
    const { use: own, ...rest } = value;
    const read = own === undefined ? [] : use.read(own, { ...place, path: [...place.path, 'use'] });
    return { use: read ?? [], models: modelTransformers.read(rest, place) ?? new Map() };
  },
};

// ------------------------------------------------------------------------------ the provider

const tokens = integer({ min: 1 });
const model = object({
  pricing: describe(price, 'Prices of this model at this provider; they win over `pricing`.'),
  maxInputTokens: describe(tokens, 'Input tokens that it takes, for the list of models.'),
  maxOutputTokens: describe(tokens, 'Output tokens that it gives, for the list of models.'),
  transformer: describe(modelTransformer, 'llms transformers for this model, last in the chain.'),
});
const NO_MODEL: Infer<typeof model> = {
  pricing: undefined,
  maxInputTokens: undefined,
  maxOutputTokens: undefined,
  transformer: undefined,
};
const modelName = text({ pattern: '^\\S(.*\\S)?$', expected: "a model's name" });
const models = describe(
  either(
    mapped(list(modelName), (names) => new Map(names.map((name) => [name, NO_MODEL]))),
    map(model),
  ),
  'The models it has: a list of names, or a map from name to prices and limits. Targets must then name one of them.',
);

const headerName = { pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", expected: "a header's name" };
const headerValue = text({
  pattern: '^[\\x20-\\x7e\\t]+$',
  expected: 'a header value of visible ASCII characters',
  shown: notShown,
});

const fields = {
  type,
  baseUrl: describe(
    located(baseUrl),
    'The root to which the path of a format is appended: /chat/completions, /messages, /responses, /models/{model}:generateContent.',
  ),
  apiKey: describe(
    secret,
    `Its key, best as "\${NAME}". While the variable is not set the provider is left out.`,
  ),
  auth: describe(
    choice(['bearer', 'x-api-key', 'api-key', 'x-goog-api-key', 'none']),
    "Where the key goes; by default the format's own header.",
  ),
  endpoints: describe(
    map(located(fullUrl), FORMATS),
    'Full URLs that replace base URL and path, per format; may hold {model}.',
  ),
  headers: describe(map(headerValue, headerName), 'Headers that every request to it carries.'),
  extraBody: describe(anyObject(), 'Fields that are put into every request body sent to it.'),
  timeoutMs: describe(
    timeouts(),
    'Patience with it: until the first output, or each time by name.',
  ),
  models,
  enabled: orElse(describe(flag(), 'Whether it is used at all.'), true),
  discount: orElse(
    describe(number({ min: 0, max: 1 }), 'Multiplies prices: 0.8 is twenty per cent off.'),
    1,
  ),
  cooldown: describe(cooldown(), 'Whether and how long it rests after failures.'),
  proxy: describe(
    either(exactly(false), fullUrl),
    "HTTP proxy to reach it through; false ignores the environment's proxies.",
  ),
  maxConcurrency: orElse(
    describe(integer({ min: 0 }), 'Requests to it at once; 0 is no limit.'),
    0,
  ),
  transformer,
};

const shape = object(fields, ['type']);

/** A provider. `baseUrl` may be left out for the demo, with a map as `type`, and with `endpoints`. */
export const provider: typeof shape = {
  ...shape,
  schema: {
    ...shape.schema,
    anyOf: [
      { properties: { type: { const: 'demo' } } },
      { properties: { type: { type: 'object' } } },
      { required: ['baseUrl'] },
      { required: ['endpoints'] },
    ],
  } satisfies JsonObject,
  read(value, place) {
    const result = shape.read(value, place);
    if (isObject(value) && needsUrl(value)) {
      const expected = `a base URL for ${oneOfText([...(result?.type?.names ?? ['its type'])])}`;
      place.report({
        at: [...place.path, 'baseUrl'],
        message: `is required (${expected})`,
        found: 'nothing',
        expected,
      });
    }
    return result;
  },
};

function needsUrl({ type, baseUrl, endpoints }: JsonObject): boolean {
  if (baseUrl !== undefined || endpoints !== undefined || isObject(type)) return false;
  return type !== 'demo' && type !== undefined;
}
/** A provider as it is written. */
export type WrittenProvider = Infer<typeof provider>;
