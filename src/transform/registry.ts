/**
 * Names of a configuration's `use` lists → transformers: the formats, our quirks, the sound ones of
 * the llms package, and the user's own files.
 */
import { FORMATS } from '../formats/index.ts';
import type { JsonObject } from '../json.ts';
import { QUIRKS } from '../quirks/index.ts';
import type { QuirkEffects, QuirkHooks } from '../quirks/quirk.ts';
import { asTransformer } from './hooks.ts';
import {
  instantiate,
  LLMS_TRANSFORMERS,
  llmsService,
  type Transformer,
  type TransformerConstructor,
} from './llms.ts';

/** The package's names for what our formats do; in a `use` list they say what `type` says. */
const FORMAT_NAMES_OF_LLMS = [
  'Anthropic',
  'OpenAI',
  'openai',
  'anthropic',
  'openai-responses',
  'gemini',
];

/** Every transformer name that a configuration may use without bringing a file. */
export const KNOWN_TRANSFORMERS: readonly string[] = [
  ...new Set([
    ...Object.keys(FORMATS),
    ...FORMAT_NAMES_OF_LLMS,
    ...QUIRKS.keys(),
    ...LLMS_TRANSFORMERS,
  ]),
];

/** What a name of a `use` list stands for. */
export type Hook =
  | { kind: 'quirk'; name: string; hooks: QuirkHooks }
  | { kind: 'llms'; name: string; transformer: Transformer };

export interface Registry {
  /** @returns undefined for a format's name, which asks for nothing that `type` does not say */
  hook(name: string, options: JsonObject | undefined): Promise<Hook | undefined>;
}

/** @param files the user's own transformers, already loaded, by name */
export function createRegistry(
  files: ReadonlyMap<string, TransformerFile>,
  effects: QuirkEffects,
): Registry {
  const own = Object.values(FORMATS).map((format): [string, Transformer] => [
    format.name,
    asTransformer(format),
  ]);
  return {
    async hook(name, options) {
      const file = files.get(name);
      if (file) {
        const { instance, exported } = file;
        const transformer = options === undefined ? instance : instantiate(exported, options);
        return { kind: 'llms', name, transformer };
      }
      const quirk = await QUIRKS.get(name)?.();
      if (quirk) return { kind: 'quirk', name, hooks: quirk.create(options ?? {}, effects) };
      if (name in FORMATS || FORMAT_NAMES_OF_LLMS.includes(name)) return undefined;
      const service = await llmsService(own);
      const found = service.getTransformer(name);
      if (!found) throw new Error(`no transformer is called "${name}"`);
      return { kind: 'llms', name, transformer: instantiate(found, options) };
    },
  };
}

/** A user's own transformer: with the options of its file, and what makes one with others. */
export interface TransformerFile {
  readonly instance: Transformer;
  readonly exported: Transformer | TransformerConstructor;
}

/** A module that a user wrote for llms: the class or instance it exports, under the name it gives itself. */
export async function loadTransformerFile(
  path: string,
  options: JsonObject | undefined,
): Promise<[string, TransformerFile]> {
  const module: Record<string, unknown> = await import(path);
  const exported = module['default'] ?? Object.values(module)[0];
  if (!isTransformerLike(exported)) {
    throw new Error(`${path} exports no transformer (a class, or an object with llms hooks)`);
  }
  const instance = instantiate(exported, options);
  const name =
    instance.name ??
    (typeof exported === 'function' && 'TransformerName' in exported
      ? String(exported.TransformerName)
      : undefined);
  if (!name) throw new Error(`the transformer in ${path} has no name`);
  return [name, { instance, exported }];
}

function isTransformerLike(value: unknown): value is Transformer | TransformerConstructor {
  return typeof value === 'function' || (typeof value === 'object' && value !== null);
}
