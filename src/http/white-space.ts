/** White space as HTTP knows it (RFC 9110 5.6.3), line ends included. */
const SPACE = 32;
const TAB = 9;
const LF = 10;
const CR = 13;

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB || code === CR || code === LF;
}

/** A part of a text without the white space around it; one string and not two. */
export function trimmed(text: string, from = 0, end = text.length): string {
  let first = from;
  let behind = end;
  while (first < behind && isSpace(text.charCodeAt(first))) first += 1;
  while (behind > first && isSpace(text.charCodeAt(behind - 1))) behind -= 1;
  return text.slice(first, behind);
}
