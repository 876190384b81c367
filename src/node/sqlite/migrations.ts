import { Books, unitsOf } from '../../server/ledger-books.js';
import type { MovementKind } from '../../server/ledger.js';
import { Accounts } from './accounts.js';
import { firstLink, Linker, type ChainedRow } from './chain.js';
import { decodeItems, decodeState } from './codec.js';
import type { Connection } from './files.js';
import { recover } from './recovery.js';
import { batchTables, bookTables, idempotencyIndex, type CardRow } from './schema.js';
import { prepareReads } from './statements.js';

/** What makes a ledger of one version one of the next, by the version before. Each runs within a transaction. */
export const migrations: Readonly<Record<number, (connection: Connection) => void>> = {
  1: (connection) => {
    connection.exec(`
      ALTER TABLE orders ADD COLUMN batch INTEGER;
      ALTER TABLE orders ADD COLUMN serial INTEGER;
      ALTER TABLE orders ADD COLUMN state INTEGER;
      ${batchTables}
    `);
  },
  2: (connection) => {
    connection.exec(`
      ALTER TABLE orders ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE orders ADD COLUMN purpose INTEGER;
      ALTER TABLE orders ADD COLUMN credit INTEGER;
      ALTER TABLE orders ADD COLUMN at INTEGER;
      ALTER TABLE orders ADD COLUMN paid INTEGER;
      UPDATE orders SET state = 1 WHERE state IS NULL;
      ALTER TABLE journal ADD COLUMN route INTEGER NOT NULL DEFAULT 0;
      ${bookTables}
    `);
    linkJournal(connection);
    openBooks(connection);
  },
  3: (connection) => {
    connection.exec(`ALTER TABLE journal ADD COLUMN idempotency BLOB; ${idempotencyIndex}`);
  },
};

/** So many rows are a group. */
const groupRows = 1000;

/** Links what is there: nobody can tell any more what was changed before. */
function linkJournal(connection: Connection): void {
  const stretch = connection.prepare<[number, number], ChainedRow>(
    'SELECT * FROM journal WHERE seq > ? ORDER BY seq LIMIT ?',
  );
  const insert = connection.prepare('INSERT INTO groups VALUES (?, ?, 0)');
  const linker = new Linker();
  let link = firstLink;
  for (let last = 0; ;) {
    const rows = stretch.all(last, groupRows);
    if (rows.length === 0) return;
    for (const row of rows) linker.add(row);
    link = linker.link(link);
    last = rows.at(-1)!.seq;
    insert.run(last, link);
  }
}

/**
 * Books from what is known. Of payments whose records are left the day is known. All else is put on the first day that is: what
 * was sold, issued and opened, and what was spent in payments that were purged. An order does not say under which keys it was
 * served: cards that were not opened yet are put to the key of that denomination that was opened last.
 */
function openBooks(connection: Connection): void {
  const books = new Books();
  const days = connection
    .prepare<[], number | null>(
      'SELECT min(at) FROM (SELECT at FROM journal UNION ALL SELECT created FROM batches UNION ALL SELECT unixepoch())',
    )
    .pluck();
  const at = days.get()!;
  const post = (kind: MovementKind, key: string, count: number, units: number): void =>
    books.post({ at, kind, key, route: '', count, units });

  const spent = postSpending(connection, books);
  const opened = new Map<string, { readonly units: number; count: number }>();
  const accounts = new Accounts(Infinity);
  recover(prepareReads(connection), accounts, undefined, 0);
  for (const row of connection
    .prepare<[], Pick<CardRow, 'id' | 'key_id' | 'state'>>(
      'SELECT id, key_id, state FROM cards ORDER BY slot',
    )
    .iterate()) {
    const state = accounts.find(row.id)?.card.state ?? decodeState(row.state);
    const key = opened.get(row.key_id) ?? { units: state.units, count: 0 };
    key.count++;
    // The key that was opened last comes last.
    opened.delete(row.key_id);
    opened.set(row.key_id, key);
    post('opened', row.key_id, 1, state.units);
    spent.set(row.key_id, (spent.get(row.key_id) ?? 0) - state.spent);
  }
  for (const [key, left] of spent) if (left !== 0) post('spent', key, 0, -left);

  for (const [denomination, count] of postSales(connection, books, at)) {
    let left = count;
    const keys = [...opened].filter(([, { units }]) => units === denomination);
    for (const [i, [key, of]] of keys.entries()) {
      const issued = i === keys.length - 1 ? left : Math.min(left, of.count);
      if (issued > 0) post('issued', key, issued, issued * denomination);
      left -= issued;
    }
    if (left > 0) post('issued', '', left, left * denomination);
  }

  const insert = connection.prepare('INSERT INTO books VALUES (?, ?, ?, ?, ?, ?)');
  for (const { day, kind, key, route, count, units } of books.list()) {
    insert.run(day, kind, key, route, count, units);
  }
}

/** Posts the payments whose records are left. @returns their units by key */
function postSpending(connection: Connection, books: Books): Map<string, number> {
  const units = new Map<string, number>();
  const rows = connection.prepare<
    [],
    { readonly key: string; readonly at: number; readonly count: number; readonly units: number }
  >(`
    SELECT c.key_id AS key, min(a.at) AS at, sum(coalesce(r.kept, a.kept) > 0) AS count,
      sum(coalesce(r.kept, a.kept)) AS units
    FROM journal a JOIN cards c USING (slot) LEFT JOIN (SELECT claim, kept FROM journal WHERE kind = 2) r ON r.claim = a.seq
    WHERE a.kind = 0 GROUP BY c.key_id, a.at / 86400`);
  for (const { key, at, count, units: kept } of rows.all()) {
    books.post({ at, kind: 'spent', key, route: '', count, units: kept });
    units.set(key, (units.get(key) ?? 0) + kept);
  }
  return units;
}

/** Posts the orders that are good or were. @returns how many cards were issued, by denomination */
function postSales(connection: Connection, books: Books, at: number): Map<number, number> {
  const issued = new Map<number, number>();
  const orders = connection.prepare<
    [],
    { readonly items: Uint8Array; readonly served: number; readonly count: number }
  >(
    'SELECT items, digest IS NOT NULL AS served, count(*) AS count FROM orders WHERE state = 1 GROUP BY items, served',
  );
  for (const { items: bytes, served, count } of orders.all()) {
    const items = decodeItems(bytes);
    books.post({ at, kind: 'sold', key: '', route: '', count, units: count * unitsOf(items) });
    if (!served) continue;
    for (const { denomination, count: cards } of items) {
      issued.set(denomination, (issued.get(denomination) ?? 0) + count * cards);
    }
  }
  return issued;
}
