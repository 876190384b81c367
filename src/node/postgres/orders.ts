import type { CardId } from '../../core/card.js';
import type { CardState } from '../../core/card-state.js';
import { malformed } from '../../core/errors.js';
import { creditKinds, unitsOf } from '../../server/ledger-books.js';
import {
  changedOrder,
  creditedOrder,
  isHeld,
  isServable,
  storedOf,
  type HeldOrder,
} from '../../server/ledger-orders.js';
import type {
  ClaimRecord,
  Credited,
  CreditPurpose,
  CreditTo,
  IssuedCard,
  Order,
  Refund,
  Served,
  StoredOrder,
} from '../../server/ledger.js';
import { decodeItems, decodeList, encodeItems, encodeList, encodeState } from '../sqlite/codec.js';
import { orderStates, purposes } from '../sqlite/records.js';
import { creditRoutes } from '../sqlite/routes.js';
import { boolArray, byteaArray, int2Array, textArray } from './arrays.js';
import type { Database, Query, Row } from './database.js';
import { bytesOf } from './rows.js';
import { Tally } from './sums.js';

/** The orders of a PostgreSQL ledger: what becomes of one is decided while its row is locked. */
export class Orders {
  readonly #database: Database;
  readonly #columns: string;

  constructor(database: Database) {
    this.#database = database;
    this.#columns = orderColumns(database.schema);
  }

  async create(orders: readonly Order[], at: number): Promise<void> {
    const { schema } = this.#database;
    const byId = new Map([...orders].reverse().map((order) => [order.id, order]));
    const added = [...byId.values()].sort(byIds);
    if (added.length === 0) return;
    await this.#database.transaction(async (query) => {
      const rows = await query(
        `INSERT INTO ${schema}.orders (id, items, state) SELECT id, items, 1 FROM unnest($1::text[], $2::bytea[]) AS g (id, items)
         ON CONFLICT (id) DO NOTHING RETURNING id`,
        [textArray(added.map(({ id }) => id)), byteaArray(added.map(({ items }) => encodeItems(items)))],
      );
      const tally = new Tally();
      tally.count('#orders', rows.length);
      for (const [id] of rows) {
        const units = unitsOf(byId.get(id as string)!.items);
        tally.post({ at, kind: 'sold', key: '', count: 1, units });
      }
      await tally.write(query, this.#database);
      return true;
    });
  }

  async read(id: string): Promise<StoredOrder | undefined> {
    const [row] = await this.#database.read(`${this.#columns} WHERE o.id = $1`, [id]);
    return row && storedOf(orderOf(row));
  }

  async serve(
    id: string,
    digest: string,
    signatures: readonly Uint8Array[],
    cards: readonly IssuedCard[],
    at: number,
  ): Promise<Served> {
    const served = await this.#database.transaction<Served>(async (query) => {
      const order = await this.#lock(query, id);
      if (!order) return { status: 'unknown' };
      if (order.served) {
        if (order.served.digest !== digest) return { status: 'different' };
        return { status: 'repeated', signatures: order.served.signatures };
      }
      if (!isServable(order, cards)) return { status: 'unknown' };
      await query(`UPDATE ${this.#database.schema}.orders SET digest = $2, signatures = $3 WHERE id = $1`, [
        id,
        digest,
        Buffer.from(encodeList(signatures)),
      ]);
      const tally = new Tally();
      tally.count('#served', 1);
      countCode(tally, order, '#active', '#redeemed');
      const kind = order.credit ? 'reissued' : 'issued';
      for (const { key, units } of cards) tally.post({ at, kind, key, count: 1, units });
      await tally.write(query, this.#database);
      return { status: 'served', signatures };
    });
    return served!;
  }

  async change(ids: readonly string[], state: 'held' | 'free' | 'void', at: number): Promise<number> {
    const changed = await this.#database.transaction(async (query) => {
      const rows = await query(
        `${this.#columns} WHERE o.id = ANY ($1::text[]) ORDER BY o.id FOR UPDATE OF o`,
        [textArray(ids)],
      );
      const tally = new Tally();
      const next: HeldOrder[] = [];
      for (const order of rows.map(orderOf)) {
        const after = changedOrder(order, state);
        if (!after) continue;
        next.push(after);
        if (state !== 'void') continue;
        countCode(tally, order, order.state === 'active' ? '#active' : '#printed', '#void');
        if (order.state !== 'active') continue;
        tally.post({ at, kind: 'withdrawn', key: '', count: 1, units: unitsOf(order.items) });
      }
      await query(
        `UPDATE ${this.#database.schema}.orders o SET state = g.state, stopped = g.stopped, isolated = g.isolated
         FROM unnest($1::text[], $2::int2[], $3::bool[], $4::bool[]) AS g (id, state, stopped, isolated) WHERE o.id = g.id`,
        [
          textArray(next.map(({ id }) => id)),
          int2Array(next.map((order) => orderStates.indexOf(order.state))),
          boolArray(next.map(({ stopped }) => stopped ?? false)),
          boolArray(next.map(({ isolated }) => isolated ?? false)),
        ],
      );
      await tally.write(query, this.#database);
      return next.length;
    });
    return changed!;
  }

  /** See `Ledger.credit`. */
  async credit(
    id: CardId,
    version: number,
    next: CardState,
    claim: ClaimRecord,
    to: CreditTo,
  ): Promise<Credited> {
    const { schema } = this.#database;
    let refused: Credited = 'stale';
    const credited = await this.#database.transaction<Credited>(async (query) => {
      refused = 'stale';
      const [card] = await query(
        `UPDATE ${schema}.cards c SET version = version + 1, state = $3 WHERE id = $1 AND version = $2
           AND NOT EXISTS (SELECT 1 FROM ${schema}.quarantine q WHERE q.key = c.key_id) RETURNING key_id`,
        [id, version, Buffer.from(encodeState(next))],
      );
      if (!card) return undefined;
      refused = 'closed';
      const items = Buffer.from(encodeItems([]));
      const added = await query(
        `INSERT INTO ${schema}.orders (id, items, state, purpose, credit, at) VALUES ($1, $2, 1, $3, 0, $4)
         ON CONFLICT (id) DO NOTHING RETURNING id`,
        [to.order, items, purposes.indexOf(to.purpose), claim.acceptedAt],
      );
      const order = creditedOrder(await this.#lock(query, to.order), to, claim.kept, claim.acceptedAt);
      if (!order) return undefined;
      await query(`UPDATE ${schema}.orders SET credit = $2 WHERE id = $1`, [to.order, order.credit!.units]);
      await this.#insertClaim(query, id, claim, to.purpose);
      const tally = new Tally();
      const key = card[0] as string;
      tally.count('#orders', added.length);
      tally.count('#settled', 1);
      tally.post({ at: claim.acceptedAt, kind: creditKinds[to.purpose], key, count: 1, units: claim.kept });
      await tally.write(query, this.#database);
      return 'credited';
    });
    return credited ?? refused;
  }

  async readRefunds(): Promise<Refund[]> {
    const rows = await this.#database.read(`${this.#columns} WHERE o.purpose = 1 ORDER BY o.at, o.id`);
    return rows.map(orderOf).map((order) => {
      const { units, at, paid } = order.credit!;
      return { order: order.id, units, at, paid, held: isHeld(order) };
    });
  }

  async payRefund(id: string, at: number): Promise<'paid' | 'repeated' | 'unknown'> {
    const paid = await this.#database.transaction<'paid' | 'repeated' | 'unknown'>(async (query) => {
      const order = await this.#lock(query, id);
      const credit = order?.credit;
      if (credit?.purpose !== 'refund') return 'unknown';
      if (credit.paid !== undefined) return 'repeated';
      if (isHeld(order!)) return 'unknown';
      await query(`UPDATE ${this.#database.schema}.orders SET paid = $2 WHERE id = $1`, [id, at]);
      const tally = new Tally();
      tally.post({ at, kind: 'paid-out', key: '', count: 1, units: credit.units });
      await tally.write(query, this.#database);
      return 'paid';
    });
    return paid!;
  }

  async #lock(query: Query, id: string): Promise<HeldOrder | undefined> {
    const [row] = await query(`${this.#columns} WHERE o.id = $1 FOR UPDATE OF o`, [id]);
    return row && orderOf(row);
  }

  async #insertClaim(query: Query, card: CardId, claim: ClaimRecord, purpose: CreditPurpose): Promise<void> {
    await query(
      `INSERT INTO ${this.#database.schema}.claims (card, upto, tag, units, kept, status, safe, route, instance, accepted_at,
         challenge_expires, proof, key, name, print)
       VALUES ($1, $2, $3, $4, $5, 1, $6, $13, 0, $7, $8, $9, $10, $11, $12)`,
      [
        card,
        claim.end,
        claim.tag,
        claim.units,
        claim.kept,
        claim.safe,
        claim.acceptedAt,
        claim.challengeExpires,
        Buffer.from(claim.proof),
        claim.key ? Buffer.from(claim.key) : null,
        claim.idempotency?.name ?? null,
        claim.idempotency?.print ?? null,
        creditRoutes[purpose],
      ],
    );
  }
}

function byIds(a: Order, b: Order): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}

/** A code of a batch that goes from one kind to another. */
function countCode(tally: Tally, { code }: HeldOrder, from: string, to: string): void {
  if (!code) return;
  tally.count(from, -1, String(code.batch));
  tally.count(to, 1, String(code.batch));
}

/** Reads orders `o` as `orderOf` takes them. @param schema quoted */
export function orderColumns(schema: string): string {
  return `SELECT o.id, o.items, o.state, o.stopped, o.isolated, o.digest, o.signatures, o.batch, o.serial, b.expires,
    o.purpose, o.credit, o.at, o.paid
    FROM ${schema}.orders o LEFT JOIN ${schema}.batches b ON b.number = o.batch`;
}

export function orderOf(row: Row): HeldOrder {
  const [id, items, state, stopped, isolated, digest, signatures, batch, serial, expires] = row;
  const [purpose, units, at, paid] = row.slice(10);
  const named = orderStates[Number(state)];
  if (!named) throw malformed('an order in no state');
  const order: HeldOrder = {
    id: id as string,
    items: decodeItems(bytesOf(items)),
    state: named,
    stopped: stopped === true,
    isolated: isolated === true,
    code:
      batch === null ? undefined : { batch: Number(batch), serial: Number(serial), expires: Number(expires) },
    credit:
      purpose === null
        ? undefined
        : {
            purpose: purposes[Number(purpose) as 0 | 1],
            units: Number(units),
            at: Number(at),
            paid: paid === null ? undefined : Number(paid),
          },
  };
  if (digest === null) return order;
  return { ...order, served: { digest: digest as string, signatures: decodeList(bytesOf(signatures)) } };
}
