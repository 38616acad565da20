/** A hub and its workers in one process: what one says is heard by the others in the order of saying. */
import { Channel } from '../../../src/workers/channel.ts';
import { Hub, type HubOptions } from '../../../src/workers/hub.ts';
import { type FromWorker, isFromWorker, type Seat } from '../../../src/workers/messages.ts';
import { OtherWorkers } from '../../../src/workers/other-workers.ts';

export interface Crew {
  readonly hub: Hub;
  /** What an operator was told. */
  readonly problems: string[];
  /** What is to be done later. */
  readonly later: { ms: number; action: () => void }[];
  /** All that workers have said. */
  readonly said: FromWorker[];
  /** The view of a worker that takes its seat now. */
  worker(worker: number): OtherWorkers;
}

export function crewOf(count: number, now: HubOptions['now'] = Date.now): Crew {
  const problems: string[] = [];
  const later: Crew['later'] = [];
  const said: FromWorker[] = [];
  const hub = new Hub({
    now,
    onProblem: (message) => problems.push(message),
    later: (ms, action) => later.push({ ms, action }),
  });
  return {
    hub,
    problems,
    later,
    said,
    worker(worker) {
      const takers: ((message: unknown) => void)[] = [];
      const channel = new Channel({
        isOpen: () => true,
        send(message) {
          const heard: unknown = JSON.parse(JSON.stringify(message));
          if (!isFromWorker(heard)) throw new Error(`not understood: ${JSON.stringify(message)}`);
          said.push(heard);
          hub.take(worker, heard, (answer) => {
            for (const take of takers) take(JSON.parse(JSON.stringify(answer)));
          });
        },
        listen: (take) => takers.push(take),
      });
      return new OtherWorkers(seatOf(worker, count), channel, now);
    },
  };
}

export function seatOf(worker: number, count: number): Seat {
  return {
    worker,
    count,
    isFirstStart: true,
    startedAt: 1_750_000_000_000,
    secret: '00'.repeat(32),
    scratchDir: '/nowhere',
  };
}
