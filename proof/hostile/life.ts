import type { Scheduler } from './scheduler.js';

/** A process from its start until it ends or is killed: what it waits for when it dies never comes. */
export class Life {
  readonly #scheduler: Scheduler;
  #ends: (() => void)[] = [];
  alive = true;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Runs when the process dies, in the order of the calls. */
  onEnd(run: () => void): void {
    this.#ends.push(run);
  }

  end(): void {
    if (!this.alive) return;
    this.alive = false;
    const ends = this.#ends;
    this.#ends = [];
    for (const run of ends) run();
  }

  /** Something that takes a while. @param act what it does in the end, if the process lives to see it */
  step<T>(milliseconds: number, act: () => T): Promise<T> {
    if (!this.alive) return never();
    const due = new Promise<void>((resolve) => {
      this.#scheduler.after(milliseconds, resolve);
    });
    return due.then(() => {
      if (!this.alive) return never<T>();
      const result = act();
      // What it did may have killed the process.
      return this.#isAlive() ? result : never<T>();
    });
  }

  #isAlive(): boolean {
    return this.alive;
  }

  sleep(milliseconds: number): Promise<void> {
    return this.step(milliseconds, () => {});
  }
}

export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
