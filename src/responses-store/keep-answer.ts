/** Answers on their way to a client → the store. */
import { array, isObject, type JsonObject, parseJson, text } from '../json.ts';
import { SseParser } from '../stream/sse.ts';
import { runStage } from '../stream/stage.ts';
import type { ResponsesStore } from './responses-store.ts';
import { inputItems } from './stored-response.ts';

/** Who answered what to whom. */
export interface Answering {
  readonly store: ResponsesStore;
  readonly owner: string;
  readonly provider: string;
  readonly model: string;
  readonly native: boolean;
  /** The client's body. */
  readonly body: JsonObject;
}

/** True when the client wants its answer kept: OpenAI's default. */
export function wantsKeeping(body: JsonObject): boolean {
  return body['store'] !== false;
}

/**
 * Keeps an answer.
 * @param ended the JSON reply, or the text of the stream that holds its terminal event
 */
export function keepAnswer(ended: string, answering: Answering): void {
  const { store, body, ...who } = answering;
  const response = responseIn(ended);
  if (response === undefined) return;
  const previous = text(body['previous_response_id']);
  store.put({
    ...who,
    ...(previous !== undefined && previous !== '' && { previous }),
    input: inputItems(body),
    response,
  });
}

const ENDED = new Set(['completed', 'incomplete']);

/** The response object; undefined where there is none, or it failed. */
function responseIn(ended: string): JsonObject | undefined {
  const candidates = ended.startsWith('{')
    ? [parseJson(ended)]
    : runStage(new SseParser(), [ended])
        .filter(
          ({ data }) =>
            data.includes('"response.completed"') || data.includes('"response.incomplete"'),
        )
        .map(({ data }) => parseJson(data))
        .map((event) => (isObject(event) ? event['response'] : undefined));
  return candidates.find(isEnded);
}

function isEnded(value: unknown): value is JsonObject {
  return (
    isObject(value) &&
    typeof value['id'] === 'string' &&
    value['id'] !== '' &&
    ENDED.has(text(value['status']) ?? '') &&
    array(value['output']).every(isObject)
  );
}
