/**
 * The quirks of providers, and the ways of using a model that llms names: one line each. One is loaded
 * when a configuration uses it; all of them take a megabyte (bench: memory, idle).
 */
import type { Quirk } from './quirk.ts';

export const QUIRKS: ReadonlyMap<string, () => Promise<Quirk>> = new Map([
  ['deepseek', async () => (await import('./deepseek.ts')).deepseek],
  ['enhancetool', async () => (await import('./enhance-tool.ts')).enhanceTool],
  ['extrathinktag', async () => (await import('./extra-think-tag.ts')).extraThinkTag],
  ['forcereasoning', async () => (await import('./force-reasoning.ts')).forceReasoning],
  ['groq', async () => (await import('./groq.ts')).groq],
  ['llamacpp', async () => (await import('./llamacpp.ts')).llamacpp],
  ['mistral', async () => (await import('./mistral.ts')).mistral],
  ['moonshot', async () => (await import('./moonshot.ts')).moonshot],
  ['ollama', async () => (await import('./ollama.ts')).ollama],
  ['openrouter', async () => (await import('./openrouter.ts')).openrouter],
  ['qwen', async () => (await import('./qwen.ts')).qwen],
  ['reasoning', async () => (await import('./reasoning.ts')).reasoning],
  ['tooluse', async () => (await import('./tool-use.ts')).toolUse],
  ['vercel', async () => (await import('./vercel.ts')).vercel],
  ['vertex-claude', async () => (await import('./vertex.ts')).vertexClaude],
  ['vertex-gemini', async () => (await import('./vertex.ts')).vertexGemini],
  ['vertex-openai', async () => (await import('./vertex.ts')).vertexOpenAi],
  ['vllm', async () => (await import('./vllm.ts')).vllm],
  ['xai', async () => (await import('./xai.ts')).xai],
  ['zai', async () => (await import('./zai.ts')).zai],
]);
