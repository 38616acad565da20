/** Quirks that are mostly tables: what a provider refuses or spells otherwise. */
import { describe, expect, test } from 'bun:test';
import { groq } from '../../src/quirks/groq.ts';
import { QUIRKS } from '../../src/quirks/index.ts';
import { llamacpp } from '../../src/quirks/llamacpp.ts';
import { moonshot } from '../../src/quirks/moonshot.ts';
import { ollama } from '../../src/quirks/ollama.ts';
import { qwen } from '../../src/quirks/qwen.ts';
import { vllm } from '../../src/quirks/vllm.ts';
import { xai } from '../../src/quirks/xai.ts';
import { zai } from '../../src/quirks/zai.ts';
import type { UnifiedToolChoice } from '../../src/unified.ts';
import { ask, calledOnce, encodeWith, offline, tool, user } from './support.ts';

const tools = [tool('look'), tool('read')];
const named = { type: 'function', function: { name: 'look' } } as const;
const allowed: UnifiedToolChoice = { type: 'allowed_tools', mode: 'auto', names: ['look'] };
const high = { effort: 'high' } as const;

function toolNames(body: Record<string, unknown>): unknown {
  const list = body['tools'];
  return Array.isArray(list) ? list.map((each) => each.function.name) : undefined;
}

test('every quirk is listed under its name, and makes hooks without options', async () => {
  for (const [name, load] of QUIRKS) {
    const quirk = await load();
    expect(quirk.name).toBe(name);
    expect(Object.keys(quirk.create({}, offline)).length).toBeGreaterThan(0);
  }
});

test.each([
  ['groq', groq, 'openai/gpt-oss-20b'],
  ['xai', xai, 'grok-4.5'],
  ['qwen', qwen, 'qwen-plus'],
  ['zai', zai, 'glm-4.7'],
  ['ollama', ollama, 'qwen3'],
  ['vllm', vllm, 'qwen3'],
  ['llamacpp', llamacpp, 'qwen3'],
  ['moonshot', moonshot, 'kimi-k3'],
])('%s: a list of allowed tools is what is offered', (_name, quirk, model) => {
  const { body, dropped } = encodeWith(quirk, ask({ tools, tool_choice: allowed }), { model });
  expect(toolNames(body)).toEqual(['look']);
  expect(body['tool_choice']).toBe('auto');
  expect(dropped).toEqual([]);
});

describe('groq', () => {
  test('what ends in a 400 is left out and reported', () => {
    const request = ask({
      messages: [{ ...user('Hi'), name: 'ann' }],
      logprobs: true,
      top_logprobs: 3,
      logit_bias: { '5': 1 },
      service_tier: 'priority',
    });
    const { body, dropped } = encodeWith(groq, request);
    expect(Object.keys(body).toSorted()).toEqual(['messages', 'model']);
    expect(dropped.toSorted()).toEqual([
      'logit_bias',
      'logprobs',
      'messages.0.name',
      'service_tier',
      'top_logprobs',
    ]);
  });

  test('tools have no $schema', () => {
    const parameters = { $schema: 'https://json-schema.org/draft-07/schema#', type: 'object' };
    const request = ask({ tools: [{ type: 'function', function: { name: 'look', parameters } }] });
    expect(encodeWith(groq, request).body['tools']).toEqual([
      { type: 'function', function: { name: 'look', parameters: { type: 'object' } } },
    ]);
  });

  test.each([
    ['openai/gpt-oss-120b', { effort: 'max' } as const, { reasoning_effort: 'high' }],
    ['openai/gpt-oss-120b', { effort: 'minimal' } as const, { reasoning_effort: 'low' }],
    ['qwen/qwen3-32b', high, { reasoning_effort: 'default', reasoning_format: 'parsed' }],
    [
      'qwen/qwen3-32b',
      { enabled: false },
      { reasoning_effort: 'none', reasoning_format: 'parsed' },
    ],
  ])('%s: %j → %j', (model, reasoning, expected) => {
    expect(encodeWith(groq, ask({ reasoning }), { model }).body).toMatchObject(expected);
  });

  test('other models take no effort', () => {
    const setting = { model: 'llama-3.3-70b-versatile' };
    const { body, dropped } = encodeWith(groq, ask({ reasoning: high }), setting);
    expect(body['reasoning_effort']).toBeUndefined();
    expect(dropped).toEqual(['reasoning']);
  });
});

describe('xai', () => {
  const request = ask({ presence_penalty: 0.5, frequency_penalty: 0, stop: ['END'] });

  test('reasoning models take neither penalties nor stop; a default is no loss', () => {
    const { body, dropped } = encodeWith(xai, request, { model: 'grok-4.5' });
    expect(Object.keys(body).toSorted()).toEqual(['messages', 'model']);
    expect(dropped).toEqual(['presence_penalty', 'stop']);
  });

  test('the others take stop', () => {
    const { body } = encodeWith(xai, request, { model: 'grok-4-1-fast-non-reasoning' });
    expect(body['stop']).toEqual(['END']);
  });

  test.each([
    ['grok-3-mini', { effort: 'medium' } as const, 'high', []],
    ['grok-4.3', { enabled: false }, 'none', []],
    ['grok-4.5', { effort: 'max' } as const, 'high', []],
    ['grok-4.5', { enabled: false }, undefined, ['reasoning']],
    ['grok-4-0709', high, undefined, ['reasoning']],
    ['grok-code-fast-1', high, undefined, ['reasoning']],
    ['grok-4-1-fast-non-reasoning', { enabled: false }, undefined, []],
    ['grok-4.20-reasoning', { adaptive: true }, undefined, []],
  ])('%s: %j → %p', (model, reasoning, effort, lost) => {
    const { body, dropped } = encodeWith(xai, ask({ reasoning }), { model });
    expect(body['reasoning_effort']).toBe(effort);
    expect(dropped).toEqual([...lost]);
  });
});

describe('moonshot', () => {
  const k26 = { model: 'kimi-k2.6' };
  const k3 = { model: 'kimi-k3' };

  test('sampling is fixed: what is asked is reported, the default is not', () => {
    const { body, dropped } = encodeWith(moonshot, ask({ temperature: 0.2, top_p: 1 }), k26);
    expect(Object.keys(body).toSorted()).toEqual(['messages', 'model']);
    expect(dropped).toEqual(['temperature']);
    const old = encodeWith(moonshot, ask({ temperature: 0.2 }), { model: 'moonshot-v1-8k' });
    expect(old.body['temperature']).toBe(0.2);
  });

  test('K2.6: thinking is switched, and never beside an effort', () => {
    const on = encodeWith(moonshot, ask({ reasoning: high }), k26).body;
    expect(on).toMatchObject({ thinking: { type: 'enabled' } });
    expect(on).not.toHaveProperty('reasoning_effort');
    const off = encodeWith(moonshot, ask({ reasoning: { enabled: false } }), k26).body;
    expect(off).toMatchObject({ thinking: { type: 'disabled' } });
  });

  test('K2.6: a forced tool without thinking', () => {
    const { body } = encodeWith(moonshot, ask({ tools, tool_choice: named }), k26);
    expect(body).toMatchObject({ tool_choice: named, thinking: { type: 'disabled' } });
  });

  test('K2.7 cannot stop thinking: the choice is loosened', () => {
    const setting = { model: 'kimi-k2.7-code' };
    const { body, approximated } = encodeWith(
      moonshot,
      ask({ tools, tool_choice: 'required' }),
      setting,
    );
    expect(body['tool_choice']).toBe('auto');
    expect(approximated).toEqual(['tool_choice (auto)']);
  });

  test('K3: a named tool is the only one, and required', () => {
    const { body } = encodeWith(moonshot, ask({ tools, tool_choice: named }), k3);
    expect(toolNames(body)).toEqual(['look']);
    expect(body['tool_choice']).toBe('required');
  });

  test.each([
    ['medium', 'high'],
    ['xhigh', 'max'],
    ['minimal', 'low'],
  ] as const)('K3: effort %s → %s', (effort, expected) => {
    const { body, approximated } = encodeWith(moonshot, ask({ reasoning: { effort } }), k3);
    expect(body['reasoning_effort']).toBe(expected);
    expect(approximated).toEqual([`reasoning.effort (effort ${expected})`]);
  });

  test('messages of another model get a blank reasoning', () => {
    const request = ask({ messages: [user('Hi'), ...calledOnce()], tools });
    expect(encodeWith(moonshot, request, k3).body['messages']).toContainEqual(
      expect.objectContaining({ role: 'assistant', reasoning_content: ' ' }),
    );
  });
});

describe('qwen', () => {
  const plus = { model: 'qwen-plus' };

  test('thinking with its budget', () => {
    const request = ask({ reasoning: { max_tokens: 500 } });
    const { body } = encodeWith(qwen, request, plus);
    expect(body).toMatchObject({ enable_thinking: true, thinking_budget: 500 });
    expect(body).not.toHaveProperty('reasoning_effort');
  });

  test('open models do not think unless they stream', () => {
    const setting = { model: 'qwen3-32b' };
    expect(encodeWith(qwen, ask(), setting).body['enable_thinking']).toBe(false);
    const asked = encodeWith(qwen, ask({ reasoning: high }), setting);
    expect(asked.dropped).toEqual(['reasoning']);
    const streamed = encodeWith(qwen, ask({ reasoning: high, stream: true }), setting);
    expect(streamed.body['enable_thinking']).toBe(true);
    expect(encodeWith(qwen, ask(), plus).body).not.toHaveProperty('enable_thinking');
  });

  test('a forced tool is called without thinking', () => {
    const { body } = encodeWith(qwen, ask({ tools, tool_choice: 'required' }), plus);
    expect(body).toMatchObject({ tool_choice: 'required', enable_thinking: false });
  });

  test('top_k and cache marks arrive', () => {
    const mark = { type: 'ephemeral' };
    const request = ask({
      top_k: 20,
      messages: [
        { role: 'system', content: [{ type: 'text', text: 'Long.', cache_control: mark }] },
        user('Hi'),
      ],
    });
    const { body, dropped } = encodeWith(qwen, request, plus);
    expect(body['top_k']).toBe(20);
    expect(body['messages']).toContainEqual({
      role: 'system',
      content: [{ type: 'text', text: 'Long.', cache_control: mark }],
    });
    expect(dropped).toEqual([]);
    expect(Object.keys(body).toSorted()).toEqual(['messages', 'model', 'top_k']);
  });
});

describe('zai', () => {
  test.each(['required', named] as const)('%j: a choice must be auto', (choice) => {
    const setting = { model: 'glm-4.7' };
    const { body, approximated } = encodeWith(zai, ask({ tools, tool_choice: choice }), setting);
    expect(body['tool_choice']).toBe('auto');
    expect(approximated).toEqual(['tool_choice (auto)']);
  });

  test('none: no tools are offered', () => {
    const { body } = encodeWith(zai, ask({ tools, tool_choice: 'none' }), { model: 'glm-4.7' });
    expect(body).not.toHaveProperty('tools');
    expect(body).not.toHaveProperty('tool_choice');
  });

  test('arguments stream where the model can', () => {
    const request = ask({ tools, stream: true });
    expect(encodeWith(zai, request, { model: 'glm-4.7' }).body['tool_stream']).toBe(true);
    expect(encodeWith(zai, request, { model: 'glm-4.5' }).body).not.toHaveProperty('tool_stream');
    expect(encodeWith(zai, ask({ tools }), { model: 'glm-5' }).body).not.toHaveProperty(
      'tool_stream',
    );
  });

  test('thinking is switched; from GLM-5.3 on it can only be low', () => {
    const off = ask({ reasoning: { enabled: false } });
    const switched = encodeWith(zai, off, { model: 'glm-4.7' });
    expect(switched.body['thinking']).toEqual({ type: 'disabled' });
    const always = encodeWith(zai, off, { model: 'glm-5.3' });
    expect(always.body['reasoning_effort']).toBe('low');
    expect(always.approximated).toEqual(['reasoning (effort low)']);
  });
});

describe('ollama', () => {
  test.each([
    [{ effort: 'minimal' }, 'low'],
    [{ effort: 'max' }, 'high'],
    [{ enabled: false }, 'none'],
  ] as const)('%j → %s', (reasoning, effort) => {
    expect(encodeWith(ollama, ask({ reasoning })).body['reasoning_effort']).toBe(effort);
  });

  test('what it ignores in silence is reported', () => {
    const { body, dropped } = encodeWith(ollama, ask({ user: 'me', logit_bias: { '1': 2 } }));
    expect(Object.keys(body).toSorted()).toEqual(['messages', 'model']);
    expect(dropped.toSorted()).toEqual(['logit_bias', 'user']);
  });
});

describe.each([
  ['vllm', vllm],
  ['llamacpp', llamacpp],
])('%s', (_name, quirk) => {
  test('thinking is told to the template', () => {
    const off = encodeWith(quirk, ask({ reasoning: { enabled: false } }));
    expect(off.body['chat_template_kwargs']).toEqual({ enable_thinking: false });
    expect(off.dropped).toEqual([]);
    const on = encodeWith(quirk, ask({ reasoning: high })).body;
    expect(on).toMatchObject({
      chat_template_kwargs: { enable_thinking: true },
      reasoning_effort: 'high',
    });
    expect(encodeWith(quirk, ask()).body).not.toHaveProperty('chat_template_kwargs');
  });

  test('what the configuration tells the template stays', () => {
    const request = ask({
      reasoning: high,
      chat_template_kwargs: { enable_thinking: false, x: 1 },
    });
    expect(encodeWith(quirk, request).body['chat_template_kwargs']).toEqual({
      enable_thinking: false,
      x: 1,
    });
  });

  test('top_k arrives', () => {
    const { body, dropped } = encodeWith(quirk, ask({ top_k: 20 }));
    expect(body['top_k']).toBe(20);
    expect(dropped).toEqual([]);
  });
});

test('llamacpp: parallel calls are asked for unless forbidden, a named tool is the only one', () => {
  expect(encodeWith(llamacpp, ask({ tools })).body['parallel_tool_calls']).toBe(true);
  const forbidden = ask({ tools, parallel_tool_calls: false, tool_choice: named });
  const { body } = encodeWith(llamacpp, forbidden);
  expect(body['parallel_tool_calls']).toBe(false);
  expect(toolNames(body)).toEqual(['look']);
  expect(body['tool_choice']).toBe('required');
});
