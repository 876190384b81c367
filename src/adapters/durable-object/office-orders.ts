import { fromBase64url, toBase64url } from '../../core/base64url.js';
import { Books, creditKinds, postIssue, unitsOf } from '../../server/ledger-books.js';
import { joinRuns } from '../../server/ledger-memory-batches.js';
import {
  changedOrder,
  creditedOrder,
  isDone,
  isHeld,
  isServable,
  storedOf,
  type HeldOrder,
} from '../../server/ledger-orders.js';
import type { Batch, CodeRun, OrderItem, OrderState, Served } from '../../server/ledger.js';
import type { Row, Store } from './platform.js';
import type { CreditRequest, OfficeMessages, OrderMethod } from './protocol.js';

/** The orders of a ledger: those that were sold, those of batches, and those that claims fill. */

export const orderTables = `
  CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, data TEXT NOT NULL, kind TEXT NOT NULL, done INTEGER NOT NULL, isolated INTEGER NOT NULL,
    batch INTEGER, serial INTEGER, refund_at INTEGER);
  CREATE UNIQUE INDEX IF NOT EXISTS orders_by_serial ON orders (batch, serial) WHERE batch IS NOT NULL;
  CREATE INDEX IF NOT EXISTS orders_by_refund ON orders (refund_at) WHERE refund_at IS NOT NULL;
  CREATE INDEX IF NOT EXISTS orders_by_kind ON orders (kind);
  CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT NOT NULL, items TEXT NOT NULL, created INTEGER NOT NULL,
    expires INTEGER NOT NULL);
  -- The claims whose units went to an order: one that is sent again finds itself here.
  CREATE TABLE IF NOT EXISTS credited (card TEXT, tag TEXT, PRIMARY KEY (card, tag)) WITHOUT ROWID;`;

type Orders = Pick<OfficeMessages, OrderMethod | 'credit'>;

/** @param book enters what moved; within the transaction of what moves it */
export function createOrders(store: Store, book: (books: Books) => void): Orders {
  function get(id: string): HeldOrder | undefined {
    const row = store.first('SELECT * FROM orders WHERE id = ?', id);
    return row && orderOf(row);
  }

  function put(order: HeldOrder): void {
    const { isolated = false, ...rest } = order;
    store.run(
      `INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET data = excluded.data, kind = excluded.kind, done = excluded.done,
         isolated = excluded.isolated`,
      order.id,
      format(rest),
      kindOf(order),
      isDone(order) ? 1 : 0,
      isolated ? 1 : 0,
      order.code?.batch ?? null,
      order.code?.serial ?? null,
      order.credit?.purpose === 'refund' ? order.credit.at : null,
    );
  }

  function codesOf(batch: number, from: number, to: number): HeldOrder[] {
    const query = 'SELECT * FROM orders WHERE batch = ? AND serial BETWEEN ? AND ? ORDER BY serial';
    return store.run(query, batch, from, to).map(orderOf);
  }

  /** All of it or nothing, with what it moves. */
  function change<T>(work: (books: Books) => T): T {
    return store.transaction(() => {
      const books = new Books();
      const result = work(books);
      book(books);
      return result;
    });
  }

  return {
    async createOrders(added, at) {
      change((books) => {
        for (const { id, items } of added) {
          if (get(id)) continue;
          put({ id, items, state: 'active' });
          books.post({ at, kind: 'sold', key: '', route: '', count: 1, units: unitsOf(items) });
        }
      });
    },

    async readOrder(id) {
      const order = get(id);
      return order && storedOf(order);
    },

    async serveOrder(id, digest, signatures, cards, at): Promise<Served> {
      return change((books) => {
        const order = get(id);
        if (!order) return { status: 'unknown' };
        if (!order.served) {
          if (!isServable(order, cards)) return { status: 'unknown' };
          put({ ...order, served: { digest, signatures } });
          postIssue(books, order.credit ? 'reissued' : 'issued', cards, at);
          return { status: 'served', signatures };
        }
        if (order.served.digest !== digest) return { status: 'different' };
        return { status: 'repeated', signatures: order.served.signatures };
      });
    },

    async changeOrders(ids, state, at) {
      return change((books) => {
        let changed = 0;
        for (const id of ids) {
          const order = get(id);
          const next = order && changedOrder(order, state);
          if (!next) continue;
          put(next);
          changed++;
          if (state !== 'void' || order.state !== 'active') continue;
          const units = unitsOf(order.items);
          books.post({ at, kind: 'withdrawn', key: '', route: '', count: 1, units });
        }
        return changed;
      });
    },

    async readRefunds() {
      const rows = store.run('SELECT * FROM orders WHERE refund_at IS NOT NULL ORDER BY refund_at, rowid');
      return rows.map(orderOf).map((order) => {
        const { units, at, paid } = order.credit!;
        return { order: order.id, units, at, paid, held: isHeld(order) };
      });
    },

    async payRefund(id, at) {
      return change((books) => {
        const order = get(id);
        const credit = order?.credit;
        if (credit?.purpose !== 'refund') return 'unknown';
        if (credit.paid !== undefined) return 'repeated';
        if (isHeld(order!)) return 'unknown';
        put({ ...order!, credit: { ...credit, paid: at } });
        books.post({ at, kind: 'paid-out', key: '', route: '', count: 1, units: credit.units });
        return 'paid';
      });
    },

    async createBatch({ label, items, created, expires }) {
      const row = store.first(
        'INSERT INTO batches (label, items, created, expires) VALUES (?, ?, ?, ?) RETURNING number',
        label,
        JSON.stringify(items),
        created,
        expires,
      );
      return row!['number'] as number;
    },

    async addCodes(batch, first, added) {
      return store.transaction(() => {
        const row = store.first('SELECT items, expires FROM batches WHERE number = ?', batch);
        const last = store.first('SELECT MAX(serial) AS serial FROM orders WHERE batch = ?', batch);
        if (!row || first !== ((last?.['serial'] as number | null) ?? 0) + 1) return false;
        if (new Set(added).size < added.length || added.some((id) => get(id))) return false;
        const items = JSON.parse(row['items'] as string) as OrderItem[];
        const expires = row['expires'] as number;
        for (const [i, id] of added.entries()) {
          put({ id, items, state: 'printed', code: { batch, serial: first + i, expires } });
        }
        return true;
      });
    },

    async changeCodes(batch, from, to, state, at) {
      return change((books) => {
        let changed = 0;
        for (const order of codesOf(batch, from, to)) {
          if (order.served || !leadsTo(order.state, state)) continue;
          changed++;
          const holds = state === 'void' ? { stopped: false, isolated: false } : {};
          put({ ...order, ...holds, state });
          const kind = state === 'active' ? 'sold' : order.state === 'active' ? 'withdrawn' : undefined;
          if (kind) books.post({ at, kind, key: '', route: '', count: 1, units: unitsOf(order.items) });
        }
        return changed;
      });
    },

    async readBatches(): Promise<Batch[]> {
      const counted = store.run(
        'SELECT batch, kind, COUNT(*) AS count FROM orders WHERE batch IS NOT NULL GROUP BY batch, kind',
      );
      return store.run('SELECT * FROM batches ORDER BY number').map((row) => {
        const codes = { printed: 0, active: 0, void: 0, redeemed: 0 };
        for (const { batch, kind, count } of counted) {
          if (batch === row['number']) codes[kind as CodeRun['state']] = count as number;
        }
        return {
          label: row['label'] as string,
          items: JSON.parse(row['items'] as string) as OrderItem[],
          created: row['created'] as number,
          expires: row['expires'] as number,
          number: row['number'] as number,
          codes,
        };
      });
    },

    async readCodes(batch, from, to) {
      const query =
        'SELECT serial, kind FROM orders WHERE batch = ? AND serial BETWEEN ? AND ? ORDER BY serial';
      const rows = store.run(query, batch, from, to);
      return joinRuns(
        rows.map(({ serial, kind }) => ({ serial: serial as number, state: kind as CodeRun['state'] })),
      );
    },

    async credit({ card, key, tag, to, units, at }: CreditRequest) {
      return change((books) => {
        if (store.first('SELECT 1 AS found FROM credited WHERE card = ? AND tag = ?', card, tag)) {
          return 'credited';
        }
        const order = creditedOrder(get(to.order), to, units, at);
        if (!order) return 'closed';
        put(order);
        store.run('INSERT INTO credited VALUES (?, ?)', card, tag);
        books.post({ at, kind: creditKinds[to.purpose], key, route: '', count: 1, units });
        return 'credited';
      });
    },
  };
}

/** An order without what its columns say; signatures as base64url. */
function format({ served, ...order }: Omit<HeldOrder, 'isolated'>): string {
  if (!served) return JSON.stringify(order);
  const signatures = served.signatures.map(toBase64url);
  return JSON.stringify({ ...order, served: { ...served, signatures } });
}

function orderOf({ data, isolated }: Row): HeldOrder {
  const { served, ...order } = JSON.parse(data as string) as Omit<HeldOrder, 'served'> & {
    readonly served?: { readonly digest: string; readonly signatures: readonly string[] };
  };
  const held = { ...order, isolated: isolated === 1 };
  if (!served) return held;
  const signatures = served.signatures.map((text) => fromBase64url(text));
  return { ...held, served: { digest: served.digest, signatures } };
}

function leadsTo(state: OrderState, next: 'active' | 'void'): boolean {
  return state === 'printed' || (state === 'active' && next === 'void');
}

function kindOf({ state, served }: HeldOrder): CodeRun['state'] {
  return served ? 'redeemed' : state;
}
