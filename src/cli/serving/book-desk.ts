import type { VendorFolder } from '../../node/vendor/folder.js';
import type { Movement } from '../../server/index.js';
import { askLedger } from './ledger-owner.js';

/** The books of a folder. */
export function readMovements(folder: VendorFolder): Promise<Movement[]> {
  return askLedger(folder, { do: 'books' }, (ledger) => ledger.readBooks());
}
