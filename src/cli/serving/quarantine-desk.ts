import type { VendorFolder } from '../../node/vendor/folder.js';
import type { Ledger } from '../../server/index.js';
import { askLedger } from './ledger-owner.js';

/**
 * The keys whose cards are held; with `lift`, frees them all before that, and the vouchers. By way of the server if one runs: it
 * owns the ledger.
 *
 * @returns the keys that were held
 */
export function askQuarantine(folder: VendorFolder, what: 'read' | 'lift'): Promise<readonly string[]> {
  const request = { do: what === 'lift' ? 'lift-quarantine' : 'quarantined' };
  return askLedger(folder, request, (ledger) => quarantineOf(ledger, what));
}

export async function quarantineOf(
  ledger: Pick<Ledger, 'quarantined' | 'liftQuarantine'>,
  what: 'read' | 'lift',
): Promise<readonly string[]> {
  const held = await ledger.quarantined();
  if (what === 'lift') await ledger.liftQuarantine();
  return held;
}
