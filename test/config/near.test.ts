import { describe, expect, test } from 'bun:test';
import { editDistance, near } from '../../src/config/near.ts';

describe('editDistance', () => {
  test.each([
    ['', '', 0],
    ['a', '', 1],
    ['kitten', 'sitting', 3],
    ['targets', 'tragets', 1],
    ['abc', 'abc', 0],
    ['ab', 'ba', 1],
  ])('%p to %p is %p', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });

  test('gives no more than one above its bound', () => {
    expect(editDistance('abcdefgh', 'zyxwvuts', 2)).toBe(3);
    expect(editDistance('a', 'abcdefgh', 2)).toBe(3);
  });
});

describe('near', () => {
  const models = ['gpt-5-mini', 'gpt-5', 'claude-sonnet-4-5', 'gemini-2.5-flash'];

  test('finds slips, the nearest first', () => {
    expect(near('gpt-5-mni', models)).toEqual(['gpt-5-mini', 'gpt-5']);
    expect(near('claud-sonet-4-5', models)).toEqual(['claude-sonnet-4-5']);
  });
  test('case and the marks between words do not count', () => {
    expect(near('GPT 5', models)[0]).toBe('gpt-5');
    expect(near('base_url', ['baseUrl', 'auth'])).toEqual(['baseUrl']);
  });
  test('finds a name inside another', () => {
    expect(near('claude-sonnet-4-5-20250929', models)).toEqual(['claude-sonnet-4-5']);
    expect(near('gpt-5-mini', ['openai/gpt-5-mini', 'demo/echo'])).toEqual(['openai/gpt-5-mini']);
  });
  test('gives nothing for what is unlike everything, and never the name itself', () => {
    expect(near('llama-3', models)).toEqual([]);
    expect(near('', models)).toEqual([]);
    expect(near('gpt-5', ['gpt-5'])).toEqual([]);
  });
  test('gives no more than asked for', () => {
    expect(near('aaaa1', ['aaaa2', 'aaaa3', 'aaaa4', 'aaaa5'], 2)).toEqual(['aaaa2', 'aaaa3']);
  });
});
