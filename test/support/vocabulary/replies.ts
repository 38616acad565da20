/** What replies of each format can say. */
import type { FormatName } from '../../../src/unified.ts';
import type { Builder } from './specimen.ts';

function chatReply(b: Builder): object {
  const said = b.random() < 0.7;
  const logprob = () => ({ token: b.text(), logprob: -0.5, bytes: null, top_logprobs: [] });
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'up',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          ...(said
            ? {
                content: b.text(),
                ...b.maybe(() => ({
                  annotations: [
                    {
                      type: 'url_citation',
                      url_citation: {
                        url: b.text('https://'),
                        title: b.text(),
                        start_index: 0,
                        end_index: 3,
                      },
                    },
                  ],
                })),
              }
            : { content: null, refusal: b.text() }),
          ...b.maybe(() => ({ reasoning_content: b.text() })),
          ...b.maybe(() => ({
            tool_calls: [
              {
                id: 'call_1',
                type: 'function',
                function: { name: b.text(), arguments: b.text('{"q":"', '"}') },
              },
              { id: 'call_2', type: 'custom', custom: { name: b.text(), input: b.text() } },
            ],
          })),
          ...b.maybe(() => ({ audio: { id: 'audio_1', data: b.base64(), transcript: b.text() } })),
        },
        finish_reason: 'stop',
        ...(said ? b.maybe(() => ({ logprobs: { content: [logprob()] } })) : {}),
      },
      ...(b.random() < 0.3
        ? [
            {
              index: 1,
              message: { role: 'assistant', content: b.text() },
              finish_reason: 'stop',
            },
          ]
        : []),
    ],
    usage: { prompt_tokens: 4711, completion_tokens: 815, total_tokens: 5526 },
  };
}

function messagesReply(b: Builder): object {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'up',
    content: [
      ...b.some<object>(
        () => ({ type: 'thinking', thinking: b.text(), signature: b.text() }),
        () => ({ type: 'redacted_thinking', data: b.text() }),
      ),
      {
        type: 'text',
        text: b.text(),
        ...b.maybe(() => ({
          citations: [
            {
              type: 'web_search_result_location',
              url: b.text('https://'),
              title: b.text(),
              cited_text: b.text(),
              encrypted_index: 'e',
            },
          ],
        })),
      },
      ...(b.random() < 0.5
        ? [
            {
              type: 'server_tool_use',
              id: 'srvtoolu_1',
              name: 'web_search',
              input: { query: b.text() },
            },
            {
              type: 'web_search_tool_result',
              tool_use_id: 'srvtoolu_1',
              content: [{ type: 'web_search_result', url: b.text(), title: b.text() }],
            },
            { type: 'text', text: b.text() },
          ]
        : []),
      ...(b.random() < 0.5
        ? [{ type: 'tool_use', id: 'toolu_1', name: b.text(), input: { q: b.text() } }]
        : []),
    ],
    ...b.pick<object>(
      () => ({ stop_reason: 'end_turn', stop_sequence: null }),
      () => ({ stop_reason: 'stop_sequence', stop_sequence: b.text() }),
      () => ({ stop_reason: 'pause_turn', stop_sequence: null }),
    ),
    usage: { input_tokens: 4711, output_tokens: 815 },
    ...b.maybe(() => ({ container: { id: b.text(), expires_at: 'never' } })),
  };
}

function responsesReply(b: Builder): object {
  return {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    status: 'completed',
    model: 'up',
    output: [
      ...b.some<object>(
        () => ({
          type: 'reasoning',
          id: 'rs_1',
          summary: [
            { type: 'summary_text', text: b.text() },
            { type: 'summary_text', text: b.text() },
          ],
          encrypted_content: b.text(),
        }),
        () => ({
          type: 'reasoning',
          id: 'rs_2',
          summary: [],
          content: [{ type: 'reasoning_text', text: b.text() }],
        }),
      ),
      ...(b.random() < 0.4
        ? [
            {
              type: 'web_search_call',
              id: 'ws_1',
              status: 'completed',
              action: { type: 'search', query: b.text() },
            },
          ]
        : []),
      {
        type: 'message',
        id: 'msg_1',
        status: 'completed',
        role: 'assistant',
        content: b.some<object>(
          () => ({
            type: 'output_text',
            text: b.text(),
            annotations: [
              {
                type: 'url_citation',
                url: b.text('https://'),
                title: b.text(),
                start_index: 0,
                end_index: 3,
              },
            ],
          }),
          () => ({ type: 'refusal', refusal: b.text() }),
        ),
      },
      ...(b.random() < 0.5
        ? [
            {
              type: 'function_call',
              id: 'fc_1',
              call_id: 'call_1',
              name: b.text(),
              arguments: b.text('{"q":"', '"}'),
            },
            {
              type: 'custom_tool_call',
              id: 'ctc_1',
              call_id: 'call_2',
              name: b.text(),
              input: b.text(),
            },
          ]
        : []),
      ...(b.random() < 0.3
        ? [
            {
              type: 'image_generation_call',
              id: 'ig_1',
              status: 'completed',
              result: b.base64(),
              output_format: 'png',
            },
          ]
        : []),
    ],
    usage: {
      input_tokens: 4711,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 815,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 5526,
    },
  };
}

function geminiReply(b: Builder): object {
  return {
    candidates: [
      {
        index: 0,
        content: {
          role: 'model',
          parts: [
            { text: b.text() },
            ...b.some<object>(
              () => ({ text: b.text(), thought: true }),
              () => ({ text: b.text(), ...b.maybe(() => ({ thoughtSignature: b.base64() })) }),
              () => ({ inlineData: { mimeType: 'image/png', data: b.base64() } }),
              () => ({ inlineData: { mimeType: 'audio/wav', data: b.base64() } }),
              () => ({ executableCode: { language: 'PYTHON', code: b.text() } }),
              () => ({ codeExecutionResult: { outcome: 'OUTCOME_OK', output: b.text() } }),
            ),
            ...(b.random() < 0.5
              ? [
                  {
                    functionCall: { name: b.text(), args: { q: b.text() } },
                    ...b.maybe(() => ({ thoughtSignature: b.base64() })),
                  },
                ]
              : []),
          ],
        },
        finishReason: 'STOP',
        ...b.maybe(() => ({
          groundingMetadata: {
            webSearchQueries: [b.text()],
            groundingChunks: [{ web: { uri: b.text('https://'), title: b.text() } }],
            groundingSupports: [
              { segment: { startIndex: 0, endIndex: 3, text: 'mar' }, groundingChunkIndices: [0] },
            ],
          },
        })),
      },
      ...(b.random() < 0.3
        ? [{ index: 1, content: { role: 'model', parts: [{ text: b.text() }] } }]
        : []),
    ],
    usageMetadata: { promptTokenCount: 4711, candidatesTokenCount: 815, totalTokenCount: 5526 },
    modelVersion: 'up',
    responseId: 'r1',
  };
}

export const REPLIES: Readonly<Record<FormatName, (b: Builder) => object>> = {
  chat: chatReply,
  messages: messagesReply,
  responses: responsesReply,
  gemini: geminiReply,
};
