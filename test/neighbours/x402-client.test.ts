import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from '@x402/fetch';
import { describe, expect, it } from 'vitest';
import { createCardPayer, offerX402 } from '../../src/adapters/x402/index.js';
import { createPaidHandler, type PaidHandler } from '../../src/server/index.js';
import { origin, type World } from '../client-fixture.js';
import { createLiveWorld, loseAnswers, mount } from './live-world.js';

/** x402's own client, with our scheme, at our gate. */

async function start(handler: PaidHandler = () => new Response('read'), price = 3) {
  const world = await createLiveWorld();
  const gate = world.vendor.gate({ price, others: [offerX402({ vendor: world.vendor })] });
  mount(world, { '/a': createPaidHandler(gate, handler) });
  const wallet = await world.richWallet('chain');
  const payer = createCardPayer({ wallet, limits: { perRequest: 5, total: 1000 }, fetch: world.fetch });
  const client = new x402Client().register(payer.network, payer.scheme);
  client.setSpendControls({ allowedAssets: [{ network: payer.network, asset: 'unit' }] });
  const seen: string[] = [];
  const inner = world.network;
  world.network = (request, deliver) => {
    if (request.url.endsWith('/a')) seen.push(request.headers.get('payment-signature') ?? '');
    return inner(request, deliver);
  };
  return {
    world,
    wallet,
    seen,
    fetch: wrapFetchWithPayment(payer.fetch, client),
    spent: async () => (await world.vendor.totals()).spent,
  };
}

const calls = (world: World): number => world.arrived.filter((one) => one.endsWith(' /a')).length;

describe('the client of x402', () => {
  it('pays with a card in the form of x402, in two requests', async () => {
    const { world, seen, fetch, spent } = await start();
    for (let i = 1; i <= 2; i++) {
      const response = await fetch(`${origin}/a`);
      expect(response.status).toBe(200);
      expect(await response.text()).toBe('read');
      expect(decodePaymentResponseHeader(response.headers.get('PAYMENT-RESPONSE')!)).toMatchObject({
        success: true,
        amount: '3',
        network: 'impuls:1',
      });
      expect(await spent()).toBe(3 * i);
      expect(calls(world)).toBe(2 * i);
    }
    expect(seen.map((one) => one !== '')).toEqual([false, true, false, true]);
  });

  it('makes five calls at once for five charges', async () => {
    const { fetch, spent, wallet } = await start();
    const responses = await Promise.all([1, 2, 3, 4, 5].map(() => fetch(`${origin}/a`)));
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(await spent()).toBe(15);
    expect(wallet.history()).toHaveLength(5);
  });

  it('is charged once when an answer is lost', async () => {
    const { world, fetch, spent, seen } = await start();
    let lost = 0;
    loseAnswers(world, (request) => request.headers.has('payment-signature') && ++lost === 1);
    expect(await (await fetch(`${origin}/a`)).text()).toBe('read');
    expect(lost).toBe(2);
    expect(seen[1]).not.toBe('');
    expect(seen[2]).toBe(seen[1]);
    expect(await spent()).toBe(3);
  });

  it('sends bodies, and keeps its units when the handler fails', async () => {
    const bodies: string[] = [];
    const { fetch, spent } = await start(async (request) => {
      bodies.push(await request.text());
      return new Response('no', { status: 422 });
    });
    const response = await fetch(`${origin}/a`, { method: 'POST', body: 'an order' });
    expect(response.status).toBe(422);
    expect(bodies).toEqual(['an order']);
    expect(await spent()).toBe(0);
  });

  it('runs the handler once for four copies of one credential', async () => {
    let open!: () => void;
    const opened = new Promise<void>((resolve) => (open = resolve));
    let runs = 0;
    const { world, fetch, spent } = await start(async () => {
      runs++;
      await opened;
      return new Response('read');
    });
    let copies: Promise<Response[]> | undefined;
    let isFirst = true;
    const inner = world.network;
    world.network = (request, deliver) => {
      if (!isFirst || !request.headers.has('payment-signature')) return inner(request, deliver);
      isFirst = false;
      const own = inner(request, deliver);
      const init = { headers: request.headers };
      copies = Promise.all([1, 2, 3].map(() => world.fetch(request.url, init)));
      void copies.then(() => open());
      return own;
    };
    expect((await fetch(`${origin}/a`)).status).toBe(200);
    expect((await copies!).map(({ status }) => status)).toEqual([409, 409, 409]);
    expect(runs).toBe(1);
    expect(await spent()).toBe(3);
  });

  it('gets a malformed payment refused with a fresh 402, and one that nobody takes with 400', async () => {
    const { world } = await start();
    const send = (value: string) =>
      world.fetch(`${origin}/a`, { headers: { 'PAYMENT-SIGNATURE': value } }).then(({ status }) => status);
    expect(await send('!')).toBe(402);
    expect(await send(btoa('{}'))).toBe(402);
    const other = { x402Version: 2, accepted: { scheme: 'exact', network: 'eip155:1' }, payload: {} };
    expect(await send(btoa(JSON.stringify(other)))).toBe(400);
    const empty = { ...other, accepted: { scheme: 'impuls', network: 'impuls:1' } };
    expect(await send(btoa(JSON.stringify(empty)))).toBe(402);
  });
});
