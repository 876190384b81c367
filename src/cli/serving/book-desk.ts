import { isImpulsError } from '../../core/errors.js';
import { openSqliteLedger } from '../../node/sqlite.js';
import type { VendorFolder } from '../../node/vendor/folder.js';
import type { Ledger, Movement } from '../../server/index.js';
import { askAdmin } from './admin-socket.js';

/**
 * Asks the server of a folder, which owns the ledger while it runs; where none does, the ledger itself.
 *
 * @param work does the same with a ledger as the server does for `request`
 */
export async function askLedger<T>(
  { path, ledgerPath }: VendorFolder,
  request: object,
  work: (ledger: Ledger) => Promise<T>,
): Promise<T> {
  const ask = async () => (await askAdmin(path, request)) as { readonly ok: T } | undefined;
  const asked = await ask();
  if (asked) return asked.ok;
  try {
    const ledger = await openSqliteLedger({ path: ledgerPath });
    return await work(ledger).finally(() => ledger.close());
  } catch (error) {
    // A server has just started.
    const again = isImpulsError(error, 'storage-locked') ? await ask() : undefined;
    if (!again) throw error;
    return again.ok;
  }
}

/** The books of a folder. */
export function readMovements(folder: VendorFolder): Promise<Movement[]> {
  return askLedger(folder, { do: 'books' }, (ledger) => ledger.readBooks());
}
