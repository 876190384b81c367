import { createServer } from 'node:http';
import { createNodeHandler, createPaidNodeHandler } from '../../src/node/http.js';
import { openSqliteLedger } from '../../src/node/sqlite.js';
import { createVendor } from '../../src/server/index.js';
import { createTestKeys } from '../../test/support/vendor.js';
import { denomination } from './site.js';

/** The vendor of the overload, in a process of its own: one route that costs a unit, durable in SQLite. */
export async function serveOverload(file: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const origin = `http://127.0.0.1:${port}`;
  const made = await createTestKeys(origin, [denomination], Math.floor(Date.now() / 1000));
  const ledger = await openSqliteLedger({ path: file });
  const vendor = createVendor({ ...made, ledger, failureBudget: { perSource: 1e6, global: 1e6 } });
  const paid = createPaidNodeHandler(vendor.gate({ price: 1 }), (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'application/json' }).end('{"text":"served"}');
  });
  const own = createNodeHandler(vendor);
  server.on('request', (req, res) => {
    (req.url === '/paid' ? paid : own)(req, res).catch(() => res.destroy());
  });
  const [code] = await vendor.createVouchers([{ denomination, count: 1 }], 1);
  const codes = [code, ...(await vendor.createVouchers([{ denomination, count: 1 }], 99))];
  process.send?.({ origin, codes, document: vendor.document, digest: vendor.digest });
  process.on('message', (message) => {
    if (message === 'usage') {
      const { rss } = process.memoryUsage();
      process.send?.({ rss, cpu: process.cpuUsage(), load: vendor.load });
      return;
    }
    server.closeAllConnections();
    server.close();
    void ledger
      .totals()
      .then(({ spent }) => ledger.close().then(() => process.send?.({ spent }, () => process.disconnect())));
  });
}
