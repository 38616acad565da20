import { describe, expect, test } from 'bun:test';
import { GatewayError } from '../../../src/errors.ts';
import { chat } from '../../../src/formats/chat/chat.ts';
import type { JsonObject } from '../../../src/json.ts';
import type { UnifiedBlock, UnifiedReply } from '../../../src/unified.ts';
import { client, envelope, provider } from './support.ts';

const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };

function reply(message: object, finish: string | null = 'stop', more: object = {}): JsonObject {
  return {
    id: 'c1',
    created: 7,
    model: 'm',
    choices: [{ index: 0, message, finish_reason: finish }],
    ...more,
  };
}

describe('decodeReply', () => {
  test('reads reasoning, text and calls in the order that unified has', () => {
    const message = {
      role: 'assistant',
      content: 'Look.',
      reasoning_content: 'hm',
      tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
      function_call: { name: '', arguments: '' },
    };
    expect(chat.decodeReply(reply(message, 'tool_calls', { usage }), provider())).toEqual({
      id: 'c1',
      model: 'm',
      created: 7,
      blocks: [
        {
          type: 'reasoning',
          text: 'hm',
          opaque: { value: '', format: 'chat', provider: 'acme', model: 'some-model' },
        },
        { type: 'text', text: 'Look.' },
        {
          type: 'call',
          call: { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } },
        },
      ],
      finish: 'tool_calls',
      usage: { input: 5, cached: 0, cacheWrite: 0, output: 2 },
    });
  });

  test('an empty answer has no blocks', () => {
    expect(chat.decodeReply(reply({ role: 'assistant', content: '' }), provider()).blocks).toEqual(
      [],
    );
  });

  const thrown = (body: JsonObject): unknown => {
    try {
      chat.decodeReply(body, provider());
    } catch (error) {
      return error;
    }
    return undefined;
  };

  test('an error inside a 200 is thrown with the status that it names', () => {
    const error = thrown({ error: { message: 'No credit', code: 402 } });
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({ kind: 'upstream_refused', status: 402, provider: 'acme' });
    const choice = { ...reply({ content: '' }, 'error'), error: { message: 'Broke' } };
    expect(thrown(choice)).toMatchObject({
      kind: 'upstream_refused',
      status: 502,
      message: 'Broke',
    });
  });

  test('neither answer nor error is garbled', () => {
    expect(thrown({ id: 'x' })).toMatchObject({ kind: 'upstream_garbled' });
  });
});

describe('encodeReply', () => {
  const encode = (blocks: UnifiedBlock[], more: Partial<UnifiedReply> = {}, context = client()) =>
    chat.encodeReply({ id: 'p1', model: 'theirs', blocks, finish: 'stop', ...more }, context);

  test("is OpenAI's object, under the name that was asked for", () => {
    const usage = { input: 3, cached: 2, cacheWrite: 0, output: 4 };
    expect(encode([{ type: 'text', text: 'Hi' }], { usage, serviceTier: 'standard' })).toEqual({
      id: 'p1',
      object: 'chat.completion',
      created: 1_700_000_000,
      model: 'asked-for',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hi', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 5,
        completion_tokens: 4,
        total_tokens: 9,
        prompt_tokens_details: { cached_tokens: 2 },
      },
      service_tier: 'default',
    });
  });

  test('content is null when there is none, arguments are never empty', () => {
    const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '' } } as const;
    expect(encode([{ type: 'call', call }])).toMatchObject({
      choices: [
        {
          message: {
            content: null,
            tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
          },
          finish_reason: 'tool_calls',
        },
      ],
    });
  });

  test('tokens of other formats travel sealed, and come back', () => {
    const signature = {
      value: 'sig',
      format: 'messages',
      provider: 'anthropic',
      model: 'c',
    } as const;
    const redacted = {
      value: 'blob',
      format: 'messages',
      provider: 'anthropic',
      model: 'c',
    } as const;
    const onCall = { value: 'thought', format: 'gemini', provider: 'google', model: 'g' } as const;
    const blocks: UnifiedBlock[] = [
      { type: 'reasoning', text: 'one', opaque: signature },
      { type: 'reasoning', text: '', redacted: true, opaque: redacted },
      {
        type: 'reasoning',
        text: 'two',
        summarized: true,
        id: 'rs_1',
        opaque: { ...signature, format: 'responses' },
      },
      {
        type: 'call',
        call: {
          id: 'a',
          type: 'function',
          function: { name: 'f', arguments: '{}' },
          opaque: onCall,
        },
      },
    ];
    const wire = JSON.stringify(encode(blocks));
    expect(wire).not.toContain('"sig"');
    const { message } = JSON.parse(wire).choices[0];
    expect(message.reasoning_content).toBe('one\n\ntwo');
    const back = chat.decodeRequest(
      {
        model: 'm',
        messages: [message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'x' }],
      },
      client(),
    );
    expect(back.messages[0]?.reasoning).toMatchObject([
      { text: 'one', opaque: signature },
      { text: '', redacted: true, opaque: redacted },
      { text: 'two', summarized: true, id: 'rs_1' },
    ]);
    expect(back.messages[0]?.tool_calls).toMatchObject([{ id: 'a', opaque: onCall }]);
    expect(back.messages[1]?.tool_call_id).toBe('a');
  });

  test("a chat provider's own tokens are shown as that provider spells them", () => {
    const details = [{ type: 'reasoning.encrypted', data: 'x', index: 0 }];
    const opaque = {
      value: JSON.stringify(details),
      format: 'chat',
      provider: 'openrouter',
    } as const;
    expect(encode([{ type: 'reasoning', text: 'hm', opaque }])).toMatchObject({
      choices: [{ message: { reasoning_content: 'hm', reasoning_details: details } }],
    });
    const plain = encode([
      { type: 'reasoning', text: 'hm', opaque: { value: '', format: 'chat' } },
    ]);
    expect(JSON.stringify(plain)).not.toContain('reasoning_details');
  });

  test('citations, refusals, images and custom calls have their places', () => {
    expect(
      encode([
        {
          type: 'text',
          text: 'X',
          citations: [{ url: 'https://x.test/', title: 'X', start: 0, end: 1 }],
        },
        { type: 'refusal', text: 'No' },
        { type: 'media', mediaType: 'image/png', data: 'AA' },
        {
          type: 'call',
          call: { id: 'c', type: 'custom', custom: { name: 'sql', input: 'SELECT' } },
        },
      ]),
    ).toMatchObject({
      choices: [
        {
          message: {
            content: 'X',
            refusal: 'No',
            annotations: [
              {
                type: 'url_citation',
                url_citation: { url: 'https://x.test/', title: 'X', start_index: 0, end_index: 1 },
              },
            ],
            images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }],
            tool_calls: [{ id: 'c', type: 'custom', custom: { name: 'sql', input: 'SELECT' } }],
          },
        },
      ],
    });
  });

  test('what chat cannot show is reported', () => {
    const context = client();
    encode(
      [
        {
          type: 'text',
          text: 'x',
          opaque: { value: 's', format: 'gemini' },
          citations: [{ citedText: 'y' }],
        },
        { type: 'media', mediaType: 'audio/wav', data: 'AA' },
        { type: 'hosted', format: 'messages', value: { type: 'server_tool_use' } },
      ],
      { stopSequence: 'END' },
      context,
    );
    expect(context.ledger.dropped).toEqual([
      'reply.citations',
      'reply.thoughtSignature',
      'reply.audio/wav',
      'reply.server_tool_use',
      'reply.stop_sequence',
    ]);
  });

  test('a client that offered functions gets a function_call', () => {
    const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } } as const;
    const context = client({ body: { functions: [{ name: 'f' }] } });
    const result = encode(
      [
        { type: 'call', call },
        { type: 'call', call },
      ],
      {},
      context,
    );
    expect(result).toMatchObject({
      choices: [
        {
          message: { function_call: { name: 'f', arguments: '{}' } },
          finish_reason: 'function_call',
        },
      ],
    });
    expect(JSON.stringify(result)).not.toContain('tool_calls');
    expect(context.ledger.dropped).toEqual(['reply.tool_calls.1']);
  });

  test('an id is made when the provider gave none', () => {
    expect(encode([], { id: '' })).toMatchObject({ id: expect.stringMatching(/^chatcmpl-.{24}/) });
    expect(envelope.isSealed('chatcmpl-')).toBe(false);
  });
});
