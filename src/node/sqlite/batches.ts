import { unitsOf } from '../../server/ledger-books.js';
import { joinRuns } from '../../server/ledger-memory-batches.js';
import type { Batch, BatchTerms, CodeRun } from '../../server/ledger.js';
import { decodeItems, encodeItems } from './codec.js';
import { batchOf, codeStateOf } from './records.js';
import type { CodeRow } from './schema.js';
import type { Writes } from './statements.js';
import type { Store } from './store.js';

/** The batches of a SQLite ledger. Each change is a transaction of its own; see the contract for what the calls mean. */
export interface BatchBook {
  create(terms: BatchTerms): Promise<number>;
  addCodes(batch: number, first: number, ids: readonly string[]): Promise<boolean>;
  changeCodes(batch: number, from: number, to: number, state: 'active' | 'void', at: number): Promise<number>;
  readAll(): Promise<Batch[]>;
  readCodes(batch: number, from: number, to: number): Promise<CodeRun[]>;
}

/** As in the column `state`. */
const [printed, active, voided] = [0, 1, 2];

export function createBatchBook(store: Store): BatchBook {
  return {
    async create({ label, items, created, expires }) {
      const number = store.alone(
        ({ insertBatch }) =>
          Number(insertBatch.run(label, encodeItems(items), created, expires).lastInsertRowid),
        () => 1,
      );
      return number!;
    },

    async addCodes(batch, first, ids) {
      const add = ({ insertCode, countCodes }: Writes): true | undefined => {
        const row = store.reads.batch.get(batch);
        if (!row || first !== 1 + row.printed + row.active + row.void + row.redeemed) return undefined;
        for (const [i, id] of ids.entries()) {
          if (insertCode.run(id, row.items, batch, first + i).changes === 0) return undefined;
        }
        countCodes.run(ids.length, 0, 0, 0, batch);
        store.sums.orders += ids.length;
        return true;
      };
      return store.alone(add, () => 1 + ids.length / 4) === true;
    },

    async changeCodes(batch, from, to, state, at) {
      const change = ({ changeCodes, countCodes }: Writes): number => {
        const items = store.reads.batch.get(batch)?.items;
        if (!items) return 0;
        const units = unitsOf(decodeItems(items));
        const move = (before: number, next: number): number =>
          changeCodes.run(next, next, batch, from, to, before).changes;
        const post = (kind: 'sold' | 'withdrawn', count: number): void =>
          store.books.post({ at, kind, key: '', route: '', count, units: count * units });
        if (state === 'active') {
          const count = move(printed, active);
          countCodes.run(-count, count, 0, 0, batch);
          post('sold', count);
          return count;
        }
        const [unused, used] = [move(printed, voided), move(active, voided)];
        countCodes.run(-unused, -used, unused + used, 0, batch);
        post('withdrawn', used);
        return unused + used;
      };
      return store.alone(change, (changed) => 1 + changed / 8)!;
    },

    async readAll() {
      await store.settled();
      return store.reads.batches.all().map(batchOf);
    },

    async readCodes(batch, from, to) {
      await store.settled();
      return joinRuns(namedStates(store.reads.codes.iterate(batch, from, to)));
    },
  };
}

function* namedStates(
  rows: Iterable<CodeRow>,
): Generator<{ readonly serial: number; readonly state: CodeRun['state'] }> {
  for (const row of rows) yield { serial: row.serial, state: codeStateOf(row) };
}
