import { describe, expect, test } from 'bun:test';
import { openAiModel, reasons } from '../../../src/formats/chat/models.ts';
import { encoded, provider } from './support.ts';

describe('openAiModel', () => {
  test.each([
    'o3',
    'o4-mini',
    'gpt-5',
    'gpt-5-nano-2025-08-07',
    'openai/gpt-5.2',
    'openai.gpt-5.6-luna',
  ])('%s reasons', (name) => expect(reasons(openAiModel(name))).toBe(true));
  test.each(['gpt-4o', 'gpt-4.1-mini', 'gpt-35-turbo', 'chatgpt-4o-latest', 'gpt-5-chat-latest'])(
    '%s is known and does not reason',
    (name) => {
      expect(openAiModel(name)).toBeDefined();
      expect(reasons(openAiModel(name))).toBe(false);
    },
  );
  test.each(['openai/gpt-oss-120b', 'deepseek-chat', 'o365', 'qwen3', 'grok-4'])(
    '%s is nobody we judge',
    (name) => expect(openAiModel(name)).toBeUndefined(),
  );
});

describe('what OpenAI would refuse is not sent and reported', () => {
  test('sampling and stop at gpt-5', () => {
    const context = provider({ model: 'gpt-5-mini' });
    const body = encoded({ temperature: 0.2, top_p: 0.9, stop: ['END'], max_tokens: 50 }, context);
    expect(body).toEqual({
      model: 'gpt-5-mini',
      messages: [{ role: 'user', content: 'Hi' }],
      max_completion_tokens: 50,
    });
    expect(context.ledger.dropped).toEqual(['temperature', 'top_p', 'stop']);
  });

  test('temperature 1 is what they have: no loss', () => {
    const context = provider({ model: 'o3' });
    expect(encoded({ temperature: 1 }, context)).not.toHaveProperty('temperature');
    expect(context.ledger.dropped).toEqual([]);
  });

  test('gpt-5.2 takes a temperature as long as it does not reason', () => {
    const model = 'gpt-5.2';
    expect(encoded({ temperature: 0.2 }, provider({ model }))).toMatchObject({ temperature: 0.2 });
    const context = provider({ model });
    const body = encoded({ temperature: 0.2, reasoning: { effort: 'high' } }, context);
    expect(body).toMatchObject({ reasoning_effort: 'high' });
    expect(body).not.toHaveProperty('temperature');
    expect(context.ledger.dropped).toEqual(['temperature']);
  });

  test('tools and reasoning together, from gpt-5.4 on', () => {
    const context = provider({ model: 'gpt-5.6' });
    const body = encoded(
      {
        reasoning: { effort: 'high' },
        tools: [{ type: 'function', function: { name: 'f' } }],
      },
      context,
    );
    expect(body).toMatchObject({ reasoning_effort: 'none' });
    expect(context.ledger.dropped).toEqual(['reasoning']);
  });

  test('metadata without store', () => {
    const context = provider({ model: 'gpt-4o' });
    expect(encoded({ metadata: { team: 'blue' } }, context)).not.toHaveProperty('metadata');
    expect(context.ledger.dropped).toEqual(['metadata']);
    expect(encoded({ metadata: { team: 'blue' }, store: true }, context)).toMatchObject({
      metadata: { team: 'blue' },
      store: true,
    });
  });
});
