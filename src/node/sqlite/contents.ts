import type { CreditPurpose } from '../../server/ledger.js';
import type { LedgerContents, LedgerRecord } from '../moving/records.js';
import { loadDriver, openReadOnly, storageError, type Connection } from './files.js';
import { batchOf, cardOf, claimOf, orderOf } from './records.js';
import { creditRoutes, Routes } from './routes.js';
import type { CardRow, ClaimRow, OrderRow, ProgressRow } from './schema.js';
import { prepareReads } from './statements.js';
import { openStore } from './store.js';

/** A ledger's file, read as a whole. */
export interface SqliteContents extends LedgerContents {
  close(): void;
}

/** Entries of the journal that are folded at once. */
const foldedAtOnce = 1000;

/**
 * Opens the file of a ledger for reading, when every change stands in the row of its card. The lock of the ledger must be held.
 *
 * @throws ImpulsError as `openSqliteLedger`
 */
export async function openSqliteContents(path: string): Promise<SqliteContents> {
  const driver = await loadDriver();
  try {
    const store = openStore(driver, path, 1000, 0);
    try {
      while (store.accounts.unfolded > 0) await store.within(() => store.fold(0, foldedAtOnce));
    } finally {
      await store.close();
    }
    const db = openReadOnly(driver, path);
    return { size: sizeOf(db), read: () => read(db), close: () => void db.close() };
  } catch (error) {
    throw storageError(error);
  }
}

function sizeOf(db: Connection): number {
  const tables = ['batches', 'orders', 'cards', 'claims', 'books', 'quarantine'];
  const counts = tables.map((table) => `(SELECT count(*) FROM ${table})`).join(' + ');
  return 1 + db.prepare<[], number>(`SELECT ${counts}`).pluck().get()!;
}

/** What a claim's row says beside the name of its card. */
type NamedClaimRow = ClaimRow & { readonly card: string };

async function* read(db: Connection): AsyncGenerator<LedgerRecord, void, undefined> {
  try {
    yield* readRows(db);
  } catch (error) {
    throw storageError(error);
  }
}

function* readRows(db: Connection): Generator<LedgerRecord, void, undefined> {
  const reads = prepareReads(db);
  const routes = new Routes(reads.routes.all());
  const purposes = new Map<number, CreditPurpose>([
    [creditRoutes.exchange, 'exchange'],
    [creditRoutes.refund, 'refund'],
  ]);
  for (const row of reads.batches.iterate()) yield { kind: 'batch', batch: batchOf(row) };
  const orders = db.prepare<[], OrderRow>(
    'SELECT o.*, b.expires FROM orders o LEFT JOIN batches b ON b.number = o.batch',
  );
  for (const row of orders.iterate()) yield { kind: 'order', order: orderOf(row) };
  const cards = db.prepare<[], CardRow>('SELECT * FROM cards ORDER BY slot');
  for (const row of cards.iterate()) yield { kind: 'card', card: cardOf(row) };
  const claims = db.prepare<[], NamedClaimRow>(`
    SELECT j.*, c.kept AS now_kept, c.resolved, r.kind AS resolved_kind, r.reply AS resolved_reply, d.id AS card
    FROM claims c JOIN journal j ON j.seq = c.seq JOIN cards d ON d.slot = c.slot LEFT JOIN journal r ON r.seq = c.resolved
    ORDER BY c.seq`);
  for (const row of claims.iterate()) {
    const { record } = claimOf(row, Infinity, routes);
    yield { kind: 'claim', card: row.card, claim: record, credit: purposes.get(row.route) };
  }
  for (const movement of reads.books.iterate()) {
    if (movement.count !== 0 || movement.units !== 0) yield { kind: 'movement', movement };
  }
  for (const key of reads.quarantined.all()) yield { kind: 'quarantine', key };
  yield { kind: 'totals', totals: totalsOf(reads.progress.get()!) };
}

function totalsOf(row: ProgressRow): Extract<LedgerRecord, { kind: 'totals' }>['totals'] {
  const { orders, orders_served: ordersServed, cards, units, spent, settled, pending, released } = row;
  return { orders, ordersServed, cards, units, spent, claims: { settled, pending, released } };
}
