/**
 * What a format has no place for, and why. Each entry must be reported by its path, never lost in
 * silence: the matrix and the ledger's tests hold the gateway to it, the README prints it.
 */
import type { JsonObject } from '../../src/json.ts';
import type { FormatName } from '../../src/unified.ts';

export interface NotCarried {
  /** In words, for the table. */
  what: string;
  /** The providers' formats that cannot be told. */
  providers: readonly FormatName[];
  /** Why, and who says so. */
  why: string;
  /** Of the matrix's requests: the lines of an outline that are lost, and the report by client. */
  lost?: { line: RegExp; report: Partial<Record<FormatName, string>> };
  /** A request that holds it, made of the case `text` and these fields, and what is reported. */
  probe?: { client: FormatName; fields: JsonObject; report: string };
}

const user = (part: object): JsonObject => ({
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Look' }, part] }],
});

export const NOT_CARRIED: readonly NotCarried[] = [
  {
    what: 'stop sequences',
    providers: ['responses'],
    why: 'the Responses API has no such parameter',
    lost: {
      line: /^stop: /,
      report: {
        chat: 'stop',
        messages: 'stop_sequences',
        gemini: 'generationConfig.stopSequences',
      },
    },
  },
  {
    what: '`seed`',
    providers: ['messages', 'responses'],
    why: 'not in either API',
    lost: { line: /^seed: /, report: { chat: 'seed', gemini: 'generationConfig.seed' } },
  },
  {
    what: 'frequency penalty',
    providers: ['messages', 'responses'],
    why: 'not in either API',
    lost: {
      line: /^frequency_penalty: /,
      report: { chat: 'frequency_penalty', gemini: 'generationConfig.frequencyPenalty' },
    },
  },
  {
    what: 'presence penalty',
    providers: ['messages', 'responses'],
    why: 'not in either API',
    lost: {
      line: /^presence_penalty: /,
      report: { chat: 'presence_penalty', gemini: 'generationConfig.presencePenalty' },
    },
  },
  {
    what: '`logit_bias`',
    providers: ['messages', 'responses', 'gemini'],
    why: 'token ids mean something to one tokeniser only',
    lost: { line: /^logit_bias: /, report: { chat: 'logit_bias' } },
  },
  {
    what: '`top_k`',
    providers: ['chat', 'responses'],
    why: 'OpenAI knows only `top_p`; a compatible server can be told by `customparams`',
    lost: { line: /^top_k: /, report: { messages: 'top_k', gemini: 'generationConfig.topK' } },
  },
  {
    what: '`top_p` beside a temperature',
    providers: ['messages'],
    why: "Anthropic's newer models refuse the two together; the temperature is kept",
    lost: {
      line: /^top_p: /,
      report: { chat: 'top_p', responses: 'top_p', gemini: 'generationConfig.topP' },
    },
  },
  {
    what: 'the end user’s id',
    providers: ['gemini'],
    why: 'not in the API',
    lost: {
      line: /^user: "/,
      report: {
        chat: 'user',
        messages: 'metadata.user_id',
        responses: 'user',
      },
    },
  },
  {
    what: 'that a tool failed, as a mark (it is said in words)',
    providers: ['chat', 'responses'],
    why: 'a tool message of OpenAI has no such mark',
    lost: {
      line: /^result #1: zone unknown$/,
      report: {
        messages: 'messages.2.content.1.is_error',
        gemini: 'contents.2.parts.1',
      },
    },
  },
  {
    what: 'more than one choice',
    providers: ['messages', 'responses', 'gemini'],
    why: 'not in the API of the first two; between formats only the first would be shown',
    probe: { client: 'chat', fields: { n: 2 }, report: 'n' },
  },
  {
    what: 'log probabilities',
    providers: ['messages'],
    why: 'not in the API',
    probe: { client: 'chat', fields: { logprobs: true, top_logprobs: 2 }, report: 'logprobs' },
  },
  {
    what: 'JSON mode without a schema',
    providers: ['messages'],
    why: '`output_config.format` takes a JSON schema only',
    probe: {
      client: 'chat',
      fields: { response_format: { type: 'json_object' } },
      report: 'response_format',
    },
  },
  {
    what: 'calls one at a time (`parallel_tool_calls: false`)',
    providers: ['gemini'],
    why: 'not in the API',
    probe: {
      client: 'chat',
      fields: {
        tools: [{ type: 'function', function: { name: 'look' } }],
        parallel_tool_calls: false,
      },
      report: 'parallel_tool_calls',
    },
  },
  {
    what: '`metadata`',
    providers: ['messages', 'gemini'],
    why: "Anthropic's takes a `user_id` only; Google's API has none",
    probe: { client: 'chat', fields: { metadata: { team: 'a' } }, report: 'metadata' },
  },
  {
    what: 'cache marks',
    providers: ['chat', 'gemini'],
    why: 'both cache by themselves; a compatible server can be told by a quirk',
    probe: {
      client: 'messages',
      fields: user({ type: 'text', text: 'me', cache_control: { type: 'ephemeral' } }),
      report: 'messages.0.content.1.cache_control',
    },
  },
  {
    what: 'sound that the user speaks',
    providers: ['messages'],
    why: 'not in the API',
    probe: {
      client: 'chat',
      fields: user({ type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } }),
      report: 'messages.0.content.1',
    },
  },
  {
    what: 'files by the id that another provider gave them',
    providers: ['messages', 'gemini'],
    why: 'the id means something to its own provider only',
    probe: {
      client: 'chat',
      fields: user({ type: 'file', file: { file_id: 'file-1' } }),
      report: 'messages.0.content.1',
    },
  },
  {
    what: 'how finely an image is looked at (`detail`)',
    providers: ['messages', 'gemini'],
    why: 'not in the API for a single image',
    probe: {
      client: 'chat',
      fields: user({
        type: 'image_url',
        image_url: { url: 'https://pictures.test/cat.png', detail: 'low' },
      }),
      report: 'messages.0.content.1',
    },
  },
  {
    what: 'tools that the provider itself would run (web search …)',
    providers: ['chat', 'responses', 'gemini'],
    why: "each provider's are its own; a function of that name would never be answered",
    probe: {
      client: 'messages',
      fields: { tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
      report: 'tools.0',
    },
  },
  {
    what: "Google's `safetySettings`",
    providers: ['chat', 'messages', 'responses'],
    why: 'not in the other APIs',
    probe: {
      client: 'gemini',
      fields: {
        safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
      },
      report: 'safetySettings',
    },
  },
];

/** The path under which the loss of a line must be reported; undefined when it must not be lost. */
export function reportOf(
  line: string,
  client: FormatName,
  provider: FormatName,
): string | undefined {
  const entry = NOT_CARRIED.find(
    ({ lost, providers }) => lost?.line.test(line) && providers.includes(provider),
  );
  return entry?.lost?.report[client];
}
