import { isImpulsError } from '../../core/errors.js';
import { openSqliteLedger } from '../../node/sqlite.js';
import type { VendorFolder } from '../../node/vendor-folder.js';
import type { Movement } from '../../server/index.js';
import { askAdmin } from './admin-socket.js';

/** The books of a folder, by way of its server if one runs: that one owns the ledger. */
export async function readMovements({ path, ledgerPath }: VendorFolder): Promise<Movement[]> {
  const ask = async () => (await askAdmin(path, { do: 'books' })) as { readonly ok: Movement[] } | undefined;
  const asked = await ask();
  if (asked) return asked.ok;
  try {
    const ledger = await openSqliteLedger({ path: ledgerPath });
    return await ledger.readBooks().finally(() => ledger.close());
  } catch (error) {
    // A server has just started.
    const again = isImpulsError(error, 'storage-locked') ? await ask() : undefined;
    if (!again) throw error;
    return again.ok;
  }
}
