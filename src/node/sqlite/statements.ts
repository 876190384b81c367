import type { Database, Statement } from 'better-sqlite3';
import type { Movement } from '../../server/ledger.js';
import type {
  BatchRow,
  CardRow,
  ClaimRow,
  CodeRow,
  FateRow,
  GroupAge,
  GroupRow,
  JournalRow,
  OrderRow,
  ProgressRow,
  StretchRow,
} from './schema.js';

/** Everything that the SQLite ledger says to SQLite, prepared once. */

export interface Reads {
  readonly progress: Statement<[], ProgressRow>;
  readonly lastSeq: Statement<[], number | null>;
  readonly lastSlot: Statement<[], number | null>;
  readonly tail: Statement<[seq: number], JournalRow>;
  readonly cardById: Statement<[id: string], CardRow>;
  readonly cardBySlot: Statement<[slot: number], CardRow>;
  /** Looks through all claims of a card. */
  readonly claimByTag: Statement<[slot: number, hash: number, tag: string], ClaimRow>;
  readonly claimByEnd: Statement<[slot: number, end: number, tag: string], ClaimRow>;
  readonly claimBySeq: Statement<[slot: number, end: number, seq: number], ClaimRow>;
  readonly endOfClaim: Statement<[seq: number], number>;
  /** Claims that may hold a unit of `(from, end]`. */
  readonly chainHolders: Statement<[slot: number, from: number, end: number, from: number], ClaimRow>;
  readonly streamHolders: Statement<[slot: number, end: number], ClaimRow>;
  readonly order: Statement<[id: string], OrderRow>;
  readonly batch: Statement<[number: number], BatchRow>;
  readonly batches: Statement<[], BatchRow>;
  readonly codes: Statement<[batch: number, from: number, to: number], CodeRow>;
  /** By their time. */
  readonly refunds: Statement<[], OrderRow>;
  readonly routes: Statement<[], { readonly id: number; readonly name: string }>;
  readonly books: Statement<[], Movement>;
  readonly quarantined: Statement<[], string>;
  readonly lastGroup: Statement<[], GroupRow>;
}

export function prepareReads(db: Database): Reads {
  const prepare = preparer(db);
  const claims = `
    SELECT j.*, c.kept AS now_kept, c.resolved, r.kind AS resolved_kind, r.reply AS resolved_reply
    FROM claims c JOIN journal j ON j.seq = c.seq LEFT JOIN journal r ON r.seq = c.resolved
    WHERE c.slot = ? AND`;
  const orders = 'SELECT o.*, b.expires FROM orders o LEFT JOIN batches b ON b.number = o.batch';
  return {
    progress: prepare('SELECT * FROM progress'),
    lastSeq: prepare<[], number | null>('SELECT max(seq) FROM journal').pluck(),
    lastSlot: prepare<[], number | null>('SELECT max(slot) FROM cards').pluck(),
    tail: prepare('SELECT * FROM journal WHERE seq >= ? ORDER BY seq'),
    cardById: prepare('SELECT * FROM cards WHERE id = ?'),
    cardBySlot: prepare('SELECT * FROM cards WHERE slot = ?'),
    claimByTag: prepare(`${claims} c.hash = ? AND j.tag = ?`),
    claimByEnd: prepare(`${claims} c.end = ? AND j.tag = ?`),
    claimBySeq: prepare(`${claims} c.end = ? AND c.seq = ?`),
    endOfClaim: prepare<[number], number>('SELECT end FROM journal WHERE seq = ? AND kind = 0').pluck(),
    chainHolders: prepare(`
      ${claims} c.end > ? AND c.kept > 0 AND c.end - c.units < ? AND c.end - c.units + c.kept > ? ORDER BY c.end`),
    streamHolders: prepare(`${claims} c.end = ? AND c.kept > 0`),
    order: prepare(`${orders} WHERE o.id = ?`),
    refunds: prepare(`${orders} WHERE o.purpose = 1 ORDER BY o.at`),
    routes: prepare('SELECT * FROM routes'),
    books: prepare('SELECT * FROM books'),
    quarantined: prepare<[], string>('SELECT key FROM quarantine ORDER BY key').pluck(),
    lastGroup: prepare('SELECT * FROM groups ORDER BY last DESC LIMIT 1'),
    batch: prepare('SELECT * FROM batches WHERE number = ?'),
    batches: prepare('SELECT * FROM batches ORDER BY number'),
    codes: prepare(`
      SELECT serial, state, digest IS NOT NULL AS served
      FROM orders WHERE batch = ? AND serial BETWEEN ? AND ? ORDER BY serial`),
  };
}

export interface Writes {
  readonly begin: Statement<[]>;
  readonly commit: Statement<[]>;
  /** Rows in the order of the columns of `journal`, and of `claims`. */
  readonly journal: RowInserter;
  readonly claims: RowInserter;
  readonly insertCard: Statement;
  readonly foldCard: Statement<[state: Uint8Array, version: number, seq: number, slot: number]>;
  readonly resolveClaim: Statement<[resolved: number, kept: number, slot: number, end: number, seq: number]>;
  readonly insertOrder: Statement<
    [id: string, items: Uint8Array, purpose: number | null, credit: number | null, at: number | null]
  >;
  readonly serveOrder: Statement<[digest: string, signatures: Uint8Array, id: string]>;
  readonly creditOrder: Statement<[units: number, id: string]>;
  readonly payOrder: Statement<[at: number, id: string]>;
  readonly changeOrder: Statement<[state: number, held: number, id: string]>;
  readonly isolateOrders: Statement<[]>;
  readonly freeOrders: Statement<[]>;
  readonly insertQuarantine: Statement<[key: string]>;
  readonly deleteQuarantine: Statement<[]>;
  readonly insertRoute: Statement<[id: number, name: string]>;
  readonly addToBooks: Statement<
    [day: number, kind: string, key: string, route: string, count: number, units: number]
  >;
  readonly insertGroup: Statement<[last: number, link: Uint8Array, purged: number]>;
  readonly groups: Statement<[after: number, limit: number], GroupRow>;
  /** A group is young, too, if it resolves a claim whose acceptance an earlier group still tells of. */
  readonly groupAge: Statement<
    [before: number, before: number, after: number, after: number, last: number],
    GroupAge
  >;
  readonly deleteRows: Statement<[after: number, last: number]>;
  readonly purgeGroup: Statement<[purged: number, last: number]>;
  readonly deleteGroup: Statement<[last: number]>;
  readonly insertBatch: Statement<[label: string, items: Uint8Array, created: number, expires: number]>;
  /** Adds nothing where the id is there. */
  readonly insertCode: Statement<[id: string, items: Uint8Array, batch: number, serial: number]>;
  /** Changes the codes that are in one state, and not served, to another. */
  readonly changeCodes: Statement<
    [next: number, next: number, batch: number, from: number, to: number, state: number]
  >;
  /** Adds to what a batch counts. */
  readonly countCodes: Statement<
    [printed: number, active: number, voided: number, redeemed: number, number: number]
  >;
  readonly progress: Statement;
  readonly stretch: Statement<[seq: number, rows: number], StretchRow>;
  /** The rows of a group. */
  readonly groupRows: Statement<[after: number, last: number], StretchRow>;
  /** The claims of a card that have an idempotency key of this name, the latest first. */
  readonly idempotent: Statement<
    [slot: number, name: Uint8Array],
    { readonly seq: number; readonly end: number }
  >;
  readonly fate: Statement<[slot: number, end: number, seq: number], FateRow>;
  readonly erase: Statement<[seq: number]>;
  readonly deleteClaim: Statement<[slot: number, end: number, seq: number]>;
}

export function prepareWrites(db: Database): Writes {
  const prepare = preparer(db);
  const rows = `
    SELECT seq, slot, kind, claim, end, at, challenge_expires, route, key IS NOT NULL OR reply IS NOT NULL AS secret
    FROM journal`;
  return {
    begin: prepare('BEGIN IMMEDIATE'),
    commit: prepare('COMMIT'),
    journal: new RowInserter(db, 'journal', 16),
    claims: new RowInserter(db, 'claims', 7),
    insertCard: prepare('INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)'),
    foldCard: prepare('UPDATE cards SET state = ?, version = ?, seq = ? WHERE slot = ?'),
    resolveClaim: prepare('UPDATE claims SET resolved = ?, kept = ? WHERE slot = ? AND end = ? AND seq = ?'),
    insertOrder: prepare(
      'INSERT INTO orders (id, items, state, purpose, credit, at) VALUES (?, ?, 1, ?, ?, ?)',
    ),
    serveOrder: prepare('UPDATE orders SET digest = ?, signatures = ? WHERE id = ?'),
    creditOrder: prepare('UPDATE orders SET credit = credit + ? WHERE id = ?'),
    payOrder: prepare('UPDATE orders SET paid = ? WHERE id = ?'),
    changeOrder: prepare('UPDATE orders SET state = ?, held = ? WHERE id = ?'),
    isolateOrders: prepare(
      'UPDATE orders SET held = held | 2 WHERE digest IS NULL AND paid IS NULL AND state <> 2',
    ),
    freeOrders: prepare('UPDATE orders SET held = held & 1 WHERE held & 2'),
    insertQuarantine: prepare('INSERT INTO quarantine VALUES (?) ON CONFLICT DO NOTHING'),
    deleteQuarantine: prepare('DELETE FROM quarantine'),
    insertRoute: prepare('INSERT INTO routes VALUES (?, ?)'),
    addToBooks: prepare(`
      INSERT INTO books VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (day, kind, key, route)
      DO UPDATE SET count = count + excluded.count, units = units + excluded.units`),
    insertGroup: prepare('INSERT INTO groups VALUES (?, ?, ?)'),
    groups: prepare('SELECT * FROM groups WHERE last > ? ORDER BY last LIMIT ?'),
    groupAge: prepare(`
      SELECT min(at) AS oldest, max(at >= ? OR challenge_expires >= ? OR (kind IN (1, 2) AND claim <= ?
        AND EXISTS (SELECT 1 FROM journal accepted WHERE accepted.seq = journal.claim))) AS young
      FROM journal WHERE seq > ? AND seq <= ?`),
    deleteRows: prepare('DELETE FROM journal WHERE seq > ? AND seq <= ?'),
    purgeGroup: prepare('UPDATE groups SET purged = ? WHERE last = ?'),
    deleteGroup: prepare('DELETE FROM groups WHERE last = ?'),
    insertBatch: prepare('INSERT INTO batches VALUES (NULL, ?, ?, ?, ?, 0, 0, 0, 0)'),
    insertCode: prepare(`
      INSERT INTO orders (id, items, batch, serial, state) VALUES (?, ?, ?, ?, 0) ON CONFLICT (id) DO NOTHING`),
    changeCodes: prepare(`
      UPDATE orders SET state = ?, held = iif(? = 2, 0, held)
      WHERE batch = ? AND serial BETWEEN ? AND ? AND state = ? AND digest IS NULL`),
    countCodes: prepare(`
      UPDATE batches SET printed = printed + ?, active = active + ?, void = void + ?, redeemed = redeemed + ?
      WHERE number = ?`),
    progress: prepare(`
      UPDATE progress SET tail = ?, seq = ?, erased = ?, orders = ?, orders_served = ?, cards = ?, units = ?, spent = ?,
        settled = ?, pending = ?, released = ?`),
    stretch: prepare(`${rows} WHERE seq >= ? ORDER BY seq LIMIT ?`),
    groupRows: prepare(`${rows} WHERE seq > ? AND seq <= ? ORDER BY seq`),
    idempotent: prepare(`
      SELECT seq, end FROM journal
      WHERE slot = ? AND substr(idempotency, 1, 16) = ? AND idempotency IS NOT NULL ORDER BY seq DESC`),
    fate: prepare(`
      SELECT c.resolved, c.kept, r.kind FROM claims c LEFT JOIN journal r ON r.seq = c.resolved
      WHERE c.slot = ? AND c.end = ? AND c.seq = ?`),
    erase: prepare('UPDATE journal SET key = NULL, reply = NULL, idempotency = NULL WHERE seq = ?'),
    deleteClaim: prepare('DELETE FROM claims WHERE slot = ? AND end = ? AND seq = ?'),
  };
}

/** A call costs as much as a row: so many rows go with one. */
const rowsAtOnce = 16;

/** Inserts rows of one table, most of them many at once: they are there after `flush`. */
export class RowInserter {
  readonly #columns: number;
  readonly #one: Statement;
  readonly #many: Statement;
  readonly #values: unknown[];
  #used = 0;

  constructor(db: Database, table: string, columns: number) {
    const row = `(${Array(columns).fill('?').join(', ')})`;
    const rows = (count: number) => `INSERT INTO ${table} VALUES ${Array(count).fill(row).join(', ')}`;
    this.#columns = columns;
    this.#values = Array(columns * rowsAtOnce).fill(null);
    this.#one = db.prepare(rows(1));
    this.#many = db.prepare(rows(rowsAtOnce));
  }

  add(...row: unknown[]): void {
    for (const value of row) this.#values[this.#used++] = value;
    if (this.#used < this.#values.length) return;
    this.#used = 0;
    this.#many.run(this.#values);
  }

  flush(): void {
    for (let at = 0; at < this.#used; at += this.#columns) {
      this.#one.run(this.#values.slice(at, at + this.#columns));
    }
    this.#used = 0;
  }

  /** Forgets the rows that wait, after a failure. */
  clear(): void {
    this.#used = 0;
  }
}

function preparer(db: Database) {
  return <Values extends unknown[], Row = unknown>(sql: string): Statement<Values, Row> =>
    db.prepare<Values, Row>(sql);
}
