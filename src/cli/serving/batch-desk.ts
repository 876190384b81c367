import type { VendorFolder } from '../../node/vendor/folder.js';
import type { Batch, CodeRun, Ledger } from '../../server/index.js';
import { reachServer, withOwner } from './ledger-owner.js';

/** What commands do with batches. The codes stay with the command: a ledger sees their hashes. */
export type BatchDesk = Pick<
  Ledger,
  'createBatch' | 'addCodes' | 'changeCodes' | 'readBatches' | 'readCodes'
>;

/** Works with the ledger of a folder, by way of its server if one runs: that one owns it. */
export function withBatches<T>(folder: VendorFolder, work: (desk: BatchDesk) => Promise<T>): Promise<T> {
  const reach = () => reachServer(folder, { do: 'batches' }, askingDesk);
  return withOwner<BatchDesk, T>(folder, reach, (ledger) => ledger, work);
}

export function askingDesk(ask: (request: object) => Promise<unknown>): BatchDesk {
  return {
    createBatch: async (terms) => (await ask({ do: 'create-batch', ...terms })) as number,
    addCodes: async (batch, first, orders) =>
      (await ask({ do: 'add-codes', batch, first, orders })) as boolean,
    changeCodes: async (batch, from, to, state) =>
      (await ask({ do: 'change-codes', batch, from, to, state })) as number,
    readBatches: async () => (await ask({ do: 'batches' })) as Batch[],
    readCodes: async (batch, from, to) => (await ask({ do: 'codes', batch, from, to })) as CodeRun[],
  };
}
