import { unitsOf } from './ledger-books.js';
import type { CreditTo, IssuedCard, StoredOrder } from './ledger.js';

/** What becomes of orders: pure rules, for ledgers. */

/** An order, with who holds it. */
export interface HeldOrder extends Omit<StoredOrder, 'held'> {
  /** `changeOrders`. */
  readonly stopped?: boolean;
  /** A quarantine. */
  readonly isolated?: boolean;
}

/** The order as it is told. */
export function storedOf({ stopped, isolated, ...stored }: HeldOrder): StoredOrder {
  return stopped || isolated ? { ...stored, held: true } : stored;
}

/** Whether nothing can become of it any more. */
export function isDone({ state, served, credit }: HeldOrder): boolean {
  return state === 'void' || served !== undefined || credit?.paid !== undefined;
}

export function isHeld({ stopped, isolated }: HeldOrder): true | undefined {
  return stopped || isolated ? true : undefined;
}

/** The order after a change; undefined if it does not change. */
export function changedOrder(order: HeldOrder, state: 'held' | 'free' | 'void'): HeldOrder | undefined {
  if (isDone(order)) return undefined;
  if (state === 'void') {
    return order.credit ? undefined : { ...order, state: 'void', stopped: false, isolated: false };
  }
  const stopped = state === 'held';
  return (order.stopped ?? false) === stopped ? undefined : { ...order, stopped };
}

/** Whether an order that was not served can be, for these cards. */
export function isServable(order: HeldOrder, cards: readonly IssuedCard[]): boolean {
  const { state, credit, items } = order;
  if (state !== 'active' || isHeld(order) || credit?.purpose === 'refund') return false;
  return cards.reduce((sum, { units }) => sum + units, 0) === (credit?.units ?? unitsOf(items));
}

/** An order with `units` more to its credit; undefined if it takes none of that purpose. @param at of the claim */
export function creditedOrder(
  order: HeldOrder | undefined,
  { order: id, purpose }: CreditTo,
  units: number,
  at: number,
): HeldOrder | undefined {
  if (!order) return { id, items: [], state: 'active', credit: { purpose, units, at } };
  const { credit } = order;
  if (credit?.purpose !== purpose || isDone(order)) return undefined;
  return { ...order, credit: { ...credit, units: credit.units + units } };
}
