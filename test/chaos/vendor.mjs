import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { createNodeHandler, createPaidNodeHandler, openVendorFolder } from '../../dist/node/server.js';
import { openSqliteLedger } from '../../dist/node/sqlite.js';
import { createVendor } from '../../dist/server/index.js';

/**
 * A vendor on a ledger of its own. It appends each run of a handler to a file before anything else, takes questions as lines of JSON and
 * prints events likewise. It ends with its input.
 *
 * Arguments: the vendor's folder, the ledger, the file of runs, the port, and `hang` if `/slow` is never to answer, or the name of a
 * framework to serve behind.
 */
const [folderPath, ledgerPath, runsPath, port, mode] = process.argv.slice(2);

const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

/** What all routes answer: it names the request and the payment. */
function answerTo(req, { payment, body }) {
  const digest = createHash('sha256').update(body).digest('base64url');
  return `${req.method} ${req.url} ${digest} ${payment.reference}\n`;
}

const parameter = (req, name) => new URL(req.url, 'http://localhost').searchParams.get(name);

const left = new Set();

/** Where a request asks for it, the first run for it goes on only when the client has gone. */
async function clientGone(req, res) {
  if (!parameter(req, 'alone') || left.has(req.url)) return;
  left.add(req.url);
  if (!res.closed) await once(res, 'close');
}

async function plain(req, res, paid) {
  await pause(req.url.length % 4);
  await clientGone(req, res);
  res.writeHead(200, { 'Content-Type': 'text/plain' }).end(answerTo(req, paid));
}

const routes = {
  '/one': { price: 1, handler: plain },
  '/three': { price: 3, handler: plain },
  '/order': {
    price: 2,
    async handler(req, res, paid) {
      await pause(req.url.length % 7);
      await clientGone(req, res);
      res.statusCode = 201;
      res.write(answerTo(req, paid));
      res.end('ordered');
    },
  },
  // Too long for its reply to be kept.
  '/bulk': {
    price: 2,
    handler: (req, res, paid) => void res.end(answerTo(req, paid) + '.'.repeat(70_000)),
  },
  '/metered': {
    price: 9,
    charge: 'capture',
    async handler(req, res, paid) {
      await pause(req.url.length % 3);
      await clientGone(req, res);
      await paid.payment.capture(Number(parameter(req, 'use')));
      res.end(answerTo(req, paid));
    },
  },
  '/moody': {
    price: 4,
    async handler(req, res, paid) {
      await pause(req.url.length % 3);
      await clientGone(req, res);
      if (parameter(req, 'fails') === 'yes') res.writeHead(500).end('not today');
      else res.end(answerTo(req, paid));
    },
  },
  '/sealed': {
    price: 2,
    async handler(req, res, paid) {
      res.writeHead(200, { 'Content-Type': 'text/plain' });
      res.write(answerTo(req, paid));
      await pause(2);
      res.write('.'.repeat(70_000));
      await pause(2);
      res.end('sealed');
    },
  },
  '/slow': {
    price: 5,
    handler(req, res, paid) {
      tell({ event: 'running', url: req.url });
      if (mode !== 'hang') res.end(answerTo(req, paid));
    },
  },
};

const { document, keys } = await openVendorFolder(folderPath);
const ledger = await openSqliteLedger({ path: ledgerPath });
/** A request that broke off is the client's affair. */
function report(error) {
  if (error.code !== 'ECONNRESET') tell({ event: 'error', code: String(error.code), message: String(error) });
}
const vendor = createVendor({ document, keys, ledger, onError: report });
const own = createNodeHandler(vendor);
function ran({ method, url, payment: { reference, verdict } }) {
  appendFileSync(runsPath, `${JSON.stringify({ life: process.pid, method, url, reference, verdict })}\n`);
}
const paid = new Map(
  Object.entries(routes).map(([path, { handler, ...route }]) => [
    path,
    createPaidNodeHandler(vendor.gate(route), (req, res, admitted) => {
      ran({ method: req.method, url: req.url, payment: admitted.payment });
      return handler(req, res, admitted);
    }),
  ]),
);
const bare = (req, res) => {
  const answer = paid.get(req.url.split('?', 1)[0]) ?? own;
  answer(req, res).catch((error) => {
    report(error);
    res.destroy();
  });
};
const framework = mode === 'serve' || mode === 'hang' ? undefined : mode;
// The others need not wait for what they do not use.
const { frameworks } = framework ? await import('./frameworks.mjs') : {};
const server = createServer(framework ? await frameworks[framework]({ vendor, ran, report }) : bare);
server.listen(Number(port), '127.0.0.1', () => tell({ event: 'ready', port: server.address().port }));

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, units } = JSON.parse(line);
  if (ask === 'totals') tell({ event: 'answer', value: await vendor.totals() });
  if (ask === 'voucher') {
    const [code] = await vendor.createVouchers([{ denomination: units, count: 1 }], 1);
    tell({ event: 'answer', value: code });
  }
}
server.closeAllConnections();
await new Promise((resolve) => server.close(resolve));
await ledger.close();
