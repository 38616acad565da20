/** Milliseconds on a clock that all processes of the bench share. */
export function clockMs(): number {
  return performance.timeOrigin + performance.now();
}
