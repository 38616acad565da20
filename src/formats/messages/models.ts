/**
 * What each generation of Claude takes and refuses, as data with its evidence. Everything that the
 * request encoder decides by model name it reads here.
 */
import type { Effort } from '../../unified.ts';

/** What `output_config.effort` may say. */
export type EffortWord = Exclude<Effort, 'none' | 'minimal'>;

export interface ModelRules {
  /** `manual`: `enabled` with a budget. `adaptive`: only `adaptive`. `both`: either. */
  readonly thinking: 'none' | 'manual' | 'both' | 'adaptive';
  /** How thinking is switched off: leaving it out, a word for it, or not at all. */
  readonly off: 'omit' | 'disabled' | 'between_tools' | 'never';
  /** Words that `output_config.effort` takes, weakest first; empty when there is no such field. */
  readonly efforts: readonly EffortWord[];
  /** Whether `temperature`, `top_p` and `top_k` are taken at all. */
  readonly sampling: boolean;
  /** Whether `temperature` and `top_p` may come together. */
  readonly temperatureWithTopP: boolean;
  /** Whether `role: "system"` is taken between the turns. */
  readonly midSystem: boolean;
  /** Whether the conversation may end with an assistant turn. */
  readonly prefill: boolean;
  /** Whether `output_config.format` and `strict` tools are known. */
  readonly structuredOutput: boolean;
  /** The most that `max_tokens` may be; unset when the model is unknown. */
  readonly maxOutput?: number;
  /** `max_tokens` for a client that gave none. */
  readonly defaultOutput: number;
}

/**
 * A model that is no Claude by its name (an alias, or another maker behind this format) gets what
 * every such endpoint took from the start. 32000 is what Claude Code sends to unknown names.
 */
const UNKNOWN: ModelRules = {
  thinking: 'manual',
  off: 'disabled',
  efforts: [],
  sampling: true,
  temperatureWithTopP: false,
  midSystem: false,
  prefill: true,
  structuredOutput: true,
  defaultOutput: 32_000,
};

/** Claude 3 and 3.5: before extended thinking. Limits: models overview (4096, then 8192). */
const CLAUDE_3: ModelRules = {
  ...UNKNOWN,
  thinking: 'none',
  off: 'omit',
  temperatureWithTopP: true,
  structuredOutput: false,
  maxOutput: 4096,
  defaultOutput: 4096,
};
const CLAUDE_3_5: ModelRules = { ...CLAUDE_3, maxOutput: 8192, defaultOutput: 8192 };
/**
 * 3.7 and 4.0 refuse a request whose input and `max_tokens` together exceed the window, so the
 * default stays below their limit of 64000 (128000 with a beta header for 3.7).
 */
const CLAUDE_3_7: ModelRules = {
  ...CLAUDE_3,
  thinking: 'manual',
  off: 'disabled',
  maxOutput: 128_000,
  defaultOutput: 32_000,
};
const CLAUDE_4: ModelRules = { ...CLAUDE_3_7, maxOutput: 64_000 };
const OPUS_4: ModelRules = { ...CLAUDE_4, maxOutput: 32_000 };
/**
 * From 4.1: "`temperature` and `top_p` cannot both be specified for this model"
 * (cloud-apim/otoroshi-llm-extension#140, BerriAI/litellm#15097); structured outputs.
 */
const OPUS_4_1: ModelRules = { ...OPUS_4, temperatureWithTopP: false, structuredOutput: true };
const CLAUDE_4_5: ModelRules = { ...OPUS_4_1, maxOutput: 64_000, defaultOutput: 64_000 };
/** Effort came with Opus 4.5, without `max` and `xhigh` (docs: build-with-claude/effort). */
const OPUS_4_5: ModelRules = { ...CLAUDE_4_5, efforts: ['low', 'medium', 'high'] };
/**
 * 4.6: adaptive thinking, `enabled` still taken (docs: adaptive-thinking); no prefill (docs:
 * whats-new-claude-4-6, strands-agents/sdk-python#1694); 128000 tokens (models overview).
 */
const CLAUDE_4_6: ModelRules = {
  ...CLAUDE_4_5,
  thinking: 'both',
  efforts: ['low', 'medium', 'high'],
  prefill: false,
  maxOutput: 128_000,
};
/** `max` is refused by its contemporaries (Bedrock guide: claude-messages-adaptive-thinking). */
const OPUS_4_6: ModelRules = { ...CLAUDE_4_6, efforts: ['low', 'medium', 'high', 'max'] };
/** 4.7: `enabled` and all sampling parameters are refused; thinking is off unless asked for. */
const OPUS_4_7: ModelRules = {
  ...CLAUDE_4_6,
  thinking: 'adaptive',
  // Sources differ on whether the word `disabled` is taken; leaving it out switches off for sure.
  off: 'omit',
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  sampling: false,
};
/** 4.8: `role: "system"` between turns (docs: mid-conversation-system-messages). */
const OPUS_4_8: ModelRules = { ...OPUS_4_7, midSystem: true };
/** From 5 on thinking is on unless switched off (docs: opus-5-5/migration-guide). */
const CLAUDE_5: ModelRules = { ...OPUS_4_8, off: 'disabled' };
/** Sources differ on Sonnet 5 and `role: "system"`; text in the user turn is always taken. */
const SONNET_5: ModelRules = { ...CLAUDE_5, midSystem: false };
/** "thinking.type.disabled" is not supported for this model (docs: opus-5-5/migration-guide). */
const ALWAYS_THINKS: ModelRules = { ...CLAUDE_5, off: 'never' };
/** `between_tools` takes the place of `disabled` (docs: sonnet-5-5/migration-guide). */
const SONNET_5_5: ModelRules = { ...CLAUDE_5, off: 'between_tools' };

type Family = 'opus' | 'sonnet' | 'haiku' | 'fable' | 'mythos';

/** First match counts. `from` is the version times ten: 45 is 4.5. */
const TABLE: readonly { family?: Family; from: number; rules: ModelRules }[] = [
  { family: 'fable', from: 0, rules: ALWAYS_THINKS },
  { family: 'mythos', from: 0, rules: ALWAYS_THINKS },
  { family: 'sonnet', from: 55, rules: SONNET_5_5 },
  { from: 55, rules: ALWAYS_THINKS },
  { family: 'sonnet', from: 50, rules: SONNET_5 },
  { from: 50, rules: CLAUDE_5 },
  { from: 48, rules: OPUS_4_8 },
  { from: 47, rules: OPUS_4_7 },
  { family: 'opus', from: 46, rules: OPUS_4_6 },
  { from: 46, rules: CLAUDE_4_6 },
  { family: 'opus', from: 45, rules: OPUS_4_5 },
  { from: 45, rules: CLAUDE_4_5 },
  { from: 41, rules: OPUS_4_1 },
  { family: 'opus', from: 40, rules: OPUS_4 },
  { from: 40, rules: CLAUDE_4 },
  { from: 37, rules: CLAUDE_3_7 },
  { from: 35, rules: CLAUDE_3_5 },
  { from: 0, rules: CLAUDE_3 },
];

/** `claude-opus-4-5-20251101`, `anthropic.claude-sonnet-4-20250514-v1:0`, `claude-sonnet-4.5`. */
const FAMILY_FIRST = /claude-(opus|sonnet|haiku|fable|mythos)(?:-(\d)(?:[-.](\d)(?!\d))?(?!\d))?/;
/** `claude-3-5-sonnet-20241022`, `claude-3.7-sonnet`, `claude-4-opus`. */
const VERSION_FIRST = /claude-(\d)(?:[-.](\d)(?!\d))?-(opus|sonnet|haiku)/;

/** The rules of a model by its name, wherever the name stands in a provider's spelling. */
export function modelRules(model: string): ModelRules {
  const name = model.toLowerCase();
  const late = FAMILY_FIRST.exec(name);
  const early = late ? null : VERSION_FIRST.exec(name);
  if (!late && !early) return UNKNOWN;
  const family = late ? late[1] : early?.[3];
  const major = late ? late[2] : early?.[1];
  const minor = late ? late[3] : early?.[2];
  const version = Number(major ?? 0) * 10 + Number(minor ?? 0);
  // `claude-sonnet-latest` names no generation.
  if (version === 0 && family !== 'fable' && family !== 'mythos') return UNKNOWN;
  const row = TABLE.find((each) => version >= each.from && (each.family ?? family) === family);
  return row?.rules ?? UNKNOWN;
}
