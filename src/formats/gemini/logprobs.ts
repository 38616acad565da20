/** Log probabilities: Gemini's `logprobsResult` and the entries of OpenAI's `logprobs`, both ways. */
import { array, isObject, type JsonObject, number, text } from '../../json.ts';
import type { LogprobsResult } from './wire.ts';

interface Entry {
  token: string;
  logprob: number;
  bytes: null;
  top_logprobs: { token: string; logprob: number; bytes: null }[];
}

function pair(candidate: unknown): { token: string; logprob: number; bytes: null } | undefined {
  if (!isObject(candidate)) return undefined;
  const token = text(candidate['token']);
  if (token === undefined) return undefined;
  return { token, logprob: number(candidate['logProbability']) ?? 0, bytes: null };
}

/** One entry for each token that has a text. */
export function decodeLogprobs(result: JsonObject): Entry[] {
  const tops = array(result['topCandidates']);
  const out: Entry[] = [];
  for (const [index, candidate] of array(result['chosenCandidates']).entries()) {
    const chosen = pair(candidate);
    if (!chosen) continue;
    const top = tops[index];
    const others = isObject(top) ? array(top['candidates']) : [];
    const top_logprobs = others.map(pair).filter((entry) => entry !== undefined);
    out.push({ ...chosen, top_logprobs });
  }
  return out;
}

function candidateOf(entry: unknown): { token: string; logProbability: number } | undefined {
  if (!isObject(entry)) return undefined;
  const token = text(entry['token']);
  if (token === undefined) return undefined;
  return { token, logProbability: number(entry['logprob']) ?? 0 };
}

/** Entries in OpenAI's shape; others are passed over. */
export function encodeLogprobs(entries: readonly unknown[]): LogprobsResult {
  const chosenCandidates: { token: string; logProbability: number }[] = [];
  const topCandidates: { candidates: { token: string; logProbability: number }[] }[] = [];
  for (const entry of entries) {
    const chosen = candidateOf(entry);
    if (!chosen || !isObject(entry)) continue;
    chosenCandidates.push(chosen);
    const tops = array(entry['top_logprobs']).map(candidateOf);
    topCandidates.push({ candidates: tops.filter((top) => top !== undefined) });
  }
  return { chosenCandidates, topCandidates };
}
