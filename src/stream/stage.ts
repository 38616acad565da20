/**
 * A step of a stream: synchronous, item by item, so that a test is a list in and a list out and a
 * chain of stages runs in one loop.
 */
export interface Stage<In, Out> {
  /** Takes one item, gives what follows from it. */
  push(item: In): readonly Out[];
  /** The input ended in good order; gives what was held back. Called at most once, last. */
  end?(): readonly Out[];
}

/** Shared so that a stage with nothing to say allocates nothing. */
export const NOTHING: readonly never[] = [];

/** Runs a whole list through a stage; the way tests and non-streaming replies use one. */
export function runStage<In, Out>(stage: Stage<In, Out>, items: Iterable<In>): Out[] {
  const out: Out[] = [];
  for (const item of items) out.push(...stage.push(item));
  if (stage.end) out.push(...stage.end());
  return out;
}
