import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { openSqliteLedger } from '../../node/sqlite.js';
import type { VendorFolder } from '../../node/vendor/folder.js';
import type { Batch, CodeRun, Ledger } from '../../server/index.js';
import { askAdmin } from './admin-socket.js';

/** What commands do with batches. The codes stay with the command: a ledger sees their hashes. */
export type BatchDesk = Pick<
  Ledger,
  'createBatch' | 'addCodes' | 'changeCodes' | 'readBatches' | 'readCodes'
>;

/** Works with the ledger of a folder, by way of its server if one runs: that one owns it. */
export async function withBatches<T>(
  folder: VendorFolder,
  work: (desk: BatchDesk) => Promise<T>,
): Promise<T> {
  if (await askAdmin(folder.path, { do: 'batches' })) return work(askingDesk(askingOf(folder.path)));
  let ledger: Ledger;
  try {
    ledger = await openSqliteLedger({ path: folder.ledgerPath });
  } catch (error) {
    if (!isImpulsError(error, 'storage-locked')) throw error;
    // A server has just started.
    if (await askAdmin(folder.path, { do: 'batches' })) return work(askingDesk(askingOf(folder.path)));
    throw error;
  }
  try {
    return await work(ledger);
  } finally {
    await ledger.close();
  }
}

/** Asks a server that has answered before. @throws ImpulsError what the server says, or that it has stopped */
export function askingOf(folder: string): (request: object) => Promise<unknown> {
  return async (request) => {
    const asked = await askAdmin(folder, request);
    if (asked) return asked.ok;
    throw new ImpulsError('storage-failed', 'the server stopped in the middle of it', {
      hint: 'What was done is in the ledger: look there, then run the command again.',
    });
  };
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
