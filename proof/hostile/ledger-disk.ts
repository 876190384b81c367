import { ImpulsError } from '../../src/core/errors.js';
import type { CardState } from '../../src/core/card-state.js';
import { createMemoryLedger, type ClaimRecord, type Ledger } from '../../src/server/index.js';
import type { Faults } from './faults.js';
import { never, type Life } from './life.js';
import type { Scheduler } from './scheduler.js';

/**
 * A ledger on a disk that can be looked at: what a vendor did, in its order, how much of that is durable, and what is made of it
 * when the vendor is killed, loses its power, cannot write, or is restored from a backup. Between a crash and the next opening
 * all that is not durable is gone, but for a stretch of it that happened to be written.
 */
export interface LedgerDisk {
  /** The ledger as a process that opens it now sees it. What it waits for when the process dies never comes. */
  open(life: Life): Ledger;
  /** What a backup would hold. */
  readonly durable: number;
  /** Goes back to a backup. @returns what is forgotten by that */
  restore(length: number): readonly Change[];
  /** A ledger in memory that holds the same, for those who look on. */
  readonly truth: Ledger;
  /** Whether the acceptance of a claim is on the disk. */
  isDurable(tag: string): boolean;
  /** Whether a quarantine holds cards. */
  readonly isQuarantined: boolean;
}

/** A call of a ledger that changed something. */
export interface Change {
  readonly name: Changing;
  readonly args: readonly unknown[];
}

/** Hears what becomes of the disk. */
export interface DiskWatcher {
  /** A change was made, and may yet be lost. */
  changed(change: Change): void;
  /** Changes were lost: the disk holds what it did before them. */
  lost(changes: readonly Change[]): void;
}

/** What may be done wrongly on purpose. */
export interface DiskFlaws {
  /** Says that something is durable before it is. */
  readonly acknowledgesEarly?: true;
  /** Forgets that what was pending is interrupted. */
  readonly forgetsInterruptions?: true;
  /** Loses the record of a claim in a crash, and keeps what it did to the card. */
  readonly tearsTransactions?: true;
  /** Moves the card, and leaves the claim as it was, so that its units come back again. */
  readonly givesBackTwice?: true;
}

const changing = [
  'openCard',
  'accept',
  'credit',
  'settle',
  'giveBack',
  'createOrders',
  'serveOrder',
  'changeOrders',
  'payRefund',
  'quarantine',
  'liftQuarantine',
  'purge',
] as const;
export type Changing = (typeof changing)[number];

/** Calls whose answer must not be given before what it rests on is durable. */
const finding = ['findClaim', 'findIdempotent', 'findHolder'] as const;

interface Waiting {
  readonly done: () => void;
  readonly failed: (error: ImpulsError) => void;
}

export function createLedgerDisk(
  scheduler: Scheduler,
  faults: Faults,
  watcher: DiskWatcher,
  flaws: DiskFlaws = {},
): LedgerDisk {
  let log: Change[] = [];
  let durable = 0;
  let memory = createMemoryLedger();
  /** Where in the log each claim was accepted. */
  let places = new Map<string, number>();
  /** What was accepted below it and is pending was so when the ledger was opened. */
  let openedAt = 0;
  let waiting: Waiting[] = [];
  let syncing = false;
  let writes = 0;

  function call(name: string, args: readonly unknown[]): Promise<unknown> {
    type Calls = Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>;
    return (memory as unknown as Calls)[name]!(...args);
  }

  function apply(change: Change): void {
    void call(change.name, change.args).catch(() => {});
    note(change);
  }

  function note({ name, args }: Change): void {
    if (name === 'accept' || name === 'credit') places.set((args[3] as ClaimRecord).tag, log.length);
  }

  /** Keeps the first changes only. */
  function cut(length: number): readonly Change[] {
    const lost = log.slice(length);
    const kept = log.slice(0, length);
    const torn = flaws.tearsTransactions ? lost.find(({ name }) => name === 'accept') : undefined;
    log = [];
    memory = createMemoryLedger();
    places = new Map();
    for (const change of kept) {
      apply(change);
      log.push(change);
    }
    if (torn) {
      const [id, version, next, claim] = torn.args as [string, number, CardState, ClaimRecord];
      const empty = { ...claim, kept: 0, status: 'released' as const };
      const change: Change = { name: 'accept', args: [id, version, next, empty] };
      apply(change);
      log.push(change);
    }
    durable = log.length;
    if (lost.length > 0) watcher.lost(lost);
    return lost;
  }

  /** The power goes, or the process: of what is not durable a stretch from the first on may have been written. */
  function crash(): void {
    const open = log.length - durable;
    const kept = open === 0 ? 0 : faults.draw(`survives ${scheduler.now}`, open + 1);
    waiting = [];
    syncing = false;
    cut(durable + kept);
    openedAt = log.length;
  }

  function sync(life: Life): void {
    if (syncing) return;
    syncing = true;
    const place = `write ${writes++}`;
    const slow = faults.strikes('ledger slow', place) ? 400 + faults.draw(place, 4000) : 0;
    scheduler.after(1 + faults.draw(place, 12) + slow, () => {
      if (!life.alive) return;
      syncing = false;
      const group = waiting;
      waiting = [];
      if (faults.strikes('ledger failed', place)) {
        cut(durable + faults.draw(`survives ${place}`, log.length - durable + 1));
        const error = new ImpulsError('storage-failed', 'the disk is full');
        for (const { failed } of group) failed(error);
        return;
      }
      durable = log.length;
      for (const { done } of group) done();
    });
  }

  function written<T>(life: Life, result: T): Promise<T> {
    if (flaws.acknowledgesEarly) {
      sync(life);
      return Promise.resolve(result);
    }
    return new Promise((resolve, reject) => {
      waiting.push({ done: () => resolve(result), failed: reject });
      sync(life);
    });
  }

  /** Whether a call that answered so has changed something. */
  function hasChanged(name: Changing, result: unknown): boolean {
    if (name === 'accept' || name === 'giveBack') return result === true;
    if (name === 'credit') return result === 'credited';
    if (name === 'serveOrder') return (result as { status: string }).status === 'served';
    return true;
  }

  function afterwards(record: ClaimRecord | undefined): ClaimRecord | undefined {
    if (record?.status !== 'pending' || flaws.forgetsInterruptions) return record;
    return places.get(record.tag)! < openedAt ? { ...record, status: 'interrupted' } : record;
  }

  function open(life: Life): Ledger {
    life.onEnd(crash);
    const isAlive = (): boolean => life.alive;
    const change = async (name: Changing, args: unknown[]): Promise<unknown> => {
      if (!life.alive) return never();
      const result = await call(name, args);
      // Another call may have ended the process meanwhile: what this one changed went with its memory.
      if (!isAlive()) return never();
      if (hasChanged(name, result)) {
        const made: Change = { name, args };
        note(made);
        log.push(made);
        watcher.changed(made);
        if (name === 'giveBack' && flaws.givesBackTwice) repeatGiveBack(args);
      }
      return written(life, result);
    };
    const find = async (name: (typeof finding)[number], args: unknown[]): Promise<unknown> => {
      for (;;) {
        if (!life.alive) return never();
        const record = (await call(name, args)) as ClaimRecord | undefined;
        if (!isAlive()) return never();
        if (!record || isTold(record)) return afterwards(record);
        await written(life, undefined).catch(() => {});
      }
    };
    const ledger = { ...memory } as unknown as Record<string, unknown>;
    for (const name of Object.keys(memory)) {
      ledger[name] = async (...args: unknown[]) => {
        if (!life.alive) return never();
        return call(name, args);
      };
    }
    for (const name of changing) ledger[name] = (...args: unknown[]) => change(name, args);
    for (const name of finding) ledger[name] = (...args: unknown[]) => find(name, args);
    return ledger as unknown as Ledger;
  }

  /** Whether nothing that was done to a claim can be lost any more. */
  function isSettledOnDisk({ tag }: ClaimRecord): boolean {
    for (let at = log.length - 1; at >= durable; at--) {
      const { name, args } = log[at]!;
      if ((name === 'accept' || name === 'credit') && (args[3] as ClaimRecord).tag === tag) return false;
      if (name === 'settle' && args[1] === tag) return false;
      if (name === 'giveBack' && args[3] === tag) return false;
    }
    return true;
  }

  function isTold(record: ClaimRecord): boolean {
    return flaws.acknowledgesEarly === true || isSettledOnDisk(record);
  }

  function repeatGiveBack(args: readonly unknown[]): void {
    const [id, version, next, , kept] = args as [string, number, CardState, string, number];
    if (kept > 0 || next.spent === 0) return;
    const claim = { tag: `again ${log.length}`, end: 1, units: 1, kept: 0 } as unknown as ClaimRecord;
    const moved = { ...next, spent: next.spent - 1 };
    const change: Change = {
      name: 'accept',
      args: [id, version + 1, moved, { ...claim, status: 'released' }],
    };
    apply(change);
    log.push(change);
  }

  return {
    open,
    get durable() {
      return durable;
    },
    restore(length) {
      const lost = cut(length);
      openedAt = log.length;
      return lost;
    },
    get truth() {
      return memory;
    },
    isDurable: (tag) => (places.get(tag) ?? Infinity) < durable,
    get isQuarantined() {
      return log.findLast(({ name }) => name.endsWith('uarantine'))?.name === 'quarantine';
    },
  };
}
