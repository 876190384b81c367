import { join, resolve } from 'node:path';
import { createVendor, type Ledger, type Vendor, type VendorOptions } from '../../server/index.js';
import { exists } from '../durable-file.js';
import { daySeconds } from './files.js';
import { initVendorFolder, openVendorFolder, type NewVendor } from './folder.js';
import { openVendorLedger } from './ledger.js';
import { defaultRetention } from './settings.js';
import { vendorFiles } from './store.js';

/** A vendor out of its folder, in a server of your own. */
export interface OpenVendor {
  readonly vendor: Vendor;
  readonly ledger: Ledger;
  /** Lets go of the ledger, when the server has answered what has begun. */
  close(): Promise<void>;
}

export interface OpenVendorOptions extends Pick<
  VendorOptions,
  'cors' | 'metering' | 'onAnswered' | 'onError'
> {
  /**
   * The address of a PostgreSQL database that holds the ledger, `postgres://user:password@host/name`, which any number of processes and hosts
   * share. Default: that of the environment variable `IMPULS_DATABASE`, then that of `vendor.json`, then `ledger.db` in the folder.
   */
  readonly database?: string;
  /** Makes the vendor if the folder holds none, with a key for cards of each denomination. Default: that is an error. */
  readonly create?: Pick<NewVendor, 'origin' | 'name' | 'denominations'> & Partial<NewVendor>;
}

const upkeepEveryMs = 3_600_000;

/**
 * Opens the vendor in a folder with its ledger, on SQLite, which needs the package `better-sqlite3`, or on PostgreSQL, which needs `pg`; and
 * looks after it every hour: keys that were rotated are taken over, records whose time is over are erased.
 *
 * @throws ImpulsError as `openVendorFolder`, and `storage-locked` if a server runs on the same file already
 */
export async function openVendor(path: string, options: OpenVendorOptions = {}): Promise<OpenVendor> {
  const { create, database, onError = () => {}, ...others } = options;
  if (create && !(await exists(join(resolve(path), vendorFiles.settings)))) {
    const { port } = new URL(create.origin);
    await initVendorFolder(path, {
      unit: { code: 'unit', currency: 'USD', value: '0.001' },
      listen: { host: '127.0.0.1', port: Number(port) },
      routes: [],
      ...create,
    });
  }
  const folder = await openVendorFolder(path);
  const { document, keys, recentDocuments } = folder;
  const ledger = await openVendorLedger(folder, database);
  const vendor = createVendor({ document, keys, recentDocuments, ledger, onError, ...others });
  const upkeep = async (): Promise<void> => {
    const fresh = await openVendorFolder(path);
    vendor.replaceKeys(fresh);
    const { keyHours, spendDays } = fresh.settings.retention ?? defaultRetention;
    const now = Math.floor(Date.now() / 1000);
    await ledger.purge(now - keyHours * 3600, now - spendDays * daySeconds);
  };
  const upkeeping = setInterval(() => void upkeep().catch(onError), upkeepEveryMs).unref();
  return {
    vendor,
    ledger,
    async close() {
      clearInterval(upkeeping);
      await ledger.close();
    },
  };
}
