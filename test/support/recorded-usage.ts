/**
 * Token counts as each format's documentation defines them, read from a reply or a stream as it is
 * on the wire. It knows nothing of the gateway's own readers but JSON: it judges them.
 */
import { type JsonObject, number, object, parseJson } from '../../src/json.ts';
import type { FormatName } from '../../src/unified.ts';

/** `input` without what was read from or written to a cache, `output` with reasoning. */
export interface Counts {
  input: number;
  output: number;
  cached: number;
  cacheWrite: number;
  reasoning: number;
}

/** The counts of a reply as text; undefined when it has none. */
export function recordedUsage(format: FormatName, body: string): Counts | undefined {
  return READERS[format](valuesOf(body));
}

/** The objects of a reply: that of a plain one, the elements of a list, or those of a stream's events. */
function valuesOf(body: string): JsonObject[] {
  const whole = parseJson(body);
  const values = whole === undefined ? dataOf(body).map(parseJson) : [whole].flat();
  return values.map(object).filter((value) => value !== undefined);
}

/** The `data` of each event; several such lines of one event are one value (WHATWG HTML 9.2.6). */
function dataOf(stream: string): string[] {
  return stream
    .split(/\r?\n\r?\n/)
    .map((block) =>
      block
        .split(/\r?\n/)
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trimStart())
        .join('\n'),
    )
    .filter((data) => data !== '' && data !== '[DONE]');
}

const count = (value: unknown, ...path: string[]): number =>
  number(path.reduce((current: unknown, key) => object(current)?.[key], value)) ?? 0;

type Reader = (values: JsonObject[]) => Counts | undefined;

/** `prompt_tokens` contain what was cached; `completion_tokens` contain reasoning (CompletionUsage). */
const chat: Reader = (values) => {
  const usage = values.findLast((value) => object(value['usage']))?.['usage'];
  if (usage === undefined) return undefined;
  const cached = count(usage, 'prompt_tokens_details', 'cached_tokens');
  const cacheWrite = count(usage, 'prompt_tokens_details', 'cache_write_tokens');
  return {
    input: count(usage, 'prompt_tokens') - cached - cacheWrite,
    output: count(usage, 'completion_tokens'),
    cached,
    cacheWrite,
    reasoning: count(usage, 'completion_tokens_details', 'reasoning_tokens'),
  };
};

/** All counts exclude each other; in a stream each field's last word counts ("Streaming Messages"). */
const messages: Reader = (values) => {
  const said = values
    .flatMap((value) => [object(value['message'])?.['usage'], value['usage']])
    .map(object)
    .filter((usage) => usage !== undefined);
  if (said.length === 0) return undefined;
  const known = said.map((usage) =>
    Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== null)),
  );
  const usage: JsonObject = Object.assign({}, ...known);
  return {
    input: count(usage, 'input_tokens'),
    output: count(usage, 'output_tokens'),
    cached: count(usage, 'cache_read_input_tokens'),
    cacheWrite: count(usage, 'cache_creation_input_tokens'),
    reasoning: count(usage, 'output_tokens_details', 'thinking_tokens'),
  };
};

/**
 * `input_tokens` contain what was cached, `output_tokens` contain reasoning (ResponseUsage). A stream
 * is over with the first response that has counts; two recordings hold a second stream behind it.
 */
const responses: Reader = (values) => {
  const bodies = values.map((value) => object(value['response']) ?? value);
  const usage = bodies.find((body) => object(body['usage']))?.['usage'];
  if (usage === undefined) return undefined;
  const cached = count(usage, 'input_tokens_details', 'cached_tokens');
  const cacheWrite = count(usage, 'input_tokens_details', 'cache_write_tokens');
  return {
    input: count(usage, 'input_tokens') - cached - cacheWrite,
    output: count(usage, 'output_tokens'),
    cached,
    cacheWrite,
    reasoning: count(usage, 'output_tokens_details', 'reasoning_tokens'),
  };
};

/**
 * `promptTokenCount` contains what was cached and not what tools read; `candidatesTokenCount` does
 * not contain thoughts: `totalTokenCount` is their sum (UsageMetadata). The last one counts.
 */
const gemini: Reader = (values) => {
  const said = values.map((value) => object(value['usageMetadata']));
  // Of a prompt that was refused it names no counts, only whose traffic it was.
  const usage = said.findLast((one) => one && Object.keys(one).some((key) => /Count$/.test(key)));
  if (usage === undefined) return undefined;
  const cached = count(usage, 'cachedContentTokenCount');
  const reasoning = count(usage, 'thoughtsTokenCount');
  return {
    input: count(usage, 'promptTokenCount') + count(usage, 'toolUsePromptTokenCount') - cached,
    output: count(usage, 'candidatesTokenCount') + reasoning,
    cached,
    cacheWrite: 0,
    reasoning,
  };
};

const READERS: Readonly<Record<FormatName, Reader>> = { chat, messages, responses, gemini };

/** What a format can tell of counts: Gemini knows no writing to a cache, it is input there. */
export function tellable(format: FormatName, counts: Counts): Counts {
  if (format !== 'gemini') return counts;
  return { ...counts, input: counts.input + counts.cacheWrite, cacheWrite: 0 };
}
