/**
 * The wire types of what this format writes. They are the SDK's, with two differences of its REST
 * form: enums are plain strings, and the request's parts stand side by side in one body.
 */
import type {
  Candidate,
  Content,
  FinishReason,
  FunctionCallingConfig,
  FunctionCallingConfigMode,
  FunctionDeclaration,
  GenerateContentResponse,
  GenerateContentResponseUsageMetadata,
  GenerationConfig,
  ServiceTier,
  ThinkingConfig,
  ThinkingLevel,
} from '@google/genai';

export type {
  Content,
  FunctionDeclaration,
  FunctionResponsePart,
  GroundingChunk,
  GroundingMetadata,
  GroundingSupport,
  LogprobsResult,
  Part,
} from '@google/genai';

export type WireFinishReason = `${FinishReason}`;
export type WireThinkingLevel = `${ThinkingLevel}`;
type WireServiceTier = `${ServiceTier}`;

export type WireThinkingConfig = Omit<ThinkingConfig, 'thinkingLevel'> & {
  thinkingLevel?: WireThinkingLevel;
};
export type WireGenerationConfig = Omit<GenerationConfig, 'thinkingConfig'> & {
  thinkingConfig?: WireThinkingConfig;
};
export type WireFunctionCallingConfig = Omit<FunctionCallingConfig, 'mode'> & {
  mode?: `${FunctionCallingConfigMode}`;
};
/** A tool of the request: our function declarations, or a hosted tool as its client wrote it. */
export type WireTool =
  | { functionDeclarations: FunctionDeclaration[] }
  | { [tool: string]: unknown };

/** The body of a request. */
export interface WireRequest {
  contents: Content[];
  systemInstruction?: Content;
  tools?: WireTool[];
  toolConfig?: { functionCallingConfig?: WireFunctionCallingConfig };
  generationConfig?: WireGenerationConfig;
  serviceTier?: WireServiceTier;
}

export type WireCandidate = Omit<Candidate, 'finishReason'> & { finishReason?: WireFinishReason };
export type WireUsage = GenerateContentResponseUsageMetadata;
/** A reply, and each event of a stream. */
export type WireReply = Pick<GenerateContentResponse, 'modelVersion' | 'responseId'> & {
  candidates: WireCandidate[];
  usageMetadata?: WireUsage;
};
