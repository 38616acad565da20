/** The quirks of providers, and the ways of using a model that llms names: one line each. */
import { deepseek } from './deepseek.ts';
import { enhanceTool } from './enhance-tool.ts';
import { extraThinkTag } from './extra-think-tag.ts';
import { forceReasoning } from './force-reasoning.ts';
import { groq } from './groq.ts';
import { llamacpp } from './llamacpp.ts';
import { mistral } from './mistral.ts';
import { moonshot } from './moonshot.ts';
import { ollama } from './ollama.ts';
import { openrouter } from './openrouter.ts';
import type { Quirk } from './quirk.ts';
import { qwen } from './qwen.ts';
import { reasoning } from './reasoning.ts';
import { toolUse } from './tool-use.ts';
import { vercel } from './vercel.ts';
import { vertexClaude, vertexGemini, vertexOpenAi } from './vertex.ts';
import { vllm } from './vllm.ts';
import { xai } from './xai.ts';
import { zai } from './zai.ts';

const ALL: readonly Quirk[] = [
  deepseek,
  enhanceTool,
  extraThinkTag,
  forceReasoning,
  groq,
  llamacpp,
  mistral,
  moonshot,
  ollama,
  openrouter,
  qwen,
  reasoning,
  toolUse,
  vercel,
  vertexClaude,
  vertexGemini,
  vertexOpenAi,
  vllm,
  xai,
  zai,
];

export const QUIRKS: ReadonlyMap<string, Quirk> = new Map(ALL.map((quirk) => [quirk.name, quirk]));
