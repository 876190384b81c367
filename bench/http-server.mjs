/**
 * The server of bench/http.mjs: one `node:http` route, free at /free and behind a gate at /paid, durable in SQLite.
 * Prepares the credentials of its clients, one card each, and writes them to a file; then serves until it is told to stop.
 */
import { Session } from 'node:inspector';
import { createServer } from 'node:http';
import { writeFileSync } from 'node:fs';
import { createPaidNodeHandler } from 'impuls/server/node';
import { openSqliteLedger } from 'impuls/server/sqlite';
import {
  answerBody,
  answerHeaders,
  askChallenge,
  createBenchVendor,
  createIdentity,
  makeCard,
  makeCredentials,
  openCard,
} from './bench-vendor.mjs';

const [, , folder, clients, claims, protocol, upstreamPort] = process.argv;

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

const ledger = await openSqliteLedger({ path: `${folder}/ledger.db` });
const vendor = createBenchVendor(await createIdentity(origin), ledger);
const answer = (_req, res) => {
  res.writeHead(200, answerHeaders);
  res.end(answerBody);
};
const gate = vendor.gate({ price: 1 });
const paid = createPaidNodeHandler(gate, answer);

const challenge = await askChallenge(gate, '/paid');
const tokens = [];
for (let client = 0; client < Number(clients); client++) {
  const card = makeCard({ protocol }, Number(claims));
  await openCard(ledger, vendor.document.cards[0], card);
  tokens.push(makeCredentials(card, challenge, `${origin}/paid`, Number(claims)));
}
writeFileSync(`${folder}/tokens.json`, JSON.stringify(tokens));
// A heap full of credentials would be what is measured.
tokens.length = 0;

/** The same two routes in front of an upstream, for bench/proxy.mjs. */
async function openUpstream() {
  const { openProxy } = await import('../dist/node/proxying/proxy.js');
  const { parseProxyConfig } = await import('../dist/node/proxying/config.js');
  const file = { upstream: `http://127.0.0.1:${upstreamPort}`, routes: [{ path: '/paid', price: 1 }] };
  return openProxy(vendor, parseProxyConfig(JSON.stringify(file)));
}

/** For bench/profile.mjs. */
const session = new Session();
const post = (method, params) =>
  new Promise((resolve) => session.post(method, params, (_, result) => resolve(result)));

async function startProfile() {
  session.connect();
  await post('Profiler.enable');
  await post('Profiler.setSamplingInterval', { interval: 200 });
  await post('Profiler.start');
  process.send({ profiling: true });
}

async function stopProfile() {
  const { profile } = await post('Profiler.stop');
  writeFileSync(`${folder}/payment.cpuprofile`, JSON.stringify(profile));
  process.send({ profile: `${folder}/payment.cpuprofile` });
}

const proxy = upstreamPort && (await openUpstream());
server.on('request', (req, res) => {
  if (proxy) proxy.answer(req, res).catch((error) => console.error(error));
  else if (req.url === '/paid') paid(req, res).catch((error) => console.error(error));
  else answer(req, res);
});
process.send({ ready: server.address().port });
process.on('message', async (message) => {
  if (message === 'usage') return process.send({ usage: process.cpuUsage() });
  if (message === 'profile') return startProfile();
  if (message === 'profiled') return stopProfile();
  const { spent } = await ledger.totals();
  server.closeAllConnections();
  server.close();
  await ledger.close();
  process.send({ spent }, () => process.disconnect());
});
