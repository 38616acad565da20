/**
 * What a strict client holds a stream of its format to, whatever the stream says: the order of
 * events, what is opened and closed, and exactly one end. Nothing of the gateway's own code is used
 * but its JSON readers.
 */
import { array, isObject, type JsonObject, object, parseJson } from '../../src/json.ts';
import type { FormatName } from '../../src/unified.ts';

export interface Verdict {
  /** How the stream ended: complete, in the format's error, or in neither, which is never legal. */
  end: 'complete' | 'error' | 'none';
  complaints: string[];
}

interface Event {
  name: string;
  data: string;
  json: JsonObject;
}

export function judgeStream(format: FormatName, given: string): Verdict {
  const stream = given.replace(/\r\n?/g, '\n');
  const complaints: string[] = [];
  const need = (isSo: boolean, complaint: string): void => {
    if (!isSo && !complaints.includes(complaint)) complaints.push(complaint);
  };
  need(stream === '' || stream.endsWith('\n\n'), 'the last event is cut');
  const events = readEvents(stream, need);
  return { end: JUDGES[format](events, need), complaints };
}

/** A reply in one piece: an answer of the format, or its error. */
export function judgeReply(format: FormatName, status: number, body: string): Verdict {
  const value = parseJson(body);
  if (!isObject(value)) return { end: 'none', complaints: ['not a JSON object'] };
  const error = object(value['error']);
  if (status >= 400) {
    const isError = typeof error?.['message'] === 'string' && error['message'] !== '';
    const isOfFormat =
      format === 'messages'
        ? value['type'] === 'error'
        : format === 'gemini'
          ? error?.['code'] === status
          : typeof error?.['type'] === 'string';
    return { end: 'error', complaints: isError && isOfFormat ? [] : ['not the format’s error'] };
  }
  const answer = {
    chat: 'choices',
    messages: 'content',
    responses: 'output',
    gemini: 'candidates',
  };
  const isAnswer = Array.isArray(value[answer[format]]);
  return { end: 'complete', complaints: isAnswer ? [] : ['not the format’s answer'] };
}

type Need = (isSo: boolean, complaint: string) => void;

function readEvents(stream: string, need: Need): Event[] {
  const events: Event[] = [];
  for (const block of stream.split('\n\n')) {
    const lines = block.split('\n').filter((line) => line !== '' && !line.startsWith(':'));
    if (lines.length === 0) continue;
    const name = lines.find((line) => line.startsWith('event: '))?.slice(7) ?? '';
    const data = lines.find((line) => line.startsWith('data: '))?.slice(6) ?? '';
    const json = data === '[DONE]' ? {} : parseJson(data);
    need(isObject(json), 'data is not JSON');
    events.push({ name, data, json: object(json) ?? {} });
  }
  return events;
}

const JUDGES: Readonly<
  Record<FormatName, (events: readonly Event[], need: Need) => Verdict['end']>
> = { chat: judgeChat, messages: judgeMessages, responses: judgeResponses, gemini: judgeGemini };

function judgeChat(events: readonly Event[], need: Need): Verdict['end'] {
  const done = events.filter(({ data }) => data === '[DONE]').length;
  const errors = events.filter(({ json }) => json['error'] !== undefined);
  const chunks = events.filter(({ json }) => Array.isArray(json['choices']));
  const choices = chunks.flatMap(({ json }) => array(json['choices']).filter(isObject));
  const finishes = choices.filter((choice) => typeof choice['finish_reason'] === 'string').length;
  need(done + errors.length + chunks.length === events.length, 'an event of no kind');
  need(new Set(chunks.map(({ json }) => json['id'])).size <= 1, 'the id changes');
  need(new Set(chunks.map(({ json }) => json['model'])).size <= 1, 'the model changes');
  need(
    choices.every((choice) => isObject(choice['delta'])),
    'a choice without a delta',
  );
  const calls: JsonObject[] = choices
    .flatMap((choice) => array(object(choice['delta'])?.['tool_calls']))
    .filter(isObject);
  const heads = calls.filter((call) => typeof call['id'] === 'string');
  need(
    heads.every((call, at) => call['index'] === at),
    'calls are not counted from 0',
  );
  if (errors.length > 0) {
    need(errors.length === 1 && events.at(-1) === errors[0], 'the error is not the end');
    need(done === 0, 'an error and a clean end');
    return 'error';
  }
  // Forwarded bytes end as the provider ended them, and not every provider sends `[DONE]`.
  if (done === 0) return finishes === 1 ? 'complete' : 'none';
  need(done === 1 && events.at(-1)?.data === '[DONE]', '[DONE] is not the end');
  need(finishes === 1, `${finishes} finish reasons`);
  return 'complete';
}

function judgeMessages(events: readonly Event[], need: Need): Verdict['end'] {
  need(
    events.every(({ name, json }) => name === json['type']),
    'event and type differ',
  );
  const list = events.filter(({ name }) => name !== 'ping');
  const starts = list.filter(({ name }) => name === 'message_start').length;
  let open: unknown;
  let blocks = 0;
  let deltas = 0;
  for (const [at, { name, json }] of list.entries()) {
    const index = json['index'];
    switch (name) {
      case 'message_start':
        need(at === 0, 'message_start is not the first');
        break;
      case 'content_block_start':
        need(open === undefined && index === blocks, 'a block opens out of turn');
        open = index;
        blocks += 1;
        break;
      case 'content_block_delta':
        need(open !== undefined && index === open, 'a delta outside of its block');
        break;
      case 'content_block_stop':
        need(open !== undefined && index === open, 'a block closes that is not open');
        open = undefined;
        break;
      case 'message_delta':
        deltas += 1;
        need(open === undefined, 'message_delta within a block');
        break;
      case 'message_stop':
      case 'error':
        need(at === list.length - 1, `${name} is not the end`);
        break;
      default:
        need(false, `unknown event ${name}`);
    }
  }
  const last = list.at(-1)?.name;
  if (last === 'error') return 'error';
  if (last !== 'message_stop') return 'none';
  need(starts === 1 && deltas === 1, 'message_start or message_delta not once');
  need(open === undefined, 'a block stays open');
  return 'complete';
}

function judgeResponses(events: readonly Event[], need: Need): Verdict['end'] {
  need(
    events.every(({ name, json }) => name === json['type']),
    'event and type differ',
  );
  const ends = ['response.completed', 'response.incomplete', 'response.failed', 'error'];
  const list = events.filter(({ name }) => name !== 'keepalive');
  need(list[0]?.name === 'response.created' || list.length === 0, 'created is not the first');
  const terminals = list.filter(({ name }) => ends.includes(name));
  need(terminals.length <= 1, 'several ends');
  need(terminals.length === 0 || list.at(-1) === terminals[0], 'events behind the end');
  const open = new Set<unknown>();
  for (const { name, json } of list) {
    const index = json['output_index'];
    if (name === 'response.output_item.added') open.add(index);
    else if (name === 'response.output_item.done') need(open.delete(index), 'done without added');
    else if (index !== undefined) need(open.has(index), `${name} outside of its item`);
  }
  const end = terminals[0]?.name;
  if (end === undefined) return 'none';
  if (end === 'response.failed' || end === 'error') return 'error';
  need(open.size === 0, 'an item stays open');
  need(
    list.every(({ json }, at) => json['sequence_number'] === at),
    'sequence numbers',
  );
  return 'complete';
}

function judgeGemini(events: readonly Event[], need: Need): Verdict['end'] {
  need(
    events.every(({ name }) => name === ''),
    'an event has a name',
  );
  const errors = events.filter(({ json }) => json['error'] !== undefined);
  if (errors.length > 0) {
    need(errors.length === 1 && events.at(-1) === errors[0], 'the error is not the end');
    return 'error';
  }
  const isEnd = ({ json }: Event): boolean =>
    isObject(json['promptFeedback']) ||
    array(json['candidates']).some((one) => object(one)?.['finishReason'] !== undefined);
  return events.some(isEnd) ? 'complete' : 'none';
}
