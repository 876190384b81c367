import { isServable } from '../server/ledger-memory-orders.js';
import type { IssuedCard, Order, Served, StoredOrder } from '../server/ledger.js';
import { encodeItems, encodeList } from './sqlite-codec.js';
import { orderOf } from './sqlite-records.js';
import type { Store } from './sqlite-store.js';

/** The orders of a SQLite ledger. What this turn changed is known from `store.waitingOrders` until it is durable. */
export interface OrderBook {
  create(orders: readonly Order[]): Promise<void>;
  read(id: string): Promise<StoredOrder | undefined>;
  serve(
    id: string,
    digest: string,
    signatures: readonly Uint8Array[],
    cards: readonly IssuedCard[],
    at: number,
  ): Promise<Served>;
}

export function createOrderBook(store: Store): OrderBook {
  function stored(id: string): StoredOrder | undefined {
    const row = store.reads.order.get(id);
    return row && orderOf(row);
  }

  function now(id: string): StoredOrder | undefined {
    return store.waitingOrders?.get(id) ?? stored(id);
  }

  return {
    async create(orders) {
      for (const { id, items } of orders) {
        if (now(id)) continue;
        store.change({ id, items, state: 'active' }, (writes) =>
          writes.insertOrder.run(id, encodeItems(items)),
        );
        store.sums.orders++;
      }
      await store.written();
    },

    async read(id) {
      if (store.waitingOrders?.has(id)) await store.settled();
      return stored(id);
    },

    async serve(id, digest, signatures, cards) {
      const order = now(id);
      if (!order) return { status: 'unknown' };
      if (!order.served && !isServable(order, cards)) return { status: 'unknown' };
      if (order.served && order.served.digest !== digest) return { status: 'different' };
      if (order.served) {
        if (store.waitingOrders?.has(id)) await store.written();
        return { status: 'repeated', signatures: order.served.signatures };
      }
      const { code } = order;
      store.change({ ...order, served: { digest, signatures } }, (writes) => {
        writes.serveOrder.run(digest, encodeList(signatures), id);
        if (code) writes.countCodes.run(0, -1, 0, 1, code.batch);
      });
      store.sums.ordersServed++;
      await store.written();
      return { status: 'served', signatures };
    },
  };
}
