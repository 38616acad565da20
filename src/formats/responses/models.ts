/**
 * What OpenAI's models refuse, by name. OpenAI answers 400 for an effort, a sampling parameter or an
 * `include` that a model does not have, so `encodeRequest` asks here first. A name that is not listed
 * is of another maker or of the future: it is trusted with everything.
 */
import { EFFORTS } from '../../effort.ts';
import type { Effort } from '../../unified.ts';

/** When a model takes `temperature`, `top_p` and log probabilities. */
type Sampling = 'always' | 'without-reasoning' | 'never';

export interface ModelTraits {
  /** Efforts it takes, weakest first; none for a model that does not reason. */
  readonly efforts: readonly Effort[];
  /** What it does when no effort is named. */
  readonly defaultEffort: Effort;
  readonly sampling: Sampling;
  /** `text.verbosity` other than medium. */
  readonly verbosity: boolean;
  /** Explicit cache points in content parts. */
  readonly cachePoints: boolean;
}

const CLASSIC: readonly Effort[] = ['low', 'medium', 'high'];

function traits(
  efforts: readonly Effort[],
  sampling: Sampling,
  more: Partial<ModelTraits> = {},
): ModelTraits {
  return {
    efforts,
    sampling,
    defaultEffort: efforts.length === 0 ? 'none' : 'medium',
    verbosity: true,
    cachePoints: false,
    ...more,
  };
}

/**
 * First match wins. Sources, all of OpenAI: the reference of `reasoning.effort` ("gpt-5.1 defaults to
 * none … all models before default to medium and do not support none … gpt-5-pro only high … xhigh
 * for all models after gpt-5.1-codex-max"; `max` from 5.6, as the reference of 2026 names it), the
 * 400s quoted in anomalyco/opencode#4451 (5.1), microsoft/vscode#301045 (5-mini),
 * router-for-me/CLIProxyAPI#4380 (codex models have no `none`), and vercel/ai#10932 for sampling
 * ("controllable on gpt-5.1 when reasoning effort is none"). Cache points: `prompt_cache_options`,
 * "supported for gpt-5.6 and later models".
 */
const TABLE: readonly (readonly [RegExp, ModelTraits])[] = [
  [/^(gpt-3\.5|gpt-4|chatgpt-4o)/, traits([], 'always', { verbosity: false })],
  [/^gpt-5-chat/, traits([], 'always', { verbosity: false })],
  [/^gpt-5\.\d+-chat/, traits(['medium'], 'never', { verbosity: false })],
  [/^(o1|o3|o4|codex-mini)(-|$)/, traits(CLASSIC, 'never', { verbosity: false })],
  [/^gpt-5-codex/, traits(CLASSIC, 'never')],
  [/^gpt-5-pro/, traits(['high'], 'never', { defaultEffort: 'high' })],
  [/^gpt-5(-|$)/, traits(['minimal', ...CLASSIC], 'never')],
  [/^gpt-5\.1-codex-max/, traits([...CLASSIC, 'xhigh'], 'never')],
  [/^gpt-5\.1-codex/, traits(CLASSIC, 'never')],
  [/^gpt-5\.1(-|$)/, traits(['none', ...CLASSIC], 'without-reasoning', { defaultEffort: 'none' })],
  [/^gpt-5\.[2-5]-pro/, traits(['medium', 'high', 'xhigh'], 'never')],
  [/^gpt-5\.[2-5]-codex/, traits([...CLASSIC, 'xhigh'], 'never')],
  [
    /^gpt-5\.[2-4](-|$)/,
    traits(['none', ...CLASSIC, 'xhigh'], 'without-reasoning', { defaultEffort: 'none' }),
  ],
  [/^gpt-5\.5(-|$)/, traits(['none', ...CLASSIC, 'xhigh'], 'without-reasoning')],
  [
    /^gpt-(5\.([6-9]|\d\d)|[6-9])/,
    traits(['none', ...CLASSIC, 'xhigh', 'max'], 'without-reasoning', { cachePoints: true }),
  ],
];

/** What is known of a model; undefined when nothing is. A maker's prefix (`openai/`) does not matter. */
export function modelTraits(model: string): ModelTraits | undefined {
  const name = model.replace(/^.*\//, '').replace(/^openai\./, '');
  return TABLE.find(([pattern]) => pattern.test(name))?.[1];
}

/** The effort nearest to the wish among those a model takes; the stronger of two equally near ones. */
export function nearestEffort(wish: Effort, efforts: readonly Effort[]): Effort | undefined {
  const distance = (effort: Effort) => Math.abs(EFFORTS.indexOf(effort) - EFFORTS.indexOf(wish));
  // Reasoning that was asked for is never switched off by taking the nearest word.
  const candidates = wish === 'none' ? efforts : efforts.filter((effort) => effort !== 'none');
  let best: Effort | undefined;
  for (const effort of candidates) {
    if (best === undefined || distance(effort) <= distance(best)) best = effort;
  }
  return best;
}
