/**
 * The middle language. Requests are those of `@musistudio/llms` (`UnifiedChatRequest`, which is
 * OpenAI Chat with a few additions), extended where that cannot hold what the wires carry, so that a
 * llms transformer works on our values. Answers are ordered blocks, or the same as chunks; where a
 * foreign llms hook stands in the chain, `transform/` shows it the llms spelling of them.
 *
 * A value of the middle language is made by one decoder, may be changed by request hooks, and is
 * read by one encoder. Encoders never edit it: a second attempt starts from the same value.
 */
import type { JsonObject } from './json.ts';
import type { Ledger } from './ledger.ts';

export type FormatName = 'chat' | 'messages' | 'responses' | 'gemini';
export const FORMAT_NAMES: readonly FormatName[] = ['chat', 'messages', 'responses', 'gemini'];

/**
 * A token that only its maker can read: a thinking signature, `encrypted_content`, a
 * `thoughtSignature`, the data of redacted thinking. Sent only to where it came from.
 */
export interface Opaque {
  value: string;
  /** The wire format it was issued in. */
  format: FormatName;
  /** The provider that issued it, by its name in the configuration; unset when a client of the
   * same format sent it natively, where the issuer cannot be known. */
  provider?: string;
  /** The provider's model that issued it. */
  model?: string;
}

// ------------------------------------------------------------------------------ request

export interface UnifiedChatRequest {
  model: string;
  messages: UnifiedMessage[];
  /** Limit of output tokens, reasoning included. */
  max_tokens?: number;
  /** Set when the limit came as `max_completion_tokens` or a llms transformer moved it there. */
  max_completion_tokens?: number;
  temperature?: number;
  top_p?: number;
  top_k?: number;
  stop?: string[];
  seed?: number;
  frequency_penalty?: number;
  presence_penalty?: number;
  logit_bias?: JsonObject;
  logprobs?: boolean;
  top_logprobs?: number;
  /** How many choices; only the first is carried between formats. */
  n?: number;
  stream?: boolean;
  stream_options?: { include_usage?: boolean; [key: string]: unknown };
  tools?: UnifiedTool[];
  tool_choice?: UnifiedToolChoice;
  parallel_tool_calls?: boolean;
  reasoning?: UnifiedReasoningOptions;
  response_format?: UnifiedResponseFormat;
  /** The end user, for abuse detection. */
  user?: string;
  metadata?: JsonObject;
  service_tier?: string;
  prompt_cache_key?: string;
  verbosity?: string;
  /** Whether the provider may keep the answer (OpenAI's `store`). */
  store?: boolean;
  /**
   * Top-level fields of the client's body that exist in its format only, as they came. An encoder of
   * the same format puts them back; for any other `transform/` reports each as dropped.
   */
  extra?: { format: FormatName; fields: JsonObject };
  /** Whatever request hooks add by name (llms `customparams` …): goes to the provider's body as is. */
  [hookField: string]: unknown;
}

/**
 * Fields of a message, a part, a call or a tool that exist in its own format only, as they came. An
 * encoder of that format puts them back; for any other `transform/` reports each as dropped.
 */
export interface Rest {
  format: FormatName;
  /** Where they stood in the client's body. */
  path: string;
  fields: JsonObject;
}

/** What an encoder of a format puts back. */
export function restFor(format: FormatName, { rest }: { rest?: Rest }): JsonObject | undefined {
  return rest?.format === format ? rest.fields : undefined;
}

export interface UnifiedReasoningOptions {
  /** False: reasoning is switched off. True or unset: on, as strong as the rest says. */
  enabled?: boolean;
  effort?: Effort;
  /** Token budget, where the client gave one. */
  max_tokens?: number;
  /** The client left the amount to the model (`thinking: {type: "adaptive"}`). */
  adaptive?: boolean;
  /** Whether and how a summary of the reasoning is wanted: OpenAI's `summary`, Anthropic's `display`
   * ("summarized"/"omitted"), Gemini's `includeThoughts` as "auto" or "none". */
  summary?: string;
}
export type Effort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max';

export type UnifiedResponseFormat =
  | { type: 'text' }
  | { type: 'json_object' }
  | {
      type: 'json_schema';
      json_schema: {
        name?: string;
        description?: string;
        schema?: JsonObject;
        strict?: boolean | null;
      };
    };

export type UnifiedToolChoice =
  | 'auto'
  | 'none'
  | 'required'
  | { type: 'function'; function: { name: string; namespace?: string } }
  | { type: 'custom'; custom: { name: string; namespace?: string } }
  | { type: 'allowed_tools'; mode: 'auto' | 'required'; names: string[] }
  /** A hosted tool or anything else only its own format understands, as it came. */
  | { type: 'hosted'; format: FormatName; value: JsonObject };

export type UnifiedTool = UnifiedFunctionTool | UnifiedCustomTool | UnifiedHostedTool;
interface ToolCommon {
  /** Where it stood in the client's body, for the ledger: `tools.3`. */
  path?: string;
  /** The namespace (Responses `namespace` tools, MCP servers) its name lives in. */
  namespace?: string;
  /** The description of that namespace. */
  namespaceDescription?: string;
  cache_control?: JsonObject;
  rest?: Rest;
}
export interface UnifiedFunctionTool extends ToolCommon {
  type: 'function';
  function: {
    name: string;
    description?: string;
    /** JSON Schema of the arguments; unset for a function without any. */
    parameters?: JsonObject;
    /** As the client meant it: a Responses tool without `strict` means true, any other's false. */
    strict?: boolean;
  };
}
/** A tool that takes free text (OpenAI `custom`). */
export interface UnifiedCustomTool extends ToolCommon {
  type: 'custom';
  custom: { name: string; description?: string; format?: JsonObject };
}
/** A tool that the provider runs itself (web search …); only its own format can carry it. */
export interface UnifiedHostedTool extends ToolCommon {
  type: 'hosted';
  format: FormatName;
  value: JsonObject;
}

// ------------------------------------------------------------------------------ messages

/**
 * One message. Within an assistant message the order is: reasoning, content, tool calls. A turn in
 * which they come otherwise (text after a call, thinking between two calls) is several messages in a
 * row, all but the first with `continues: true`.
 */
export interface UnifiedMessage {
  role: 'system' | 'user' | 'assistant' | 'tool';
  /** A plain string stands for one text part. Null or '' when there is none. */
  content: string | UnifiedContent[] | null;
  /** Role system: the client called it `developer`. */
  developer?: boolean;
  name?: string;
  /** Role assistant. */
  reasoning?: UnifiedReasoning[];
  tool_calls?: UnifiedToolCall[];
  /** Role assistant: same turn as the message before. */
  continues?: boolean;
  /** Role tool: the call that this answers. */
  tool_call_id?: string;
  /** Role tool: the call failed and `content` says why. */
  is_error?: boolean;
  /** Role tool: cache mark of the result itself. Elsewhere the mark is on the part. */
  cache_control?: JsonObject;
  /** What llms knows of reasoning; only at the border to a foreign hook, see `transform/`. */
  thinking?: { content: string; signature?: string };
  /** Where it stood in the client's body, for the ledger: `messages.3`. */
  path?: string;
  rest?: Rest;
}

interface ContentCommon {
  /** Where it stood in the client's body, for the ledger: `messages.3.content.0`. */
  path?: string;
  cache_control?: JsonObject;
  rest?: Rest;
}
export type UnifiedContent =
  | TextContent
  | RefusalContent
  | ImageContent
  | FileContent
  | AudioContent
  | VideoContent
  | HostedContent;
export interface TextContent extends ContentCommon {
  type: 'text';
  text: string;
  /** A token that belongs to this very part (Gemini). */
  opaque?: Opaque;
  /** The block that the text was made of, for an encoder of its format. */
  native?: NativeBlock;
}
/** Something only one format has, and what of it its text does not say. */
export interface NativeBlock {
  format: FormatName;
  value: JsonObject;
  /** Paths of the client's body that are lost where only the text can be sent. */
  lost: readonly string[];
}
export interface RefusalContent extends ContentCommon {
  type: 'refusal';
  refusal: string;
}
export interface ImageContent extends ContentCommon {
  type: 'image_url';
  /** A `data:` URL, an http(s) URL or another scheme a provider knows (gs:). */
  image_url: { url: string; detail?: string };
  /** llms: the media type of a base64 image. */
  media_type?: string;
  /** An image the provider already holds; then `image_url.url` is ''. */
  file?: { id: string; format: FormatName };
}
/** A document: PDF, text or anything else by its media type. Exactly one of data, text, url, file. */
export interface FileContent extends ContentCommon {
  type: 'file';
  file: {
    filename?: string;
    media_type?: string;
    /** Base64 without a `data:` prefix. */
    data?: string;
    /** A document that is plain text. */
    text?: string;
    url?: string;
    /** A file that the provider already holds. */
    id?: string;
    idFormat?: FormatName;
    /** Anthropic documents: context beside the document, and whether citations are wanted. */
    context?: string;
    citations?: boolean;
  };
}
export interface AudioContent extends ContentCommon {
  type: 'input_audio';
  /** Base64 without prefix; `format` is OpenAI's word (`wav`, `mp3`) or the media subtype. */
  input_audio: { data: string; format: string };
}
export interface VideoContent extends ContentCommon {
  type: 'video';
  video: { data?: string; url?: string; media_type?: string };
}
/** Something only one format knows (server tool use, search results, executable code …), as it came. */
export interface HostedContent extends ContentCommon {
  type: 'hosted';
  format: FormatName;
  value: JsonObject;
}

/** Reasoning of an earlier answer, sent back. */
export interface UnifiedReasoning {
  /** The reasoning text; '' when only the token is left. */
  text: string;
  /** True when `text` is a summary (Responses `summary`, Gemini thoughts), not the reasoning itself. */
  summarized?: boolean;
  opaque?: Opaque;
  /** The whole block is a token (Anthropic `redacted_thinking`). */
  redacted?: boolean;
  /** The item's id in the Responses format (`rs_…`). */
  id?: string;
  path?: string;
}

export type UnifiedToolCall = UnifiedFunctionCall | UnifiedCustomCall;
interface CallCommon {
  id: string;
  namespace?: string;
  /** A token that belongs to this very call (Gemini `thoughtSignature`). */
  opaque?: Opaque;
  cache_control?: JsonObject;
  path?: string;
  rest?: Rest;
}
export interface UnifiedFunctionCall extends CallCommon {
  type: 'function';
  /** `arguments` is JSON text, as in chat; '' counts as `{}`. */
  function: { name: string; arguments: string };
}
export interface UnifiedCustomCall extends CallCommon {
  type: 'custom';
  custom: { name: string; input: string };
}

// ------------------------------------------------------------------------------ answers

/** Why the answer ended. */
export type Finish =
  | 'stop'
  /** One of the client's stop sequences; its text in `stopSequence`. */
  | 'stop_sequence'
  | 'length'
  | 'tool_calls'
  /** The provider's filter cut the answer. */
  | 'content_filter'
  /** The model or its classifier declined. */
  | 'refusal'
  /** Anthropic: a server tool paused the turn; send it back to go on. */
  | 'pause_turn'
  | 'context_window_exceeded';

/** Token counts. `input` excludes cached tokens; `output` includes reasoning. Nothing is counted twice. */
export interface Usage {
  /** Input tokens that were neither read from nor written to a cache. */
  input: number;
  /** Input tokens read from a cache. */
  cached: number;
  /** Input tokens written to a cache. */
  cacheWrite: number;
  /** Of `cacheWrite`, those kept for an hour (Anthropic), when the provider says. */
  cacheWrite1h?: number;
  /** Output tokens, reasoning included. */
  output: number;
  /** Of `output`, the reasoning tokens; unset when the provider does not say. */
  reasoning?: number;
  /** What the provider itself says the request cost, in USD. */
  costUsd?: number;
}

/** A place that the text refers to. Offsets are in UTF-16 units of the text block. */
export interface Citation {
  url?: string;
  title?: string;
  citedText?: string;
  start?: number;
  end?: number;
  /** As it came, for an encoder of the same format. */
  native?: { format: FormatName; value: JsonObject };
}

export type UnifiedBlock =
  | { type: 'text'; text: string; citations?: Citation[]; logprobs?: unknown[]; opaque?: Opaque }
  | { type: 'refusal'; text: string }
  | {
      type: 'reasoning';
      text: string;
      summarized?: boolean;
      /** Where a summary has parts, their texts; `text` is then the parts joined by a blank line. */
      parts?: string[];
      opaque?: Opaque;
      redacted?: boolean;
      id?: string;
    }
  | { type: 'call'; call: UnifiedToolCall }
  /** An image or sound that the model made; base64 without prefix. */
  | { type: 'media'; mediaType: string; data: string; opaque?: Opaque }
  /** Work of a tool that the provider ran; only the same format can show it. */
  | { type: 'hosted'; format: FormatName; value: JsonObject };

/** A whole answer. */
export interface UnifiedReply {
  /** The provider's id of the answer; '' when it gave none. */
  id: string;
  /** The model that the provider says answered. */
  model: string;
  /** Unix seconds; unset when the provider does not say. */
  created?: number;
  /** In the order in which they came. */
  blocks: UnifiedBlock[];
  finish: Finish;
  stopSequence?: string;
  usage?: Usage;
  /** What the provider says of the tier it used. */
  serviceTier?: string;
}

/**
 * A piece of a streamed answer, in the order of the wire.
 *
 * A text, reasoning or refusal block is open from its first delta until another kind of chunk comes or
 * `blockEnd` closes it; two blocks of one kind in a row are told apart by a `blockEnd` between them.
 * A call is opened by `call`; its `arguments` name it by `index`, and those of several calls may be
 * mixed. `callEnd` comes when the provider says that a call is complete; not all do.
 * `finish` and `usage` may come in any order, more than once (the last counts) and before `done`;
 * nothing follows `done` or `error`.
 */
export type UnifiedChunk =
  | { type: 'start'; id: string; model: string; created?: number; usage?: Usage }
  /**
   * `pieces` are the deltas that `text` came in when several came at once, none of which needs an
   * escape in JSON. They are for encoders; whoever changes `text` leaves them out.
   */
  | { type: 'text'; text: string; logprobs?: unknown[]; pieces?: readonly string[] }
  | { type: 'refusal'; text: string }
  /** `part` counts the parts of a summary from 0; a new number starts a new part of the same block. */
  | { type: 'reasoning'; text: string; summarized?: boolean; part?: number; id?: string }
  /** A block of redacted reasoning, complete. */
  | { type: 'redacted'; opaque: Opaque }
  /** The token of the open text or reasoning block; when none is open, of a reasoning block without text. */
  | { type: 'opaque'; opaque: Opaque; id?: string }
  | { type: 'citation'; citation: Citation }
  | { type: 'blockEnd' }
  /** `index` counts the calls of the answer from 0. */
  | {
      type: 'call';
      index: number;
      id: string;
      name: string;
      custom?: boolean;
      namespace?: string;
      opaque?: Opaque;
    }
  /** A piece of a call's JSON text, or of a custom call's free text. */
  | { type: 'arguments'; index: number; text: string }
  | { type: 'callEnd'; index: number }
  | { type: 'media'; mediaType: string; data: string; opaque?: Opaque }
  | { type: 'hosted'; format: FormatName; value: JsonObject }
  | { type: 'usage'; usage: Usage; serviceTier?: string }
  | { type: 'finish'; finish: Finish; stopSequence?: string }
  /** The provider is alive but says nothing (a ping). */
  | { type: 'idle' }
  /** The answer is complete. Close the upstream. */
  | { type: 'done' }
  /** The answer is broken. */
  | { type: 'error'; error: ProviderFault };

/** What a provider says went wrong, in an error reply or inside a stream. */
export interface ProviderFault {
  message: string;
  /** The HTTP status that the provider means, when it says one inside a stream. */
  status?: number;
  type?: string;
  code?: string;
  /** Seconds until a retry makes sense, when the body says so. */
  retryAfter?: number;
}

// ------------------------------------------------------------------------------ small helpers

/**
 * True for a token that may go to this provider: one that it issued itself, or a native one of its
 * format, whose issuer cannot be known.
 */
export function isTokenOf(
  opaque: Opaque | undefined,
  format: FormatName,
  provider: string,
): opaque is Opaque {
  if (opaque?.format !== format) return false;
  return opaque.provider === undefined || opaque.provider === provider;
}

/** The limit of output tokens, whichever field holds it. */
export function tokenLimit(request: UnifiedChatRequest): number | undefined {
  return request.max_completion_tokens ?? request.max_tokens;
}

/** A message's content as parts; a string becomes one text part, nothing becomes none. */
export function parts(message: UnifiedMessage): UnifiedContent[] {
  const { content } = message;
  if (content === null || content === '') return [];
  if (typeof content !== 'string') return content;
  return message.path === undefined
    ? [{ type: 'text', text: content }]
    : [{ type: 'text', text: content, path: `${message.path}.content` }];
}

/** The name that a call asks for. */
export function callName(call: UnifiedToolCall): string {
  return call.type === 'function' ? call.function.name : call.custom.name;
}

interface DataUrl {
  mediaType: string;
  data: string;
}
/** Splits a base64 `data:` URL (RFC 2397); undefined for any other URL. */
export function parseDataUrl(url: string): DataUrl | undefined {
  if (!url.startsWith('data:')) return undefined;
  const comma = url.indexOf(',');
  if (comma < 0) return undefined;
  const head = url.slice(5, comma);
  if (!head.endsWith(';base64')) return undefined;
  const mediaType = head.slice(0, -';base64'.length).split(';')[0] ?? '';
  return { mediaType, data: url.slice(comma + 1) };
}
export function dataUrl(mediaType: string, data: string): string {
  return `data:${mediaType};base64,${data}`;
}

/** All input tokens, cached or not: what OpenAI and Gemini call the prompt's tokens. */
export function totalInput(usage: Usage): number {
  return usage.input + usage.cached + usage.cacheWrite;
}

/** What the ledger calls work of a format's own tools: by its type, or the name of its only field. */
export function hostedName(value: JsonObject): string {
  const { type } = value;
  return typeof type === 'string' ? type : (Object.keys(value)[0] ?? 'hosted');
}

/** Reports what a client of another format is not told of a place that an answer refers to. */
export function reportCitation(citation: Citation, client: FormatName, ledger: Ledger): void {
  const { native, citedText } = citation;
  if (native?.format === client) return;
  if (citedText !== undefined && client !== 'messages') {
    ledger.approximate('reply.citations', 'without the cited text');
  }
  if (native?.value['groundingMetadata'] !== undefined) {
    ledger.approximate('reply.candidates.0.groundingMetadata', 'citations');
  }
}
