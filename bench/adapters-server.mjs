/**
 * The server of bench/adapters.mjs: one vendor behind every framework, each on a port of its own, free at /free and paid at /paid.
 * Prepares the credentials of its clients, one card each, and writes them to a file; then serves until it is told to stop.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { createPaidHandler } from 'impuls/server';
import { paid as paidOnExpress } from 'impuls/server/express';
import { paid as paidOnFastify } from 'impuls/server/fastify';
import { paid as paidOnHono } from 'impuls/server/hono';
import { createPaidNodeHandler, openVendor } from 'impuls/server/node';
import { parseChallenges } from 'impuls/wire';
import { answerBody, answerHeaders, makeCard, makeCredentials, openCard } from './bench-vendor.mjs';

const [, , folder, clients, claims] = process.argv;
const units = 65_536;

const { vendor, ledger, close } = await openVendor(`${folder}/shop`, {
  create: { origin: 'http://127.0.0.1:4139', name: 'Bench', denominations: [units] },
  onError: (error) => console.error(error),
});
const text = answerBody;
const headers = { ...answerHeaders, 'Content-Length': String(answerBody.length) };

const plain = (_req, res) => void res.writeHead(200, headers).end(text);
const priced = createPaidNodeHandler(vendor.gate({ price: 1 }), plain);
const bare = (req, res) => (req.url === '/paid' ? priced(req, res) : plain(req, res));

const respond = () => new Response(text, { headers });
const pricedFetch = createPaidHandler(vendor.gate({ price: 1 }), respond);

const hono = new Hono();
hono.get('/free', (c) => c.body(text, 200, headers));
hono.get('/paid', paidOnHono(vendor, 1), (c) => c.body(text, 200, headers));

const onExpress = express();
onExpress.get('/free', (_req, res) => void res.set(headers).send(text));
onExpress.get('/paid', paidOnExpress(vendor, 1), (_req, res) => void res.set(headers).send(text));

const onFastify = fastify();
onFastify.get('/free', (_req, reply) => reply.headers(headers).send(text));
onFastify.get('/paid', { onRequest: paidOnFastify(vendor, 1) }, (_req, reply) =>
  reply.headers(headers).send(text),
);
await onFastify.ready();

const listeners = {
  'node:http': bare,
  fetch: getRequestListener((request) => (request.url.endsWith('/paid') ? pricedFetch(request) : respond())),
  hono: getRequestListener(hono.fetch),
  express: onExpress,
  fastify: onFastify.routing,
};
const ports = {};
const servers = [];
for (const [name, listener] of Object.entries(listeners)) {
  const server = createServer(listener);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  ports[name] = server.address().port;
  servers.push(server);
}

const refused = await fetch(`http://127.0.0.1:${ports['node:http']}/paid`);
const [challenge] = parseChallenges(refused.headers.get('www-authenticate'));
const tokens = [];
for (let client = 0; client < Number(clients); client++) {
  const card = makeCard({ protocol: 'chain' }, units);
  await openCard(ledger, vendor.document.cards[0], card);
  tokens.push(makeCredentials(card, challenge, `${vendor.document.origin}/paid`, Number(claims)));
}
writeFileSync(`${folder}/tokens.json`, JSON.stringify(tokens));
tokens.length = 0;

process.send({ ready: ports });
process.on('message', async (message) => {
  if (message === 'usage') return process.send({ usage: process.cpuUsage() });
  const { spent } = await ledger.totals();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await close();
  process.send({ spent }, () => process.disconnect());
});
