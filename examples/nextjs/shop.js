// A page of Next.js that costs 2 units. This is the vendor, which all routes share; it is made in the folder `shop` if there is none.
import { existsSync } from 'node:fs';
import { createVendor } from 'impuls/server';
import { initVendorFolder, openVendorFolder } from 'impuls/server/node';
import { openSqliteLedger } from 'impuls/server/sqlite';

const origin = process.env.ORIGIN ?? 'http://127.0.0.1:4240';

async function open() {
  if (!existsSync('shop')) {
    await initVendorFolder('shop', {
      origin,
      name: 'Tides',
      unit: { code: 'unit', currency: 'USD', value: '0.001' },
      mode: 'test',
      listen: { host: '127.0.0.1', port: 0 },
      routes: [],
      denominations: [100],
    });
  }
  const { document, keys, recentDocuments, ledgerPath } = await openVendorFolder('shop');
  const ledger = await openSqliteLedger({ path: ledgerPath });
  return createVendor({ document, keys, recentDocuments, ledger });
}

/** Opened by the first request and once a process: each route is bundled with a copy of this module. */
export const shop = () => (globalThis.shop ??= open());
