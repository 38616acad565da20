/** Providers that a first configuration can name, by the variable that holds their key. */

export interface KnownProvider {
  readonly name: string;
  /** The names under which the key is usually kept; the first that is set counts. */
  readonly variables: readonly string[];
  /** What stands in the configuration beside the key. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** Targets that the aliases `fast` and `smart` of a first configuration may lead to. */
  readonly fast?: string;
  readonly smart?: string;
}

/** Base URLs and variables as each provider's own documentation has them. */
export const KNOWN_PROVIDERS: readonly KnownProvider[] = [
  {
    name: 'anthropic',
    variables: ['ANTHROPIC_API_KEY'],
    entry: { type: 'messages', baseUrl: 'https://api.anthropic.com/v1' },
    fast: 'claude-haiku-4-5',
    smart: 'claude-sonnet-4-5',
  },
  {
    name: 'openai',
    variables: ['OPENAI_API_KEY'],
    entry: { type: ['chat', 'responses'], baseUrl: 'https://api.openai.com/v1' },
    fast: 'gpt-5-mini',
    smart: 'gpt-5',
  },
  {
    name: 'gemini',
    variables: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
    entry: { type: 'gemini', baseUrl: 'https://generativelanguage.googleapis.com/v1beta' },
    fast: 'gemini-2.5-flash',
    smart: 'gemini-2.5-pro',
  },
  {
    name: 'deepseek',
    variables: ['DEEPSEEK_API_KEY'],
    entry: {
      type: {
        chat: 'https://api.deepseek.com/v1',
        messages: 'https://api.deepseek.com/anthropic/v1',
      },
      transformer: { use: ['deepseek'] },
    },
    smart: 'deepseek-chat',
  },
  {
    name: 'openrouter',
    variables: ['OPENROUTER_API_KEY'],
    entry: {
      type: 'chat',
      baseUrl: 'https://openrouter.ai/api/v1',
      transformer: { use: ['openrouter'] },
    },
  },
  chat('groq', 'GROQ_API_KEY', 'https://api.groq.com/openai/v1', ['groq']),
  chat('mistral', 'MISTRAL_API_KEY', 'https://api.mistral.ai/v1', ['mistral']),
  chat('xai', 'XAI_API_KEY', 'https://api.x.ai/v1', ['xai']),
  chat('cerebras', 'CEREBRAS_API_KEY', 'https://api.cerebras.ai/v1', ['cerebras']),
  chat('together', 'TOGETHER_API_KEY', 'https://api.together.xyz/v1'),
  chat('fireworks', 'FIREWORKS_API_KEY', 'https://api.fireworks.ai/inference/v1'),
  chat('moonshot', 'MOONSHOT_API_KEY', 'https://api.moonshot.ai/v1', ['moonshot']),
];

function chat(
  name: string,
  variable: string,
  baseUrl: string,
  use?: readonly string[],
): KnownProvider {
  const transformer = use === undefined ? {} : { transformer: { use } };
  return { name, variables: [variable], entry: { type: 'chat', baseUrl, ...transformer } };
}
