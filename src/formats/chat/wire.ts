/**
 * The chat wire as Plexus writes it: OpenAI's own types, with what the compatible servers added to
 * an assistant message. Only ever written where the provider itself sent the like.
 */
import type {
  ChatCompletion,
  ChatCompletionAssistantMessageParam,
  ChatCompletionContentPartRefusal,
  ChatCompletionContentPartText,
  ChatCompletionCreateParamsBase,
  ChatCompletionMessage,
  ChatCompletionMessageParam,
  ChatCompletionMessageToolCall,
  ChatCompletionTool,
  ChatCompletionToolChoiceOption,
} from 'openai/resources/chat/completions/completions';
import type { JsonObject } from '../../json.ts';

/** A tool call; `extra_content` is where Google's endpoint keeps the token of a call. */
export type ChatToolCall = ChatCompletionMessageToolCall & { extra_content?: JsonObject };

/** Mistral's reasoning: a part of the content (docs.mistral.ai, "Reasoning"). */
interface ThinkingPart {
  type: 'thinking';
  thinking: ChatCompletionContentPartText[];
}

export interface ChatAssistantParam
  extends Omit<ChatCompletionAssistantMessageParam, 'content' | 'tool_calls'> {
  content?:
    | string
    | Array<ChatCompletionContentPartText | ChatCompletionContentPartRefusal | ThinkingPart>
    | null;
  tool_calls?: ChatToolCall[];
  /** DeepSeek, Moonshot, Alibaba, vLLM, llama.cpp. */
  reasoning_content?: string;
  /** Groq, Cerebras, OpenRouter, Ollama, newer vLLM. */
  reasoning?: string;
  /** OpenRouter, Vercel: blocks with signatures, to be sent back as they came. */
  reasoning_details?: JsonObject[];
}

export type ChatMessageParam =
  | Exclude<ChatCompletionMessageParam, { role: 'assistant' }>
  | ChatAssistantParam;

/** Fields of a request that a client or a hook may fill with what the SDK's types do not know. */
type OpenField = 'messages' | 'tools' | 'tool_choice' | 'logit_bias' | 'metadata';

/** The body of a request to a provider. */
export interface ChatRequest extends Omit<ChatCompletionCreateParamsBase, OpenField> {
  messages: ChatMessageParam[];
  /** One that only a chat server knows is passed on as its client wrote it. */
  tools?: Array<ChatCompletionTool | JsonObject>;
  tool_choice?: ChatCompletionToolChoiceOption | JsonObject;
  /** A client's own token map; the API checks its values. */
  logit_bias?: JsonObject;
  /** Values are strings at OpenAI; its refusal of another type says so best. */
  metadata?: JsonObject;
  /** What request hooks added, and a chat client's vendor fields. */
  [hookField: string]: unknown;
}

/** A message to a client. The additions are read by the clients that know them. */
export interface ChatMessage extends Omit<ChatCompletionMessage, 'tool_calls' | 'annotations'> {
  annotations?: object[];
  tool_calls?: ChatToolCall[];
  reasoning_content?: string;
  reasoning_details?: JsonObject[];
  /** OpenRouter's place for images that the model made. */
  images?: object[];
}

/** A reply to a client. */
export interface ChatReply extends Omit<ChatCompletion, 'choices'> {
  choices: Array<Omit<ChatCompletion.Choice, 'message' | 'logprobs'> & ChatChoice>;
}
interface ChatChoice {
  message: ChatMessage;
  /** Chat's own list, or another API's of the same shape, as the provider gave it. */
  logprobs: { content: unknown[]; refusal: null } | null;
}
