import type { Ledger } from '../ledger.ts';
import type { FormatName, UnifiedChatRequest } from '../unified.ts';

const OPENAI: ReadonlySet<FormatName> = new Set(['chat', 'responses']);

/**
 * Reports each top-level field that only the client's format knows, when the provider speaks another
 * one. A field that says nothing (null, '', [], {}) is no loss.
 */
export function reportForeignExtra(
  request: UnifiedChatRequest,
  format: FormatName,
  ledger: Ledger,
): void {
  const { extra, stream_options: options } = request;
  // OpenAI's two formats share the option; everyone is asked for usage (`include_usage`) anyway.
  if (options?.['include_obfuscation'] !== undefined && !OPENAI.has(format)) {
    ledger.drop('stream_options.include_obfuscation');
  }
  if (extra === undefined || extra.format === format) return;
  for (const [field, value] of Object.entries(extra.fields)) {
    if (!saysNothing(value)) ledger.drop(field);
  }
}

function saysNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
