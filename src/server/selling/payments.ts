import type { OrderItem } from '../ledger.js';
import type { Mark, SaleRecords } from './sale-records.js';
import type { Sale, SaleName, Sales } from './sales.js';

/**
 * Sales that a payment processor tells of, in messages that come late, twice, or in another order than what they tell. Each
 * of these can be called again at any time, also after it stopped in the middle: the end is the same.
 */
export interface Payments {
  /**
   * A sale is paid. Makes its order once, whatever else is told of it.
   *
   * @param items asked for when the sale is new
   * @param payment what the processor calls the payment, if there is one
   */
  paid(name: SaleName, payment: string | undefined, items: () => readonly OrderItem[]): Promise<Sale>;
  /** A reason against a payment: a dispute, or money that was returned. Holds or voids what was not redeemed, or frees it. */
  mark(payment: string, cause: string, mark: Mark): Promise<void>;
  /** What is to be shown of a sale; undefined until it is paid. */
  read(name: SaleName): Promise<Sale | undefined>;
  /** The order of a payment. */
  orderOf(payment: string): Promise<string | undefined>;
  /** The seller decides himself: holds an order, voids it, or lifts every reason that is not final. */
  decide(order: string, state: 'held' | 'free' | 'void'): Promise<void>;
  /** Forgets the payments whose orders are redeemed or void, and old reasons against those of others. */
  forget(): Promise<void>;
}

/** How long a reason against an unknown payment waits for it: messages are told again for 30 days at most. */
const strayDays = 40;
const listedAtOnce = 500;

/** @param clock milliseconds since 1970 */
export function createPayments(sales: Sales, records: SaleRecords, clock: () => number = Date.now): Payments {
  const today = (): number => Math.floor(clock() / 86_400_000);
  const hashOf = (payment: string): string => sales.hash('payment', payment);

  /** Brings the order of a payment to what the reasons amount to. */
  async function settle(hash: string): Promise<void> {
    const { order, state } = await records.read(hash);
    if (order !== undefined) await sales.changeOrder(order, state);
  }

  return {
    paid: (name, payment, items) =>
      sales.inTurn(async () => {
        const known = await sales.read(name);
        const sale = known ?? (await sales.sell(name, items()));
        if (payment === undefined || sale.state === 'redeemed') return sale;
        const hash = hashOf(payment);
        await records.link(hash, sale.order);
        const { state } = await records.read(hash);
        // Without a reason it stays as it is: the seller may hold it himself.
        if (state === 'free') return sale;
        await sales.changeOrder(sale.order, state);
        return (await sales.read(name)) ?? sale;
      }),

    mark: (payment, cause, mark) =>
      sales.inTurn(async () => {
        const hash = hashOf(payment);
        await records.mark(hash, sales.hash('cause', cause), mark, today());
        await settle(hash);
      }),

    read: (name) => sales.inTurn(() => sales.read(name)),

    orderOf: async (payment) => (await records.read(hashOf(payment))).order,

    decide: (order, state) =>
      sales.inTurn(async () => {
        const payment = await records.find(order);
        if (payment === undefined) {
          await sales.changeOrder(order, state);
          return;
        }
        if (state === 'free') await records.lift(payment);
        else {
          // A reason never comes back: each decision is one of its own.
          const cause = sales.hash('cause', `seller ${clock()}`);
          await records.mark(payment, cause, state === 'held' ? 'open' : 'final', today());
        }
        await settle(payment);
      }),

    async forget() {
      for (let after = ''; ;) {
        const listed = await records.list(after, listedAtOnce);
        const done: string[] = [];
        for (const { payment, order } of listed) {
          const state = (await sales.readOrder(order))?.state;
          if (state === 'redeemed' || state === 'void') done.push(payment);
        }
        await sales.inTurn(() => records.forget(done));
        const end = listed.at(-1);
        if (!end || listed.length < listedAtOnce) break;
        after = end.payment;
      }
      await sales.inTurn(() => records.forgetStray(today() - strayDays));
    },
  };
}
