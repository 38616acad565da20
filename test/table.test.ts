import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { measure, section, undated, withSection } from './support/table.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('the table of the README is what the matrix gives; else: bun run table', async () => {
  const figures = await measure();
  expect(figures.problems).toEqual([]);
  expect(undated(readme)).toBe(undated(section(figures, '2026-01-01')));
});

test('the section is replaced, and nothing around it', () => {
  const old = 'before\n<!-- bun run table: begin -->\nold\n<!-- bun run table: end -->\nafter\n';
  expect(withSection(old, 'new')).toBe('before\nnew\nafter\n');
  expect(() => withSection('nothing', 'new')).toThrow('no place');
});
