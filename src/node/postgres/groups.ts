import { isRefused } from './database.js';

/** Gathers what is asked for in a turn of the event loop, so that one statement does it all. */

export interface GroupOptions<Job, Result> {
  /** Does jobs together. @param lane from 0: no other call has the same at the same time */
  readonly run: (jobs: readonly Job[], lane: number) => Promise<readonly Result[]>;
  /** Jobs of one name are done one after the other. */
  readonly nameOf: (job: Job) => string;
  /** What is known of a job whose turn has come. */
  readonly answer?: (job: Job) => Result | undefined;
  /** Calls of `run` at once. */
  readonly lanes: number;
  /** Called with jobs of which it is not known whether they were done. */
  readonly lost?: (jobs: readonly Job[]) => void;
}

interface Waiting<Job, Result> {
  readonly job: Job;
  readonly name: string;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

const maxJobs = 500;

export class Groups<Job, Result> {
  readonly #options: GroupOptions<Job, Result>;
  readonly #free: number[];
  /** Names of jobs that are being done. */
  readonly #busy = new Set<string>();
  #waiting: Waiting<Job, Result>[] = [];
  #scheduled = false;
  #idle: (() => void) | undefined;

  constructor(options: GroupOptions<Job, Result>) {
    this.#options = options;
    this.#free = Array.from({ length: options.lanes }, (_, lane) => lane).reverse();
  }

  add(job: Job): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, name: this.#options.nameOf(job), resolve, reject });
      if (this.#scheduled || this.#free.length === 0) return;
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#start();
      });
    });
  }

  /** Resolves when everything that was added is done, or has failed. */
  async drained(): Promise<void> {
    while (this.#waiting.length > 0 || this.#free.length < this.#options.lanes) {
      await new Promise<void>((resolve) => (this.#idle = resolve));
    }
  }

  #start(): void {
    while (this.#free.length > 0 && this.#waiting.length > 0) {
      const jobs = this.#take();
      if (jobs.length === 0) break;
      void this.#finish(jobs, this.#free.pop()!);
    }
    if (this.#waiting.length === 0 && this.#free.length === this.#options.lanes) this.#idle?.();
  }

  #take(): Waiting<Job, Result>[] {
    const taken: Waiting<Job, Result>[] = [];
    const left: Waiting<Job, Result>[] = [];
    for (const waiting of this.#waiting) {
      if (taken.length === maxJobs || this.#busy.has(waiting.name)) {
        left.push(waiting);
        continue;
      }
      const known = this.#options.answer?.(waiting.job);
      if (known !== undefined) {
        waiting.resolve(known);
        continue;
      }
      this.#busy.add(waiting.name);
      taken.push(waiting);
    }
    this.#waiting = left;
    return taken;
  }

  async #finish(group: readonly Waiting<Job, Result>[], lane: number): Promise<void> {
    try {
      const results = await this.#options.run(
        group.map(({ job }) => job),
        lane,
      );
      for (const [i, { resolve }] of group.entries()) resolve(results[i]!);
    } catch (error) {
      if (group.length > 1 && isRefused(error)) await this.#runEach(group, lane);
      else this.#fail(group, error);
    }
    for (const { name } of group) this.#busy.delete(name);
    this.#free.push(lane);
    this.#start();
  }

  /** One job that cannot be done does not stop the others. */
  async #runEach(group: readonly Waiting<Job, Result>[], lane: number): Promise<void> {
    for (const waiting of group) {
      try {
        const [result] = await this.#options.run([waiting.job], lane);
        waiting.resolve(result!);
      } catch (error) {
        this.#fail([waiting], error);
      }
    }
  }

  #fail(group: readonly Waiting<Job, Result>[], error: unknown): void {
    this.#options.lost?.(group.map(({ job }) => job));
    for (const { reject } of group) reject(error);
  }
}
