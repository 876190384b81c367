import { createServer } from 'node:http';
import { createNodeHandler, createPaidNodeHandler } from '../../src/node/http.js';
import { openSqliteLedger } from '../../src/node/sqlite.js';
import { createVendor } from '../../src/server/index.js';
import { createTestKeys } from '../../test/support/vendor.js';

/** Units of the cards of the overload: of those who pay all the time, and of the many who pay for a while. */
export const denominations = [100_000, 1000] as const;

/** How often its memory is looked at. */
const sampleMs = 50;

/**
 * The vendor of the overload, in a process of its own: one route that costs a unit, durable in SQLite, and the bounds of `vendor serve`,
 * but for claims: no more payers than fit on this machine would reach that of 512.
 *
 * @param cards how many of each denomination
 */
export async function serveOverload(file: string, cards: readonly [number, number]): Promise<void> {
  const server = createServer({ headersTimeout: 10_000, connectionsCheckingInterval: 5_000 });
  server.maxConnections = 4096;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const origin = `http://127.0.0.1:${port}`;
  const made = await createTestKeys(origin, denominations, Math.floor(Date.now() / 1000));
  const ledger = await openSqliteLedger({ path: file });
  const vendor = createVendor({ ...made, ledger, load: { maxClaims: 64 } });
  const body = '{"text":"served"}';
  const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
  const paid = createPaidNodeHandler(vendor.gate({ price: 1 }), (_req, res) => {
    res.writeHead(200, headers).end(body);
  });
  const own = createNodeHandler(vendor);
  server.on('request', (req, res) => {
    (req.url === '/paid' ? paid : own)(req, res).catch(() => res.destroy());
  });
  const codes = await Promise.all(
    denominations.map((denomination, i) => vendor.createVouchers([{ denomination, count: 1 }], cards[i]!)),
  );
  let peak = 0;
  let cpu = process.cpuUsage();
  const look = (): void => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  setInterval(look, sampleMs).unref();
  process.send?.({ port, codes, document: vendor.document, digest: vendor.digest });
  process.on('message', (message) => {
    if (message === 'usage') {
      look();
      const { user, system } = process.cpuUsage(cpu);
      process.send?.({ peak, cpuSeconds: (user + system) / 1e6, load: vendor.load });
      peak = 0;
      cpu = process.cpuUsage();
      return;
    }
    server.closeAllConnections();
    server.close();
    void ledger
      .totals()
      .then(({ spent }) => ledger.close().then(() => process.send?.({ spent }, () => process.disconnect())));
  });
}
