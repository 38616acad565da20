/**
 * What a client understands of an answer, in one shape for all formats: the oracle of the behaviour
 * tests. It knows the wire only, nothing of the gateway's own code but its JSON readers.
 */
import { array, type JsonObject, number, object, parseJson, text } from '../../src/json.ts';
import type { FormatName } from '../../src/unified.ts';

export interface Answer {
  text: string;
  reasoning: string;
  refusal: string;
  calls: { id: string; name: string; input: unknown }[];
  /** `declined` stands for refusals and filters, which not every format tells apart. */
  finish: 'stop' | 'stop_sequence' | 'length' | 'calls' | 'declined' | 'other' | undefined;
  usage: { input: number; cached: number; output: number; reasoning: number } | undefined;
  error: string | undefined;
  /** The model that the answer names. */
  model: string;
}

/** One event of a stream: its `event:` name and its data. */
export interface WireEvent {
  event: string;
  data: string;
}

/** Events of a stream as the gateway writes them: LF only, a blank line behind each. */
export function eventsOf(stream: string): WireEvent[] {
  return stream
    .split('\n\n')
    .map((block) => ({
      event: /^event: ?(.*)$/m.exec(block)?.[1] ?? '',
      data: /^data: ?(.*)$/m.exec(block)?.[1] ?? '',
    }))
    .filter(({ data }) => data !== '');
}

/** An answer from the text of a reply, plain or streamed. */
export function readAnswer(format: FormatName, body: string, stream: boolean): Answer {
  const reader = READERS[format];
  if (!stream) return reader.whole(object(parseJson(body)) ?? {});
  const values = eventsOf(body).map(({ data }) => object(parseJson(data)) ?? {});
  return reader.whole(reader.assemble(values));
}

/** The object at a path; an empty one when there is none. */
export function dig(value: unknown, ...path: (string | number)[]): unknown {
  let current = value;
  for (const key of path) {
    current = typeof key === 'number' ? array(current)[key] : object(current)?.[key];
  }
  return current;
}

const list = (value: unknown, ...path: (string | number)[]): JsonObject[] =>
  array(dig(value, ...path)).map((item) => object(item) ?? {});
const word = (value: unknown, ...path: (string | number)[]): string =>
  text(dig(value, ...path)) ?? '';
const count = (value: unknown, ...path: (string | number)[]): number =>
  number(dig(value, ...path)) ?? 0;

function inputOf(json: string): unknown {
  return json === '' ? {} : (parseJson(json) ?? `not JSON: ${json}`);
}

interface Reader {
  /** Events → the body that a plain reply would have been. */
  assemble(events: JsonObject[]): JsonObject;
  whole(body: JsonObject): Answer;
}

const EMPTY: Answer = {
  text: '',
  reasoning: '',
  refusal: '',
  calls: [],
  finish: undefined,
  usage: undefined,
  error: undefined,
  model: '',
};

// ------------------------------------------------------------------------------ chat

const chat: Reader = {
  assemble(events) {
    const message: Record<string, string> = {};
    const calls: Record<string, string>[] = [];
    const out: JsonObject = {};
    let finish: unknown = null;
    for (const event of events) {
      if (event['error'] !== undefined) out['error'] = event['error'];
      if (event['usage']) out['usage'] = event['usage'];
      out['model'] ??= event['model'];
      const choice = dig(event, 'choices', 0);
      finish = dig(choice, 'finish_reason') ?? finish;
      for (const key of ['content', 'reasoning_content', 'refusal']) {
        message[key] = (message[key] ?? '') + word(choice, 'delta', key);
      }
      for (const delta of list(choice, 'delta', 'tool_calls')) {
        const index = count(delta, 'index');
        const call = calls[index] ?? { id: '', name: '', arguments: '' };
        calls[index] = call;
        call['id'] ||= word(delta, 'id');
        call['name'] ||= word(delta, 'function', 'name');
        call['arguments'] += word(delta, 'function', 'arguments');
      }
    }
    const tool_calls = calls.map((call) => ({ id: call['id'], function: call }));
    out['choices'] = [{ message: { ...message, tool_calls }, finish_reason: finish }];
    return out;
  },
  whole(body) {
    const choice = dig(body, 'choices', 0);
    const message = dig(choice, 'message');
    const refusal = word(message, 'refusal');
    const reason = word(choice, 'finish_reason');
    const usage = dig(body, 'usage');
    return {
      ...EMPTY,
      text: word(message, 'content'),
      reasoning: word(message, 'reasoning_content'),
      refusal,
      calls: list(message, 'tool_calls').map((call) => ({
        id: word(call, 'id'),
        name: word(call, 'function', 'name'),
        input: inputOf(word(call, 'function', 'arguments')),
      })),
      finish:
        refusal !== '' && reason === 'stop'
          ? 'declined'
          : finishOf(reason, {
              stop: 'stop',
              length: 'length',
              tool_calls: 'calls',
              content_filter: 'declined',
            }),
      usage: object(usage) && {
        input: count(usage, 'prompt_tokens'),
        cached: count(usage, 'prompt_tokens_details', 'cached_tokens'),
        output: count(usage, 'completion_tokens'),
        reasoning: count(usage, 'completion_tokens_details', 'reasoning_tokens'),
      },
      error: errorOf(body),
      model: word(body, 'model'),
    };
  },
};

// ------------------------------------------------------------------------------ messages

const messages: Reader = {
  assemble(events) {
    const blocks: JsonObject[] = [];
    let out: JsonObject = {};
    for (const event of events) {
      const block = blocks[count(event, 'index')] ?? {};
      const add = (key: string, piece: string): void => {
        block[key] = (text(block[key]) ?? '') + piece;
      };
      if (event['type'] === 'error') out['error'] = event['error'];
      if (event['type'] === 'message_start') out = { ...object(event['message']) };
      if (event['type'] === 'content_block_start') {
        blocks[count(event, 'index')] = { ...object(event['content_block']) };
      }
      if (event['type'] === 'content_block_delta') {
        add('text', word(event, 'delta', 'text'));
        add('thinking', word(event, 'delta', 'thinking'));
        add('json', word(event, 'delta', 'partial_json'));
      }
      if (event['type'] === 'message_delta') {
        Object.assign(out, event['delta']);
        out['usage'] = { ...object(out['usage']), ...object(event['usage']) };
      }
    }
    for (const block of blocks) {
      if (block['type'] === 'tool_use') block['input'] = inputOf(text(block['json']) ?? '');
    }
    return { ...out, content: blocks };
  },
  whole(body) {
    const blocks = list(body, 'content');
    const join = (type: string, key: string): string =>
      blocks
        .filter((block) => block['type'] === type)
        .map((block) => word(block, key))
        .join('');
    const usage = dig(body, 'usage');
    const cached = count(usage, 'cache_read_input_tokens');
    return {
      ...EMPTY,
      text: join('text', 'text'),
      reasoning: join('thinking', 'thinking'),
      calls: blocks
        .filter((block) => block['type'] === 'tool_use')
        .map((block) => ({
          id: word(block, 'id'),
          name: word(block, 'name'),
          input: block['input'],
        })),
      finish: finishOf(word(body, 'stop_reason'), {
        end_turn: 'stop',
        stop_sequence: 'stop_sequence',
        max_tokens: 'length',
        tool_use: 'calls',
        refusal: 'declined',
      }),
      usage: object(usage) && {
        input: count(usage, 'input_tokens') + cached + count(usage, 'cache_creation_input_tokens'),
        cached,
        output: count(usage, 'output_tokens'),
        reasoning: count(usage, 'output_tokens_details', 'thinking_tokens'),
      },
      error: errorOf(body),
      model: word(body, 'model'),
    };
  },
};

// ------------------------------------------------------------------------------ responses

const responses: Reader = {
  assemble(events) {
    const last = events.findLast((event) => object(event['response']) !== undefined);
    const final = object(last?.['response']) ?? {};
    const items = events
      .filter((event) => event['type'] === 'response.output_item.done')
      .map((event) => event['item']);
    // A stream that failed shows what came before in its deltas only.
    const spoken = events
      .filter((event) => event['type'] === 'response.output_text.delta')
      .map((event) => word(event, 'delta'))
      .join('');
    const partial = { type: 'message', content: [{ type: 'output_text', text: spoken }] };
    if (array(final['output']).length > 0) return final;
    return { ...final, output: items.length > 0 ? items : [partial] };
  },
  whole(body) {
    const items = list(body, 'output');
    const parts = items.flatMap((item) => list(item, 'content'));
    const status = word(body, 'status');
    const refusal = parts.map((part) => word(part, 'refusal')).join('');
    const calls = items.filter((item) => item['type'] === 'function_call');
    const usage = dig(body, 'usage');
    const why = word(body, 'incomplete_details', 'reason');
    const finish =
      status === 'completed'
        ? refusal !== ''
          ? 'declined'
          : calls.length > 0
            ? 'calls'
            : 'stop'
        : finishOf(why, { max_output_tokens: 'length', content_filter: 'declined' });
    return {
      ...EMPTY,
      text: parts
        .filter((part) => part['type'] === 'output_text')
        .map((part) => word(part, 'text'))
        .join(''),
      reasoning: items
        .flatMap((item) => list(item, 'summary'))
        .map((part) => word(part, 'text'))
        .join(''),
      refusal,
      calls: calls.map((item) => ({
        id: word(item, 'call_id'),
        name: word(item, 'name'),
        input: inputOf(word(item, 'arguments')),
      })),
      finish: status === 'failed' ? undefined : finish,
      usage: object(usage) && {
        input: count(usage, 'input_tokens'),
        cached: count(usage, 'input_tokens_details', 'cached_tokens'),
        output: count(usage, 'output_tokens'),
        reasoning: count(usage, 'output_tokens_details', 'reasoning_tokens'),
      },
      error: errorOf(body),
      model: word(body, 'model'),
    };
  },
};

// ------------------------------------------------------------------------------ gemini

const gemini: Reader = {
  assemble(events) {
    const parts: unknown[] = [];
    const out: JsonObject = {};
    let finishReason: unknown;
    for (const event of events) {
      for (const key of ['error', 'usageMetadata', 'promptFeedback', 'modelVersion']) {
        if (event[key] !== undefined) out[key] = event[key];
      }
      parts.push(...list(event, 'candidates', 0, 'content', 'parts'));
      finishReason = dig(event, 'candidates', 0, 'finishReason') ?? finishReason;
    }
    out['candidates'] = [{ content: { parts }, finishReason }];
    return out;
  },
  whole(body) {
    const parts = list(body, 'candidates', 0, 'content', 'parts');
    const join = (thought: boolean): string =>
      parts
        .filter((part) => (part['thought'] === true) === thought)
        .map((part) => word(part, 'text'))
        .join('');
    const calls = parts.filter((part) => object(part['functionCall']) !== undefined);
    const blocked = dig(body, 'promptFeedback', 'blockReason') !== undefined;
    const finish = finishOf(word(body, 'candidates', 0, 'finishReason'), {
      STOP: calls.length > 0 ? 'calls' : 'stop',
      MAX_TOKENS: 'length',
      SAFETY: 'declined',
      PROHIBITED_CONTENT: 'declined',
    });
    const usage = dig(body, 'usageMetadata');
    const thoughts = count(usage, 'thoughtsTokenCount');
    return {
      ...EMPTY,
      text: join(false),
      reasoning: join(true),
      calls: calls.map((part) => ({
        id: word(part, 'functionCall', 'id'),
        name: word(part, 'functionCall', 'name'),
        input: dig(part, 'functionCall', 'args'),
      })),
      finish: blocked ? 'declined' : finish,
      usage: object(usage) && {
        input: count(usage, 'promptTokenCount'),
        cached: count(usage, 'cachedContentTokenCount'),
        output: count(usage, 'candidatesTokenCount') + thoughts,
        reasoning: thoughts,
      },
      error: errorOf(body),
      model: word(body, 'modelVersion'),
    };
  },
};

function finishOf(
  reason: string,
  known: Readonly<Record<string, Answer['finish']>>,
): Answer['finish'] {
  return reason === '' ? undefined : (known[reason] ?? 'other');
}

function errorOf(body: JsonObject): string | undefined {
  const error = object(body['error']);
  return error === undefined ? undefined : word(error, 'message');
}

const READERS: Readonly<Record<FormatName, Reader>> = { chat, messages, responses, gemini };
