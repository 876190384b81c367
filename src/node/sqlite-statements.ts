import type { Database, Statement } from 'better-sqlite3';
import type {
  BatchRow,
  CardRow,
  ClaimRow,
  CodeRow,
  FateRow,
  JournalRow,
  OrderRow,
  ProgressRow,
  StretchRow,
} from './sqlite-schema.js';

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
}

export function prepareReads(db: Database): Reads {
  const prepare = preparer(db);
  const claims = `
    SELECT j.*, c.kept AS now_kept, c.resolved, r.kind AS resolved_kind, r.reply AS resolved_reply
    FROM claims c JOIN journal j ON j.seq = c.seq LEFT JOIN journal r ON r.seq = c.resolved
    WHERE c.slot = ? AND`;
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
    order: prepare(`
      SELECT o.*, b.expires FROM orders o LEFT JOIN batches b ON b.number = o.batch WHERE o.id = ?`),
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
  readonly insertOrder: Statement<[id: string, items: Uint8Array]>;
  readonly serveOrder: Statement<[digest: string, signatures: Uint8Array, id: string]>;
  readonly insertBatch: Statement<[label: string, items: Uint8Array, created: number, expires: number]>;
  /** Adds nothing where the id is there. */
  readonly insertCode: Statement<[id: string, items: Uint8Array, batch: number, serial: number]>;
  /** Changes the codes that are in one state, and not served, to another. */
  readonly changeCodes: Statement<[next: number, batch: number, from: number, to: number, state: number]>;
  /** Adds to what a batch counts. */
  readonly countCodes: Statement<
    [printed: number, active: number, voided: number, redeemed: number, number: number]
  >;
  readonly progress: Statement;
  readonly stretch: Statement<[seq: number, rows: number], StretchRow>;
  readonly fate: Statement<[slot: number, end: number, seq: number], FateRow>;
  readonly erase: Statement<[seq: number]>;
  readonly deleteRow: Statement<[seq: number]>;
  readonly deleteClaim: Statement<[slot: number, end: number, seq: number]>;
}

export function prepareWrites(db: Database): Writes {
  const prepare = preparer(db);
  return {
    begin: prepare('BEGIN IMMEDIATE'),
    commit: prepare('COMMIT'),
    journal: new RowInserter(db, 'journal', 14),
    claims: new RowInserter(db, 'claims', 7),
    insertCard: prepare('INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)'),
    foldCard: prepare('UPDATE cards SET state = ?, version = ?, seq = ? WHERE slot = ?'),
    resolveClaim: prepare('UPDATE claims SET resolved = ?, kept = ? WHERE slot = ? AND end = ? AND seq = ?'),
    insertOrder: prepare('INSERT INTO orders (id, items) VALUES (?, ?)'),
    serveOrder: prepare('UPDATE orders SET digest = ?, signatures = ? WHERE id = ?'),
    insertBatch: prepare('INSERT INTO batches VALUES (NULL, ?, ?, ?, ?, 0, 0, 0, 0)'),
    insertCode: prepare(`
      INSERT INTO orders (id, items, batch, serial, state) VALUES (?, ?, ?, ?, 0) ON CONFLICT (id) DO NOTHING`),
    changeCodes: prepare(`
      UPDATE orders SET state = ? WHERE batch = ? AND serial BETWEEN ? AND ? AND state = ? AND digest IS NULL`),
    countCodes: prepare(`
      UPDATE batches SET printed = printed + ?, active = active + ?, void = void + ?, redeemed = redeemed + ?
      WHERE number = ?`),
    progress: prepare(`
      UPDATE progress SET tail = ?, seq = ?, erased = ?, orders = ?, orders_served = ?, cards = ?, units = ?, spent = ?,
        settled = ?, pending = ?, released = ?`),
    stretch: prepare(`
      SELECT seq, slot, kind, end, at, challenge_expires, key IS NOT NULL OR reply IS NOT NULL AS secret
      FROM journal WHERE seq >= ? ORDER BY seq LIMIT ?`),
    fate: prepare(`
      SELECT c.resolved, c.kept, r.kind FROM claims c LEFT JOIN journal r ON r.seq = c.resolved
      WHERE c.slot = ? AND c.end = ? AND c.seq = ?`),
    erase: prepare('UPDATE journal SET key = NULL, reply = NULL WHERE seq = ?'),
    deleteRow: prepare('DELETE FROM journal WHERE seq = ?'),
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
