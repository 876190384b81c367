import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { VendorFolder } from '../../node/vendor/folder.js';
import { vendorFiles } from '../../node/vendor/store.js';
import type { Call, Ledger, Reply, Vendor } from '../../server/index.js';
import type { SalesDesk } from './sales-desk.js';

/** The sales of a vendor folder, from the moment at which they are set up. Before that nothing of them is loaded. */
export interface SalesShelf {
  /** Absent where nothing is set up. */
  readonly desk: SalesDesk | undefined;
  answer(call: Call): Promise<Reply | undefined>;
  /** Looks again whether anything is set up, and how. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

export function createSalesShelf(
  folder: VendorFolder,
  vendor: Vendor,
  ledger: Ledger,
  onError: (error: unknown) => void,
): SalesShelf {
  let desk: SalesDesk | undefined;
  return {
    get desk() {
      return desk;
    },
    answer: async (call) => (call.target.startsWith('/impuls/sales/') ? desk?.answer(call) : undefined),
    async reload() {
      if (desk) await desk.reload();
      else if (existsSync(join(folder.path, vendorFiles.sales))) {
        const { openSalesDesk } = await import('./sales-desk.js');
        desk = await openSalesDesk(folder, vendor, ledger, onError);
      }
    },
    close: async () => desk?.close(),
  };
}
