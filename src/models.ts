/** The list of models, in the three shapes that clients ask for. */
import type { AliasConfig, Config } from './config/config.ts';
import { GatewayError } from './errors.ts';
import type { FormatName } from './unified.ts';

/** A fixed date: aliases have no birthday, and a list that changes at every start helps nobody. */
const CREATED = 1_735_689_600;

interface ListedModel {
  id: string;
  owner: string;
  maxInputTokens: number | undefined;
  maxOutputTokens: number | undefined;
}

/** Aliases with at least one usable target, further names included. */
function listedModels(config: Config): ListedModel[] {
  const models: ListedModel[] = [];
  for (const [name, alias] of config.aliasNames) {
    const target = usableTarget(config, alias);
    if (target === undefined) continue;
    const known = config.providers.get(target.provider)?.models.get(target.model);
    models.push({
      id: name,
      owner: target.provider,
      maxInputTokens: known?.maxInputTokens,
      maxOutputTokens: known?.maxOutputTokens,
    });
  }
  return models;
}

function usableTarget(config: Config, alias: AliasConfig) {
  return alias.targets.find((target) => {
    const provider = config.providers.get(target.provider);
    return target.enabled && provider?.enabled && provider.missing.length === 0;
  });
}

/** How a format writes one model. */
function shape(model: ListedModel, format: FormatName): Record<string, unknown> {
  if (format === 'messages') {
    return {
      type: 'model',
      id: model.id,
      display_name: model.id,
      created_at: new Date(CREATED * 1000).toISOString(),
      ...(model.maxInputTokens === undefined ? {} : { max_input_tokens: model.maxInputTokens }),
      ...(model.maxOutputTokens === undefined ? {} : { max_tokens: model.maxOutputTokens }),
    };
  }
  if (format === 'gemini') {
    return {
      name: `models/${model.id}`,
      baseModelId: model.id,
      version: '1',
      displayName: model.id,
      supportedGenerationMethods: ['generateContent', 'streamGenerateContent', 'countTokens'],
      ...(model.maxInputTokens === undefined ? {} : { inputTokenLimit: model.maxInputTokens }),
      ...(model.maxOutputTokens === undefined ? {} : { outputTokenLimit: model.maxOutputTokens }),
    };
  }
  return { id: model.id, object: 'model', created: CREATED, owned_by: model.owner };
}

/**
 * The whole list as `format` writes it. Anthropic's is paged: `limit`, `after_id` and `before_id`
 * count; the others give everything.
 */
export function modelList(
  config: Config,
  format: FormatName,
  query: URLSearchParams,
): Record<string, unknown> {
  const models = listedModels(config);
  if (format === 'gemini') return { models: models.map((model) => shape(model, format)) };
  if (format !== 'messages') {
    return { object: 'list', data: models.map((model) => shape(model, format)) };
  }
  const limit = Math.min(1000, Math.max(1, Number(query.get('limit')) || 20));
  const after = query.get('after_id');
  const before = query.get('before_id');
  const from = after === null ? 0 : models.findIndex(({ id }) => id === after) + 1;
  const to = before === null ? models.length : models.findIndex(({ id }) => id === before);
  const page =
    before === null ? models.slice(from, from + limit) : models.slice(Math.max(0, to - limit), to);
  return {
    data: page.map((model) => shape(model, format)),
    has_more: before === null ? from + limit < models.length : to - limit > 0,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}

/** @throws GatewayError `unknown_model` */
export function modelEntry(
  config: Config,
  format: FormatName,
  id: string,
): Record<string, unknown> {
  const model = listedModels(config).find((listed) => listed.id === id);
  if (model === undefined) {
    throw new GatewayError('unknown_model', `The model "${id}" does not exist.`, {
      code: 'model_not_found',
    });
  }
  return shape(model, format);
}
