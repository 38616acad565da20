/**
 * A provider that plays a loop of tools in any format: first two calls at once, then one, then the
 * answer. It thinks before each, and its reasoning has a token that must come back to it.
 */
import { type JsonObject, object, parseJson } from '../../src/json.ts';
import type { FormatName } from '../../src/unified.ts';
import { dig } from './answer.ts';
import { messagesEvents, messagesReply, sse } from './ask.ts';
import { jsonReply, type Play, streamReply } from './gateway.ts';
import { outline } from './outline.ts';

/** What the tools of the loop answer; the provider checks nothing, the tests look at what was sent. */
export const TOOLS = {
  get_weather: (city: string): string => `${city}: 18 degrees`,
  get_time: (zone: string): string => `noon in ${zone}`,
};
export const FINAL = 'It is noon — 18° in Paris, 東京 sleeps.';

interface Step {
  thought: string;
  token: string;
  text: string;
  calls: readonly { name: keyof typeof TOOLS; input: JsonObject }[];
}

/** By the number of results that the request holds. */
const STEPS: Readonly<Record<number, Step>> = {
  0: {
    thought: 'I need both.',
    token: 'dG9rZW4tQQ==',
    text: 'Let me look.',
    calls: [
      { name: 'get_weather', input: { city: 'Paris' } },
      { name: 'get_time', input: { zone: 'Europe/Paris' } },
    ],
  },
  2: {
    thought: 'One more.',
    token: 'dG9rZW4tQg==',
    text: '',
    calls: [{ name: 'get_time', input: { zone: 'Asia/Tokyo' } }],
  },
  3: { thought: 'Done.', token: 'dG9rZW4tQw==', text: FINAL, calls: [] },
};

/** What the provider reports for each step, reasoning within the output. */
export const STEP_USAGE = { input: 110, cached: 100, output: 12, reasoning: 5 };

/** Plays the provider. */
export function scripted(provider: FormatName): Play {
  return ({ url, body }) => {
    const request = object(parseJson(String(body))) ?? {};
    const results = outline(provider, request).filter((line) => line.startsWith('result '));
    const step = STEPS[results.length];
    if (step === undefined)
      return jsonReply({ error: { message: `${results.length} results` } }, 400);
    const stream = request['stream'] === true || url.includes('streamGenerateContent');
    return WIRES[provider](step, results.length, stream);
  };
}

/** The results of the last request, and the tokens that came back in it, in order. */
export function whatCameBack(provider: FormatName, body: unknown) {
  const request = object(parseJson(String(body))) ?? {};
  const results = outline(provider, request)
    .filter((line) => line.startsWith('result '))
    .map((line) => line.replace(/^result \S+: /, ''));
  const text = JSON.stringify(request);
  const tokens = Object.values(STEPS).filter(({ token, thought }) =>
    // A chat provider has no token: its own words must come back.
    provider === 'chat' ? text.includes(`"reasoning_content":"${thought}"`) : text.includes(token),
  );
  return { results, tokens: tokens.length };
}

const WIRES: Readonly<Record<FormatName, (step: Step, at: number, stream: boolean) => Response>> = {
  chat({ thought, text, calls }, at, stream) {
    const head = { id: `chatcmpl-${at}`, created: 1, model: 'up' };
    const { input, cached, output, reasoning } = STEP_USAGE;
    const usage = {
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
      prompt_tokens_details: { cached_tokens: cached },
      completion_tokens_details: { reasoning_tokens: reasoning },
    };
    const tool_calls = calls.map(({ name, input }, index) => ({
      id: `call_${at}_${index}`,
      type: 'function',
      function: { name, arguments: JSON.stringify(input) },
    }));
    const finish = calls.length > 0 ? 'tool_calls' : 'stop';
    if (!stream) {
      const message = {
        role: 'assistant',
        reasoning_content: thought,
        content: text || null,
        ...(calls.length > 0 ? { tool_calls } : {}),
      };
      const choices = [{ index: 0, message, finish_reason: finish }];
      return jsonReply({ ...head, object: 'chat.completion', choices, usage });
    }
    const chunk = (delta: JsonObject, finish_reason: string | null = null): JsonObject => ({
      ...head,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, finish_reason }],
    });
    return streamReply([
      sse([
        chunk({ role: 'assistant', content: '' }),
        chunk({ reasoning_content: thought }),
        ...(text === '' ? [] : [...text].map((content) => chunk({ content }))),
        ...tool_calls.flatMap(({ function: { name, arguments: args }, ...call }, index) => [
          chunk({ tool_calls: [{ index, ...call, function: { name, arguments: '' } }] }),
          ...[args.slice(0, 5), args.slice(5)].map((piece) =>
            chunk({ tool_calls: [{ index, function: { arguments: piece } }] }),
          ),
        ]),
        chunk({}, finish),
        { ...head, object: 'chat.completion.chunk', choices: [], usage },
        '[DONE]',
      ]),
    ]);
  },

  messages({ thought, token, text, calls }, at, stream) {
    const { input, cached, output, reasoning } = STEP_USAGE;
    const usage = {
      input_tokens: input - cached,
      cache_read_input_tokens: cached,
      cache_creation_input_tokens: 0,
      output_tokens: output,
      output_tokens_details: { thinking_tokens: reasoning },
    };
    const content: JsonObject[] = [
      { type: 'thinking', thinking: thought, signature: token },
      ...(text === '' ? [] : [{ type: 'text', text }]),
      ...calls.map((call, index) => ({ type: 'tool_use', id: `toolu_${at}_${index}`, ...call })),
    ];
    const reason = calls.length > 0 ? 'tool_use' : 'end_turn';
    if (!stream) return jsonReply({ ...messagesReply(content, reason), usage });
    const events = messagesEvents(content, reason).map((event) => {
      if (event['type'] === 'message_delta') return { ...event, usage };
      if (event['type'] !== 'message_start') return event;
      return {
        ...event,
        message: { ...object(event['message']), usage: { ...usage, output_tokens: 1 } },
      };
    });
    return streamReply([sse(events)]);
  },

  responses({ thought, token, text, calls }, at, stream) {
    const { input, cached, output, reasoning } = STEP_USAGE;
    const items: JsonObject[] = [
      {
        type: 'reasoning',
        id: `rs_${at}`,
        summary: [{ type: 'summary_text', text: thought }],
        encrypted_content: token,
      },
      ...(text === ''
        ? []
        : [
            {
              type: 'message',
              id: `msg_${at}`,
              role: 'assistant',
              status: 'completed',
              content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
            },
          ]),
      ...calls.map(({ name, input: args }, index) => ({
        type: 'function_call',
        id: `fc_${at}_${index}`,
        call_id: `call_${at}_${index}`,
        name,
        arguments: JSON.stringify(args),
        status: 'completed',
      })),
    ];
    const response = (status: string, done: JsonObject[]): JsonObject => ({
      id: `resp_${at}`,
      object: 'response',
      created_at: 1,
      status,
      error: null,
      incomplete_details: null,
      model: 'up',
      output: done,
      parallel_tool_calls: true,
      tool_choice: 'auto',
      tools: [],
      usage:
        status === 'completed'
          ? {
              input_tokens: input,
              input_tokens_details: { cached_tokens: cached },
              output_tokens: output,
              output_tokens_details: { reasoning_tokens: reasoning },
              total_tokens: input + output,
            }
          : null,
    });
    if (!stream) return jsonReply(response('completed', items));
    const events: JsonObject[] = [
      { type: 'response.created', response: response('in_progress', []) },
    ];
    for (const [output_index, item] of items.entries())
      events.push(...itemEvents(item, output_index));
    events.push({ type: 'response.completed', response: response('completed', items) });
    return streamReply([
      sse(events.map((event, sequence_number) => ({ ...event, sequence_number }))),
    ]);
  },

  gemini({ thought, token, text, calls }, at, stream) {
    const { input, cached, output, reasoning } = STEP_USAGE;
    const parts: JsonObject[] = [
      { text: thought, thought: true },
      ...(text === '' ? [] : [{ text, ...(calls.length > 0 ? {} : { thoughtSignature: token }) }]),
      ...calls.map(({ name, input: args }, index) => ({
        functionCall: { name, args },
        ...(index === 0 ? { thoughtSignature: token } : {}),
      })),
    ];
    const reply = (shown: JsonObject[], last: boolean): JsonObject => ({
      candidates: [
        {
          content: { role: 'model', parts: shown },
          index: 0,
          ...(last ? { finishReason: 'STOP' } : {}),
        },
      ],
      usageMetadata: {
        promptTokenCount: input,
        cachedContentTokenCount: cached,
        candidatesTokenCount: output - reasoning,
        thoughtsTokenCount: reasoning,
        totalTokenCount: input + output,
      },
      modelVersion: 'up',
      responseId: `r${at}`,
    });
    if (!stream) return jsonReply(reply(parts, true));
    const events = parts.map((part, index) => reply([part], index === parts.length - 1));
    return streamReply([sse(events)]);
  },
};

/** The events of one item of a responses stream. */
function itemEvents(item: JsonObject, output_index: number): JsonObject[] {
  const id = { item_id: item['id'], output_index };
  const events: JsonObject[] = [];
  const say = (type: string, fields: JsonObject): void => {
    events.push({ type: `response.${type}`, ...fields });
  };
  if (item['type'] === 'message') {
    const part = dig(item, 'content', 0);
    const text = String(dig(part, 'text'));
    say('output_item.added', {
      output_index,
      item: { ...item, status: 'in_progress', content: [] },
    });
    say('content_part.added', { ...id, content_index: 0, part: { ...object(part), text: '' } });
    for (const delta of text)
      say('output_text.delta', { ...id, content_index: 0, delta, logprobs: [] });
    say('output_text.done', { ...id, content_index: 0, text, logprobs: [] });
    say('content_part.done', { ...id, content_index: 0, part });
  } else if (item['type'] === 'reasoning') {
    const text = String(dig(item, 'summary', 0, 'text'));
    const at = { ...id, summary_index: 0 };
    say('output_item.added', {
      output_index,
      item: { ...item, summary: [], encrypted_content: '' },
    });
    say('reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } });
    say('reasoning_summary_text.delta', { ...at, delta: text });
    say('reasoning_summary_text.done', { ...at, text });
    say('reasoning_summary_part.done', { ...at, part: { type: 'summary_text', text } });
  } else {
    const args = String(item['arguments']);
    say('output_item.added', {
      output_index,
      item: { ...item, arguments: '', status: 'in_progress' },
    });
    for (const delta of [args.slice(0, 6), args.slice(6)]) {
      say('function_call_arguments.delta', { ...id, delta });
    }
    say('function_call_arguments.done', { ...id, name: item['name'], arguments: args });
  }
  say('output_item.done', { output_index, item });
  return events;
}
