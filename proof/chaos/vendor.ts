import { writeSync, openSync } from 'node:fs';
import { createServer } from 'node:http';
import { toBase64url } from '../../src/core/base64url.js';
import { deriveReference } from '../../src/core/claim.js';
import { createNodeHandler, createPaidNodeHandler } from '../../src/node/http.js';
import { openPostgresLedger } from '../../src/node/postgres.js';
import { openVendorFolder } from '../../src/node/vendor/folder.js';
import { createVendor, type ClaimRecord, type Payment } from '../../src/server/index.js';
import { answerTo, prices, type Request } from './calls.js';
import { answerQuestions, tell } from './talk.js';

/** One of several vendors over one ledger. It notes each run of a handler in a file before anything else. */
export interface VendorSettings {
  /** As `initVendorFolder` made it. */
  readonly folder: string;
  /** URL of the database. */
  readonly database: string;
  /** How long after its end what it left pending is interrupted. */
  readonly leaseSeconds: number;
  readonly runs: string;
  readonly host: string;
  /** 0 for any. */
  readonly port: number;
}

/** A run of a handler. */
export interface Run extends Request {
  readonly pid: number;
  readonly reference: string;
  readonly verdict: Payment['verdict'];
}

/** What the ledger has of a claim. */
export interface FoundClaim {
  readonly reference: string | undefined;
  readonly kept: number;
  readonly status: ClaimRecord['status'];
}

const settings = JSON.parse(process.argv[2]!) as VendorSettings;
const { document, keys } = await openVendorFolder(settings.folder);
const { database: url, leaseSeconds } = settings;
const ledger = await openPostgresLedger({ url, leaseSeconds });
/** How far its clock is ahead. */
let aheadMs = 0;

function onError(error: unknown): void {
  const { code } = error as { code?: string };
  // Requests break off where networks do.
  if (code !== 'ECONNRESET') tell({ event: 'error', code, message: String(error) });
}

const vendor = createVendor({ document, keys, ledger, onError, clock: () => Date.now() + aheadMs });
const own = createNodeHandler(vendor);
const runs = openSync(settings.runs, 'a', 0o600);
const paid = new Map(
  Object.entries(prices).map(([path, price]) => [
    path,
    createPaidNodeHandler(vendor.gate({ price }), (req, res, { payment: { reference, verdict } }) => {
      const request: Request = { method: req.method as Request['method'], target: req.url! };
      writeSync(
        runs,
        `${JSON.stringify({ ...request, pid: process.pid, reference, verdict } satisfies Run)}\n`,
      );
      res.end(answerTo(request, reference));
    }),
  ]),
);
const server = createServer((req, res) => {
  const handler = paid.get(req.url!.split('?', 1)[0]!) ?? own;
  handler(req, res).catch((error: unknown) => {
    onError(error);
    res.destroy();
  });
});
await new Promise<void>((resolve) => server.listen(settings.port, settings.host, resolve));

await answerQuestions({
  port: () => (server.address() as { port: number }).port,
  vouchers: ({ denomination, count }: { denomination: number; count: number }) =>
    vendor.createVouchers([{ denomination, count: 1 }], count),
  ahead: (milliseconds: number) => void (aheadMs = milliseconds),
  totals: () => vendor.totals(),
  books: () => ledger.readBooks(),
  spent: (ids: string[]) => Promise.all(ids.map(async (id) => (await ledger.readCard(id))?.state.spent)),
  claims: (units: readonly (readonly [card: string, unit: number])[]) =>
    Promise.all(
      units.map(async ([card, unit]): Promise<FoundClaim | undefined> => {
        const claim = await ledger.findHolder(card, unit, unit + 1);
        if (!claim) return undefined;
        const { kept, status, key } = claim;
        return { reference: key && toBase64url(deriveReference(key)), kept, status };
      }),
    ),
});
server.closeAllConnections();
await new Promise((resolve) => server.close(resolve));
await ledger.close();
