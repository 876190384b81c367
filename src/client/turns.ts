import { orAborted } from './environment.js';

/** Tasks of one name, one after the other in the order in which they came. */
export interface Turns {
  /** @throws what the task throws; the signal's reason if it is aborted before the task has begun */
  take<T>(name: string, signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<void>>();
  return {
    async take(name, signal, task) {
      const before = last.get(name) ?? Promise.resolve();
      let finish!: () => void;
      const own = new Promise<void>((resolve) => (finish = resolve));
      last.set(name, own);
      try {
        await orAborted(before, signal);
        return await task();
      } finally {
        // One that was aborted while it waited lets nobody pass.
        void before.then(() => {
          finish();
          if (last.get(name) === own) last.delete(name);
        });
      }
    },
  };
}
