/** How a process learns that it is one of several, and how that is told to one. */
import { Channel } from '../workers/channel.ts';
import type { Seat } from '../workers/messages.ts';

/** Set for a process that a supervisor starts. */
export const WORKER_VARIABLE = 'PLEXUS_WORKER';

/** A worker's place, and its line to the supervisor. */
export interface TakenSeat {
  readonly seat: Seat;
  readonly channel: Channel;
  /** Resolves when the supervisor wants it to end, which may be before it serves. */
  readonly stopped: Promise<unknown>;
}

/** The place of this process among the workers; undefined for one that serves alone. */
export async function takeSeat(): Promise<TakenSeat | undefined> {
  if (!process.env[WORKER_VARIABLE] || process.send === undefined) return undefined;
  const channel = new Channel({
    isOpen: () => process.connected,
    send: (message) => void process.send?.(message),
    listen: (take) => void process.on('message', take),
  });
  const stopped = channel.next('stop');
  const asked = channel.next('seat');
  channel.send({ kind: 'here' });
  const { seat } = await asked;
  return { seat, channel, stopped };
}
