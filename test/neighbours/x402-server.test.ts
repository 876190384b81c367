import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import express, { type Express } from 'express';
import { paymentMiddleware, setSettlementOverrides, x402ResourceServer } from '@x402/express';
import { wrapFetchWithPayment, x402Client } from '@x402/fetch';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createCardPayer,
  createCardScheme,
  speakX402,
  type CardScheme,
  type CardSchemeOptions,
} from '../../src/adapters/x402/index.js';
import { createPayingFetch, createMemoryStorage, openWallet } from '../../src/client/index.js';
import { ImpulsError } from '../../src/core/errors.js';
import { createNodeHandler } from '../../src/node/http.js';
import { createMemoryLedger, createVendor } from '../../src/server/index.js';
import { createTestKeys } from '../support/vendor.js';

/** The middleware of x402 for Express, with our scheme, and our wallet. */

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((done) => (server ? server.close(done) : done(undefined)));
  server = undefined;
});

interface Shop {
  readonly options?: Omit<CardSchemeOptions, 'vendor'>;
  readonly price?: () => number;
  readonly serve: (app: Express, cards: CardScheme) => void;
}

async function start({ options = {}, price = () => 3, serve }: Shop) {
  const app = express();
  const opened = createServer(app);
  server = opened;
  await new Promise<void>((done) => opened.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${(opened.address() as AddressInfo).port}`;
  const made = await createTestKeys(origin, [100], Math.floor(Date.now() / 1000));
  const ledger = createMemoryLedger();
  const vendor = createVendor({ ...made, ledger });
  const cards = createCardScheme({ vendor, ...options });
  const arrived: string[] = [];
  app.use((req, _, next) => {
    arrived.push(`${req.method} ${req.path}${req.header('payment-signature') ? ' paid' : ''}`);
    next();
  });
  app.use((req, res, next) => void createNodeHandler(vendor)(req, res, next));
  app.use(express.raw({ type: () => true }));
  const resource = new x402ResourceServer(cards.facilitator).register(cards.network, cards.scheme);
  const accepts = { ...cards.accepts(1), price: () => price() };
  app.use(paymentMiddleware({ '/a': { accepts } }, resource));
  serve(app, cards);

  let lost = 0;
  const network: typeof fetch = async (input, init) => {
    const isPaid = new Headers(init?.headers).has('PAYMENT-SIGNATURE');
    const response = await fetch(input, init);
    if (isPaid && lost > 0) {
      lost--;
      await response.body?.cancel();
      throw new TypeError('the line broke');
    }
    return response;
  };
  const storage = createMemoryStorage();
  const wallet = await openWallet({ storage, fetch: speakX402(network), sleep: async () => {} });
  const [code] = await vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
  await wallet.redeem(origin, code!, { protocol: 'stream' });
  const limits = { perRequest: 10, total: 1000 };
  return {
    origin,
    wallet,
    storage,
    ledger,
    network,
    pay: createPayingFetch({ wallet, limits }),
    lose: (count: number) => void (lost = count),
    calls: () => arrived.filter((one) => one.includes(' /a')),
    spent: async () => (await vendor.totals()).spent,
  };
}

const article: Shop = {
  serve: (app) => app.get('/a', (_, res) => void res.type('text').send('read')),
};

describe('a server of x402', () => {
  it('is paid in one request in steady state', async () => {
    const { origin, pay, calls, spent } = await start(article);
    const first = await pay(`${origin}/a`);
    expect(await first.text()).toBe('read');
    expect(first.headers.get('cache-control')).toBe('private');
    for (let i = 0; i < 3; i++) expect((await pay(`${origin}/a?i=${i}`)).status).toBe(200);
    expect(calls()).toEqual(['GET /a', ...Array.from({ length: 4 }, () => 'GET /a paid')]);
    expect(await spent()).toBe(12);
  });

  it('is paid once when answers are lost, and serves the claim again', async () => {
    const { origin, pay, calls, lose, spent } = await start(article);
    lose(2);
    expect(await (await pay(`${origin}/a`)).text()).toBe('read');
    expect(calls()).toHaveLength(4);
    expect(await spent()).toBe(3);
  });

  it('settles what was open after a crash, with a claim of the journal', async () => {
    const { origin, pay, wallet, storage, network, lose, spent } = await start(article);
    lose(4);
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'unsettled' });
    await wallet.close();
    const again = await openWallet({ storage, fetch: speakX402(network), sleep: async () => {} });
    const { claims } = await again.recover();
    expect(claims).toMatchObject([{ result: 'settled', units: 3 }]);
    expect(await spent()).toBe(3);
  });

  it('runs an unsafe method once, and the wallet hears that it was done', async () => {
    let runs = 0;
    const { origin, pay, lose, spent } = await start({
      serve: (app) =>
        app.post('/a', (req, res) => {
          runs++;
          res.status(201).send(req.body as Buffer);
        }),
    });
    expect(await (await pay(`${origin}/a`, { method: 'POST', body: 'one' })).text()).toBe('one');
    lose(1);
    await expect(pay(`${origin}/a`, { method: 'POST', body: 'two' })).rejects.toMatchObject({
      code: 'already-served',
    });
    expect(runs).toBe(2);
    expect(await spent()).toBe(6);
  });

  it('returns the units of a handler that fails, before its answer is out', async () => {
    const { origin, pay, calls, spent } = await start({
      serve(app) {
        app.get('/a', (req, res) => {
          if (req.query['broken']) throw new Error('broken');
          res.status(404).send('nothing here');
        });
        app.use(((_error, _req, res, next) => {
          if (res.headersSent) {
            next();
            return;
          }
          res.status(500).send('sorry');
        }) as express.ErrorRequestHandler);
      },
    });
    const response = await pay(`${origin}/a`);
    expect([response.status, await response.text()]).toEqual([404, 'nothing here']);
    expect(await spent()).toBe(0);
    expect(calls()).toHaveLength(2);
    const thrown = await pay(`${origin}/a?broken=1`);
    expect([thrown.status, await thrown.text()]).toEqual([500, 'sorry']);
    expect(await spent()).toBe(0);
  });

  it('tells by a proved refusal that the price has risen, and gives back what it has fallen', async () => {
    let price = 2;
    const { origin, pay, spent } = await start({ ...article, price: () => price });
    await pay(`${origin}/a`);
    price = 3;
    await expect(pay(`${origin}/a`)).resolves.toMatchObject({ status: 200 });
    expect(await spent()).toBe(5);
    price = 1;
    expect((await pay(`${origin}/a`)).status).toBe(200);
    expect(await spent()).toBe(6);
  });

  it('charges what was used, as x402 says it', async () => {
    const payments: (string | undefined)[] = [];
    const { origin, pay, spent } = await start({
      options: { charge: 'capture' },
      price: () => 5,
      serve: (app, cards) =>
        app.get('/a', (req, res) => {
          payments.push(cards.paymentOf(req)?.method);
          setSettlementOverrides(res, { amount: '2' });
          res.send('read');
        }),
    });
    expect((await pay(`${origin}/a`)).status).toBe(200);
    expect(await spent()).toBe(2);
    expect(payments).toEqual(['impuls']);
  });

  it('charges before the handler runs, with the flow that is called upfront', async () => {
    const { origin, pay, spent } = await start({ ...article, options: { flow: 'upfront' } });
    expect(await (await pay(`${origin}/a`)).text()).toBe('read');
    expect(await spent()).toBe(3);
  });

  it('answers no 402 when the ledger fails, and the same claim is sent until it does not', async () => {
    const { origin, pay, ledger, calls, spent } = await start(article);
    await pay(`${origin}/a`);
    const accept = ledger.accept.bind(ledger);
    let failing = 2;
    ledger.accept = async (...given) => {
      if (failing-- > 0) throw new ImpulsError('storage-failed', 'no room');
      return accept(...given);
    };
    expect((await pay(`${origin}/a`)).status).toBe(200);
    expect(calls().slice(2)).toEqual(['GET /a paid', 'GET /a paid', 'GET /a paid']);
    expect(await spent()).toBe(6);
  });

  it('is paid by the client of x402 as well, once for each of five calls at once', async () => {
    const { origin, wallet, network, spent } = await start(article);
    const payer = createCardPayer({ wallet, limits: { perRequest: 5, total: 50 }, fetch: network });
    const client = new x402Client().register(payer.network, payer.scheme).setSpendControls(false);
    const paying = wrapFetchWithPayment(payer.fetch, client);
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => paying(`${origin}/a`)));
    expect(await Promise.all(answers.map((one) => one.text()))).toEqual(Array(5).fill('read'));
    expect(await spent()).toBe(15);
  });
});
