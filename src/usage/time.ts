/** Times as people write them when they ask for logs. */

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * ISO 8601, a day (UTC), Unix seconds or milliseconds, or a span back from now such as `24h`.
 *
 * @returns Unix ms; undefined when the text is no time
 */
export function parseTime(text: string, now: number): number | undefined {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return now - Number(count) * (UNIT_MS[unit] ?? 0);
  if (/^\d{10}(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^\d{13}$/.test(text)) return Number(text);
  // In a query string the `+` of a time zone arrives as a blank.
  const at = /^\d{4}-/.test(text)
    ? Date.parse(text.replace(/ (\d{2}:?\d{2})$/, '+$1'))
    : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
