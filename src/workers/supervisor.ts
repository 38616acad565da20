/**
 * Keeps the workers: starts them, the first one before the others, as it finds the port; starts again
 * one that ends on its own; ends all. Knows nothing of how a process is made or a signal comes.
 */
import type { Log } from '../log.ts';
import type { Hub } from './hub.ts';
import type { FromWorker, Listening, Seat, ToWorker } from './messages.ts';

export interface WorkerProcess {
  readonly pid: number;
  send(message: ToWorker): void;
  kill(): void;
}

/** How a process ended: its exit code, or the signal that ended it. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface SupervisorOptions {
  readonly count: number;
  readonly hub: Pick<Hub, 'take' | 'leave'>;
  readonly seat: Pick<Seat, 'startedAt' | 'secret' | 'scratchDir'>;
  /** Starts a process; what it says and how it ends is told by the two functions. */
  readonly spawn: (
    worker: number,
    onMessage: (message: FromWorker) => void,
    onEnd: (ending: Ending) => void,
  ) => WorkerProcess;
  /** All workers listen. */
  readonly onReady: (listening: Listening) => void;
  readonly log: () => Log;
  /** Calls `action` once, after some time. */
  readonly later: (ms: number, action: () => void) => void;
  /** A clock that never jumps, ms. */
  readonly monotonic: () => number;
}

/** Wait before a worker is started again: doubled each time, until it has run for a while. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 30_000;
const STEADY_MS = 60_000;
/** How long a process that was told to end at once may take over it. */
const END_MS = 500;

/** A place for a worker, whichever process has it. */
interface Place {
  readonly worker: number;
  /** Undefined while none runs. */
  process: WorkerProcess | undefined;
  listens: boolean;
  /** How many processes have had it. */
  starts: number;
  /** When its process was started. */
  since: number;
  waitMs: number;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #places: readonly Place[];
  readonly #ended = Promise.withResolvers<number>();
  /** What the first worker said; known once it listens. */
  #listening: Listening | undefined;
  /** True once all have listened. */
  #isReady = false;
  /** Set by the first wish to stop: with what the program ends. */
  #stopCode: number | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#places = Array.from({ length: options.count }, (_, index) => ({
      worker: index + 1,
      process: undefined,
      listens: false,
      starts: 0,
      since: 0,
      waitMs: FIRST_WAIT_MS,
    }));
  }

  /** Starts all; resolves with the exit code when all have ended. */
  run(): Promise<number> {
    const [first] = this.#places;
    if (first) this.#start(first);
    return this.#ended.promise;
  }

  /** Lets running requests end. A second call ends them at once. */
  stop(): void {
    if (this.#stopCode !== undefined) {
      this.#stopCode = 1;
      this.#tell({ kind: 'end' });
      this.#options.later(END_MS, () => {
        for (const { process } of this.#places) process?.kill();
      });
      return;
    }
    this.#stop(0);
  }

  /** Has all read their configuration. */
  reload(): void {
    this.#tell({ kind: 'reload' });
  }

  #stop(code: number): void {
    this.#stopCode = code;
    this.#tell({ kind: 'stop' });
    this.#endWhenAlone();
  }

  #tell(message: ToWorker): void {
    for (const { process } of this.#places) process?.send(message);
  }

  #start(place: Place): void {
    const { worker } = place;
    place.starts += 1;
    const isFirstStart = place.starts === 1;
    place.since = this.#options.monotonic();
    const started = this.#options.spawn(
      worker,
      (message) => this.#take(place, started, message, isFirstStart),
      (ending) => this.#left(place, started, ending),
    );
    place.process = started;
  }

  #take(place: Place, sender: WorkerProcess, message: FromWorker, isFirstStart: boolean): void {
    const { worker } = place;
    // The last words of a process whose place another has.
    if (place.process !== sender) return;
    if (message.kind === 'here' && this.#stopCode !== undefined) sender.send({ kind: 'stop' });
    if (message.kind === 'here')
      sender.send({ kind: 'seat', seat: this.#seat(worker, isFirstStart) });
    if (message.kind === 'listening') this.#listens(place, message.listening);
    this.#options.hub.take(worker, message, (answer) => sender.send(answer));
  }

  #seat(worker: number, isFirstStart: boolean): Seat {
    const listening = this.#listening;
    return {
      ...this.#options.seat,
      worker,
      count: this.#options.count,
      isFirstStart,
      ...(listening && { listen: { host: listening.host, port: listening.port } }),
    };
  }

  #listens(place: Place, listening: Listening): void {
    place.listens = true;
    const isFirst = this.#listening === undefined;
    this.#listening ??= listening;
    if (this.#stopCode !== undefined) return;
    if (isFirst) for (const other of this.#places) if (other !== place) this.#start(other);
    if (this.#isReady || this.#places.some(({ listens }) => !listens)) return;
    this.#isReady = true;
    this.#options.onReady(this.#listening);
  }

  #left(place: Place, leaver: WorkerProcess, { code, signal }: Ending): void {
    if (place.process !== leaver) return;
    place.process = undefined;
    place.listens = false;
    this.#options.hub.leave(place.worker);
    if (this.#stopCode !== undefined) {
      if (code !== 0) this.#stopCode = 1;
      this.#endWhenAlone();
      return;
    }
    if (!this.#isReady) {
      // It has said why.
      this.#stop(code === null || code === 0 ? 1 : code);
      return;
    }
    this.#startAgain(place, `worker ${place.worker} (pid ${leaver.pid}) ended`, signal ?? code);
  }

  #startAgain(place: Place, what: string, how: string | number | null): void {
    const { monotonic, later, log } = this.#options;
    if (monotonic() - place.since > STEADY_MS) place.waitMs = FIRST_WAIT_MS;
    const { waitMs } = place;
    place.waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    later(waitMs, () => {
      // All of a service are often told to end together: then nothing was unexpected.
      if (this.#stopCode !== undefined) return;
      log().warn(`${what} and is started again`, {
        [typeof how === 'string' ? 'signal' : 'code']: how,
      });
      this.#start(place);
    });
  }

  #endWhenAlone(): void {
    if (this.#places.some(({ process }) => process !== undefined)) return;
    this.#ended.resolve(this.#stopCode ?? 0);
  }
}
