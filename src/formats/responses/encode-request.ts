/** Unified → a Responses provider's body. */
import type { ResponseCreateParams } from 'openai/resources/responses/responses';
import { effortOfBudget } from '../../effort.ts';
import { copyHookFields } from '../../hook-fields.ts';
import type { JsonObject } from '../../json.ts';
import {
  type Effort,
  parts,
  tokenLimit,
  type UnifiedChatRequest,
  type UnifiedReasoningOptions,
} from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { encodeInput, type InputItem } from './encode-input.ts';
import { encodeToolChoice, encodeTools } from './encode-tools.ts';
import { type ModelTraits, modelTraits, nearestEffort } from './models.ts';

/** What we write: the SDK's parameters, with items and tools that it does not name yet. */
type Body = Omit<ResponseCreateParams, 'input' | 'tools' | 'tool_choice' | 'metadata'> & {
  input: InputItem[];
  [field: string]: unknown;
};

/** Writes a request that the provider's API takes. */
export function encodeRequest(request: UnifiedChatRequest, context: ProviderContext): object {
  const writer = new RequestWriter(request, context);
  return writer.write();
}

/** Parameters that the API does not have. */
const ABSENT = [
  'top_k',
  'stop',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  'logit_bias',
] as const;
/** Fields by which a client refers to what the provider itself keeps. */
const STATEFUL = ['previous_response_id', 'conversation', 'background'];
/** The API refuses less ("Expected a value >= 16"). */
const MIN_OUTPUT_TOKENS = 16;
const MAX_USER = 64;
const MAX_CACHE_KEY = 64;

class RequestWriter {
  readonly #request: UnifiedChatRequest;
  readonly #context: ProviderContext;
  readonly #traits: ModelTraits | undefined;
  readonly #body: Body;
  readonly #include: string[] = [];

  constructor(request: UnifiedChatRequest, context: ProviderContext) {
    this.#request = request;
    this.#context = context;
    this.#traits = modelTraits(context.model);
    this.#body = { model: context.model, input: [] };
  }

  write(): Body {
    this.#conversation();
    this.#tools();
    this.#reasoning();
    this.#limits();
    this.#sampling();
    this.#text();
    this.#identity();
    this.#transport();
    this.#own();
    if (this.#include.length > 0) Object.assign(this.#body, { include: this.#include });
    return this.#body;
  }

  #drop(field: string): void {
    this.#context.ledger.drop(field);
  }

  /**
   * System messages stay where they are, as items of their role: so their order, their parts and
   * their marks are kept. Only what came as `instructions` goes back there, unless nothing else
   * would be left as input.
   */
  #conversation(): void {
    const [first, ...rest] = this.#request.messages;
    const isInstructions = first?.role === 'system' && first.path === 'instructions';
    if (isInstructions && rest.length > 0) {
      this.#body.instructions = parts(first)
        .map((part) => (part.type === 'text' ? part.text : ''))
        .join('\n\n');
      this.#body.input = encodeInput(rest, this.#context);
    } else {
      this.#body.input = encodeInput(this.#request.messages, this.#context);
    }
  }

  #tools(): void {
    const { tools = [], parallel_tool_calls } = this.#request;
    const { ledger } = this.#context;
    const encoded = encodeTools(tools, ledger);
    if (encoded.length > 0) this.#body['tools'] = encoded;
    const choice = encodeToolChoice(this.#request, ledger);
    if (choice !== undefined) this.#body['tool_choice'] = choice;
    if (parallel_tool_calls !== undefined) this.#body.parallel_tool_calls = parallel_tool_calls;
  }

  #limits(): void {
    const limit = tokenLimit(this.#request);
    if (limit === undefined) return;
    if (limit < MIN_OUTPUT_TOKENS) {
      const field =
        this.#request.max_completion_tokens === undefined ? 'max_tokens' : 'max_completion_tokens';
      this.#context.ledger.approximate(field, `${MIN_OUTPUT_TOKENS}`);
    }
    this.#body.max_output_tokens = Math.max(limit, MIN_OUTPUT_TOKENS);
  }

  #reasoning(): void {
    const options = this.#request.reasoning;
    if (this.#mayReason()) this.#include.push('reasoning.encrypted_content');
    if (options === undefined) return;
    const effort = this.#effort(options);
    const summary = this.#summary(options, effort);
    if (effort === undefined && summary === undefined) return;
    this.#body.reasoning = {
      ...(effort !== undefined && { effort }),
      ...(summary !== undefined && { summary }),
    };
  }

  /**
   * Whether to ask for reasoning that can come back. Models that do not reason refuse the question
   * ("Encrypted content is not supported with this model."), and an unknown name may be anyone's
   * name for one of them: there the client has to show that it expects reasoning.
   */
  #mayReason(): boolean {
    const { reasoning, extra, messages } = this.#request;
    if (this.#traits !== undefined) return this.#traits.efforts.length > 0;
    if (reasoning !== undefined) return reasoning.enabled !== false;
    if (extra?.format === 'responses' && extra.fields['include'] !== undefined) return true;
    return messages.some((message) => message.reasoning !== undefined);
  }

  /** The word for how much to think; undefined leaves it to the model. */
  #effort(options: UnifiedReasoningOptions): Effort | undefined {
    const { ledger } = this.#context;
    const efforts = this.#traits?.efforts;
    const wish = effortWish(options);
    if (efforts?.length === 0) {
      if (wish !== 'none') ledger.drop('reasoning');
      return undefined;
    }
    // Switched on, however strong: nothing needs saying where that is what happens anyway.
    if (wish === undefined && this.#traits !== undefined && this.#traits.defaultEffort !== 'none') {
      return undefined;
    }
    return this.#word(wish ?? 'medium', options);
  }

  #word(wish: Effort, options: UnifiedReasoningOptions): Effort | undefined {
    const { ledger } = this.#context;
    const efforts = this.#traits?.efforts;
    if (options.effort === undefined) {
      // Only OpenAI's newer models know the word; others refuse it, and thinking is the lesser evil.
      if (wish === 'none' && efforts === undefined) {
        ledger.approximate('reasoning', 'left to the model');
        return undefined;
      }
      if (wish !== 'none') ledger.approximate('reasoning', `effort ${wish}`);
    } else if (options.max_tokens !== undefined) {
      ledger.approximate('reasoning', `effort ${wish}`);
    }
    if (efforts === undefined || efforts.includes(wish)) return wish;
    const nearest = nearestEffort(wish, efforts);
    ledger.approximate('reasoning', `effort ${nearest}`);
    return nearest;
  }

  /**
   * Asked for by name, or by a client whose format shows thinking as soon as it is on (a budget,
   * adaptive). Not otherwise: OpenAI refuses it to organisations that are not verified.
   */
  #summary(
    options: UnifiedReasoningOptions,
    effort: Effort | undefined,
  ): 'auto' | 'concise' | 'detailed' | undefined {
    if (this.#traits?.efforts.length === 0 || effort === 'none') return undefined;
    const { summary: wish, enabled, max_tokens, adaptive } = options;
    if (wish === undefined) {
      const isShown = enabled !== false && (max_tokens !== undefined || adaptive === true);
      return isShown ? 'auto' : undefined;
    }
    const known = (['auto', 'concise', 'detailed'] as const).find((word) => word === wish);
    if (known !== undefined) return known;
    if (wish !== 'none' && wish !== 'omitted') {
      this.#context.ledger.approximate('reasoning', 'summary auto');
      return 'auto';
    }
    return undefined;
  }

  /** Models that reason refuse temperature, top_p and log probabilities (OpenAI, reasoning guide). */
  #takesSampling(): boolean {
    const traits = this.#traits;
    if (traits === undefined || traits.sampling === 'always') return true;
    if (traits.sampling === 'never') return false;
    return (this.#body.reasoning?.effort ?? traits.defaultEffort) === 'none';
  }

  #sampling(): void {
    const request = this.#request;
    for (const field of ABSENT) if (request[field] !== undefined) this.#drop(field);
    if (request.n !== undefined && request.n > 1) this.#drop('n');
    const isTaken = this.#takesSampling();
    for (const field of ['temperature', 'top_p'] as const) {
      const value = request[field];
      if (value === undefined) continue;
      if (isTaken) this.#body[field] = value;
      else this.#drop(field);
    }
    if (request.logprobs !== true && request.top_logprobs === undefined) return;
    if (!isTaken) {
      if (request.logprobs === true) this.#drop('logprobs');
      if (request.top_logprobs !== undefined) this.#drop('top_logprobs');
      return;
    }
    this.#include.push('message.output_text.logprobs');
    if (request.top_logprobs !== undefined) this.#body.top_logprobs = request.top_logprobs;
  }

  #text(): void {
    const format = this.#format();
    const verbosity = this.#verbosity();
    if (format === undefined && verbosity === undefined) return;
    this.#body.text = {
      ...(format !== undefined && { format }),
      ...(verbosity !== undefined && { verbosity }),
    };
  }

  #format(): NonNullable<ResponseCreateParams['text']>['format'] | undefined {
    const format = this.#request.response_format;
    if (format === undefined || format.type === 'text') return undefined;
    if (format.type === 'json_object') return { type: 'json_object' };
    const { name = 'response', schema, description, strict } = format.json_schema;
    const legal = name.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 64) || 'response';
    if (legal !== name) this.#context.ledger.approximate('response_format', `name ${legal}`);
    return {
      type: 'json_schema',
      name: legal,
      schema: schema ?? { type: 'object' },
      ...(description !== undefined && { description }),
      ...(strict !== undefined && { strict }),
    };
  }

  #verbosity(): 'low' | 'medium' | 'high' | undefined {
    const { verbosity } = this.#request;
    if (verbosity === undefined) return undefined;
    const known = (['low', 'medium', 'high'] as const).find((word) => word === verbosity);
    const isTaken = this.#traits?.verbosity !== false || known === 'medium';
    if (known !== undefined && isTaken) return known;
    this.#drop('verbosity');
    return undefined;
  }

  #identity(): void {
    const { user, prompt_cache_key: key, service_tier: tier, metadata } = this.#request;
    if (user !== undefined) {
      if (user.length <= MAX_USER) this.#body.safety_identifier = user;
      else this.#drop('user');
    }
    if (key !== undefined) {
      if (key.length <= MAX_CACHE_KEY) this.#body.prompt_cache_key = key;
      else this.#drop('prompt_cache_key');
    }
    if (tier !== undefined) this.#tier(tier);
    if (metadata !== undefined) this.#metadata(metadata);
  }

  #tier(tier: string): void {
    // Anthropic's word for "no priority capacity".
    if (tier === 'standard_only') {
      this.#context.ledger.approximate('service_tier', 'default');
      this.#body.service_tier = 'default';
      return;
    }
    const known = TIERS.find((word) => word === tier);
    if (known === undefined) this.#drop('service_tier');
    else this.#body.service_tier = known;
  }

  /** "16 key-value pairs … keys up to 64 characters … values strings up to 512". */
  #metadata(metadata: JsonObject): void {
    const legal: Record<string, string> = {};
    let count = 0;
    for (const [key, value] of Object.entries(metadata)) {
      const fits = typeof value === 'string' && value.length <= 512 && key.length <= 64;
      if (fits && count < 16) {
        legal[key] = value;
        count += 1;
      } else {
        this.#drop(`metadata.${key}`);
      }
    }
    if (count > 0) this.#body['metadata'] = legal;
  }

  /** Nothing is left with the provider unless the client says so or refers to what is left there. */
  #transport(): void {
    const { stream, stream_options: options, store, extra } = this.#request;
    if (stream === true) this.#body.stream = true;
    // Usage always comes, so `include_usage` needs no saying (and is refused).
    const obfuscation = options?.['include_obfuscation'];
    if (stream === true && typeof obfuscation === 'boolean') {
      this.#body.stream_options = { include_obfuscation: obfuscation };
    }
    const own = extra?.format === 'responses' ? extra.fields : {};
    const isStateful = STATEFUL.some((field) => Boolean(own[field]));
    if (store !== undefined) this.#body.store = store;
    else if (!isStateful) this.#body.store = false;
  }

  /** Fields of the client's own format, and what hooks have added by name. */
  #own(): void {
    const { extra } = this.#request;
    if (extra?.format === 'responses') {
      for (const [field, value] of Object.entries(extra.fields)) this.#putBack(field, value);
    }
    copyHookFields(this.#body, this.#request);
  }

  #putBack(field: string, value: unknown): void {
    if (field === 'include' && Array.isArray(value)) {
      this.#include.push(...value.filter((name) => typeof name === 'string'));
      return;
    }
    const dot = field.indexOf('.');
    if (dot < 0) {
      this.#body[field] = value;
      return;
    }
    // `reasoning.context`: a field within a field, see `decodeRequest`.
    const outer = field.slice(0, dot);
    const inner = this.#body[outer];
    const rest = typeof inner === 'object' && inner !== null ? inner : {};
    this.#body[outer] = { ...rest, [field.slice(dot + 1)]: value };
  }
}

const TIERS = ['auto', 'default', 'flex', 'scale', 'priority', 'fast', 'ultrafast'] as const;

/** What the options amount to as a word; undefined when they say no more than that it is on. */
function effortWish(options: UnifiedReasoningOptions): Effort | undefined {
  if (options.effort !== undefined) return options.effort;
  if (options.enabled === false) return 'none';
  return options.max_tokens === undefined ? undefined : effortOfBudget(options.max_tokens);
}
