import { postIssue, unitsOf, type Books } from './ledger-books.js';
import type { CreditTo, IssuedCard, Ledger, Order, Served, StoredOrder } from './ledger.js';

/** An order in memory, with who holds it. */
export interface MemoryOrder extends StoredOrder {
  /** `changeOrders`. */
  readonly stopped?: boolean;
  /** A quarantine. */
  readonly isolated?: boolean;
}

type Orders = Pick<
  Ledger,
  'createOrders' | 'readOrder' | 'serveOrder' | 'changeOrders' | 'readRefunds' | 'payRefund'
>;

/** The orders of a ledger in memory, those of batches and credits among them. */
export function createMemoryOrders(orders: Map<string, MemoryOrder>, books: Books): Orders {
  function changed(order: MemoryOrder, state: 'held' | 'free' | 'void'): MemoryOrder | undefined {
    if (isDone(order) || order.state === 'void') return undefined;
    if (state === 'held') return order.stopped ? undefined : { ...order, stopped: true };
    if (state === 'free') return order.stopped ? { ...order, stopped: false } : undefined;
    return order.credit ? undefined : { ...order, state: 'void', stopped: false, isolated: false };
  }

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
        if (!isServable(storedOf(order), cards)) return { status: 'unknown' };
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
        const next = order && changed(order, state);
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

/** Whether nothing can become of it any more. */
export function isDone({ served, credit }: StoredOrder): boolean {
  return served !== undefined || credit?.paid !== undefined;
}

export function isHeld({ stopped, isolated }: MemoryOrder): true | undefined {
  return stopped || isolated ? true : undefined;
}

/** Whether an order that was not served can be, for these cards. */
export function isServable(
  order: Pick<StoredOrder, 'state' | 'held' | 'credit' | 'items'>,
  cards: readonly IssuedCard[],
): boolean {
  const { state, credit, items } = order;
  if (state !== 'active' || order.held || credit?.purpose === 'refund') return false;
  return cards.reduce((sum, { units }) => sum + units, 0) === (credit?.units ?? unitsOf(items));
}

/** An order with `units` more to its credit; undefined if it takes none of that purpose. @param at of the claim */
export function credited<Kept extends StoredOrder>(
  order: Kept | undefined,
  to: CreditTo,
  units: number,
  at: number,
): Kept | StoredOrder | undefined {
  const { order: id, purpose } = to;
  if (!order) return { id, items: [], state: 'active', credit: { purpose, units, at } };
  const { credit } = order;
  if (credit?.purpose !== purpose || isDone(order)) return undefined;
  return { ...order, credit: { ...credit, units: credit.units + units } };
}

function storedOf({ stopped, isolated, ...stored }: MemoryOrder): StoredOrder {
  return stopped || isolated ? { ...stored, held: true } : stored;
}
