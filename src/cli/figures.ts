/** Numbers and times as people read them in a table; '-' where there is nothing to say. */

const NONE = '-';

/** `950`, `12.3k`, `4.56M`. */
export function countText(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value < 10_000) return String(Math.round(value));
  if (value < 999_500) return `${(value / 1000).toPrecision(3)}k`;
  return `${(value / 1e6).toPrecision(3)}M`;
}

/** `$0.0075`: as many digits as say something. */
export function costText(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return NONE;
  if (usd === 0) return '$0';
  return usd >= 1 ? `$${usd.toFixed(2)}` : `$${Number(usd.toPrecision(3))}`;
}

/** `87ms`, `1.52s`, `3m05s`. */
export function durationText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return NONE;
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${twoDigits(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h${twoDigits(Math.floor((seconds % 3600) / 60))}m`;
}

/** `2.5%` of a share from 0 to 1. */
export function shareText(share: number | null | undefined): string {
  if (share === null || share === undefined) return NONE;
  return `${Number((share * 100).toPrecision(3))}%`;
}

/** The local time of an ISO timestamp; with the day unless it is today. */
export function timeText(timestamp: string, now: number): string {
  const time = new Date(timestamp);
  if (Number.isNaN(time.getTime())) return NONE;
  const clock = time.toTimeString().slice(0, 8);
  const isToday = time.toDateString() === new Date(now).toDateString();
  return isToday
    ? clock
    : `${twoDigits(time.getMonth() + 1)}-${twoDigits(time.getDate())} ${clock}`;
}

/** Text of others in one cell: one line, no control characters. */
export function cellText(text: string, max = 60): string {
  const plain = text.replaceAll(CONTROL, ' ');
  return plain.length <= max ? plain : `${plain.slice(0, max - 1)}…`;
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is its purpose
const CONTROL = /[\x00-\x1f\x7f-\x9f]+/g;

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
