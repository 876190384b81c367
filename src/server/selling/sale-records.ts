/**
 * What must be kept to find the order of a payment that is disputed or returned: a keyed hash of the payment, the id of the
 * order, and the reasons for which it is held or void. No name, no amount, no code; days, but no times.
 */
export interface SaleRecords {
  /** Notes the order of a payment; one that is noted already stays. Durable when it resolves, as all of these. */
  link(payment: string, order: string): Promise<void>;
  /**
   * Notes a reason against a payment, which need not be known yet. A reason only rises: from `open` to `lifted` to `final`.
   *
   * @param cause a keyed hash of what it is
   * @param day since 1970: reasons against what is no payment of ours are forgotten some time after it
   */
  mark(payment: string, cause: string, mark: Mark, day: number): Promise<void>;
  /** Lifts all open reasons. */
  lift(payment: string): Promise<void>;
  read(payment: string): Promise<PaymentRecord>;
  /** The payment of an order. It may take as long as there are payments. */
  find(order: string): Promise<string | undefined>;
  /** Payments with an order, after one of them, in the order of their hashes. */
  list(after: string, count: number): Promise<Array<{ readonly payment: string; readonly order: string }>>;
  /** Forgets payments, and the reasons against them. */
  forget(payments: readonly string[]): Promise<void>;
  /** Forgets reasons from before a day that are against no payment of ours. */
  forgetStray(before: number): Promise<void>;
  close(): Promise<void>;
}

/** Whether a reason holds the order, held it once, or voids it. */
export type Mark = 'open' | 'lifted' | 'final';
/** In the order in which they rise. */
export const marks: readonly Mark[] = ['open', 'lifted', 'final'];

export interface PaymentRecord {
  readonly order?: string | undefined;
  /** What the reasons amount to. */
  readonly state: 'held' | 'free' | 'void';
}

/** @param found of all reasons against a payment */
export function stateOfMarks(found: ReadonlySet<Mark>): PaymentRecord['state'] {
  if (found.has('final')) return 'void';
  return found.has('open') ? 'held' : 'free';
}

/** Records that end with the process, for tests. */
export function createMemorySaleRecords(): SaleRecords {
  const orders = new Map<string, string>();
  const reasons = new Map<string, Map<string, { mark: Mark; day: number }>>();
  return {
    async link(payment, order) {
      if (!orders.has(payment)) orders.set(payment, order);
    },
    async mark(payment, cause, mark, day) {
      const known = reasons.get(payment) ?? new Map<string, { mark: Mark; day: number }>();
      reasons.set(payment, known);
      const before = known.get(cause);
      if (!before || marks.indexOf(before.mark) < marks.indexOf(mark)) known.set(cause, { mark, day });
    },
    async lift(payment) {
      for (const reason of reasons.get(payment)?.values() ?? []) {
        if (reason.mark === 'open') reason.mark = 'lifted';
      }
    },
    async read(payment) {
      const found = new Set([...(reasons.get(payment)?.values() ?? [])].map(({ mark }) => mark));
      return { order: orders.get(payment), state: stateOfMarks(found) };
    },
    async find(order) {
      return [...orders].find(([, one]) => one === order)?.[0];
    },
    async list(after, count) {
      return [...orders]
        .map(([payment, order]) => ({ payment, order }))
        .filter(({ payment }) => payment > after)
        .sort((a, b) => (a.payment < b.payment ? -1 : 1))
        .slice(0, count);
    },
    async forget(payments) {
      for (const payment of payments) {
        orders.delete(payment);
        reasons.delete(payment);
      }
    },
    async forgetStray(before) {
      for (const [payment, known] of reasons) {
        if (!orders.has(payment) && [...known.values()].every(({ day }) => day < before))
          reasons.delete(payment);
      }
    },
    async close() {},
  };
}
