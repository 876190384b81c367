/**
 * One protocol behind `node:http`: 1 KiB of JSON, free at /free and paid at /paid. Prepares what its clients pay with, writes it to a
 * file, and serves until it is told to stop. Nothing here is on a disk: the state of the peers is in memory, and so is that of impuls.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { answerBody, answerHeaders } from '../bench-vendor.mjs';

const [, , name, file, clients, claims] = process.argv;

const answer = (res, headers = {}) => {
  res.writeHead(200, { ...answerHeaders, ...headers });
  res.end(answerBody);
};

const chunk = (values, size) =>
  Array.from({ length: values.length / size }, (_, at) => values.slice(at * size, (at + 1) * size));

async function openImpuls(origin, protocol) {
  const { askChallenge, createBenchVendor, createIdentity, makeCard, makeCredentials, openCard } =
    await import('../bench-vendor.mjs');
  const { createMemoryLedger } = await import('../../dist/server/index.js');
  const { createPaidNodeHandler } = await import('../../dist/node/server.js');
  const ledger = createMemoryLedger();
  const vendor = createBenchVendor(await createIdentity(origin), ledger);
  const gate = vendor.gate({ price: 1 });
  const challenge = await askChallenge(gate, '/paid');
  const lines = [];
  for (let client = 0; client < Number(clients); client++) {
    const card = makeCard({ protocol }, Math.max(1000, Number(claims)));
    await openCard(ledger, vendor.document.cards[0], card);
    lines.push(makeCredentials(card, challenge, `${origin}/paid`, Number(claims)));
  }
  return { header: 'Authorization', lines, paid: createPaidNodeHandler(gate, (_req, res) => answer(res)) };
}

/** As mppx documents it for `node:http`. */
async function openMppx(route, lines) {
  const { Mppx } = await import('mppx/server');
  const listen = Mppx.toNodeListener(route);
  const paid = async (req, res) => {
    const { status } = await listen(req, res);
    if (status === 200) answer(res);
  };
  return { header: 'Authorization', lines, paid };
}

const open = {
  'impuls-chain': (origin) => openImpuls(origin, 'chain'),
  'impuls-stream': (origin) => openImpuls(origin, 'stream'),
  async 'mppx-trivial'() {
    const { makeTrivial, trivialRoute } = await import('./protocols/mppx.mjs');
    const values = await makeTrivial(clients * claims);
    return openMppx(trivialRoute(), chunk(values, Number(claims)));
  },
  async 'mppx-session'() {
    const mppx = await import('./protocols/mppx.mjs');
    const channels = mppx.openSessions(Number(clients));
    const lines = await mppx.makeVouchers(channels, Number(claims), 1);
    return openMppx(mppx.routeOf(await mppx.createSessionServer(channels), 1), lines);
  },
  async 'x402-exact'(origin) {
    const {
      contextOf,
      createFacilitator,
      createServer: create,
      makePayments,
      pay,
    } = await import('./protocols/x402.mjs');
    const server = await create(createFacilitator(), 1);
    const paid = async (req, res) => {
      const headers = await pay(
        server,
        contextOf((header) => req.headers[header.toLowerCase()], `${origin}/paid`),
      );
      if (headers) answer(res, headers);
      else res.writeHead(402).end();
    };
    const lines = chunk(await makePayments(clients * claims, 1), Number(claims));
    return { header: 'PAYMENT-SIGNATURE', lines, paid };
  },
};

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address();
const { header, lines, paid } = await open[name](`http://127.0.0.1:${port}`);
writeFileSync(file, JSON.stringify(lines.map((values) => values.map((value) => `${header}: ${value}`))));
lines.length = 0;
server.on('request', (req, res) => {
  if (req.url !== '/paid') answer(res);
  else paid(req, res).catch((error) => (console.error(error), res.destroy()));
});
process.send({ ready: port });
process.on('message', () => process.send({ usage: process.cpuUsage() }));
process.on('disconnect', () => process.exit());
