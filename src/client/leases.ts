import { orAborted } from './environment.js';
import type { Journal } from './journal.js';
import type { Lease, WalletStorage } from './storage.js';

/**
 * Runs what reads or writes the journal. Where the storage is shared that happens within a lease:
 *
 *   first task ──► borrow ──► load, if another one wrote ──► tasks, at the same time ──► flush ──► release
 *
 * While another one waits for the lease nobody joins any more: tasks that come then wait until it went round. A task
 * must not wait for another one that it runs in here, nor be one of two that wait for each other.
 *
 * @throws what the task throws; what the storage throws; the signal's reason if it is aborted before the task has begun
 */
export type Use = <T>(task: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/** A lease, from when it is asked for until it is released. */
interface Round {
  /** It is borrowed, and the journal is as the storage is. */
  readonly ready: Promise<Lease>;
  readonly over: Promise<void>;
  readonly finish: () => void;
  stage: 'borrowing' | 'open' | 'closed' | 'released';
  users: number;
}

export function createUse(
  storage: WalletStorage,
  journal: Pick<Journal, 'load' | 'flush'>,
  log: (message: string) => void,
): Use {
  if (!storage.borrow) return (task) => task();
  /** Whether the journal may not be as the storage is, whatever a lease says. */
  let stale = true;
  let current: Round | undefined;

  async function borrow(): Promise<Lease> {
    const lease = await storage.borrow!();
    try {
      if (lease.changed) stale = true;
      if (stale) await journal.load();
      stale = false;
      return lease;
    } catch (error) {
      await lease.release();
      throw error;
    }
  }

  function begin(): Round {
    let finish!: () => void;
    const over = new Promise<void>((resolve) => (finish = resolve));
    const ready = borrow();
    const round: Round = { ready, over, finish, stage: 'borrowing', users: 0 };
    ready.then(
      () => {
        if (round.stage === 'borrowing') round.stage = 'open';
      },
      () => (round.stage = 'closed'),
    );
    return round;
  }

  async function join(signal: AbortSignal | undefined): Promise<Round> {
    for (;;) {
      const round = (current ??= begin());
      if (round.stage === 'closed' || round.stage === 'released') {
        await orAborted(round.over, signal);
        continue;
      }
      const late = round.stage === 'open';
      round.users++;
      try {
        const lease = await orAborted(round.ready, signal);
        if (!late || !(await lease.wanted())) return round;
        round.stage = 'closed';
      } catch (error) {
        void leave(round);
        throw error;
      }
      void leave(round);
    }
  }

  async function leave(round: Round): Promise<void> {
    if (--round.users > 0) return;
    const lease = await round.ready.catch(() => undefined);
    await journal.flush().catch((error: unknown) => {
      // What is written then only the storage knows.
      stale = true;
      log(String(error));
    });
    // Another task may have joined, and left, meanwhile.
    if (round.users > 0 || round.stage === 'released') return;
    round.stage = 'released';
    try {
      await lease?.release();
    } catch (error) {
      log(`the storage did not take its lease back: ${String(error)}`);
    }
    current = undefined;
    round.finish();
  }

  return async (task, signal) => {
    const round = await join(signal);
    try {
      return await task();
    } finally {
      // Not waited for: what is due to be written is no part of the answer.
      void leave(round);
    }
  };
}
