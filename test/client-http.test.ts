import { afterEach, describe, expect, it } from 'vitest';
import { createMemoryStorage, createPayingFetch, openWallet, paymentOf } from '../src/client/index.js';
import { startVendor, type Routes, type TestVendor } from './support/vendor.js';

/** The wallet against a real vendor on a real port, by the platform's own fetch. */

let started: TestVendor | undefined;
afterEach(async () => {
  await started?.close();
  started = undefined;
});

async function setUp(routes: Routes, protocol: 'chain' | 'stream') {
  started = await startVendor(routes, { denominations: [1000] });
  const [code] = await started.vendor.createVouchers([{ denomination: 1000, count: 1 }], 1);
  const wallet = await openWallet({ storage: createMemoryStorage() });
  await wallet.redeem(started.origin, code!, { protocol });
  return { ...started, wallet };
}

describe.each(['chain', 'stream'] as const)('over HTTP, with a %s card', (protocol) => {
  it('pays 300 requests, 100 at a time, each once', async () => {
    const { origin, vendor, wallet } = await setUp(
      { '/a': { price: 2, handler: (req, res) => void res.end(req.url) } },
      protocol,
    );
    const pay = createPayingFetch({ wallet, limits: { perRequest: 2, total: 600 } });
    for (let round = 0; round < 3; round++) {
      const bodies = await Promise.all(
        Array.from({ length: 100 }, async (_, i) => (await pay(`${origin}/a?${round}-${i}`)).text()),
      );
      expect(bodies).toEqual(Array.from({ length: 100 }, (_, i) => `/a?${round}-${i}`));
    }
    expect(await vendor.totals()).toMatchObject({ spent: 600, claims: { pending: 300 } });
    expect(wallet.cards()).toMatchObject([{ left: 400, reserved: 0 }]);
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'limit-exceeded' });
    await wallet.close();
  });

  it('opens a sealed body while it streams', async () => {
    const { origin, wallet } = await setUp(
      {
        '/a': {
          price: 1,
          handler: (_, res) => {
            res.writeHead(200, { 'Content-Type': 'text/plain' });
            for (let i = 0; i < 50; i++) res.write('line '.repeat(1000));
            res.end('end');
          },
        },
      },
      protocol,
    );
    const pay = createPayingFetch({ wallet, limits: { perRequest: 2, total: 600 }, seal: 'prefer' });
    const response = await pay(`${origin}/a`);
    const body = await response.text();
    expect(body.length).toBe(250_003);
    expect(body.endsWith('line end')).toBe(true);
    expect(response.headers.get('Content-Encoding')).toBeNull();
    expect(paymentOf(response)).toMatchObject({ units: 1, verdict: 'accepted' });
    await wallet.close();
  });

  it('sends a body, and gets an error of the handler uncharged', async () => {
    const { origin, vendor, wallet } = await setUp(
      {
        '/a': {
          price: 5,
          headers: ['accept-language'],
          handler: (req, res, { body }) => {
            res.writeHead(body.length > 3 ? 413 : 200);
            res.end(`${req.headers['accept-language'] ?? ''} ${new TextDecoder().decode(body)}`);
          },
        },
      },
      protocol,
    );
    const pay = createPayingFetch({ wallet, limits: { perRequest: 5, total: 600 } });
    const headers = { 'Accept-Language': 'pl' };
    const good = await pay(`${origin}/a`, { method: 'POST', body: 'abc', headers });
    expect(await good.text()).toBe('pl abc');
    const bad = await pay(new Request(`${origin}/a`, { method: 'POST', body: 'abcd', headers }));
    expect(bad.status).toBe(413);
    expect(paymentOf(bad)).toBeUndefined();
    expect(await vendor.totals()).toMatchObject({ spent: 5 });
    expect(wallet.cards()).toMatchObject([{ left: 995, reserved: 0 }]);
    await wallet.close();
  });

  it('keeps the claim while the vendor is down, and settles it when it is back', async () => {
    const routes: Routes = { '/a': { price: 5, handler: (_, res) => void res.end('x') } };
    const { origin, wallet, server, vendor } = await setUp(routes, protocol);
    const pay = createPayingFetch({
      wallet,
      limits: { perRequest: 5, total: 600 },
      retry: { attempts: 2, baseDelayMs: 1 },
    });
    await pay(`${origin}/a`);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'unsettled' });
    await new Promise<void>((resolve) => server.listen(Number(new URL(origin).port), '127.0.0.1', resolve));
    expect((await wallet.recover()).claims).toMatchObject([{ result: 'settled', charged: 5 }]);
    expect(wallet.cards()).toMatchObject([{ left: 990, reserved: 0 }]);
    expect(await vendor.totals()).toMatchObject({ spent: 10 });
    await wallet.close();
  });
});
