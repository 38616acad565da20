import { describe, expect, test } from 'bun:test';
import { diffLines } from '../../src/cli/diff.ts';
import { applyEdits, type Edit, revertEdits } from '../../src/cli/edit-file.ts';
import { jsonEditor } from '../../src/cli/edit-json.ts';
import { tomlEditor } from '../../src/cli/edit-toml.ts';

const URL_EDIT: Edit = { path: ['env', 'URL'], value: 'http://x' };

describe('a change in JSON', () => {
  test.each([
    ['', '{\n  "env": {\n    "URL": "http://x"\n  }\n}\n'],
    ['{}', '{\n  "env": {\n    "URL": "http://x"\n  }\n}'],
    ['{ "a": [1, 2] }', '{ "a": [1, 2], "env": {\n  "URL": "http://x"\n} }'],
    [
      '{\n\t"env": {\n\t\t"A": "1"\n\t}\n}\n',
      '{\n\t"env": {\n\t\t"A": "1",\n\t\t"URL": "http://x"\n\t}\n}\n',
    ],
    ['{"env":{"URL":"old","B":{"c":"}"}}}', '{"env":{"URL":"http://x","B":{"c":"}"}}}'],
    [
      '{\n  // why\n  "env": {\n    "A": "1", // first\n  },\n}\n',
      '{\n  // why\n  "env": {\n    "A": "1",\n    "URL": "http://x" // first\n  },\n}\n',
    ],
  ])('in %j touches nothing else', (before, after) => {
    expect(applyEdits(jsonEditor, before, [URL_EDIT])).toBe(after);
  });

  test('is refused where the file holds something else than a group', () => {
    expect(() => applyEdits(jsonEditor, '{"env": "none"}', [URL_EDIT])).toThrow('object');
    expect(() => applyEdits(jsonEditor, '[1]', [URL_EDIT])).toThrow();
    expect(() => applyEdits(jsonEditor, '{"env": {', [URL_EDIT])).toThrow();
  });

  test.each([
    '{}',
    '{ "a": 1 }',
    '{\n  "env": {\n    "A": "1"\n  }\n}\n',
    '{\n  "a": true,\n  "env": { "URL": "mine" }\n}\n',
    '{\n  // kept\n  "env": {\n    "A": "1",\n  },\n}\n',
  ])('in %j can be taken back', (before) => {
    const edits: Edit[] = [URL_EDIT, { path: ['env', 'KEY'], value: 'k' }];
    const changed = applyEdits(jsonEditor, before, edits);
    const reverted = revertEdits(jsonEditor, changed, edits, before);
    expect(jsonEditor.parse(reverted)).toEqual(jsonEditor.parse(before));
  });

  test('what was added since then stays when it is taken back', () => {
    const changed = applyEdits(jsonEditor, '{}', [URL_EDIT]);
    const later = changed.replace('"http://x"', '"http://x",\n    "MINE": "1"');
    expect(jsonEditor.parse(revertEdits(jsonEditor, later, [URL_EDIT], '{}'))).toEqual({
      env: { MINE: '1' },
    });
  });
});

const CODEX: Edit[] = [
  { path: ['model'], value: 'smart' },
  { path: ['model_providers', 'plexus'], value: { name: 'Plexus', base_url: 'http://x/v1' } },
];
const TABLE = '[model_providers.plexus]\nname = "Plexus"\nbase_url = "http://x/v1"\n';

describe('a change in TOML', () => {
  test.each([
    ['', `model = "smart"\n\n${TABLE}`],
    ['model = "mine" # chosen\n', `model = "smart"\n\n${TABLE}`],
    [
      'a = 1\n\n# of b\n[b]\nmodel = "x"\n',
      `a = 1\nmodel = "smart"\n\n# of b\n[b]\nmodel = "x"\n\n${TABLE}`,
    ],
    [
      `[model_providers.plexus]\nname = "old"\nextra = 1\n\n[z]\nc = 2\n`,
      `model = "smart"\n${TABLE}\n[z]\nc = 2\n`,
    ],
    [
      'text = """\n[no.table]\nmodel = "x"\n"""\n',
      `text = """\n[no.table]\nmodel = "x"\n"""\nmodel = "smart"\n\n${TABLE}`,
    ],
  ])('in %j touches nothing else', (before, after) => {
    expect(applyEdits(tomlEditor, before, CODEX)).toBe(after);
    expect(tomlEditor.parse(after)).toMatchObject({ model: 'smart' });
  });

  test('is refused where a second table of that name would come to be', () => {
    const inline = 'model_providers = { plexus = { name = "x" } }\n';
    expect(() => applyEdits(tomlEditor, inline, CODEX)).toThrow();
  });

  test.each([
    '',
    'a = 1\n',
    'model = "mine"\n\n[b]\nc = 1\n',
    '[model_providers.other]\nname = "o"\n',
  ])('in %j can be taken back', (before) => {
    const changed = applyEdits(tomlEditor, before, CODEX);
    const reverted = revertEdits(tomlEditor, changed, CODEX, before);
    expect(reverted.trim()).toBe(before.trim());
  });
});

describe('the difference', () => {
  test('shows what goes and what comes, with a little around it', () => {
    const shown = diffLines('a\nb\nc\nd\ne\nf\n', 'a\nb\nc\nD\ne\nf\n', 1);
    expect(shown.map(({ mark, text }) => mark + text)).toEqual([' c', '-d', '+D', ' e', ' …']);
  });

  test('of a new file is the file', () => {
    expect(diffLines('', 'a\nb\n').map(({ mark, text }) => mark + text)).toEqual(['+a', '+b']);
  });
});
