import { resolve } from 'node:path';
import type { CardId } from '../core/card.js';
import type { CardState } from '../core/card-state.js';
import { holds, isOpen, keyQuarantined } from '../server/ledger-memory.js';
import type {
  CardEntry,
  ClaimRecord,
  Credited,
  CreditTo,
  Ledger,
  Order,
  StoredCard,
  StoredReply,
} from '../server/ledger.js';
import { findClaim, type Account, type Claim } from './sqlite/accounts.js';
import { loadDriver, lockLedger, storageError } from './sqlite/files.js';
import { createBatchBook } from './sqlite/batches.js';
import { createOrderBook } from './sqlite/orders.js';
import { purgeRecords } from './sqlite/purge.js';
import { givenBack, settled } from './sqlite/records.js';
import { creditRoutes } from './sqlite/routes.js';
import { kinds } from './sqlite/schema.js';
import { openStore, type Store } from './sqlite/store.js';

export { openContentRegistry, type ContentEntry, type ContentRegistry } from './content-registry.js';

export interface SqliteLedgerOptions {
  /** The file; beside it come `<path>-wal`, `<path>-shm` and `<path>.lock`. Made if it is not there; its folder is not. */
  readonly path: string;
  /** Cards kept in memory, about 1 KiB each. Default 100,000. */
  readonly maxCards?: number;
  /** Changes kept in memory before they are folded into the rows of their cards, about 1 KiB each. Default 65,536. */
  readonly maxUnfolded?: number;
}

/**
 * A ledger in one SQLite file, for one process. Needs the package `better-sqlite3`.
 *
 * The cards in memory decide. A change is durable before its promise resolves; all changes of an event-loop turn, and all that
 * come while the disk is synced, are one transaction. `readCard` answers with changes that are on their way to the disk, so that claims of one card can follow
 * each other within a turn: what is accepted on top of them fails with them. All other reads tell what is durable.
 *
 * @throws ImpulsError `storage-locked` if another process has it open; `storage-corrupt` if the file is not a whole ledger
 * of this format, which leaves it untouched; `storage-failed` if it cannot be read or written, or the package is missing
 */
export async function openSqliteLedger(options: SqliteLedgerOptions): Promise<Ledger> {
  const { maxCards = 100_000, maxUnfolded = 65_536 } = options;
  const driver = await loadDriver();
  const path = resolve(options.path);
  const lock = lockLedger(driver, path);
  try {
    const store = openStore(driver, path, maxCards, maxUnfolded);
    return createLedger(store, () => store.close().finally(() => lock.release()));
  } catch (error) {
    lock.release();
    throw storageError(error);
  }
}

function createLedger(store: Store, close: () => Promise<void>): Ledger {
  const orders = createOrderBook(store);
  const batches = createBatchBook(store);
  let closing: Promise<void> | undefined;

  /** For the calls of every payment: `call` throws before it returns a promise, or not at all. */
  function attempt<T>(call: () => Promise<T>): Promise<T> {
    if (store.shut) return Promise.reject(store.shut);
    try {
      return call();
    } catch (error) {
      return Promise.reject(storageError(error));
    }
  }

  /** For the others. */
  async function attemptAsync<T>(call: () => Promise<T>): Promise<T> {
    if (store.shut) throw store.shut;
    try {
      return await call();
    } catch (error) {
      throw storageError(error);
    }
  }

  /** The claim of a card by its tag: in memory while it has entries to fold, else in the index. */
  function claimOf(account: Account | undefined, tag: string, end?: number): Claim | undefined {
    if (!account) return undefined;
    const claim = findClaim(account, ({ record }) => record.tag === tag);
    return claim ?? (account.indexed ? store.readClaim(account, tag, end) : undefined);
  }

  function namedOf(account: Account | undefined, name: string): Claim | undefined {
    if (!account) return undefined;
    const isNamed = ({ record }: Claim) => record.status !== 'released' && record.idempotency?.name === name;
    const named = findClaim(account, isNamed);
    if (named || !account.indexed) return named;
    return store.readNamed(account, name, (claim) => isNamed(claim) && isFolded(account, claim));
  }

  /** Whether the row of a claim says all of it: what is in memory says more. */
  function isFolded(account: Account, { seq }: Claim): boolean {
    return !findClaim(account, (claim) => claim.seq === seq);
  }

  function holderOf(account: Account | undefined, from: number, end: number): Claim | undefined {
    if (!account) return undefined;
    const holder = findClaim(account, ({ record }) => holds(account.card.entry, record, from, end));
    if (holder || !account.indexed) return holder;
    return store.readHolder(account, from, end, (claim) => isFolded(account, claim));
  }

  /** Finds a claim, and says what it is as soon as that is durable. */
  async function whenDurable(find: () => Claim | undefined): Promise<ClaimRecord | undefined> {
    const claim = find();
    if (!claim || !store.isWaiting(Math.max(claim.seq, claim.resolvedBy))) return claim?.record;
    await store.settled();
    return find()?.record;
  }

  const storedOf = (card: StoredCard): StoredCard =>
    store.isolated.size > 0 && store.isolated.has(card.entry.keyId) ? { ...card, held: true } : card;

  return {
    openCard: (entry: CardEntry, state: CardState, at: number) =>
      attemptAsync(async () => {
        const known = store.account(entry.id);
        if (!known && store.isolated.has(entry.keyId)) throw keyQuarantined();
        const card = known?.card ?? store.open(entry, state, at);
        if (!known || store.isWaitingCard(entry.id)) await store.written();
        return storedOf(card);
      }),

    readCard: (id: CardId) =>
      attempt(() => {
        const card = store.account(id)?.card;
        return Promise.resolve(card && storedOf(card));
      }),

    accept: (id: CardId, version: number, next: CardState, claim: ClaimRecord) =>
      attempt(() => {
        const account = store.account(id);
        if (account?.card.version !== version) return no;
        const route = store.routeOf(claim.route);
        const record = route === 0 && claim.route !== '' ? { ...claim, route: '' } : claim;
        return store.append(account, kinds.accept, undefined, record, next, route);
      }),

    credit: (id: CardId, version: number, next: CardState, claim: ClaimRecord, to: CreditTo) =>
      attemptAsync(async (): Promise<Credited> => {
        const account = store.account(id);
        if (account?.card.version !== version) return 'stale';
        if (!orders.credit(to, claim.kept, claim.acceptedAt)) return 'closed';
        const record: ClaimRecord = { ...claim, route: '', status: 'settled' };
        await store.append(account, kinds.accept, undefined, record, next, creditRoutes[to.purpose]);
        return 'credited';
      }),

    settle: (id: CardId, tag: string, reply?: StoredReply) =>
      attemptAsync(async () => {
        const account = store.account(id);
        const claim = claimOf(account, tag);
        if (account && claim && takesSettlement(claim.record, reply)) {
          const record = settled(claim.record, claim.record.kept, reply);
          await store.append(account, kinds.settle, claim, record, account.card.state);
        } else if (claim && store.isWaiting(claim.resolvedBy)) await store.written();
      }),

    giveBack: (id: CardId, version: number, next: CardState, tag: string, kept: number) =>
      attempt(() => {
        const account = store.account(id);
        const claim = account?.card.version === version ? claimOf(account, tag) : undefined;
        if (!account || !claim || !isOpen(claim.record)) return no;
        return store.append(account, kinds.giveBack, claim, givenBack(claim.record, kept), next);
      }),

    findClaim: (id: CardId, tag: string, end?: number) =>
      attemptAsync(() => whenDurable(() => claimOf(store.account(id), tag, end))),

    findIdempotent: (id: CardId, name: string) =>
      attemptAsync(() => whenDurable(() => namedOf(store.account(id), name))),

    findHolder: (id: CardId, from: number, end: number) =>
      attemptAsync(() => whenDurable(() => holderOf(store.account(id), from, end))),

    createOrders: (added: readonly Order[], at: number) => attemptAsync(() => orders.create(added, at)),
    readOrder: (id: string) => attemptAsync(() => orders.read(id)),
    serveOrder: (id, digest, signatures, cards, at) =>
      attemptAsync(() => orders.serve(id, digest, signatures, cards, at)),
    changeOrders: (ids, state, at) => attemptAsync(() => orders.change(ids, state, at)),
    readRefunds: () => attemptAsync(() => orders.readRefunds()),
    payRefund: (order, at) => attemptAsync(() => orders.payRefund(order, at)),

    createBatch: (terms) => attemptAsync(() => batches.create(terms)),
    addCodes: (batch, first, ids) => attemptAsync(() => batches.addCodes(batch, first, ids)),
    changeCodes: (batch, from, to, state, at) =>
      attemptAsync(() => batches.changeCodes(batch, from, to, state, at)),
    readBatches: () => attemptAsync(() => batches.readAll()),
    readCodes: (batch, from, to) => attemptAsync(() => batches.readCodes(batch, from, to)),

    quarantine: (keys) => attemptAsync(async () => store.isolate(keys)),
    quarantined: () => attemptAsync(async () => [...store.isolated].sort()),
    liftQuarantine: () => attemptAsync(async () => store.endIsolation()),

    readBooks: () =>
      attemptAsync(async () => {
        await store.settled();
        return store.movements();
      }),

    totals: () =>
      attemptAsync(async () => {
        await store.settled();
        const { settled, pending, released, ...sums } = store.sums;
        return { ...sums, claims: { settled, pending, released } };
      }),

    purge: (keysBefore: number, claimsBefore: number) =>
      attemptAsync(() => purgeRecords(store, keysBefore, claimsBefore)),

    close: () => (closing ??= close()),
  };
}

/** An open claim, or one settled without the reply that comes now. */
function takesSettlement(record: ClaimRecord, reply: StoredReply | undefined): boolean {
  return isOpen(record) || (record.status === 'settled' && !record.reply && reply !== undefined);
}

const no = Promise.resolve(false);
