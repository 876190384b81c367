import { join } from 'node:path';
import { ImpulsError } from '../../core/errors.js';
import type { Ledger } from '../../server/index.js';
import { exists, writeDurably } from '../durable-file.js';
import { openSqliteLedger } from '../sqlite.js';
import type { VendorFolder } from './folder.js';
import { checkDatabase, formatVendorSettings, withoutPassword, type VendorSettings } from './settings.js';
import { changeVendor, storing, vendorFiles } from './store.js';

/**
 * Where the ledger of a vendor is: in `ledger.db`, of which one process is the owner, or in PostgreSQL, which any number of them share.
 *
 * `vendor.json` says which. How it is reached may be said anew by each process, with the password that `vendor.json` must not hold.
 */

/** The environment's way to say it. */
export const databaseVariable = 'IMPULS_DATABASE';

export type LedgerPlace = Pick<VendorFolder, 'path' | 'settings' | 'ledgerPath'>;

/**
 * The address of the database, which may hold a password; undefined for `ledger.db`.
 *
 * @param given what this process was told. Default: what its environment says
 * @throws ImpulsError `malformed`; `invalid-argument` where the vendor has a ledger already that is not in a database
 */
export async function databaseOf(
  { path, settings, ledgerPath }: LedgerPlace,
  given: string | undefined = process.env[databaseVariable] || undefined,
): Promise<string | undefined> {
  const address = given ?? settings.database;
  if (address === undefined) return undefined;
  checkDatabase(address);
  if (settings.database === undefined && (await exists(ledgerPath))) {
    throw new ImpulsError('invalid-argument', `the ledger of this vendor is ${ledgerPath}, and no database`, {
      hint: `Stop its server and move it: impuls vendor move ${path} --to <database>.`,
    });
  }
  return address;
}

/**
 * Opens the ledger of a vendor folder. The first that opens one in a database writes so into `vendor.json`, without the password.
 *
 * @param given as `databaseOf`
 * @throws ImpulsError as `databaseOf`, `openSqliteLedger` and `openPostgresLedger`
 */
export async function openVendorLedger(folder: LedgerPlace, given?: string): Promise<Ledger> {
  const url = await databaseOf(folder, given);
  if (url === undefined) return openSqliteLedger({ path: folder.ledgerPath });
  const { openPostgresLedger } = await import('../postgres.js');
  const ledger = await openPostgresLedger({ url });
  try {
    if (folder.settings.database === undefined) await noteDatabase(folder.path, url);
    return ledger;
  } catch (error) {
    await ledger.close();
    throw error;
  }
}

/** Writes into `vendor.json` where the ledger is. @param address undefined for `ledger.db` @throws ImpulsError `storage-failed` */
export async function noteDatabase(folder: string, address: string | undefined): Promise<void> {
  await changeVendor(folder, {}, async ({ state }) => {
    const database = address === undefined ? undefined : withoutPassword(address);
    const text = formatVendorSettings({ ...state.settings, database });
    await storing(folder, () => writeDurably(join(folder, vendorFiles.settings), text, 0o644));
  });
}

/** @throws ImpulsError `unsupported` where the ledger of a vendor is in a database @param what cannot be done with it */
export function refuseDatabase(
  { database }: Pick<VendorSettings, 'database'>,
  what: string,
  hint: string,
): void {
  if (database === undefined) return;
  throw new ImpulsError('unsupported', `${what}: the ledger of this vendor is in PostgreSQL`, { hint });
}
