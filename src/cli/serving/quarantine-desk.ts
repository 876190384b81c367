import { isImpulsError } from '../../core/errors.js';
import { openSqliteLedger } from '../../node/sqlite.js';
import type { VendorFolder } from '../../node/vendor/folder.js';
import type { Ledger } from '../../server/index.js';
import { askAdmin } from './admin-socket.js';

/**
 * The keys whose cards are held; with `lift`, frees them all before that, and the vouchers. By way of the server if one runs: it
 * owns the ledger.
 *
 * @returns the keys that were held
 */
export async function askQuarantine(folder: VendorFolder, what: 'read' | 'lift'): Promise<readonly string[]> {
  const request = { do: what === 'lift' ? 'lift-quarantine' : 'quarantined' };
  const asked = await askAdmin(folder.path, request);
  if (asked) return asked.ok as readonly string[];
  let ledger: Ledger;
  try {
    ledger = await openSqliteLedger({ path: folder.ledgerPath });
  } catch (error) {
    const again = isImpulsError(error, 'storage-locked') ? await askAdmin(folder.path, request) : undefined;
    if (!again) throw error;
    return again.ok as readonly string[];
  }
  try {
    return await quarantineOf(ledger, what);
  } finally {
    await ledger.close();
  }
}

export async function quarantineOf(
  ledger: Pick<Ledger, 'quarantined' | 'liftQuarantine'>,
  what: 'read' | 'lift',
): Promise<readonly string[]> {
  const held = await ledger.quarantined();
  if (what === 'lift') await ledger.liftQuarantine();
  return held;
}
