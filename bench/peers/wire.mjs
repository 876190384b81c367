/**
 * Requests on the wire for a payment, counted by a tap on the connections and not taken from anybody's word: the real client of each
 * package pays the same route twenty times.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const payments = 20;

const listen = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

/** Passes bytes on and counts the heads of the requests among them. */
async function openTap() {
  const tap = { requests: 0, target: undefined, close: () => server.close() };
  const server = createTcpServer((socket) => {
    const onward = connect({ port: tap.target, host: '127.0.0.1' });
    socket.on('data', (data) => {
      tap.requests += data.toString('latin1').match(/^[A-Z]+ \S+ HTTP\/1\.1\r$/gm)?.length ?? 0;
    });
    socket.pipe(onward).pipe(socket);
    for (const end of [socket, onward]) end.on('error', () => (socket.destroy(), onward.destroy()));
  });
  tap.port = await listen(server);
  tap.origin = `http://127.0.0.1:${tap.port}`;
  return tap;
}

/** @returns requests until the first payment was answered, and for each one after it */
async function count(taps, pay) {
  const sum = () => taps.reduce((all, { requests }) => all + requests, 0);
  const response = await pay();
  if (response.status !== 200) throw new Error(`the first payment was answered ${response.status}`);
  await response.text();
  const first = sum();
  for (let at = 1; at < payments; at++) {
    const next = await pay();
    if (next.status !== 200) throw new Error(`a payment was answered ${next.status}`);
    await next.text();
  }
  return { first, each: (sum() - first) / (payments - 1) };
}

async function countImpuls() {
  const { createMemoryStorage, createPayingFetch, openWallet } = await import('../../dist/client/index.js');
  const { createNodeHandler, createPaidNodeHandler, openVendor } = await import('../../dist/node/server.js');
  const folder = mkdtempSync(join(tmpdir(), 'impuls-bench-'));
  const tap = await openTap();
  const create = { origin: tap.origin, name: 'Bench', denominations: [100] };
  const { vendor, close } = await openVendor(join(folder, 'shop'), { create });
  const own = createNodeHandler(vendor);
  const paid = createPaidNodeHandler(vendor.gate({ price: 1 }), (_req, res) => res.end('read'));
  const server = createHttpServer(async (req, res) => {
    if (req.url === '/paid') await paid(req, res);
    else await own(req, res);
  });
  tap.target = await listen(server);
  const [code] = await vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
  const wallet = await openWallet({ storage: createMemoryStorage() });
  try {
    await wallet.redeem(tap.origin, code, { protocol: 'chain' });
    const bought = tap.requests;
    const fetch = createPayingFetch({ wallet, limits: { perRequest: 1, total: payments } });
    const { first, each } = await count([tap], () => fetch(`${tap.origin}/paid`));
    return { bought, first: first - bought, each };
  } finally {
    await wallet.close();
    server.closeAllConnections();
    server.close();
    tap.close();
    await close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function countMppx() {
  const { Mppx } = await import('mppx/server');
  const { createChannelStore } = await import('mppx/client');
  const mppx = await import('./protocols/mppx.mjs');
  const [channel] = mppx.openSessions(1);
  const tap = await openTap();
  const pay = Mppx.toNodeListener(mppx.routeOf(await mppx.createSessionServer([channel]), 1));
  const server = createHttpServer(async (req, res) => {
    const { status } = await pay(req, res);
    if (status === 200) res.end('read');
  });
  tap.target = await listen(server);
  // The channel is open already: that takes a transaction on the chain, which is left out.
  const channelStore = createChannelStore();
  channelStore.set({
    ...channel,
    chainId: mppx.chainId,
    cumulativeAmount: 0n,
    deposit: mppx.deposit,
    escrow: mppx.escrow,
    opened: true,
  });
  const session = mppx.payingTempo.session({
    account: channel.account,
    channelStore,
    getClient: () => mppx.deaf,
  });
  const client = mppx.Payer.create({ methods: [session], polyfill: false });
  try {
    return await count([tap], () => client.fetch(`${tap.origin}/paid`));
  } finally {
    server.closeAllConnections();
    server.close();
    tap.close();
  }
}

async function readJson(req) {
  let text = '';
  for await (const part of req) text += part;
  return text === '' ? undefined : JSON.parse(text);
}

async function countX402() {
  const { HTTPFacilitatorClient } = await import('@x402/core/server');
  const { wrapFetchWithPayment } = await import('@x402/fetch');
  const x402 = await import('./protocols/x402.mjs');
  const [tap, facilitatorTap] = [await openTap(), await openTap()];
  const facilitator = x402.createFacilitator();
  const facilitatorServer = createHttpServer(async (req, res) => {
    const body = await readJson(req);
    const [path] = req.url.split('?');
    const answer = {
      '/supported': () => facilitator.getSupported(),
      '/verify': () => facilitator.verify(body.paymentPayload, body.paymentRequirements),
      '/settle': () => facilitator.settle(body.paymentPayload),
    }[path];
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify(await answer()));
  });
  facilitatorTap.target = await listen(facilitatorServer);
  const resources = await x402.createServer(new HTTPFacilitatorClient({ url: facilitatorTap.origin }), 1);
  const started = facilitatorTap.requests;
  const server = createHttpServer(async (req, res) => {
    const context = x402.contextOf((name) => req.headers[name.toLowerCase()], `${tap.origin}/paid`);
    if (!context.paymentHeader) {
      const { response } = await resources.processHTTPRequest(context);
      return void res.writeHead(response.status, response.headers).end(JSON.stringify(response.body));
    }
    const headers = await x402.pay(resources, context);
    res.writeHead(headers ? 200 : 402, headers).end('read');
  });
  tap.target = await listen(server);
  const fetch = wrapFetchWithPayment(globalThis.fetch, x402.createPayer());
  try {
    const { first, each } = await count([tap], () => fetch(`${tap.origin}/paid`));
    return { first, each, toFacilitator: (facilitatorTap.requests - started) / payments };
  } finally {
    for (const one of [server, facilitatorServer]) {
      one.closeAllConnections();
      one.close();
    }
    tap.close();
    facilitatorTap.close();
  }
}

export const measureWire = async () => ({
  impuls: await countImpuls(),
  'mppx tempo session': await countMppx(),
  'x402 exact': await countX402(),
});
