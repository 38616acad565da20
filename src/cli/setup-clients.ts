/** The clients that can be pointed at the gateway: what each needs, and where it keeps that. */
import { join } from 'node:path';
import type { Environment } from '../config/environment.ts';
import type { Edit, Editor } from './edit-file.ts';
import { jsonEditor } from './edit-json.ts';
import { tomlEditor } from './edit-toml.ts';

/** What a client is told of the gateway. */
export interface Connection {
  /** The root, without `/v1` or a slash at its end. */
  readonly url: string;
  /** A client key; undefined for an open gateway. */
  readonly key: string | undefined;
  readonly model: string;
  /** For a client's small tasks. */
  readonly smallModel: string;
  /** Everything that can be asked for. */
  readonly models: readonly string[];
}

export interface Client {
  readonly title: string;
  /** Environment variables that do for one session; the secret stands for itself as `$PLEXUS_API_KEY`. */
  variables?(connection: Connection): Readonly<Record<string, string>>;
  /** Where it keeps its settings, and what they need; without it there is nothing to write. */
  readonly settings?: {
    readonly editor: Editor;
    path(home: string, env: Environment): readonly string[];
    edits(connection: Connection): readonly Edit[];
  };
  /** A line on how to go on. */
  next(connection: Connection): string;
}

/** Clients want a key even of a gateway that asks for none. */
const ANY = 'plexus';
/** Where clients that read the key from the environment find it. */
export const KEY_VARIABLE = 'PLEXUS_API_KEY';

/** A settings `env` block wins over the shell (code.claude.com/docs: settings; llm-gateway). */
function claudeVariables({ url, key, model, smallModel }: Connection): Record<string, string> {
  return {
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_AUTH_TOKEN: key ?? ANY,
    ANTHROPIC_MODEL: model,
    ANTHROPIC_DEFAULT_OPUS_MODEL: model,
    ANTHROPIC_DEFAULT_SONNET_MODEL: model,
    ANTHROPIC_DEFAULT_HAIKU_MODEL: smallModel,
  };
}

const claude: Client = {
  title: 'Claude Code',
  variables: claudeVariables,
  settings: {
    editor: jsonEditor,
    path: (home, env) => [join(env['CLAUDE_CONFIG_DIR'] || join(home, '.claude'), 'settings.json')],
    edits: (connection) =>
      Object.entries(claudeVariables(connection)).map(([name, value]) => ({
        path: ['env', name],
        value,
      })),
  },
  next: () => 'Start `claude`; /status shows the base URL.',
};

/** `wire_api` has no other value any more, and profiles are files of their own (Codex 0.134 and later). */
const codex: Client = {
  title: 'Codex',
  settings: {
    editor: tomlEditor,
    path: (home, env) => [join(env['CODEX_HOME'] || join(home, '.codex'), 'config.toml')],
    edits: ({ url, key, model }) => [
      { path: ['model'], value: model },
      { path: ['model_provider'], value: 'plexus' },
      {
        path: ['model_providers', 'plexus'],
        value: {
          name: 'Plexus',
          base_url: `${url}/v1`,
          wire_api: 'responses',
          ...(key === undefined ? {} : { env_key: KEY_VARIABLE }),
        },
      },
    ],
  },
  next: ({ key }) =>
    key === undefined
      ? 'Start `codex`.'
      : `Put the key into ${KEY_VARIABLE}, then start \`codex\`.`,
};

/** opencode.ai/docs/providers: a provider of one's own; `{env:NAME}` is filled in by opencode. */
const opencode: Client = {
  title: 'opencode',
  settings: {
    editor: jsonEditor,
    path: (home, env) => {
      const folder = join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'opencode');
      return [join(folder, 'opencode.json'), join(folder, 'opencode.jsonc')];
    },
    edits: ({ url, key, models }) => [
      {
        path: ['provider', 'plexus'],
        value: {
          npm: '@ai-sdk/openai-compatible',
          name: 'Plexus',
          options: {
            baseURL: `${url}/v1`,
            apiKey: key === undefined ? ANY : `{env:${KEY_VARIABLE}}`,
          },
          models: Object.fromEntries(models.map((name) => [name, { name }])),
        },
      },
    ],
  },
  next: ({ model }) => `Start \`opencode --model plexus/${model}\`, or choose it with /models.`,
};

export const CLIENTS: Readonly<Record<string, Client>> = {
  claude,
  codex,
  opencode,
  gemini: {
    title: 'Gemini CLI',
    variables: ({ url, key, model }) => ({
      GOOGLE_GEMINI_BASE_URL: url,
      GEMINI_API_KEY: key ?? ANY,
      GEMINI_MODEL: model,
    }),
    next: () => 'Start `gemini` in the same shell.',
  },
  openai: {
    title: 'OpenAI SDKs',
    variables: ({ url, key }) => ({ OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key ?? ANY }),
    next: ({ model }) => `Ask for the model "${model}".`,
  },
  anthropic: {
    title: 'Anthropic SDKs',
    variables: ({ url, key }) => ({ ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: key ?? ANY }),
    next: ({ model }) => `Ask for the model "${model}".`,
  },
};
