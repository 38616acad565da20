/**
 * Where events stand in bytes that are not taken apart. A line ends in LF or CRLF here, as those of
 * all providers do.
 */

const LF = 10;
const CR = 13;

/** Offset behind the first event that ends behind `from`; 0 when none does. */
export function endOfEvent(bytes: Buffer, from: number): number {
  for (let lf = bytes.indexOf(LF, from); lf >= 0; lf = bytes.indexOf(LF, lf + 1)) {
    const next = bytes[lf + 1];
    if (next === LF) return lf + 2;
    if (next !== CR || bytes[lf + 2] !== LF) continue;
    if (lf > from && bytes[lf - 1] === CR) return lf + 3;
  }
  return 0;
}

/** Offset behind the last event that ends behind `from`; `from` when none does. */
export function endOfEvents(bytes: Buffer, from: number): number {
  for (let lf = bytes.lastIndexOf(LF); lf > from; lf = bytes.lastIndexOf(LF, lf - 1)) {
    const before = bytes[lf - 1];
    if (before === LF) return lf + 1;
    if (before !== CR || bytes[lf - 2] !== LF || bytes[lf - 3] !== CR) continue;
    if (lf - 3 >= from) return lf + 1;
  }
  return from;
}

/** Bytes of an open event that may belong to the blank line that ends it. */
const BORDER = 3;

const NO_BYTES = Buffer.alloc(0);

/** The pieces of an event that is not complete yet; put together once it is, as it may be a whole image. */
export class OpenEvent {
  #pieces: Buffer[] = [];
  /** The last bytes so far. */
  #tail = NO_BYTES;
  /** Bytes so far. */
  length = 0;

  /** Takes a piece that does not end the event. */
  hold(piece: Buffer): void {
    this.#pieces.push(piece);
    this.length += piece.length;
    this.#tail = Buffer.concat([this.#tail, piece.subarray(-BORDER)]).subarray(-BORDER);
  }

  /** Where the event ends in the next piece; 0 when it goes on. */
  endIn(piece: Buffer): number {
    // The blank line may lie on the border of two pieces.
    const border = Buffer.concat([this.#tail, piece.subarray(0, BORDER)]);
    const end = endOfEvent(border, 0) - this.#tail.length;
    return end > 0 ? end : endOfEvent(piece, 0);
  }

  /** Gives what there is, and `end` behind it. */
  release(end?: Buffer): Buffer {
    const all = Buffer.concat(end === undefined ? this.#pieces : [...this.#pieces, end]);
    this.#pieces = [];
    this.#tail = NO_BYTES;
    this.length = 0;
    return all;
  }
}
