import { unitsOf, type Books } from './ledger-books.js';
import type { HeldOrder } from './ledger-orders.js';
import type { Batch, BatchTerms, CodeRun, Ledger, OrderState } from './ledger.js';

type Batches = Pick<Ledger, 'createBatch' | 'addCodes' | 'changeCodes' | 'readBatches' | 'readCodes'>;

/** The batches of a ledger in memory. Their codes lie among its `orders`. */
export function createMemoryBatches(orders: Map<string, HeldOrder>, books: Books): Batches {
  /** By number less 1; the ids of each by serial less 1. */
  const batches: Array<{ readonly terms: BatchTerms; readonly ids: string[] }> = [];

  const codesOf = (batch: number, from: number, to: number): HeldOrder[] =>
    (batches[batch - 1]?.ids ?? [])
      .slice(Math.max(from, 1) - 1, Math.max(to, 0))
      .map((id) => orders.get(id)!);

  return {
    async createBatch(terms) {
      return batches.push({ terms, ids: [] });
    },

    async addCodes(number, first, added) {
      const batch = batches[number - 1];
      if (!batch || first !== batch.ids.length + 1) return false;
      if (new Set(added).size < added.length || added.some((id) => orders.has(id))) return false;
      const { items, expires } = batch.terms;
      for (const id of added) {
        const serial = batch.ids.push(id);
        orders.set(id, { id, items, state: 'printed', code: { batch: number, serial, expires } });
      }
      return true;
    },

    async changeCodes(batch, from, to, state, at) {
      let changed = 0;
      for (const order of codesOf(batch, from, to)) {
        if (order.served || !leadsTo(order.state, state)) continue;
        changed++;
        const holds = state === 'void' ? { stopped: false, isolated: false } : {};
        orders.set(order.id, { ...order, ...holds, state });
        const kind = state === 'active' ? 'sold' : order.state === 'active' ? 'withdrawn' : undefined;
        if (kind) books.post({ at, kind, key: '', route: '', count: 1, units: unitsOf(order.items) });
      }
      return changed;
    },

    async readBatches(): Promise<Batch[]> {
      return batches.map(({ terms, ids }, i) => {
        const codes = { printed: 0, active: 0, void: 0, redeemed: 0 };
        for (const order of codesOf(i + 1, 1, ids.length)) codes[kindOf(order)]++;
        return { ...terms, number: i + 1, codes };
      });
    },

    async readCodes(batch, from, to) {
      return joinRuns(
        codesOf(batch, from, to).map((order) => ({ serial: order.code!.serial, state: kindOf(order) })),
      );
    },
  };
}

function leadsTo(state: OrderState, next: 'active' | 'void'): boolean {
  return state === 'printed' || (state === 'active' && next === 'void');
}

function kindOf({ state, served }: HeldOrder): CodeRun['state'] {
  return served ? 'redeemed' : state;
}

/** @param codes by serial, without gaps */
export function joinRuns(
  codes: Iterable<{ readonly serial: number; readonly state: CodeRun['state'] }>,
): CodeRun[] {
  const runs: CodeRun[] = [];
  for (const { serial, state } of codes) {
    const last = runs.at(-1);
    if (last?.state === state) runs[runs.length - 1] = { ...last, to: serial };
    else runs.push({ from: serial, to: serial, state });
  }
  return runs;
}
