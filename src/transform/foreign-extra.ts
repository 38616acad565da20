/** What of a client's request has no counterpart because its own format alone knows it. */
import type { Ledger } from '../ledger.ts';
import type { FormatName, NativeBlock, Rest, UnifiedChatRequest } from '../unified.ts';

const OPENAI: ReadonlySet<FormatName> = new Set(['chat', 'responses']);

/**
 * Reports each field that only the client's format knows, when the provider speaks another one. A
 * top-level field that says nothing (null, '', [], {}) is no loss.
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
  for (const tool of request.tools ?? []) reportThing(tool, format, ledger);
  for (const message of request.messages) {
    reportThing(message, format, ledger);
    const { content, tool_calls: calls } = message;
    if (Array.isArray(content)) for (const part of content) reportThing(part, format, ledger);
    if (calls) for (const call of calls) reportThing(call, format, ledger);
  }
  if (extra === undefined || extra.format === format) return;
  for (const [field, value] of Object.entries(extra.fields)) {
    if (!saysNothing(value)) ledger.drop(field);
  }
}

/** What may hold such fields: tools, messages, their parts and calls. */
interface Thing {
  path?: string;
  rest?: Rest;
  native?: NativeBlock;
}

function reportThing({ rest, native, path }: Thing, format: FormatName, ledger: Ledger): void {
  if (rest && rest.format !== format) {
    for (const field in rest.fields) ledger.drop(`${rest.path}.${field}`);
  }
  if (native && native.format !== format) {
    ledger.approximate(path ?? 'messages', 'text');
    for (const lost of native.lost) ledger.drop(lost);
  }
}

function saysNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
