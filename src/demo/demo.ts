/**
 * The demo provider: a model in this process that knows nothing, costs nothing and always answers
 * the same. It speaks the middle language, so clients of all four formats reach it.
 *
 * | asked for                              | answer                                              |
 * |----------------------------------------|-----------------------------------------------------|
 * | anything                               | a sentence that repeats the user's last text        |
 * | a tool is offered                      | a short text and a call of the first tool, or of    |
 * |                                        | the one `tool_choice` names, with arguments made    |
 * |                                        | from its schema                                     |
 * | a tool has answered                    | a text that quotes its results                      |
 * | reasoning                              | a short reasoning before the rest                   |
 * | `response_format` JSON                 | JSON made from the schema                           |
 * | stop sequences, a limit of tokens      | kept to; 4 characters count as a token              |
 *
 * | model                  | what it does                                                        |
 * |------------------------|---------------------------------------------------------------------|
 * | `echo`, any other name | as above                                                            |
 * | `slow`, `slow-250`     | as above, 100 (250) ms before each piece                            |
 * | `error-429`            | refuses with that status, 400 to 599                                |
 * | `break`                | breaks off in the middle of its text; a 502 when it does not stream |
 * | `refuse`               | a refusal                                                           |
 * | `length`               | stops at half its text, as if at the limit of tokens                |
 */
import { GatewayError } from '../errors.ts';
import type { ProviderContext } from '../formats/format.ts';
import {
  type Finish,
  type ProviderFault,
  tokenLimit,
  type UnifiedBlock,
  type UnifiedChatRequest,
  type UnifiedChunk,
  type UnifiedReply,
  type UnifiedToolCall,
  type Usage,
} from '../unified.ts';
import { compose, type Draft, estimateInputTokens } from './compose.ts';
import { cut } from './from-schema.ts';

/** What the demo needs of a `ProviderContext`: it has no clock and makes no ids of its own. */
export type DemoContext = Pick<ProviderContext, 'model' | 'newId' | 'now'>;

const CHARS_PER_TOKEN = 4;

/**
 * The whole answer.
 * @throws GatewayError when `demoFault` has something to say
 */
export function answerDemo(request: UnifiedChatRequest, context: DemoContext): UnifiedReply {
  refuseIfAsked(context.model, false);
  return replyTo(request, context);
}

/**
 * The same answer in pieces, a word each, without any delay (see `demoDelayMs`).
 * @throws GatewayError at once, when `demoFault` has something to say
 */
export function streamDemo(
  request: UnifiedChatRequest,
  context: DemoContext,
): Iterable<UnifiedChunk> {
  refuseIfAsked(context.model, true);
  const reply = replyTo(request, context);
  return context.model === 'break' ? brokenChunksOf(reply) : chunksOf(reply);
}

/** How long to wait before each piece of a stream. */
export function demoDelayMs(model: string): number {
  const [, ms = '100'] = /^slow(?:-(\d{1,6}))?$/.exec(model) ?? [undefined, '0'];
  return Number(ms);
}

/** The refusal that a model's name asks for, as if an HTTP provider had sent it. */
export function demoFault(
  model: string,
  stream: boolean,
): (ProviderFault & { status: number }) | undefined {
  const status = /^error-([45]\d\d)$/.exec(model)?.[1];
  if (status !== undefined) {
    const message = `The demo provider refuses with ${status}, as the model's name asks.`;
    const fault = { message, status: Number(status), type: 'demo_error' };
    return status === '429' ? { ...fault, retryAfter: 1 } : fault;
  }
  return model === 'break' && !stream ? { ...BROKEN, status: 502 } : undefined;
}

const BROKEN: ProviderFault = {
  message: "The demo provider broke off, as the model's name asks.",
  type: 'demo_error',
};

function refuseIfAsked(model: string, stream: boolean): void {
  const fault = demoFault(model, stream);
  if (fault === undefined) return;
  const { message, ...evidence } = fault;
  throw new GatewayError('upstream_refused', message, evidence);
}

function replyTo(request: UnifiedChatRequest, context: DemoContext): UnifiedReply {
  const { model } = context;
  const about = {
    id: context.newId('demo_'),
    model,
    created: Math.floor(context.now() / 1000),
  };
  const input = estimateInputTokens(request);
  if (model === 'refuse') {
    const text = "I refuse, as the model's name asks.";
    const usage = usageOf(input, { reasoning: '', text });
    return { ...about, blocks: [{ type: 'refusal', text }], finish: 'refusal', usage };
  }
  const draft = compose(request, (prefix) => context.newId(prefix));
  const { finish, stopSequence, ...said } = bounded(draft, request, model === 'length');
  const reply = { ...about, blocks: blocksOf(said), finish, usage: usageOf(input, said) };
  return stopSequence === undefined ? reply : { ...reply, stopSequence };
}

interface Ending {
  readonly finish: Finish;
  readonly stopSequence?: string;
}

/** Cuts a draft at the first stop sequence or at the limit of tokens, whichever comes first. */
function bounded(draft: Draft, request: UnifiedChatRequest, atHalf: boolean): Draft & Ending {
  const { reasoning, text, call } = draft;
  const limit = (tokenLimit(request) ?? Number.POSITIVE_INFINITY) * CHARS_PER_TOKEN;
  const room = atHalf ? Math.floor(text.length / 2) : limit - reasoning.length;
  const stop = firstStop(text, request.stop ?? []);
  if (stop !== undefined && stop.at <= room) {
    const { at, sequence } = stop;
    return {
      reasoning,
      text: text.slice(0, at),
      finish: 'stop_sequence',
      stopSequence: sequence,
    };
  }
  // A call that does not fit is left out: half a call is of no use to a client.
  if (atHalf || text.length + charsOf(call) > room) {
    return { reasoning: cut(reasoning, limit), text: cut(text, room), finish: 'length' };
  }
  return { ...draft, finish: call === undefined ? 'stop' : 'tool_calls' };
}

function firstStop(
  text: string,
  sequences: readonly string[],
): { at: number; sequence: string } | undefined {
  let first: { at: number; sequence: string } | undefined;
  for (const sequence of sequences) {
    const at = sequence === '' ? -1 : text.indexOf(sequence);
    if (at >= 0 && (first === undefined || at < first.at)) first = { at, sequence };
  }
  return first;
}

function charsOf(call: UnifiedToolCall | undefined): number {
  if (call === undefined) return 0;
  return call.type === 'function'
    ? call.function.name.length + call.function.arguments.length
    : call.custom.name.length + call.custom.input.length;
}

function blocksOf({ reasoning, text, call }: Draft): UnifiedBlock[] {
  const blocks: UnifiedBlock[] = [];
  if (reasoning !== '') blocks.push({ type: 'reasoning', text: reasoning });
  if (text !== '') blocks.push({ type: 'text', text });
  if (call !== undefined) blocks.push({ type: 'call', call });
  return blocks;
}

function usageOf(input: number, { reasoning, text, call }: Draft): Usage {
  const chars = reasoning.length + text.length + charsOf(call);
  return {
    input,
    cached: 0,
    cacheWrite: 0,
    output: Math.ceil(chars / CHARS_PER_TOKEN),
    reasoning: Math.floor(reasoning.length / CHARS_PER_TOKEN),
  };
}

function* chunksOf(reply: UnifiedReply): Generator<UnifiedChunk> {
  yield start(reply);
  let index = 0;
  for (const block of reply.blocks) {
    if (block.type === 'call') yield* callChunks(block.call, index++);
    else yield* textChunks(block);
  }
  const { finish, stopSequence, usage } = reply;
  yield stopSequence === undefined
    ? { type: 'finish', finish }
    : { type: 'finish', finish, stopSequence };
  if (usage !== undefined) yield { type: 'usage', usage };
  yield { type: 'done' };
}

/** Half of the text, then an error. */
function* brokenChunksOf(reply: UnifiedReply): Generator<UnifiedChunk> {
  yield start(reply);
  const text = reply.blocks.find((block) => block.type === 'text')?.text ?? '';
  yield* textDeltas('text', cut(text, Math.ceil(text.length / 2)));
  yield { type: 'error', error: BROKEN };
}

function start({ id, model, created, usage }: UnifiedReply): UnifiedChunk {
  const chunk = { type: 'start', id, model } as const;
  return {
    ...chunk,
    ...(created !== undefined && { created }),
    ...(usage !== undefined && { usage: { ...usage, output: 0, reasoning: 0 } }),
  };
}

function* textChunks(block: UnifiedBlock): Generator<UnifiedChunk> {
  if (block.type !== 'text' && block.type !== 'reasoning' && block.type !== 'refusal') return;
  yield* textDeltas(block.type, block.text);
  yield { type: 'blockEnd' };
}

/** Words, each with the space behind it. */
function* textDeltas(
  type: 'text' | 'reasoning' | 'refusal',
  text: string,
): Generator<UnifiedChunk> {
  for (const word of text.match(/\s*\S+\s*|\s+/g) ?? []) yield { type, text: word };
}

function* callChunks(call: UnifiedToolCall, index: number): Generator<UnifiedChunk> {
  const { id, namespace } = call;
  const [name, text] =
    call.type === 'function'
      ? [call.function.name, call.function.arguments]
      : [call.custom.name, call.custom.input];
  yield {
    type: 'call',
    index,
    id,
    name,
    ...(call.type === 'custom' && { custom: true }),
    ...(namespace !== undefined && { namespace }),
  };
  // The flag `u` keeps surrogate pairs whole, as `s` does line breaks.
  for (const piece of text.match(/.{1,16}/gsu) ?? [])
    yield { type: 'arguments', index, text: piece };
  yield { type: 'callEnd', index };
}
