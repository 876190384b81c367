import { Mppx } from 'mppx/client';
import { describe, expect, it } from 'vitest';
import { createCardPayer } from '../../src/adapters/mppx/index.js';
import { origin, type Paid, type World } from '../client-fixture.js';
import { createLiveWorld, loseAnswers } from './live-world.js';

/** mppx's own client, with our method, at our gate. */

const limits = { perRequest: 5, total: 1000 };

const text = (price: number, body = 'read'): Paid => ({ price, handler: () => new Response(body) });

async function start(routes: Readonly<Record<string, Paid>>) {
  const world = await createLiveWorld(routes);
  const wallet = await world.richWallet('chain');
  const payer = createCardPayer({ wallet, limits, fetch: world.fetch });
  const mppx = Mppx.create({ methods: [payer.method], fetch: payer.fetch, polyfill: false });
  // The card is opened by the first payment.
  const spent = async (): Promise<number> => (await world.vendor.totals()).spent;
  return { world, wallet, payer, mppx, spent };
}

const paidCalls = (world: World, path: string): number =>
  world.arrived.filter((one) => one === `GET ${path}`).length;

describe('the client of mppx', () => {
  it('pays with a card, in two requests', async () => {
    const { world, wallet, mppx, spent } = await start({ '/a': text(3) });
    for (let i = 1; i <= 2; i++) {
      const response = await mppx.fetch(`${origin}/a`);
      expect(response.status).toBe(200);
      expect(response.headers.get('Payment-Receipt')).not.toBeNull();
      expect(await response.text()).toBe('read');
      expect(await spent()).toBe(3 * i);
      expect(paidCalls(world, '/a')).toBe(2 * i);
    }
    expect(wallet.history()).toHaveLength(2);
  });

  it('pays in two requests what our own pays in one', async () => {
    const { world, wallet, mppx } = await start({ '/a': text(1) });
    await mppx.fetch(`${origin}/a`);
    const pay = world.paying(wallet);
    await pay(`${origin}/a`);
    const before = paidCalls(world, '/a');
    for (let i = 0; i < 5; i++) await pay(`${origin}/a`);
    const ours = paidCalls(world, '/a') - before;
    for (let i = 0; i < 5; i++) await mppx.fetch(`${origin}/a`);
    const theirs = paidCalls(world, '/a') - before - ours;
    expect({ ours, theirs }).toEqual({ ours: 5, theirs: 10 });
  });

  it('sends a body with the claim that is bound to it', async () => {
    const bodies: string[] = [];
    const { world, mppx, spent } = await start({
      '/order': {
        price: 2,
        handler: async (request) => {
          bodies.push(await request.text());
          return Response.json({ done: true }, { status: 201 });
        },
      },
    });
    const response = await mppx.fetch(`${origin}/order`, { method: 'POST', body: '{"n":1}' });
    expect(response.status).toBe(201);
    expect(bodies).toEqual(['{"n":1}']);
    expect(await spent()).toBe(2);
    expect(world.errors).toEqual([]);
  });

  it('makes 36 calls at once: as many claims, as many charges', async () => {
    const { world, wallet, mppx, spent } = await start({ '/a': text(1) });
    await mppx.fetch(`${origin}/a`);
    const credentials = new Set<string>();
    const inner = world.network;
    world.network = (request, deliver) => {
      const credential = request.headers.get('authorization');
      if (credential) credentials.add(credential);
      return inner(request, deliver);
    };
    const responses = await Promise.all(Array.from({ length: 36 }, () => mppx.fetch(`${origin}/a`)));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect(credentials.size).toBe(36);
    expect(await spent()).toBe(37);
    expect(wallet.history()).toHaveLength(37);
  });

  it('is charged once when answers are lost on the way', async () => {
    const { world, mppx, spent } = await start({ '/a': text(3) });
    let lost = 0;
    loseAnswers(world, (request) => request.headers.has('authorization') && ++lost <= 2);
    const response = await mppx.fetch(`${origin}/a`);
    expect(await response.text()).toBe('read');
    expect(lost).toBe(3);
    expect(await spent()).toBe(3);
  });

  it('is told the limits of the wallet before anything is claimed', async () => {
    const { mppx, spent } = await start({ '/a': text(6) });
    await expect(mppx.fetch(`${origin}/a`)).rejects.toMatchObject({ code: 'limit-exceeded' });
    expect(await spent()).toBe(0);
  });

  it('gets the answer of a handler that fails, and the units stay its own', async () => {
    const { mppx, spent } = await start({
      '/a': { price: 3, handler: () => new Response('gone', { status: 410 }) },
    });
    const response = await mppx.fetch(`${origin}/a`);
    expect(response.status).toBe(410);
    expect(await response.text()).toBe('gone');
    expect(await spent()).toBe(0);
  });

  it('is refused a challenge that did not come by our fetch', async () => {
    const { world, payer } = await start({ '/a': text(1) });
    const mppx = Mppx.create({ methods: [payer.method], fetch: world.fetch, polyfill: false });
    await expect(mppx.fetch(`${origin}/a`)).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('pays once where the global fetch is its own, and the wallet uses it', async () => {
    const { world, wallet, payer, spent } = await start({ '/a': text(2) });
    const original = globalThis.fetch;
    expect(payer.fetch).not.toBe(original);
    // What `polyfill`, its default, puts in the place of the global fetch.
    const patched = Mppx.create({ methods: [payer.method], fetch: payer.fetch, polyfill: false }).fetch;
    expect(globalThis.fetch).toBe(original);
    const pay = world.paying(wallet, { carrier: patched });
    expect((await pay(`${origin}/a`)).status).toBe(200);
    expect(await spent()).toBe(2);
  });
});
