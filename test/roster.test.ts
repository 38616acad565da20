import { describe, expect, test } from 'bun:test';
import { type Listed, Roster } from '../src/roster.ts';

interface Named extends Listed {
  readonly name: string;
}
const named = (name: string): Named => ({ name, place: -1 });
const namesIn = (roster: Roster<Named>): string[] =>
  roster
    .list()
    .map(({ name }) => name)
    .sort();

describe('a roster', () => {
  test('holds each of its members once', () => {
    const roster = new Roster<Named>();
    const [a, b] = [named('a'), named('b')];
    expect([roster.add(a), roster.add(b), roster.add(a)]).toEqual([true, true, false]);
    expect(roster.size).toBe(2);
    expect(namesIn(roster)).toEqual(['a', 'b']);
  });

  test('lets go of any of them, in any order', () => {
    for (const order of ['abc', 'acb', 'bac', 'bca', 'cab', 'cba']) {
      const roster = new Roster<Named>();
      const members = new Map([...'abc'].map((name) => [name, named(name)]));
      for (const member of members.values()) roster.add(member);
      const left = new Set('abc');
      for (const name of order) {
        const member = members.get(name) ?? named('nobody');
        left.delete(name);
        expect([roster.delete(member), roster.delete(member)]).toEqual([true, false]);
        expect(namesIn(roster)).toEqual([...left]);
        expect(roster.size).toBe(left.size);
      }
    }
  });

  test('takes back who left it', () => {
    const roster = new Roster<Named>();
    const a = named('a');
    roster.add(a);
    roster.delete(a);
    expect(roster.add(a)).toBe(true);
    expect(namesIn(roster)).toEqual(['a']);
  });

  test('gives a list that stays as it was', () => {
    const roster = new Roster<Named>();
    const a = named('a');
    roster.add(a);
    const list = roster.list();
    roster.delete(a);
    expect(list).toEqual([a]);
  });
});
