/**
 * What a Gemini model can do, read from its name. Only the rules whose breach is a 400 are here;
 * a name that says nothing (an alias of a proxy) is an unknown model.
 */
import type { WireThinkingLevel } from './wire.ts';

/** What the encoders of a request must know of the model. */
export interface ModelTraits {
  /** 2.5 for `gemini-2.5-pro`; undefined when the name gives no version. */
  version: number | undefined;
  /** How thinking is told: a token budget (2.5), a level (3 and later), or not at all. */
  thinking: 'budget' | 'level' | 'none';
  /** Legal budgets, and whether 0 (off) is one. */
  budget: { min: number; max: number; canBeOff: boolean };
  /** Legal levels, weakest first. */
  levels: readonly WireThinkingLevel[];
  /** A function call of the current turn without its thoughtSignature is refused. */
  needsSignatures: boolean;
  /** Images may stand inside a functionResponse (`parts`). */
  mediaInResponses: boolean;
  /** `responseMimeType: application/json` may stand beside function declarations. */
  jsonWithTools: boolean;
  /** Calls have ids that their responses must repeat. */
  callIds: boolean;
}

/** `gemini-flash-latest` and its like: Google moves them on, so they have what the newest have. */
const LATEST = /gemini-[a-z-]+-latest$/;
const LATEST_VERSION = 3.8;
const VERSION = /gemini-(\d+)(?:\.(\d+))?(?![\d])/;

/**
 * Levels by model: ai.google.dev/gemini-api/docs/generate-content/thinking#thinking-levels and its
 * Vertex twin (read 2026-09). 3 Pro has no MEDIUM; no Pro has MINIMAL; Flash lost it with 3.7
 * ("'minimal' is not a supported thinking level for this model"); image models take the two ends.
 */
function levelsOf(model: string, version: number): readonly WireThinkingLevel[] {
  const flash = model.includes('flash');
  if (model.includes('image')) return flash ? ['MINIMAL', 'HIGH'] : [];
  if (!flash && version < 3.1) return ['LOW', 'HIGH'];
  if (flash && (version < 3.7 || model.includes('lite')))
    return ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'];
  return ['LOW', 'MEDIUM', 'HIGH'];
}

/** Budgets by model: the same pages, table "Thinking budgets" (Pro cannot be switched off). */
function budgetOf(model: string): ModelTraits['budget'] {
  if (model.includes('lite')) return { min: 512, max: 24_576, canBeOff: true };
  if (model.includes('pro')) return { min: 128, max: 32_768, canBeOff: false };
  return { min: 1, max: 24_576, canBeOff: true };
}

function thinkingOf(model: string, version: number | undefined): ModelTraits['thinking'] {
  if (/^(?:models\/)?gemma|-tts|embedding|learnlm/.test(model)) return 'none';
  if (version === undefined) return 'budget';
  if (version < 2.5) return 'none';
  if (version < 3) return model.includes('image') ? 'none' : 'budget';
  return 'level';
}

function versionOf(model: string): number | undefined {
  if (LATEST.test(model)) return LATEST_VERSION;
  const match = VERSION.exec(model);
  return match ? Number(`${match[1]}.${match[2] ?? '0'}`) : undefined;
}

const CACHE = new Map<string, ModelTraits>();

/** The traits of a model by the provider's name of it. */
export function modelTraits(name: string): ModelTraits {
  const cached = CACHE.get(name);
  if (cached) return cached;
  const model = name.toLowerCase();
  const version = versionOf(model);
  const isOld = version !== undefined && version < 3;
  const isGemma = model.includes('gemma');
  const traits: ModelTraits = {
    version,
    thinking: thinkingOf(model, version),
    budget: budgetOf(model),
    levels: version !== undefined && version >= 3 ? levelsOf(model, version) : [],
    needsSignatures: !isOld && !isGemma,
    mediaInResponses: version !== undefined && version >= 3,
    jsonWithTools: !isOld,
    callIds: !isOld && !isGemma,
  };
  // Model names come from the configuration or a client's path: bounded, so that no one fills memory.
  if (CACHE.size < 256) CACHE.set(name, traits);
  return traits;
}
