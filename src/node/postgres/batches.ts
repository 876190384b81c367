import { unitsOf } from '../../server/ledger-books.js';
import { joinRuns } from '../../server/ledger-memory-batches.js';
import type { Batch, BatchTerms, CodeRun } from '../../server/ledger.js';
import { decodeItems, encodeItems } from '../sqlite/codec.js';
import { orderStates } from '../sqlite/records.js';
import { textArray } from './arrays.js';
import type { Database, Query } from './database.js';
import { bytesOf } from './rows.js';
import { Tally } from './sums.js';

/** As in the column `state`. */
const [printed, active, voided] = [0, 1, 2];

/** The batches of a PostgreSQL ledger; see the contract for what the calls mean. */
export class Batches {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async create({ label, items, created, expires }: BatchTerms): Promise<number> {
    const { schema } = this.#database;
    for (;;) {
      // Two at once want the same number: one of them tries again.
      const [row] = await this.#database.query(
        `INSERT INTO ${schema}.batches (number, label, items, created, expires, codes)
         SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4, 0 FROM ${schema}.batches
         ON CONFLICT DO NOTHING RETURNING number`,
        [label, Buffer.from(encodeItems(items)), created, expires],
      );
      if (row) return Number(row[0]);
    }
  }

  async addCodes(batch: number, first: number, ids: readonly string[]): Promise<boolean> {
    const { schema } = this.#database;
    const added = await this.#database.transaction(async (query) => {
      const [row] = await query(`SELECT codes, items FROM ${schema}.batches WHERE number = $1 FOR UPDATE`, [
        batch,
      ]);
      if (!row || Number(row[0]) + 1 !== first) return undefined;
      const rows = await query(
        `INSERT INTO ${schema}.orders (id, items, state, batch, serial)
         SELECT g.id, $2, ${printed}, $3, $4 + g.place - 1 FROM unnest($1::text[]) WITH ORDINALITY AS g (id, place)
         ON CONFLICT (id) DO NOTHING RETURNING 1`,
        [textArray(ids), row[1] as Buffer, batch, first],
      );
      if (rows.length < ids.length) return undefined;
      await query(`UPDATE ${schema}.batches SET codes = codes + $2 WHERE number = $1`, [batch, ids.length]);
      const tally = new Tally();
      tally.count('#orders', ids.length);
      tally.count('#printed', ids.length, String(batch));
      await tally.write(query, this.#database);
      return true;
    });
    return added === true;
  }

  async changeCodes(
    batch: number,
    from: number,
    to: number,
    state: 'active' | 'void',
    at: number,
  ): Promise<number> {
    const { schema } = this.#database;
    const changed = await this.#database.transaction(async (query) => {
      const [row] = await query(`SELECT items FROM ${schema}.batches WHERE number = $1`, [batch]);
      if (!row) return 0;
      const units = unitsOf(decodeItems(bytesOf(row[0])));
      const move = (before: number, next: number) => this.#move(query, batch, from, to, before, next);
      const tally = new Tally();
      const count = (name: string, by: number) => tally.count(name, by, String(batch));
      const post = (kind: 'sold' | 'withdrawn', codes: number) => {
        if (codes > 0) tally.post({ at, kind, key: '', count: codes, units: codes * units });
      };
      let total: number;
      if (state === 'active') {
        total = await move(printed, active);
        count('#printed', -total);
        count('#active', total);
        post('sold', total);
      } else {
        // The active ones first: what another one activates in between is left as it is, and stays sold.
        const used = await move(active, voided);
        const unused = await move(printed, voided);
        total = used + unused;
        count('#active', -used);
        count('#printed', -unused);
        count('#void', total);
        post('withdrawn', used);
      }
      await tally.write(query, this.#database);
      return total;
    });
    return changed!;
  }

  async readAll(): Promise<Batch[]> {
    const { schema } = this.#database;
    const rows = await this.#database.read(`
      SELECT b.number, b.label, b.items, b.created, b.expires, coalesce(sum(s.count) FILTER (WHERE s.kind = '#printed'), 0),
        coalesce(sum(s.count) FILTER (WHERE s.kind = '#active'), 0), coalesce(sum(s.count) FILTER (WHERE s.kind = '#void'), 0),
        coalesce(sum(s.count) FILTER (WHERE s.kind = '#redeemed'), 0)
      FROM ${schema}.batches b LEFT JOIN ${schema}.sums s ON s.day = 0 AND s.key = b.number::text
      GROUP BY b.number ORDER BY b.number`);
    return rows.map(([number, label, items, created, expires, ...counts]) => {
      const [unused, inUse, withdrawn, redeemed] = counts.map(Number) as [number, number, number, number];
      return {
        label: label as string,
        items: decodeItems(bytesOf(items)),
        created: Number(created),
        expires: Number(expires),
        number: Number(number),
        codes: { printed: unused, active: inUse, void: withdrawn, redeemed },
      };
    });
  }

  async readCodes(batch: number, from: number, to: number): Promise<CodeRun[]> {
    const rows = await this.#database.read(
      `SELECT serial, state, digest IS NOT NULL FROM ${this.#database.schema}.orders
       WHERE batch = $1 AND serial BETWEEN $2 AND $3 ORDER BY serial`,
      [batch, from, to],
    );
    return joinRuns(
      rows.map(([serial, state, served]) => ({
        serial: Number(serial),
        state: served === true ? 'redeemed' : orderStates[Number(state) as 0 | 1 | 2],
      })),
    );
  }

  async #move(
    query: Query,
    batch: number,
    from: number,
    to: number,
    before: number,
    next: number,
  ): Promise<number> {
    const holds = next === voided ? ', stopped = false, isolated = false' : '';
    const rows = await query(
      `UPDATE ${this.#database.schema}.orders SET state = ${next} ${holds}
       WHERE batch = $1 AND serial BETWEEN $2 AND $3 AND state = ${before} AND digest IS NULL RETURNING 1`,
      [batch, from, to],
    );
    return rows.length;
  }
}
