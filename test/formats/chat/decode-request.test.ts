import { describe, expect, test } from 'bun:test';
import type { GatewayError } from '../../../src/errors.ts';
import { chat } from '../../../src/formats/chat/chat.ts';
import { client, decoded, envelope } from './support.ts';

const hello = [{ role: 'user', content: 'Hi' }];

describe('a body that is not a chat request', () => {
  const refusal = (body: Record<string, unknown>): GatewayError => {
    try {
      chat.decodeRequest(body, client());
    } catch (error) {
      return error as GatewayError;
    }
    throw new Error('accepted');
  };
  test.each([
    [{ messages: hello }, 'model'],
    [{ model: 'm' }, 'messages'],
    [{ model: 'm', messages: [] }, 'messages'],
    [{ model: 'm', messages: 'hi' }, 'messages'],
    [{ model: 'm', messages: [{ content: 'x' }] }, 'messages.0.role'],
    [{ model: 'm', messages: [{ role: 'robot', content: 'x' }] }, 'messages.0.role'],
    [{ model: 'm', messages: [{ role: 'user' }] }, 'messages.0.content'],
    [
      { model: 'm', messages: [{ role: 'user', content: [{ text: 'x' }] }] },
      'messages.0.content.0.type',
    ],
    [{ model: 'm', messages: [{ role: 'tool', content: 'x' }] }, 'messages.0.tool_call_id'],
    [{ model: 'm', messages: hello, temperature: 'hot' }, 'temperature'],
    [{ model: 'm', messages: hello, tools: [{ type: 'function' }] }, 'tools.0.function'],
    [{ model: 'm', messages: hello, stop: [1] }, 'stop.0'],
  ] as [Record<string, unknown>, string][])('%j is refused at %s', (body, field) => {
    expect(refusal(body)).toMatchObject({ kind: 'invalid_request', status: 400, field });
  });

  test('a Responses body sent here is told where it belongs', () => {
    const error = refusal({ model: 'm', input: 'hi' });
    expect(error.field).toBe('messages');
    expect(error.message).toContain('/v1/responses');
  });
});

describe('parameters', () => {
  test('are kept, zero and false as well', () => {
    const request = decoded(hello, {
      temperature: 0,
      top_p: 0.5,
      max_completion_tokens: 10,
      parallel_tool_calls: false,
      seed: 0,
      n: 2,
      stop: 'END',
      stream_options: { include_usage: true },
    });
    expect(request).toMatchObject({
      temperature: 0,
      top_p: 0.5,
      max_completion_tokens: 10,
      parallel_tool_calls: false,
      seed: 0,
      n: 2,
      stop: ['END'],
      stream_options: { include_usage: true },
    });
  });

  test('of one vendor go to extra, null says nothing', () => {
    const request = decoded(hello, { provider: { order: ['x'] }, audio: null, temperature: null });
    expect(request.extra).toEqual({ format: 'chat', fields: { provider: { order: ['x'] } } });
    expect(request).not.toHaveProperty('temperature');
  });

  test('safety_identifier is the user, and an older `user` stays beside it', () => {
    expect(decoded(hello, { safety_identifier: 's' }).user).toBe('s');
    const both = decoded(hello, { safety_identifier: 's', user: 'u' });
    expect(both.user).toBe('s');
    expect(both.extra?.fields).toEqual({ user: 'u' });
  });

  test('unknown fields inside are reported by their path', () => {
    const context = client();
    decoded(
      [{ role: 'user', content: [{ type: 'text', text: 'x', y: 1 }], z: 1, w: null }],
      { tools: [{ type: 'function', function: { name: 'f', v: 1 }, u: 1 }] },
      context,
    );
    expect(context.ledger.dropped).toEqual([
      'messages.0.content.0.y',
      'messages.0.z',
      'tools.0.function.v',
      'tools.0.u',
    ]);
  });
});

describe('tools', () => {
  test('a grammar of a custom tool has the shape that unified knows', () => {
    const grammar = { syntax: 'lark', definition: 'start: "x"' };
    const tools = [{ type: 'custom', custom: { name: 'c', format: { type: 'grammar', grammar } } }];
    expect(decoded(hello, { tools }).tools).toEqual([
      {
        type: 'custom',
        custom: { name: 'c', format: { type: 'grammar', ...grammar } },
        path: 'tools.0',
      },
    ]);
  });

  test.each([
    ['any', 'required'],
    ['none', 'none'],
    [
      { type: 'function', function: { name: 'f' } },
      { type: 'function', function: { name: 'f' } },
    ],
    [
      {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'f' } }] },
      },
      { type: 'allowed_tools', mode: 'required', names: ['f'] },
    ],
  ] as [unknown, unknown][])('the choice %j', (choice, unified) => {
    expect(decoded(hello, { tool_choice: choice }).tool_choice as unknown).toEqual(unified);
  });

  test('functions of the old kind become tools, calls and results that belong together', () => {
    const request = decoded(
      [
        { role: 'user', content: 'Go' },
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: 'one' },
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{"a":1}' } },
        { role: 'function', name: 'f', content: 'two' },
      ],
      { functions: [{ name: 'f', parameters: { type: 'object' } }], function_call: { name: 'f' } },
    );
    const ids = request.messages.map(
      (message) => message.tool_call_id ?? message.tool_calls?.[0]?.id,
    );
    expect(ids).toEqual([
      undefined,
      'call_legacy_1',
      'call_legacy_1',
      'call_legacy_2',
      'call_legacy_2',
    ]);
    expect(request.tools).toMatchObject([{ type: 'function', function: { name: 'f' } }]);
    expect(request.tool_choice).toEqual({ type: 'function', function: { name: 'f' } });
  });
});

describe('content', () => {
  test('every part that chat knows', () => {
    const request = decoded([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a', cache_control: { type: 'ephemeral' } },
          { type: 'image_url', image_url: { url: 'https://x.test/y.png', detail: 'low' } },
          { type: 'input_audio', input_audio: { data: 'QUJD', format: 'mp3' } },
          {
            type: 'file',
            file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBE' },
          },
          { type: 'file', file: { file_id: 'file-1' } },
          { type: 'video_url', video_url: { url: 'https://x.test/v.mp4' } },
          { type: 'made_up', x: 1 },
        ],
      },
    ]);
    expect(request.messages[0]?.content).toMatchObject([
      { type: 'text', text: 'a', cache_control: { type: 'ephemeral' } },
      { type: 'image_url', image_url: { url: 'https://x.test/y.png', detail: 'low' } },
      { type: 'input_audio', input_audio: { data: 'QUJD', format: 'mp3' } },
      { type: 'file', file: { filename: 'a.pdf', media_type: 'application/pdf', data: 'JVBE' } },
      { type: 'file', file: { id: 'file-1', idFormat: 'chat' } },
      { type: 'video', video: { url: 'https://x.test/v.mp4' } },
      { type: 'hosted', format: 'chat', value: { type: 'made_up', x: 1 } },
    ]);
    expect(request.messages[0]?.content).toMatchObject([
      { path: 'messages.0.content.0' },
      {},
      {},
      {},
      {},
      {},
      {},
    ]);
  });

  test('developer is a system message that remembers its name', () => {
    expect(decoded([{ role: 'developer', content: 'Be brief' }]).messages).toEqual([
      { role: 'system', developer: true, content: 'Be brief', path: 'messages.0' },
    ]);
  });

  test('a refusal beside the content comes after it', () => {
    const request = decoded([{ role: 'assistant', content: 'Well.', refusal: 'No.' }]);
    expect(request.messages[0]?.content).toMatchObject([
      { type: 'text', text: 'Well.' },
      { type: 'refusal', refusal: 'No.' },
    ]);
  });
});

describe('reasoning that comes back', () => {
  const reasoning = (message: object, context = client()) =>
    decoded([{ role: 'assistant', content: 'x', ...message }], {}, context).messages[0]?.reasoning;

  test('plain text has no issuer', () => {
    expect(reasoning({ reasoning_content: 'hm' })).toEqual([
      { text: 'hm', opaque: { value: '', format: 'chat' }, path: 'messages.0.reasoning_content' },
    ]);
    expect(reasoning({ reasoning: 'hm' })).toMatchObject([
      { text: 'hm', opaque: { value: 'reasoning', format: 'chat' } },
    ]);
  });

  test("a vendor's list with signatures is kept whole", () => {
    const details = [{ type: 'reasoning.text', text: 'hm', signature: 'sig', index: 0 }];
    expect(reasoning({ reasoning: 'hm', reasoning_details: details })).toEqual([
      {
        text: 'hm',
        opaque: { value: JSON.stringify(details), format: 'chat' },
        path: 'messages.0.reasoning_details',
      },
    ]);
  });

  test("Mistral's thinking parts are reasoning, not content", () => {
    const content = [
      { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
      { type: 'text', text: 'so' },
    ];
    const [message] = decoded([{ role: 'assistant', content }]).messages;
    expect(message?.reasoning).toMatchObject([{ text: 'hm', opaque: { value: 'thinking' } }]);
    expect(message?.content).toMatchObject([{ type: 'text', text: 'so' }]);
  });

  test('a sealed token is opened with its text, an altered text makes it void', () => {
    const opaque = {
      value: 'sig',
      format: 'messages',
      provider: 'anthropic',
      model: 'claude',
    } as const;
    const detail = {
      type: 'reasoning.text',
      text: 'hm',
      signature: envelope.seal(opaque, 'hm'),
      format: 'plexus',
    };
    expect(reasoning({ reasoning_content: 'hm', reasoning_details: [detail] })).toMatchObject([
      { text: 'hm', opaque },
    ]);
    const context = client();
    const altered = { ...detail, text: 'hmm' };
    expect(reasoning({ reasoning_details: [altered] }, context)).toBeUndefined();
    expect(context.ledger.dropped).toEqual(['messages.0.reasoning_details.0']);
  });

  test('a token in the id of a call is taken off it and put on the call', () => {
    const opaque = { value: 'sig', format: 'gemini', provider: 'google', model: 'g' } as const;
    const id = envelope.attach('call_1', opaque);
    const request = decoded([
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id, type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: id, content: 'ok' },
    ]);
    expect(request.messages[0]?.tool_calls).toMatchObject([{ id: 'call_1', opaque }]);
    expect(request.messages[1]?.tool_call_id).toBe('call_1');
  });
});
