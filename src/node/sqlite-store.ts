import type { CardId } from '../core/card.js';
import type { CardState } from '../core/card-state.js';
import { ImpulsError } from '../core/errors.js';
import type { ClaimRecord, StoredCard, StoredOrder } from '../server/ledger.js';
import { Accounts, createAccount, type Account, type Claim, type Entry } from './sqlite-accounts.js';
import { startCheckpoints, type Checkpoints } from './sqlite-checkpoints.js';
import {
  openForWriting,
  openReadOnly,
  prepareFile,
  storageError,
  type Connection,
  type Driver,
} from './sqlite-files.js';
import { createEntry, foldOldest, insertCard, insertEntries } from './sqlite-log.js';
import { cardOf, claimOf } from './sqlite-records.js';
import { addToSums, recover, type Recovered, type Sums } from './sqlite-recovery.js';
import { hashTag, type Kind } from './sqlite-schema.js';
import { prepareReads, prepareWrites, type Reads, type Writes } from './sqlite-statements.js';

type Job = (writes: Writes) => void;

/** All changes of one event-loop turn: one transaction. */
interface Group {
  /** The first row that it adds to the journal. */
  readonly first: number;
  readonly entries: Entry[];
  /** New cards as they were opened. */
  readonly opened: Map<Account, StoredCard>;
  readonly orders: Map<string, StoredOrder>;
  readonly jobs: Job[];
  readonly done: Promise<true>;
  readonly resolve: (value: true) => void;
  readonly reject: (error: unknown) => void;
}

/** @throws what SQLite throws, ImpulsError `storage-corrupt` or `malformed` */
export function openStore(driver: Driver, path: string, maxCards: number, maxUnfolded: number): Store {
  prepareFile(driver, path);
  const accounts = new Accounts(maxCards);
  // What is damaged shows while nothing can be written.
  const reader = openReadOnly(driver, path);
  let recovered: Recovered;
  try {
    recovered = recover(prepareReads(reader), accounts, undefined, 0);
  } finally {
    reader.close();
  }
  const connection = openForWriting(driver, path);
  return new Store(connection, startCheckpoints(connection, path), accounts, recovered, maxUnfolded);
}

/** The state that decides, in memory, and the log that makes it durable. */
export class Store {
  readonly accounts: Accounts;
  readonly reads: Reads;
  sums: Sums;
  /** Before this row of the journal no key and no reply is left. */
  erased: number;
  readonly #connection: Connection;
  readonly #checkpoints: Checkpoints;
  readonly #writes: Writes;
  readonly #maxUnfolded: number;
  readonly #session: number;
  #lastSeq: number;
  #lastSlot: number;
  /** Versions below it may have been told of states that were lost. */
  #floor = 0;
  #group: Group | undefined;
  /** Cards that this transaction folds. */
  #folded: Account[] = [];
  #shut: ImpulsError | undefined;

  constructor(
    connection: Connection,
    checkpoints: Checkpoints,
    accounts: Accounts,
    recovered: Recovered,
    maxUnfolded: number,
  ) {
    this.#connection = connection;
    this.#checkpoints = checkpoints;
    this.accounts = accounts;
    this.reads = prepareReads(connection);
    this.#writes = prepareWrites(connection);
    this.#maxUnfolded = maxUnfolded;
    this.#session = recovered.session;
    this.#lastSeq = recovered.lastSeq;
    this.#lastSlot = recovered.lastSlot;
    this.sums = recovered.sums;
    this.erased = recovered.erased;
  }

  /** Why every call is refused, if it is. */
  get shut(): ImpulsError | undefined {
    return this.#shut;
  }

  account(id: CardId): Account | undefined {
    const account = this.accounts.find(id);
    if (account) return account;
    const row = this.reads.cardById.get(id);
    if (!row) return undefined;
    const { entry, state, version } = cardOf(row);
    const card = { entry, state, version: Math.max(version, this.#floor) };
    const loaded = createAccount(row.slot, card, row.seq > 0);
    this.accounts.add(loaded);
    return loaded;
  }

  /** @param end of the claim, if it is known: without it all claims of the card are looked through */
  readClaim({ slot }: Account, tag: string, end: number | undefined): Claim | undefined {
    const { claimByEnd, claimByTag } = this.reads;
    const row = end === undefined ? claimByTag.get(slot, hashTag(tag), tag) : claimByEnd.get(slot, end, tag);
    return row && claimOf(row, this.#session);
  }

  /** The first claim in the index that holds what is asked for, and that `isCurrent`. */
  readHolder(
    account: Account,
    from: number,
    end: number,
    isCurrent: (claim: Claim) => boolean,
  ): Claim | undefined {
    const { slot, card } = account;
    const rows =
      card.entry.protocol === 'chain'
        ? this.reads.chainHolders.iterate(slot, from, end, from)
        : this.reads.streamHolders.iterate(slot, end);
    for (const row of rows) {
      const claim = claimOf(row, this.#session);
      if (isCurrent(claim)) return claim;
    }
    return undefined;
  }

  open(entry: StoredCard['entry'], state: CardState): StoredCard {
    const card = { entry, state, version: this.#floor };
    const account = createAccount(++this.#lastSlot, card, false);
    this.accounts.pin(account);
    this.#waiting().opened.set(account, card);
    this.sums.cards++;
    this.sums.units += state.units;
    this.sums.spent += state.spent;
    return card;
  }

  /**
   * Changes a claim to `record` and its card to `next`.
   *
   * @param claim undefined if this accepts it
   * @returns when it is durable
   */
  append(
    account: Account,
    kind: Kind,
    claim: Claim | undefined,
    record: ClaimRecord,
    next: CardState,
  ): Promise<true> {
    const group = this.#waiting();
    const seq = ++this.#lastSeq;
    const spent = next.spent - account.card.state.spent;
    addToSums(this.sums, claim?.record, record, spent);
    const held = claim ?? { seq, record, resolvedBy: 0, indexedAs: undefined };
    const entry = createEntry(account, seq, kind, held, record, next);
    this.accounts.append(entry);
    group.entries.push(entry);
    return group.done;
  }

  /** Changes an order. */
  change(order: StoredOrder, job: Job): void {
    const group = this.#waiting();
    group.orders.set(order.id, order);
    group.jobs.push(job);
  }

  /** Does something within the transaction of this turn. @returns when it is durable */
  within(job: Job): Promise<true> {
    if (this.#shut) return Promise.reject(this.#shut);
    const group = this.#waiting();
    group.jobs.push(job);
    return group.done;
  }

  /**
   * Does something in a transaction of its own, after what waits: no other change comes between its reads and its writes.
   *
   * @param job undefined takes back what it did
   * @param pages about how many it has written
   * @throws what SQLite throws; then nothing was done
   */
  alone<T>(job: (writes: Writes) => T | undefined, pages: (result: T) => number): T | undefined {
    if (this.#group) this.#commit(this.#group);
    if (this.#shut) throw this.#shut;
    const sums = { ...this.sums };
    let result: T | undefined;
    try {
      this.#writes.begin.run();
      result = job(this.#writes);
      if (result !== undefined) {
        this.#writeProgress();
        this.#writes.commit.run();
        this.#checkpoints.wrote(pages(result));
      }
    } finally {
      if (this.#connection.inTransaction) {
        this.sums = sums;
        this.#connection.exec('ROLLBACK');
      }
    }
    return result;
  }

  /** Folds the oldest entries of the journal until `keep` are left or about `budget` are folded. Only within a job. */
  fold(keep: number, budget: number, busy: readonly Entry[] = []): void {
    this.#folded.push(...foldOldest(this.#writes, this.accounts, busy, keep, budget));
  }

  /** Whether the journal's row `seq` is not durable yet. */
  isWaiting(seq: number): boolean {
    return this.#group !== undefined && seq >= this.#group.first;
  }

  isWaitingCard(account: Account): boolean {
    return this.#group?.opened.has(account) === true;
  }

  /** Orders as this turn changed them. */
  get waitingOrders(): ReadonlyMap<string, StoredOrder> | undefined {
    return this.#group?.orders;
  }

  /** Resolves when all that was changed is durable; rejects when it is lost. */
  async written(): Promise<void> {
    await this.#group?.done;
  }

  /** Resolves when nothing waits any more, whatever became of it. */
  async settled(): Promise<void> {
    await this.#group?.done.catch(() => {});
    if (this.#shut) throw this.#shut;
  }

  /** Leaves nothing that was erased in the write-ahead log. */
  async emptyLog(): Promise<void> {
    await this.#checkpoints.empty();
  }

  async close(): Promise<void> {
    if (this.#group) this.#commit(this.#group);
    this.#shut ??= new ImpulsError('storage-failed', 'the ledger is closed');
    await this.#checkpoints.stop();
    this.#connection.close();
  }

  #waiting(): Group {
    if (this.#group) return this.#group;
    let resolve!: (value: true) => void;
    let reject!: (error: unknown) => void;
    const done = new Promise<true>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    // Callers need not wait for what they change.
    done.catch(() => {});
    const group: Group = {
      first: this.#lastSeq + 1,
      entries: [],
      opened: new Map(),
      orders: new Map(),
      jobs: [],
      done,
      resolve,
      reject,
    };
    this.#group = group;
    setImmediate(() => {
      if (this.#group === group) this.#commit(group);
    });
    return group;
  }

  #commit(group: Group): void {
    this.#group = undefined;
    this.#folded = [];
    try {
      this.#write(group);
    } catch (error) {
      this.#reload(group);
      group.reject(storageError(error));
      return;
    }
    for (const account of group.opened.keys()) this.accounts.unpin(account);
    for (const account of this.#folded) this.accounts.unpin(account);
    group.resolve(true);
    const cards = group.opened.size + this.#folded.length;
    this.#checkpoints.wrote(2 + group.entries.length / 16 + 4 * cards + group.jobs.length);
  }

  #write(group: Group): void {
    this.#writes.journal.clear();
    this.#writes.claims.clear();
    this.#writes.begin.run();
    for (const [{ slot }, card] of group.opened) insertCard(this.#writes, slot, card);
    insertEntries(this.#writes, group.entries);
    for (const job of group.jobs) job(this.#writes);
    this.fold(this.#maxUnfolded, 2 * group.entries.length + 64, group.entries);
    if (group.opened.size + group.jobs.length + this.#folded.length > 0) this.#writeProgress();
    this.#writes.commit.run();
  }

  #writeProgress(): void {
    const { orders, ordersServed, cards, units, spent, settled, pending, released } = this.sums;
    const tail = this.accounts.oldest?.seq ?? this.#lastSeq + 1;
    const place = [tail, this.#lastSeq, this.erased];
    this.#writes.progress.run(
      ...place,
      orders,
      ordersServed,
      cards,
      units,
      spent,
      settled,
      pending,
      released,
    );
  }

  /** After a failed commit: forgets every card that has anything to lose, and reads what is durable. */
  #reload(group: Group): void {
    for (const { account } of group.entries) this.#floor = Math.max(this.#floor, account.card.version + 1);
    try {
      if (this.#connection.inTransaction) this.#connection.exec('ROLLBACK');
      this.accounts.dropPinned();
      const recovered = recover(this.reads, this.accounts, this.#session, this.#floor);
      this.sums = recovered.sums;
      this.erased = recovered.erased;
      this.#lastSeq = recovered.lastSeq;
      this.#lastSlot = recovered.lastSlot;
    } catch (cause) {
      const hint = 'Restart the vendor when its disk is well again.';
      this.#shut = new ImpulsError('storage-failed', 'the ledger could not be read again', { hint, cause });
    }
  }
}
