import { openVendorFolder, type InitVendorOptions } from './folder.js';
import { openVendorLedger } from './ledger.js';
import { renewKeys, type Renewal } from './renewal.js';

export interface HoldOptions extends InitVendorOptions {
  /** The last key document that the vendor served, byte for byte, if it may be newer than that of the folder. */
  readonly latest?: Uint8Array;
}

/**
 * What `restoreVendor` does with a ledger, where it lies: for one that was put back from a backup in another way, as a database is. Holds the
 * cards of all issuing keys and all orders, and makes new keys. No server may run. Whoever is killed in the middle does it again.
 *
 * @throws ImpulsError as `openVendorFolder` and `openVendorLedger`; `bad-document` for a `latest` that is no successor
 */
export async function holdVendor(path: string, { latest, ...options }: HoldOptions = {}): Promise<Renewal> {
  const folder = await openVendorFolder(path, options);
  const ledger = await openVendorLedger(folder);
  try {
    // Before the new keys are out: what is held too early can be freed.
    await ledger.quarantine(folder.document.cards.map(({ id }) => id));
    const renewal = await renewKeys(folder.path, latest, options);
    await ledger.quarantine(renewal.before);
    // Destroys the secrets that nothing needs any more.
    await openVendorFolder(path, options);
    return renewal;
  } finally {
    await ledger.close();
  }
}
