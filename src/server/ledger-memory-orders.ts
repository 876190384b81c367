import { postIssue, unitsOf, type Books } from './ledger-books.js';
import { changedOrder, isHeld, isServable, storedOf, type HeldOrder } from './ledger-orders.js';
import type { IssuedCard, Ledger, Order, Served } from './ledger.js';

type Orders = Pick<
  Ledger,
  'createOrders' | 'readOrder' | 'serveOrder' | 'changeOrders' | 'readRefunds' | 'payRefund'
>;

/** The orders of a ledger in memory, those of batches and credits among them. */
export function createMemoryOrders(orders: Map<string, HeldOrder>, books: Books): Orders {
  return {
    async createOrders(added: readonly Order[], at) {
      for (const { id, items } of added) {
        if (orders.has(id)) continue;
        orders.set(id, { id, items, state: 'active' });
        books.post({ at, kind: 'sold', key: '', route: '', count: 1, units: unitsOf(items) });
      }
    },

    async readOrder(id) {
      const order = orders.get(id);
      return order && storedOf(order);
    },

    async serveOrder(id, digest, signatures, cards: readonly IssuedCard[], at): Promise<Served> {
      const order = orders.get(id);
      if (!order) return { status: 'unknown' };
      if (!order.served) {
        if (!isServable(order, cards)) return { status: 'unknown' };
        orders.set(id, { ...order, served: { digest, signatures } });
        postIssue(books, order.credit ? 'reissued' : 'issued', cards, at);
        return { status: 'served', signatures };
      }
      if (order.served.digest !== digest) return { status: 'different' };
      return { status: 'repeated', signatures: order.served.signatures };
    },

    async changeOrders(ids, state, at) {
      let count = 0;
      for (const id of ids) {
        const order = orders.get(id);
        const next = order && changedOrder(order, state);
        if (!next) continue;
        orders.set(id, next);
        count++;
        if (state !== 'void' || order.state !== 'active') continue;
        const units = unitsOf(order.items);
        books.post({ at, kind: 'withdrawn', key: '', route: '', count: 1, units });
      }
      return count;
    },

    async readRefunds() {
      const refunds = [...orders.values()].filter(({ credit }) => credit?.purpose === 'refund');
      return refunds
        .map((order) => {
          const { units, at, paid } = order.credit!;
          return { order: order.id, units, at, paid, held: isHeld(order) };
        })
        .sort((a, b) => a.at - b.at);
    },

    async payRefund(id, at) {
      const order = orders.get(id);
      const credit = order?.credit;
      if (!credit || credit.purpose !== 'refund') return 'unknown';
      if (credit.paid !== undefined) return 'repeated';
      if (isHeld(order)) return 'unknown';
      orders.set(id, { ...order, credit: { ...credit, paid: at } });
      books.post({ at, kind: 'paid-out', key: '', route: '', count: 1, units: credit.units });
      return 'paid';
    },
  };
}
