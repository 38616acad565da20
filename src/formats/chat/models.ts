/**
 * What OpenAI's own models refuse in a chat request, read off the model's name. Other vendors'
 * models are not judged here: their servers ignore what they do not know, or have a quirk.
 */
import type { Effort } from '../../unified.ts';

/** An OpenAI model that Plexus recognises by name. */
export interface OpenAiModel {
  /** `gpt-5.2` → 502, `gpt-4o` → 400, the o-series → 0. */
  version: number;
  /** The efforts it takes, from weak to strong; none for a model that does not reason. */
  efforts: readonly Effort[];
}

const VERSIONED = /^gpt-(\d)(?:\.(\d+))?(?!\d)/;

/** Vendor prefixes (`openai/gpt-5`, `openai.gpt-5`) do not matter; gpt-oss is not OpenAI's service. */
export function openAiModel(model: string): OpenAiModel | undefined {
  const known = read.get(model);
  if (known !== undefined) return known === null ? undefined : known;
  const found = readName(model);
  if (read.size < MAX_READ) read.set(model, found ?? null);
  return found;
}

/** What was read off names; the same few come with each request. */
const read = new Map<string, OpenAiModel | null>();
const MAX_READ = 500;

function readName(model: string): OpenAiModel | undefined {
  const name = model
    .slice(model.lastIndexOf('/') + 1)
    .toLowerCase()
    .replace(/^openai\./, '');
  if (/^o[1-9](?:-|$)/.test(name)) return { version: 0, efforts: ['low', 'medium', 'high'] };
  const match = VERSIONED.exec(name);
  if (match) {
    const version = Number(match[1]) * 100 + Number(match[2] ?? 0);
    return { version, efforts: effortsOf(version, name) };
  }
  return /^(?:gpt-35|chatgpt-)/.test(name) ? { version: 300, efforts: [] } : undefined;
}

/** developers.openai.com, "Reasoning", and the refusals quoted in openai-agents-python 2089. */
function effortsOf(version: number, name: string): readonly Effort[] {
  if (version < 500 || name.includes('-chat')) return [];
  if (version === 500) return ['minimal', 'low', 'medium', 'high'];
  const ordinary: Effort[] = ['none', 'low', 'medium', 'high'];
  if (version === 501 && !name.includes('codex-max')) return ordinary;
  return version < 506 ? [...ordinary, 'xhigh'] : [...ordinary, 'xhigh', 'max'];
}

/** True for the models that think before they answer, and take fewer parameters for it. */
export function reasons(model: OpenAiModel | undefined): model is OpenAiModel {
  return model !== undefined && model.efforts.length > 0;
}

/**
 * Temperature, top_p and logprobs: refused by the o-series and gpt-5, and by later ones unless they
 * do not reason ("Using GPT-5.2", section parameter compatibility). Up to 5.4 they do not by default.
 */
export function refusesSampling(model: OpenAiModel, effort: string | undefined): boolean {
  if (!reasons(model) || effort === 'none') return false;
  return effort !== undefined || model.version < 501 || model.version > 504;
}

/** `stop`: "not supported with this model" up to gpt-5.4 (smolagents 1868 and 1893, litellm 28650). */
export function refusesStop(model: OpenAiModel): boolean {
  return reasons(model) && model.version < 505;
}

/** From gpt-5.4 on chat takes function tools only with effort "none" (openai-openapi 541, litellm 34569). */
export function refusesToolsWithEffort(model: OpenAiModel): boolean {
  return model.version >= 504;
}
