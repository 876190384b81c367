import type { CardId } from '../core/card.js';
import { ImpulsError } from '../core/errors.js';
import type { Ledger } from '../server/ledger.js';
import { Batches } from './postgres/batches.js';
import { Cards } from './postgres/cards.js';
import { Claims } from './postgres/claims.js';
import { openConnections, type Connections } from './postgres/connection.js';
import { Database, storageError } from './postgres/database.js';
import { Instance } from './postgres/instances.js';
import { migrate } from './postgres/migrate.js';
import { Orders } from './postgres/orders.js';
import { purgeRecords } from './postgres/purge.js';
import { Quarantine } from './postgres/quarantine.js';
import { Routes } from './postgres/routes.js';
import { readBooks, readTotals } from './postgres/sums.js';

/** What of a `Pool` of `pg` a ledger uses. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

export interface PostgresClient {
  /** The number of the process that it speaks to, as the other side gave it; a pooler gives one of its own. */
  readonly processID?: number | null;
  query(config: PostgresQuery): Promise<{ readonly rows: unknown[][] }>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
  /** @param error the connection is of no use any more */
  release(error?: Error): void;
}

export interface PostgresQuery {
  readonly text: string;
  readonly values: unknown[];
  readonly rowMode: 'array';
  /** Under which the connection keeps the statement. */
  readonly name?: string;
}

export interface PostgresLedgerOptions {
  /**
   * `postgres://user:password@host:port/database`; secret, where it has a password. Of several hosts with commas between them,
   * `one:5432,two:5432`, one that can be written to is looked for, and again when it is lost.
   */
  readonly url?: string;
  /** Connections of the caller, instead of `url`; the ledger does not end them. */
  readonly pool?: PostgresPool;
  /** The schema in which the tables are, made if it is not there. Lower-case letters, digits and `_`. Default `impuls`. */
  readonly schema?: string;
  /** Connections at once, of those that `url` makes. Default 10. */
  readonly maxConnections?: number;
  /** How long a statement may take before it counts as failed. Default 30. */
  readonly timeoutSeconds?: number;
  /** Cards kept in memory, about 1 KiB each. Default 100,000. */
  readonly maxCards?: number;
  /**
   * After a ledger that was killed said last that it lives, what it left pending is interrupted at the latest so much later.
   * Default 30.
   */
  readonly leaseSeconds?: number;
  /**
   * Parts by hash into which the tables of cards and claims are made, when they are made: 1 to 256. Default 1: every part costs
   * time to plan each statement; see ADR 23.
   */
  readonly partitions?: number;
}

/**
 * A ledger in a PostgreSQL database, for any number of processes at once. Needs the package `pg`, and may be reached through a
 * pooler in transaction mode.
 *
 * The database decides. A change is durable before its promise resolves, and a statement does all changes of an event-loop turn
 * of their kind. `readCard` and the other reads tell what is durable; `recallCard` tells what this process knew last.
 *
 * @throws ImpulsError `storage-corrupt` if the tables are of a newer version; `storage-failed` if the database cannot be reached
 * or does not sync what it commits, or the package is missing; `invalid-argument`
 */
export async function openPostgresLedger(options: PostgresLedgerOptions): Promise<Ledger> {
  const { schema = 'impuls', maxCards = 100_000, leaseSeconds = 30, partitions = 1 } = options;
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new ImpulsError('invalid-argument', 'a schema is named by lower-case letters, digits and _');
  }
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 256) {
    throw new ImpulsError('invalid-argument', 'partitions are from 1 to 256');
  }
  const connections = await openConnections(options);
  try {
    const database = new Database(connections, schema);
    await checkDurability(database);
    await migrate(database, partitions);
    return createLedger(database, await Instance.open(database, leaseSeconds), connections, maxCards);
  } catch (error) {
    await connections.end();
    throw storageError(error);
  }
}

async function checkDurability(database: Database): Promise<void> {
  const [row] = await database.read(`SELECT current_setting('fsync'), current_setting('synchronous_commit')`);
  const [fsync, commit] = row ?? [];
  if (fsync === 'on' && commit !== 'off') return;
  throw new ImpulsError('storage-failed', 'the database says that it has written what it has not', {
    hint: 'Turn fsync and synchronous_commit on.',
  });
}

function createLedger(
  database: Database,
  instance: Instance,
  connections: Connections,
  maxCards: number,
): Ledger {
  const routes = new Routes(database);
  const cards = new Cards(database, () => instance.id, maxCards);
  const claims = new Claims(database, cards, routes, () => instance.id);
  const orders = new Orders(database);
  const batches = new Batches(database);
  const quarantine = new Quarantine(database);
  const running = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  /** For the calls of every payment. */
  function attempt<T>(call: () => Promise<T>): Promise<T> {
    if (closing) return Promise.reject(closedLedger());
    return call();
  }

  /** For the others, which closing waits for. */
  function attemptSlow<T>(call: () => Promise<T>): Promise<T> {
    if (closing) return Promise.reject(closedLedger());
    const done = call();
    running.add(done);
    const forget = (): void => void running.delete(done);
    done.then(forget, forget);
    return done;
  }

  async function close(): Promise<void> {
    await Promise.all([cards.drained(), claims.drained(), Promise.allSettled(running)]);
    try {
      await instance.close();
    } catch {
      // Its lease will end.
    } finally {
      await connections.end();
    }
  }

  return {
    openCard: (entry, state, at) => attempt(() => cards.open(entry, state, at)),
    readCard: (id) => attempt(() => cards.read(id)),
    recallCard: (id) =>
      attempt(() => {
        const known = cards.recall(id);
        return known ? Promise.resolve(known) : cards.read(id);
      }),
    accept: (id, version, next, claim) => attempt(() => claims.accept(id, version, next, claim)),
    credit: (id, version, next, claim, to) =>
      attemptSlow(async () => {
        cards.forget(id);
        return orders.credit(id, version, next, claim, to).finally(() => cards.forget(id));
      }),
    settle: (id, tag, reply) => attempt(() => claims.settle(id, tag, reply)),
    giveBack: (id, version, next, tag, kept) => attempt(() => claims.giveBack(id, version, next, tag, kept)),

    findClaim: (id, tag, end) => attemptSlow(() => claims.find(id, tag, end)),
    findIdempotent: (id, name) => attemptSlow(() => claims.findIdempotent(id, name)),
    findHolder: (id: CardId, from, end) =>
      attemptSlow(async () => {
        const { entry } = cards.recall(id) ?? (await cards.read(id)) ?? {};
        return entry && claims.findHolder(id, entry.protocol, from, end);
      }),

    createOrders: (added, at) => attemptSlow(() => orders.create(added, at)),
    readOrder: (id) => attemptSlow(() => orders.read(id)),
    serveOrder: (id, digest, signatures, made, at) =>
      attemptSlow(() => orders.serve(id, digest, signatures, made, at)),
    changeOrders: (ids, state, at) => attemptSlow(() => orders.change(ids, state, at)),
    readRefunds: () => attemptSlow(() => orders.readRefunds()),
    payRefund: (order, at) => attemptSlow(() => orders.payRefund(order, at)),

    createBatch: (terms) => attemptSlow(() => batches.create(terms)),
    addCodes: (batch, first, ids) => attemptSlow(() => batches.addCodes(batch, first, ids)),
    changeCodes: (batch, from, to, state, at) =>
      attemptSlow(() => batches.changeCodes(batch, from, to, state, at)),
    readBatches: () => attemptSlow(() => batches.readAll()),
    readCodes: (batch, from, to) => attemptSlow(() => batches.readCodes(batch, from, to)),

    quarantine: (keys) => attemptSlow(() => quarantine.add(keys)),
    quarantined: () => attemptSlow(() => quarantine.keys()),
    liftQuarantine: () => attemptSlow(() => quarantine.lift()),

    readBooks: () => attemptSlow(() => readBooks(database, routes)),
    totals: () => attemptSlow(() => readTotals(database)),
    purge: (keysBefore, claimsBefore) => attemptSlow(() => purgeRecords(database, keysBefore, claimsBefore)),
    close: () => (closing ??= close()),
  };
}

function closedLedger(): ImpulsError {
  return new ImpulsError('storage-failed', 'the ledger is closed');
}
