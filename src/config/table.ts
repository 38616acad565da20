/**
 * Every key that a configuration may have, with its bounds, its default and the line that explains
 * it. The checker reads this table and `config/plexus.schema.json` is made from it.
 */
import type { JsonObject } from '../json.ts';
import { DEFAULT_COOLDOWN, DEFAULT_TIMEOUTS } from './resilience-defaults.ts';
import {
  anyObject,
  choice,
  configurable,
  describe,
  either,
  flag,
  type Infer,
  integer,
  located,
  mapped,
  mismatch,
  number,
  orElse,
  REFERENCE_SCHEMA,
  ruled,
  type Shape,
  text,
} from './shape.ts';
import { ANY_NAME, list, map, object, section } from './shape-group.ts';
import {
  cooldown,
  milliseconds,
  price,
  priceFields,
  provider,
  secret,
  timeouts,
} from './table-provider.ts';

const onLoss = choice(['report', 'refuse']);

const server = section({
  host: orElse(
    describe(
      text({
        pattern: '^([^\\s/:\\[\\]]+|\\[[0-9A-Fa-f:.]+\\]|[0-9A-Fa-f:.]+)$',
        expected: 'a host name or an IP address',
      }),
      'Address to listen on. Other than loopback needs apiKeys, or allowAnonymous.',
    ),
    '127.0.0.1',
  ),
  port: orElse(
    describe(integer({ min: 0, max: 65535 }), 'Port to listen on; 0 takes any free one.'),
    4000,
  ),
  unix: describe(text(), 'Path of a unix socket, instead of host and port.'),
  allowAnonymous: orElse(
    describe(flag(), 'Listen on other than loopback although there are no apiKeys.'),
    false,
  ),
  maxBodyBytes: orElse(
    describe(integer({ min: 1 }), 'Bytes that a request body may have, decompressed too.'),
    50 * 1024 * 1024,
  ),
  onLoss: orElse(
    describe(
      onLoss,
      'What to do when a provider cannot be told all of a request: report it in x-plexus-dropped, or refuse the request.',
    ),
    'report',
  ),
  fetchMedia: orElse(
    describe(
      flag(),
      'Whether Plexus may fetch images and files by URL for providers that take only their content. Never from private addresses.',
    ),
    false,
  ),
  graceMs: orElse(
    describe(milliseconds(0), 'Time that running requests get to end at shutdown.'),
    10_000,
  ),
  maxConcurrency: orElse(describe(integer({ min: 0 }), 'Requests at once; 0 is no limit.'), 0),
});

// ------------------------------------------------------------------------------ keys

const DATE = 'a date such as "2030-12-31" or "2030-12-31T18:00:00Z"';
const date = ruled(
  text({ pattern: '^\\d{4}-\\d{2}-\\d{2}(T\\S+)?$', expected: DATE }),
  (value, place) => {
    if (!Number.isNaN(Date.parse(value))) return true;
    mismatch(place, DATE, value);
    return false;
  },
);
const limits = section({
  requestsPerMinute: describe(integer({ min: 1 }), 'Requests in any minute.'),
  tokensPerMinute: describe(integer({ min: 1 }), 'Tokens, input and output, in any minute.'),
  maxConcurrency: describe(integer({ min: 1 }), 'Requests at once.'),
  usdPerDay: describe(number({ min: 0 }), 'USD in a day (UTC).'),
  usdPerMonth: describe(number({ min: 0 }), 'USD in a calendar month (UTC).'),
});
const apiKey = object(
  {
    secret: describe(secret, `What the client sends, best as "\${NAME}".`),
    models: orElse(describe(list(text()), 'Model names it may use; * stands for anything.'), ['*']),
    enabled: orElse(describe(flag(), 'Whether it is accepted.'), true),
    limits: describe(limits, 'What it may use up.'),
    expires: describe(date, 'From then on it is refused.'),
  },
  ['secret'],
);

const admin = object({
  apiKey: describe(secret, 'Key of the management API. Without it, that answers loopback only.'),
});

// ------------------------------------------------------------------------------ models

const targetText = text({
  pattern: '^[^/\\s]+/\\S(.*\\S)?$',
  expected: '"provider/model"',
  examples: ['openai/gpt-5-mini', 'demo/echo'],
});
const shortTarget = mapped(targetText, (value) => {
  const slash = value.indexOf('/');
  return {
    provider: value.slice(0, slash),
    model: value.slice(slash + 1),
    weight: 1,
    enabled: true,
    isShort: true,
  };
});
const longTarget = object(
  {
    provider: describe(text(), "A provider's name."),
    model: describe(text(), "The provider's own name of the model."),
    weight: orElse(
      describe(number({ min: 0, above: true }), 'Share among the targets, for "random".'),
      1,
    ),
    enabled: orElse(describe(flag(), 'Whether it is used.'), true),
  },
  ['provider', 'model'],
);
const target = located(
  either(
    shortTarget,
    mapped(longTarget, (value) => ({ ...value, isShort: false })),
  ),
);
/** A target as it is written, with its place. */
export type WrittenTarget = Infer<typeof target>;

const SELECTORS = [
  'random',
  'in_order',
  'round_robin',
  'cost',
  'latency',
  'performance',
  'least_busy',
] as const;
const longAlias = object(
  {
    targets: describe(list(target, 1), 'Where requests may go: "provider/model" or an object.'),
    selector: describe(
      choice(SELECTORS),
      'Which target comes first; "random" goes by weight and is the default for several targets.',
    ),
    aliases: orElse(describe(list(located(text(ANY_NAME))), 'Further names.'), []),
    sticky: orElse(describe(flag(), 'Keep a conversation on its target.'), false),
    apiMatch: orElse(describe(flag(), "Prefer targets that speak the client's format."), false),
    onLoss: describe(onLoss, 'As in server, for this alias.'),
  },
  ['targets'],
);
/** An alias as it is written, or its short form made long. */
export type WrittenAlias = Infer<typeof longAlias>;
const alias: Shape<WrittenAlias> = either(
  mapped(located(shortTarget), (value) => ({
    targets: [value],
    selector: undefined,
    aliases: [],
    sticky: false,
    apiMatch: false,
    onLoss: undefined,
  })),
  longAlias,
);

// ------------------------------------------------------------------------------ the rest

const tier = object({
  upTo: describe(
    integer({ min: 1 }),
    'Input tokens up to which this step holds; the last has none.',
  ),
  ...priceFields,
});
const pricing = section({
  models: orElse(
    describe(map(price), "By model: a provider's name of it, or an alias."),
    new Map(),
  ),
  tiered: orElse(
    describe(map(located(list(tier, 1))), 'By model: steps by input size, ascending.'),
    new Map(),
  ),
  perRequest: orElse(describe(map(number({ min: 0 })), 'By model: USD per request.'), new Map()),
});

const retention = (fallback: number) =>
  orElse(describe(integer({ min: 1, max: 36_500 }), 'Days after which it is deleted.'), fallback);

const logging = section({
  level: orElse(
    describe(choice(['silent', 'error', 'warn', 'info', 'debug']), 'What the program prints.'),
    'info',
  ),
  format: orElse(describe(choice(['text', 'json']), 'For people or for machines.'), 'text'),
  usage: describe(
    section({
      enabled: orElse(describe(flag(), 'Whether a record of each request is kept.'), true),
      retentionDays: retention(30),
    }),
    'One record for each request; no content.',
  ),
  traces: describe(
    section({
      mode: orElse(
        describe(
          choice(['off', 'on', 'errors']),
          'Whether bodies are kept: never, always, or of failures.',
        ),
        'off',
      ),
      retentionDays: retention(7),
      maxBytes: orElse(describe(integer({ min: 1 }), 'Bytes kept of each body.'), 1024 * 1024),
    }),
    'The four bodies of a request, secrets masked.',
  ),
  errors: describe(section({ retentionDays: retention(90) }), 'A record of each failure.'),
});

const resilience = section({
  cooldown: describe(
    cooldown(DEFAULT_COOLDOWN),
    'How long a provider rests after failures, from minMs to maxMs.',
  ),
  failover: orElse(
    describe(
      either(
        mapped(flag(), (enabled) => ({ enabled, maxAttempts: 5 })),
        object({
          enabled: orElse(describe(flag(), 'Whether other targets are tried.'), true),
          maxAttempts: orElse(
            describe(integer({ min: 1, max: 100 }), 'Attempts of one request in all.'),
            5,
          ),
        }),
      ),
      'What happens when a target fails before its first output.',
    ),
    { enabled: true, maxAttempts: 5 },
  ),
  retries: describe(
    section({
      max: orElse(describe(integer({ min: 0, max: 100 }), 'How often.'), 2),
      maxWaitMs: orElse(describe(milliseconds(0), 'Longest wait before one.'), 2000),
    }),
    'Retries on the same target when no other is left.',
  ),
  timeoutMs: describe(
    timeouts(DEFAULT_TIMEOUTS),
    'Patience with providers that name none of their own.',
  ),
  hold: describe(
    section({
      maxBytes: orElse(describe(integer({ min: 0 }), 'Bytes.'), 256 * 1024),
      maxMs: orElse(
        describe(
          milliseconds(0),
          'Milliseconds without output after which the reply is begun with signs of life (keepAliveMs when that is less); other targets are still tried behind them.',
        ),
        30_000,
      ),
    }),
    'How much of a stream is held back before its first output, so that another target can still be tried.',
  ),
  keepAliveMs: orElse(
    describe(milliseconds(), 'How often a client that waits gets a sign of life.'),
    15_000,
  ),
  queue: describe(
    section({
      maxLength: orElse(describe(integer({ min: 0 }), 'Requests that may wait.'), 100),
      maxWaitMs: orElse(describe(milliseconds(0), 'Longest wait before a 429.'), 10_000),
    }),
    'The line of requests that wait where a maxConcurrency is reached; one for each limit.',
  ),
});

const providerName = {
  pattern: '^[A-Za-z0-9][A-Za-z0-9._@+-]*$',
  expected: 'a name of letters, digits and . _ @ + - (it becomes part of "provider/model")',
};

/** The whole file. */
export const table = object(
  {
    $schema: describe(text(), 'Where editors find the rules of this file.'),
    server: describe(server, 'Where Plexus listens, and its bounds.'),
    apiKeys: orElse(
      describe(
        map(configurable(apiKey)),
        'Clients by name. Without any, everyone who can connect is served.',
      ),
      new Map(),
    ),
    admin: describe(configurable(admin), 'The management API.'),
    providers: describe(
      map(configurable(provider), providerName, 1),
      'Whom Plexus calls, by name.',
    ),
    models: orElse(
      describe(map(located(alias)), 'Aliases: the names that clients ask for.'),
      new Map(),
    ),
    pricing: describe(pricing, 'What models cost.'),
    logging: describe(logging, 'What is printed and kept.'),
    resilience: describe(resilience, 'Patience, cooldowns, other attempts.'),
    events: describe(
      section({
        heartbeatMs: orElse(describe(milliseconds(), 'Between two signs of life.'), 15_000),
        maxClients: orElse(describe(integer({ min: 0 }), 'Listeners at once.'), 100),
      }),
      'The live events of the management API.',
    ),
    responses: describe(
      section({
        store: orElse(
          describe(
            choice(['memory', 'file', 'off']),
            'Where answers are kept that previous_response_id may refer to.',
          ),
          'memory',
        ),
      }),
      'The Responses API.',
    ),
    transformers: orElse(
      describe(
        list(
          located(
            object(
              {
                path: describe(text(), 'The file, seen from the folder of this one.'),
                options: describe(anyObject(), 'What its constructor gets.'),
              },
              ['path'],
            ),
          ),
        ),
        'llms transformers of your own.',
      ),
      [],
    ),
    dataDir: orElse(
      describe(text(), 'Folder for logs and state, seen from where Plexus is started.'),
      './data',
    ),
  },
  ['providers'],
);
/** The file as it is written, checked by itself: rules between its parts are still to come. */
export type Written = Infer<typeof table>;

/** The rules as a JSON Schema (draft 7, which every editor knows). */
export function configSchema(): JsonObject {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Plexus configuration',
    ...table.schema,
    definitions: { reference: REFERENCE_SCHEMA },
  };
}
