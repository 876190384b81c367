import type { CardId } from '../../core/card.js';
import type { CardState } from '../../core/card-state.js';
import { ImpulsError } from '../../core/errors.js';
import { Books } from '../../server/ledger-books.js';
import type { HeldOrder } from '../../server/ledger-orders.js';
import type { ClaimRecord, Movement, StoredCard } from '../../server/ledger.js';
import { Accounts, createAccount, type Account, type Claim, type Entry } from './accounts.js';
import { Linker } from './chain.js';
import { startCheckpoints, type Checkpoints } from './checkpoints.js';
import {
  openForWriting,
  openReadOnly,
  prepareFile,
  storageError,
  type Connection,
  type Driver,
} from './files.js';
import { encodeName } from './codec.js';
import { createEntry, foldOldest, insertCard, insertRows, writeProgress, type Opening } from './log.js';
import { cardOf, claimOf } from './records.js';
import { addToSums, postClaim, recover, type Recovered, type Sums } from './recovery.js';
import type { Routes } from './routes.js';
import { hashTag, type Kind } from './schema.js';
import { prepareReads, prepareWrites, type Reads, type Writes } from './statements.js';
import { openLogSyncs, type LogSyncs } from './syncs.js';

type Job = (writes: Writes) => void;

/** Changes that become durable together: one transaction. */
interface Group {
  /** The first row that it adds to the journal. */
  readonly first: number;
  readonly rows: Array<Entry | Opening>;
  readonly entries: Entry[];
  readonly opened: Map<CardId, Opening>;
  readonly orders: Map<string, HeldOrder>;
  readonly jobs: Job[];
  /** Cards that its transaction folded. */
  folded: readonly Account[];
  readonly done: Promise<true>;
  readonly resolve: (value: true) => void;
  readonly reject: (error: unknown) => void;
}

/** @throws what SQLite throws, ImpulsError `storage-corrupt` or `malformed` */
export function openStore(
  driver: Driver,
  path: string,
  maxCards: number,
  maxUnfolded: number,
  openSyncs = openLogSyncs,
): Store {
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
  // The log is there once somebody has read.
  connection.pragma('user_version');
  const syncs = openSyncs(path);
  try {
    // What a process committed that was killed may not be on the disk yet, and counts from now on.
    syncs.syncNow();
  } catch (error) {
    syncs.close();
    connection.close();
    throw error;
  }
  return new Store(connection, syncs, startCheckpoints(connection, path), accounts, recovered, maxUnfolded);
}

/** The state that decides, in memory, and the log that makes it durable. */
export class Store {
  readonly accounts: Accounts;
  readonly reads: Reads;
  sums: Sums;
  /** What moved since the books of the file were written. */
  books: Books;
  routes: Routes;
  /** Keys that are quarantined. */
  isolated: ReadonlySet<string>;
  /** Before this row of the journal no key and no reply is left. */
  erased: number;
  readonly #connection: Connection;
  readonly #syncs: LogSyncs;
  readonly #checkpoints: Checkpoints;
  readonly #writes: Writes;
  readonly #maxUnfolded: number;
  readonly #session: number;
  readonly #linker = new Linker();
  /** Of the last group that is committed. */
  #link: Uint8Array;
  #lastSeq: number;
  #lastSlot: number;
  /** Versions below it may have been told of states that were lost. */
  #floor = 0;
  /** What the next transaction takes. */
  #group: Group | undefined;
  /** Committed, and on their way to the disk; oldest first. */
  #unsynced: Group[] = [];
  #syncing = false;
  /** Cards that this transaction folds. */
  #folded: Account[] = [];
  #shut: ImpulsError | undefined;

  constructor(
    connection: Connection,
    syncs: LogSyncs,
    checkpoints: Checkpoints,
    accounts: Accounts,
    recovered: Recovered,
    maxUnfolded: number,
  ) {
    this.#connection = connection;
    this.#syncs = syncs;
    this.#checkpoints = checkpoints;
    this.accounts = accounts;
    this.reads = prepareReads(connection);
    this.#writes = prepareWrites(connection);
    this.#maxUnfolded = maxUnfolded;
    this.#session = recovered.session;
    this.#lastSeq = recovered.lastSeq;
    this.#lastSlot = recovered.lastSlot;
    this.sums = recovered.sums;
    this.books = recovered.books;
    this.routes = recovered.routes;
    this.isolated = recovered.isolated;
    this.#link = recovered.link;
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
    return row && claimOf(row, this.#session, this.routes);
  }

  /** The first claim in the index with an idempotency key of this name that `isWanted`, the latest first. */
  readNamed({ slot }: Account, name: string, isWanted: (claim: Claim) => boolean): Claim | undefined {
    for (const { seq, end } of this.#writes.idempotent.all(slot, encodeName(name))) {
      const row = this.reads.claimBySeq.get(slot, end, seq);
      const claim = row && claimOf(row, this.#session, this.routes);
      if (claim && isWanted(claim)) return claim;
    }
    return undefined;
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
      const claim = claimOf(row, this.#session, this.routes);
      if (isCurrent(claim)) return claim;
    }
    return undefined;
  }

  open(entry: StoredCard['entry'], state: CardState, at: number): StoredCard {
    const group = this.#waiting();
    const card = { entry, state, version: this.#floor };
    const account = createAccount(++this.#lastSlot, card, false);
    this.accounts.pin(account);
    const opening = { seq: ++this.#lastSeq, account, card, at };
    group.opened.set(entry.id, opening);
    group.rows.push(opening);
    this.books.post({ at, kind: 'opened', key: entry.keyId, route: '', count: 1, units: state.units });
    this.sums.cards++;
    this.sums.units += state.units;
    this.sums.spent += state.spent;
    return card;
  }

  /**
   * Changes a claim to `record` and its card to `next`.
   *
   * @param claim undefined if this accepts it
   * @param route as the journal has it, of a claim that is accepted
   * @returns when it is durable
   */
  append(
    account: Account,
    kind: Kind,
    claim: Claim | undefined,
    record: ClaimRecord,
    next: CardState,
    route = 0,
  ): Promise<true> {
    const group = this.#waiting();
    const seq = ++this.#lastSeq;
    const spent = next.spent - account.card.state.spent;
    addToSums(this.sums, claim?.record, record, spent);
    const held = claim ?? { seq, record, route, resolvedBy: 0, indexedAs: undefined };
    postClaim(this.books, account.card.entry.keyId, held.route, claim?.record, record);
    const entry = createEntry(account, seq, kind, held, record, next);
    this.accounts.append(entry);
    group.entries.push(entry);
    group.rows.push(entry);
    return group.done;
  }

  /** The number of a class of routes, which is made if there is none. */
  routeOf(name: string): number {
    const known = this.routes.numberOf(name);
    if (known !== undefined) return known;
    const id = this.routes.add(name);
    this.#waiting().jobs.push(({ insertRoute }) => insertRoute.run(id, name));
    return id;
  }

  /** Changes an order. */
  change(order: HeldOrder, job: Job): void {
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
    const books = new Books(this.books.list());
    let result: T | undefined;
    try {
      this.#writes.begin.run();
      result = job(this.#writes);
      if (result !== undefined) {
        this.#writeProgress();
        this.#writes.commit.run();
        this.books.clear();
        this.#syncNow();
        this.#checkpoints.wrote(pages(result));
      }
    } finally {
      if (this.#connection.inTransaction) {
        this.sums = sums;
        this.books = books;
        this.#connection.exec('ROLLBACK');
      }
    }
    return result;
  }

  /** Everything in the books. */
  movements(): Movement[] {
    const books = new Books(this.reads.books.all());
    books.add(this.books.list());
    return books.list();
  }

  isolate(keys: readonly string[]): void {
    const add = ({ insertQuarantine, isolateOrders }: Writes): number => {
      for (const key of keys) insertQuarantine.run(key);
      return isolateOrders.run().changes;
    };
    this.alone(add, (orders) => 1 + orders);
    this.isolated = new Set(this.reads.quarantined.all());
  }

  endIsolation(): void {
    const end = ({ deleteQuarantine, freeOrders }: Writes): number => {
      deleteQuarantine.run();
      return freeOrders.run().changes;
    };
    this.alone(end, (orders) => 1 + orders);
    this.isolated = new Set();
  }

  /** Folds the oldest entries of the journal until `keep` are left or about `budget` are folded. Only within a job. */
  fold(keep: number, budget: number, busy: readonly Entry[] = []): void {
    this.#folded.push(...foldOldest(this.#writes, this.accounts, busy, keep, budget));
  }

  /** Whether the journal's row `seq` is not durable yet. */
  isWaiting(seq: number): boolean {
    const oldest = this.#unsynced[0] ?? this.#group;
    return oldest !== undefined && seq >= oldest.first;
  }

  isWaitingCard(id: CardId): boolean {
    return this.#waitingGroups().some(({ opened }) => opened.has(id));
  }

  /** An order as it will be, while that is not durable yet. */
  waitingOrder(id: string): HeldOrder | undefined {
    return (
      this.#group?.orders.get(id) ?? this.#unsynced.findLast(({ orders }) => orders.has(id))?.orders.get(id)
    );
  }

  /** Resolves when all that was changed is durable; rejects when it is lost. */
  async written(): Promise<void> {
    await this.#waitingGroups().at(-1)?.done;
  }

  /** Resolves when nothing waits any more, whatever became of it. */
  async settled(): Promise<void> {
    await this.#waitingGroups()
      .at(-1)
      ?.done.catch(() => {});
    if (this.#shut) throw this.#shut;
  }

  #waitingGroups(): readonly Group[] {
    return this.#group ? [...this.#unsynced, this.#group] : this.#unsynced;
  }

  /** Leaves nothing that was erased in the write-ahead log. */
  async emptyLog(): Promise<void> {
    await this.#checkpoints.empty();
  }

  async close(): Promise<void> {
    if (this.#group) this.#commit(this.#group);
    try {
      this.#syncNow();
    } finally {
      this.#shut ??= new ImpulsError('storage-failed', 'the ledger is closed');
      await this.#checkpoints.stop();
      this.#syncs.close();
      this.#connection.close();
    }
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
      rows: [],
      entries: [],
      opened: new Map(),
      orders: new Map(),
      jobs: [],
      folded: [],
      done,
      resolve,
      reject,
    };
    this.#group = group;
    this.#scheduleCommit();
    return group;
  }

  /** While the log is synced, changes wait for the next transaction: one sync is for all that came meanwhile. */
  #scheduleCommit(): void {
    const group = this.#group;
    if (!group || this.#syncing) return;
    setImmediate(() => {
      if (this.#group !== group || this.#syncing) return;
      this.#commit(group);
      this.#sync();
    });
  }

  /** Writes a group to the log. It is durable after a sync. */
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
    group.folded = this.#folded;
    this.#unsynced.push(group);
    const cards = group.opened.size + this.#folded.length;
    this.#checkpoints.wrote(2 + group.entries.length / 16 + 4 * cards + group.jobs.length);
  }

  /** Syncs what is committed, beside the event loop. */
  #sync(): void {
    const last = this.#unsynced.at(-1);
    if (!last) return;
    this.#syncing = true;
    this.#syncs.sync((error) => {
      this.#syncing = false;
      if (error) this.#fail(error);
      else if (this.#unsynced.includes(last)) this.#release(last);
      this.#scheduleCommit();
    });
  }

  /** Syncs what is committed before it returns. @throws ImpulsError `storage-failed`; then nobody knows what is durable */
  #syncNow(): void {
    if (this.#shut) return;
    try {
      this.#syncs.syncNow();
    } catch (error) {
      this.#fail(error);
      throw this.#shut!;
    }
    const last = this.#unsynced.at(-1);
    if (last) this.#release(last);
  }

  /** Tells everybody who waits for groups up to `last`. */
  #release(last: Group): void {
    const durable = this.#unsynced.splice(0, this.#unsynced.indexOf(last) + 1);
    for (const { opened, folded, resolve } of durable) {
      for (const { account } of opened.values()) this.accounts.unpin(account);
      for (const account of folded) this.accounts.unpin(account);
      resolve(true);
    }
  }

  /** What a sync that failed has left on the disk is not known, and no later one would tell. */
  #fail(cause: unknown): void {
    const hint = 'Restart the vendor when its disk is well again.';
    this.#shut ??= new ImpulsError('storage-failed', 'the ledger could not be synced to its disk', {
      hint,
      cause,
    });
    for (const { reject } of this.#waitingGroups()) reject(this.#shut);
    this.#unsynced = [];
    this.#group = undefined;
  }

  #write(group: Group): void {
    this.#writes.journal.clear();
    this.#writes.claims.clear();
    this.#writes.begin.run();
    for (const { account, card } of group.opened.values()) insertCard(this.#writes, account.slot, card);
    const link = this.#appendGroup(group);
    for (const job of group.jobs) job(this.#writes);
    this.fold(this.#maxUnfolded, 2 * group.entries.length + 64, group.entries);
    const summed = group.opened.size + group.jobs.length + this.#folded.length > 0;
    if (summed) this.#writeProgress();
    this.#writes.commit.run();
    if (summed) this.books.clear();
    this.#link = link;
  }

  #appendGroup({ rows }: Group): Uint8Array {
    if (rows.length === 0) return this.#link;
    const link = insertRows(this.#writes, rows, this.#linker, this.#link);
    this.#writes.insertGroup.run(rows.at(-1)!.seq, link, 0);
    return link;
  }

  #writeProgress(): void {
    for (const { day, kind, key, route, count, units } of this.books.list()) {
      this.#writes.addToBooks.run(day, kind, key, route, count, units);
    }
    const tail = this.accounts.oldest?.seq ?? this.#lastSeq + 1;
    writeProgress(this.#writes, [tail, this.#lastSeq, this.erased], this.sums);
  }

  /** After a failed commit: forgets every card that has anything to lose, and reads what is durable. */
  #reload(group: Group): void {
    for (const { account } of group.entries) this.#floor = Math.max(this.#floor, account.card.version + 1);
    try {
      if (this.#connection.inTransaction) this.#connection.exec('ROLLBACK');
      this.accounts.dropPinned();
      const recovered = recover(this.reads, this.accounts, this.#session, this.#floor);
      this.sums = recovered.sums;
      this.books = recovered.books;
      this.routes = recovered.routes;
      this.isolated = recovered.isolated;
      this.#link = recovered.link;
      this.erased = recovered.erased;
      this.#lastSeq = recovered.lastSeq;
      this.#lastSlot = recovered.lastSlot;
    } catch (cause) {
      const hint = 'Restart the vendor when its disk is well again.';
      this.#shut = new ImpulsError('storage-failed', 'the ledger could not be read again', { hint, cause });
    }
  }
}
