/**
 * Tools that take free text (OpenAI `custom`, Codex's `apply_patch` and `exec`), for providers that
 * know functions only: a function with one string argument. `custom-input.ts` is the way back.
 */
import { type JsonObject, object, text } from '../json.ts';
import type { Ledger } from '../ledger.ts';
import type {
  UnifiedCustomCall,
  UnifiedCustomTool,
  UnifiedFunctionCall,
  UnifiedFunctionTool,
} from '../unified.ts';
import { INPUT } from './custom-input.ts';

/** The tool as a function; the grammar, which nothing enforces then, goes into the description. */
export function wrapTool(tool: UnifiedCustomTool, ledger: Ledger): UnifiedFunctionTool {
  const { custom, type: _, ...common } = tool;
  const grammar = describeFormat(custom.format);
  if (grammar !== undefined) {
    ledger.approximate(`${tool.path ?? 'tools'}.format`, 'words in the description');
  }
  const lines = [
    custom.description,
    `The input is free text. Give all of it, exactly as it is meant, as the string "${INPUT}".`,
    grammar,
  ];
  return {
    ...common,
    type: 'function',
    function: {
      name: custom.name,
      description: lines.filter((line) => line !== undefined && line !== '').join('\n\n'),
      parameters: {
        type: 'object',
        properties: { [INPUT]: { type: 'string', description: "The tool's free-text input." } },
        required: [INPUT],
        additionalProperties: false,
      },
    },
  };
}

/** An earlier call of such a tool, as the call of the function that it became. */
export function wrapCall(call: UnifiedCustomCall): UnifiedFunctionCall {
  const { custom, type: _, ...common } = call;
  const { name, input } = custom;
  const argumentsText = JSON.stringify({ [INPUT]: input });
  return { ...common, type: 'function', function: { name, arguments: argumentsText } };
}

/** The format in words, undefined for plain text. Chat nests the grammar, responses does not. */
function describeFormat(format: JsonObject | undefined): string | undefined {
  if (format === undefined || format['type'] === 'text') return undefined;
  const grammar = object(format['grammar']) ?? format;
  const definition = text(grammar['definition']);
  if (definition === undefined) return `It must follow this format: ${JSON.stringify(format)}`;
  return grammar['syntax'] === 'regex'
    ? `As a whole it must match this regular expression:\n${definition}`
    : `It must follow this grammar (${text(grammar['syntax']) ?? 'EBNF'}):\n${definition}`;
}
