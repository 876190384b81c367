import { afterEach, describe, expect, it } from 'vitest';
import { parseReceipt, parseState } from '../src/core/wire/index.js';
import type { PaidNodeHandler } from '../src/node/http.js';
import { createMemoryLedger, type Route } from '../src/server/index.js';
import { activationOf, buyCard, challengesOf, claimOf, type HandCard } from './support/card.js';
import { createTestKeys, startVendor, type TestVendor } from './support/vendor.js';

/** Two servers of one vendor over one ledger: what each has in memory, the other does not know. */

const open: TestVendor[] = [];
afterEach(async () => {
  for (const vendor of open.splice(0)) await vendor.close();
});

type Server = TestVendor & { readonly address: string };

async function startTwo(handlers: readonly PaidNodeHandler[], route: Route): Promise<[Server, Server]> {
  const origin = 'http://shop.localhost';
  const made = await createTestKeys(origin, [100], Math.floor(Date.now() / 1000));
  const ledger = createMemoryLedger();
  const servers: Server[] = [];
  for (const handler of handlers) {
    const started = await startVendor({ '/a': { ...route, handler } }, { ...made, origin, port: 0, ledger });
    open.push(started);
    const { port } = started.server.address() as { port: number };
    servers.push({ ...started, address: `http://127.0.0.1:${port}` });
  }
  return servers as [Server, Server];
}

async function activeCard({ vendor, address }: Server): Promise<HandCard> {
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(address + path, { method: 'POST', body: JSON.stringify(body) });
  const [code] = await vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
  const hand = await buyCard(post, vendor.document, code!, { protocol: 'chain' }, 100);
  expect((await post('/impuls/activate', await activationOf(hand, vendor.digest))).status).toBe(200);
  return hand;
}

/** The same claim to both, the second while the handler of the first runs, which then does `then`. */
async function payBoth(route: Route, then: PaidNodeHandler, method = 'GET') {
  let letGo = (): void => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let begin = (): void => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const slow: PaidNodeHandler = async (req, res, paid) => {
    begin();
    await held;
    return then(req, res, paid);
  };
  const [one, two] = await startTwo([slow, (_req, res) => void res.end('served')], route);
  const hand = await activeCard(one);
  const [session] = challengesOf(await fetch(`${two.address}/a`, { method }));
  const claim = claimOf(hand, session!, { method, target: '/a' }, { end: 5, units: 5 });
  const pay = ({ address }: Server): Promise<Response> =>
    fetch(`${address}/a`, { method, headers: { authorization: claim.authorization } });
  const first = pay(one);
  await begun;
  return { one, two, first, pay, letGo };
}

const verdictOf = (response: Response): string => parseState(response.headers.get('impuls-state')!).verdict;

describe('two servers over one ledger', () => {
  it('charge a claim that one of them has served, though the other then fails at it', async () => {
    const { one, two, first, pay, letGo } = await payBoth({ price: 5 }, (_req, res) => {
      res.statusCode = 500;
      res.end();
    });
    const again = await pay(two);
    expect(parseReceipt(again.headers.get('payment-receipt')!).verdict).toBe('repeated');
    expect(await again.text()).toBe('served');
    letGo();
    const failed = await first;
    expect(failed.status).toBe(500);
    expect(verdictOf(failed)).toBe('accepted');
    expect((await one.vendor.totals()).spent).toBe(5);
  });

  it('serve nothing for a claim that one of them has given back', async () => {
    const { one, two, first, pay, letGo } = await payBoth({ price: 5 }, (_req, res) => {
      res.statusCode = 500;
      res.end();
    });
    letGo();
    expect(verdictOf(await first)).toBe('released');
    const again = await pay(two);
    expect(again.status).toBe(409);
    expect(verdictOf(again)).toBe('released');
    expect((await one.vendor.totals()).spent).toBe(0);
  });

  it('say in the receipt what is charged, where one captures a part of what the other has served whole', async () => {
    const { one, two, first, pay, letGo } = await payBoth(
      { price: 1, charge: 'capture' },
      async (_req, res, { payment }) => {
        await payment.capture(2);
        res.end('part');
      },
    );
    expect(await (await pay(two)).text()).toBe('served');
    letGo();
    expect(parseReceipt((await first).headers.get('payment-receipt')!).units).toBe(5);
    expect((await one.vendor.totals()).spent).toBe(5);
  });

  it('run the handler of an unsafe method once: the other server waits for it', async () => {
    const { two, first, pay, letGo } = await payBoth(
      { price: 5 },
      (_req, res) => void res.end('done'),
      'POST',
    );
    const again = await pay(two);
    expect(again.status).toBe(409);
    expect(verdictOf(again)).toBe('in-progress');
    letGo();
    expect(await (await first).text()).toBe('done');
    const replayed = await pay(two);
    expect(await replayed.text()).toBe('done');
    expect(parseReceipt(replayed.headers.get('payment-receipt')!).verdict).toBe('repeated');
  });
});
