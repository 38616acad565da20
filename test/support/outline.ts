/**
 * What a provider is told, as lines that are the same whatever the format: the oracle for requests.
 * A line is `who: what`; two requests that say the same have the same outline.
 */
import { array, type JsonObject, object, parseJson, text } from '../../src/json.ts';
import type { FormatName } from '../../src/unified.ts';
import { dig } from './answer.ts';

export function outline(format: FormatName, body: JsonObject): string[] {
  const lines: string[] = [];
  OUTLINES[format](body, (line) => lines.push(line));
  return lines;
}

type Say = (line: string) => void;

const list = (value: unknown): JsonObject[] => array(value).map((item) => object(item) ?? {});
const json = (value: unknown): string => JSON.stringify(value);
/** Content that is a string or a list of parts. */
const partsOf = (content: unknown, type: string): JsonObject[] =>
  typeof content === 'string' ? [{ type, text: content }] : list(content);
const textOf = (content: unknown): string =>
  partsOf(content, 'text')
    .map((part) => text(part['text']) ?? '')
    .join(' ');
/** `data:` URLs as media type and data; any other URL as it is. */
const media = (url: string): string =>
  /^data:([^;]+);base64,(.*)$/.exec(url)?.slice(1).join(' ') ?? url;

function setting(say: Say, name: string, value: unknown): void {
  if (value !== undefined && value !== null) say(`${name}: ${json(value)}`);
}

const OUTLINES: Readonly<Record<FormatName, (body: JsonObject, say: Say) => void>> = {
  chat(body, say) {
    for (const message of list(body['messages'])) {
      const role = text(message['role']) ?? '';
      if (role === 'system' || role === 'developer') {
        say(`system: ${textOf(message['content'])}`);
        continue;
      }
      if (role === 'tool') {
        say(`result ${message['tool_call_id']}: ${textOf(message['content'])}`);
        continue;
      }
      for (const part of partsOf(message['content'], 'text')) {
        if (part['type'] === 'text') say(`${role}: ${part['text']}`);
        if (part['type'] === 'image_url')
          say(`image: ${media(`${dig(part, 'image_url', 'url')}`)}`);
        if (part['type'] === 'file') say(`file: ${media(`${dig(part, 'file', 'file_data')}`)}`);
      }
      for (const call of list(message['tool_calls'])) {
        const { name, arguments: input } = object(call['function']) ?? {};
        say(`call ${call['id']}: ${name} ${json(parseJson(text(input) ?? ''))}`);
      }
    }
    for (const tool of list(body['tools'])) {
      say(
        `tool: ${dig(tool, 'function', 'name')} ${json(dig(tool, 'function', 'parameters', 'required'))}`,
      );
    }
    setting(say, 'choice', dig(body, 'tool_choice', 'function', 'name') ?? body['tool_choice']);
    if (body['reasoning_effort'] !== undefined) say('reasoning: on');
    setting(say, 'schema', dig(body, 'response_format', 'json_schema', 'schema', 'required'));
    setting(say, 'limit', body['max_completion_tokens'] ?? body['max_tokens']);
    setting(say, 'temperature', body['temperature']);
    setting(say, 'top_p', body['top_p']);
    setting(say, 'stop', body['stop']);
    setting(say, 'seed', body['seed']);
    setting(say, 'frequency_penalty', body['frequency_penalty']);
    setting(say, 'presence_penalty', body['presence_penalty']);
    setting(say, 'logit_bias', body['logit_bias']);
    setting(say, 'user', body['safety_identifier'] ?? body['user']);
  },

  messages(body, say) {
    for (const part of partsOf(body['system'], 'text')) say(`system: ${part['text']}`);
    for (const message of list(body['messages'])) {
      const role = text(message['role']) ?? '';
      for (const part of partsOf(message['content'], 'text')) {
        const source = object(part['source']) ?? {};
        const shown =
          source['type'] === 'url' ? source['url'] : `${source['media_type']} ${source['data']}`;
        if (part['type'] === 'text') say(`${role === 'system' ? 'system' : role}: ${part['text']}`);
        if (part['type'] === 'image') say(`image: ${shown}`);
        if (part['type'] === 'document') say(`file: ${shown}`);
        if (part['type'] === 'tool_use')
          say(`call ${part['id']}: ${part['name']} ${json(part['input'])}`);
        if (part['type'] === 'tool_result') {
          say(`result ${part['tool_use_id']}: ${textOf(part['content'])}`);
        }
      }
    }
    for (const tool of list(body['tools'])) {
      say(`tool: ${tool['name']} ${json(dig(tool, 'input_schema', 'required'))}`);
    }
    const choice = dig(body, 'tool_choice', 'name') ?? dig(body, 'tool_choice', 'type');
    setting(say, 'choice', choice);
    if (['enabled', 'adaptive'].includes(`${dig(body, 'thinking', 'type')}`)) say('reasoning: on');
    setting(say, 'schema', dig(body, 'output_config', 'format', 'schema', 'required'));
    setting(say, 'limit', body['max_tokens']);
    setting(say, 'temperature', body['temperature']);
    setting(say, 'top_p', body['top_p']);
    setting(say, 'top_k', body['top_k']);
    setting(say, 'stop', body['stop_sequences']);
    setting(say, 'user', dig(body, 'metadata', 'user_id'));
  },

  responses(body, say) {
    if (typeof body['instructions'] === 'string') say(`system: ${body['instructions']}`);
    const { input } = body;
    const items = typeof input === 'string' ? [{ role: 'user', content: input }] : list(input);
    for (const item of items as JsonObject[]) {
      if (item['type'] === 'function_call') {
        say(`call ${item['call_id']}: ${item['name']} ${json(parseJson(`${item['arguments']}`))}`);
      } else if (item['type'] === 'function_call_output') {
        say(`result ${item['call_id']}: ${textOf(item['output'])}`);
      } else if (item['role'] !== undefined) {
        const role = item['role'] === 'developer' ? 'system' : item['role'];
        for (const part of partsOf(item['content'], 'input_text')) {
          if (part['text'] !== undefined) say(`${role}: ${part['text']}`);
          if (part['type'] === 'input_image') say(`image: ${media(`${part['image_url']}`)}`);
          if (part['type'] === 'input_file') say(`file: ${media(`${part['file_data']}`)}`);
        }
      }
    }
    for (const tool of list(body['tools'])) {
      say(`tool: ${tool['name']} ${json(dig(tool, 'parameters', 'required'))}`);
    }
    setting(say, 'choice', dig(body, 'tool_choice', 'name') ?? body['tool_choice']);
    if (body['reasoning'] !== undefined) say('reasoning: on');
    setting(say, 'schema', dig(body, 'text', 'format', 'schema', 'required'));
    setting(say, 'limit', body['max_output_tokens']);
    setting(say, 'temperature', body['temperature']);
    setting(say, 'top_p', body['top_p']);
    setting(say, 'user', body['safety_identifier'] ?? body['user']);
  },

  gemini(body, say) {
    // Ids are optional here: calls and results are matched by their order.
    let calls = 0;
    let results = 0;
    for (const part of list(dig(body, 'systemInstruction', 'parts')))
      say(`system: ${part['text']}`);
    for (const content of list(body['contents'])) {
      const role = content['role'] === 'model' ? 'assistant' : content['role'];
      for (const part of list(content['parts'])) {
        const call = object(part['functionCall']);
        const result = object(part['functionResponse']);
        const data = object(part['inlineData']);
        const file = object(part['fileData']);
        if (typeof part['text'] === 'string') say(`${role}: ${part['text']}`);
        if (call) {
          say(`call ${call['id'] ?? `n${calls}`}: ${call['name']} ${json(call['args'])}`);
          calls += 1;
        }
        if (result) {
          const said = Object.values(object(result['response']) ?? {}).join(' ');
          say(`result ${result['id'] ?? `n${results}`}: ${said}`);
          results += 1;
        }
        const kind = `${(data ?? file)?.['mimeType']}`.startsWith('image/') ? 'image' : 'file';
        if (data) say(`${kind}: ${data['mimeType']} ${data['data']}`);
        if (file) say(`${kind}: ${file['fileUri']}`);
      }
    }
    for (const tool of list(dig(body, 'tools', 0, 'functionDeclarations'))) {
      const schema = tool['parametersJsonSchema'] ?? tool['parameters'];
      say(`tool: ${tool['name']} ${json(dig(schema, 'required'))}`);
    }
    const calling = object(dig(body, 'toolConfig', 'functionCallingConfig'));
    setting(say, 'choice', dig(calling, 'allowedFunctionNames', 0) ?? calling?.['mode']);
    const config = object(body['generationConfig']) ?? {};
    if (config['thinkingConfig'] !== undefined) say('reasoning: on');
    const schema = config['responseJsonSchema'] ?? config['responseSchema'];
    setting(say, 'schema', dig(schema, 'required'));
    setting(say, 'limit', config['maxOutputTokens']);
    setting(say, 'temperature', config['temperature']);
    setting(say, 'top_p', config['topP']);
    setting(say, 'top_k', config['topK']);
    setting(say, 'stop', config['stopSequences']);
    setting(say, 'seed', config['seed']);
    setting(say, 'frequency_penalty', config['frequencyPenalty']);
    setting(say, 'presence_penalty', config['presencePenalty']);
  },
};
