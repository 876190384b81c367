import { postIssue, unitsOf, type Posting } from '../../server/ledger-books.js';
import {
  changedOrder,
  creditedOrder,
  isHeld,
  isServable,
  storedOf,
  type HeldOrder,
} from '../../server/ledger-orders.js';
import type { CreditTo, IssuedCard, Order, Refund, Served, StoredOrder } from '../../server/ledger.js';
import { encodeItems, encodeList } from './codec.js';
import { orderOf, orderStates, purposes } from './records.js';
import type { Writes } from './statements.js';
import type { Store } from './store.js';

/** The orders of a SQLite ledger. What was changed is known from `store.waitingOrder` until it is durable. */
export interface OrderBook {
  create(orders: readonly Order[], at: number): Promise<void>;
  read(id: string): Promise<StoredOrder | undefined>;
  serve(
    id: string,
    digest: string,
    signatures: readonly Uint8Array[],
    cards: readonly IssuedCard[],
    at: number,
  ): Promise<Served>;
  /**
   * Puts units to the credit of an order, with what waits for the disk.
   *
   * @param at of the claim
   * @returns whether the order takes them
   */
  credit(to: CreditTo, units: number, at: number): boolean;
  change(ids: readonly string[], state: 'held' | 'free' | 'void', at: number): Promise<number>;
  readRefunds(): Promise<Refund[]>;
  payRefund(id: string, at: number): Promise<'paid' | 'repeated' | 'unknown'>;
}

export function createOrderBook(store: Store): OrderBook {
  function stored(id: string): HeldOrder | undefined {
    const row = store.reads.order.get(id);
    return row && orderOf(row);
  }

  function now(id: string): HeldOrder | undefined {
    return store.waitingOrder(id) ?? stored(id);
  }

  /** A movement of orders, which have no key. */
  function post(kind: Posting['kind'], at: number, units: number): void {
    store.books.post({ at, kind, key: '', route: '', count: 1, units });
  }

  function changeOne(
    { changeOrder, countCodes }: Writes,
    id: string,
    state: 'held' | 'free' | 'void',
    at: number,
  ): boolean {
    const order = stored(id);
    const next = order && changedOrder(order, state);
    if (!next) return false;
    changeOrder.run(orderStates.indexOf(next.state), holdsOf(next), id);
    if (state === 'void' && order.code) {
      const wasActive = order.state === 'active';
      countCodes.run(wasActive ? 0 : -1, wasActive ? -1 : 0, 1, 0, order.code.batch);
    }
    if (state === 'void' && order.state === 'active') post('withdrawn', at, unitsOf(order.items));
    return true;
  }

  return {
    async create(orders, at) {
      for (const { id, items } of orders) {
        if (now(id)) continue;
        store.change({ id, items, state: 'active' }, (writes) =>
          writes.insertOrder.run(id, encodeItems(items), null, null, null),
        );
        store.sums.orders++;
        post('sold', at, unitsOf(items));
      }
      await store.written();
    },

    async read(id) {
      if (store.waitingOrder(id)) await store.settled();
      const order = stored(id);
      return order && storedOf(order);
    },

    async serve(id, digest, signatures, cards, at) {
      const order = now(id);
      if (!order) return { status: 'unknown' };
      if (!order.served && !isServable(order, cards)) return { status: 'unknown' };
      if (order.served && order.served.digest !== digest) return { status: 'different' };
      if (order.served) {
        if (store.waitingOrder(id)) await store.written();
        return { status: 'repeated', signatures: order.served.signatures };
      }
      const { code, credit } = order;
      store.change({ ...order, served: { digest, signatures } }, (writes) => {
        writes.serveOrder.run(digest, encodeList(signatures), id);
        if (code) writes.countCodes.run(0, -1, 0, 1, code.batch);
      });
      store.sums.ordersServed++;
      postIssue(store.books, credit ? 'reissued' : 'issued', cards, at);
      await store.written();
      return { status: 'served', signatures };
    },

    credit(to, units, at) {
      const known = now(to.order);
      const order = creditedOrder(known, to, units, at);
      if (!order) return false;
      const { id, items } = order;
      store.change(order, ({ insertOrder, creditOrder }) => {
        if (known) creditOrder.run(units, id);
        else insertOrder.run(id, encodeItems(items), purposes.indexOf(to.purpose), units, at);
      });
      if (!known) store.sums.orders++;
      return true;
    },

    async change(ids, state, at) {
      return store.alone(
        (writes) => ids.filter((id) => changeOne(writes, id, state, at)).length,
        (changed) => 1 + changed,
      )!;
    },

    async readRefunds() {
      await store.settled();
      return store.reads.refunds.all().map((row) => {
        const order = orderOf(row);
        const { units, at, paid } = order.credit!;
        return { order: order.id, units, at, paid, held: isHeld(order) };
      });
    },

    async payRefund(id, at) {
      const order = now(id);
      const credit = order?.credit;
      if (!credit || credit.purpose !== 'refund') return 'unknown';
      if (credit.paid === undefined && isHeld(order)) return 'unknown';
      if (credit.paid === undefined) {
        store.change({ ...order, credit: { ...credit, paid: at } }, ({ payOrder }) => payOrder.run(at, id));
        post('paid-out', at, credit.units);
      }
      if (store.waitingOrder(id)) await store.written();
      return credit.paid === undefined ? 'paid' : 'repeated';
    },
  };
}

/** As in the column `held`. */
function holdsOf({ stopped, isolated }: HeldOrder): number {
  return (stopped ? 1 : 0) + (isolated ? 2 : 0);
}
