import { describe, expect, it } from 'vitest';
import { paymentOf, type Transport } from '../src/client/index.js';
import { createWorld, origin, type Paid, type World } from './client-fixture.js';

/** Paying up front the very first time: the price comes from the vendor's description of its API. */

const discovery = 'openapi';

const route = (price: Paid['price'], path = '/a', method = 'GET'): Paid => ({
  price,
  listing: { method, path },
  handler: async (request) => new Response(`read ${await request.text()}`),
});

/** What arrives after a card is bought and shown. */
const paidOf = (world: World): string[] => world.arrived.filter((line) => !line.includes('/impuls'));

describe('a paying fetch that looks at what a vendor offers', () => {
  it('pays the first request, and sends its body once', async () => {
    const world = await createWorld({ '/a': route(3, '/a', 'POST') });
    const wallet = await world.richWallet('chain');
    const bodies: number[] = [];
    world.network = async (request, deliver) => {
      if (request.url.endsWith('/a')) bodies.push((await request.clone().arrayBuffer()).byteLength);
      return deliver();
    };
    world.arrived.length = 0;
    const pay = world.paying(wallet, { discovery });
    const response = await pay(`${origin}/a`, { method: 'POST', body: 'x'.repeat(1000) });
    expect(await response.text()).toHaveLength(1005);
    expect(paymentOf(response)).toMatchObject({ units: 3, verdict: 'accepted' });
    expect(bodies).toEqual([1000]);
    expect(paidOf(world)).toEqual(['GET /openapi.json', 'POST /a']);
    await pay(`${origin}/a?again`, { method: 'POST', body: 'y' });
    expect(paidOf(world).slice(2)).toEqual(['POST /a']);
  });

  it('asks once for all calls that come at the same time, and for a path in braces', async () => {
    const world = await createWorld({
      '/b/1': route(1, '/b/{id}'),
      '/b/2': { ...route(1), listing: undefined! },
    });
    const pay = world.paying(await world.richWallet('stream'), { discovery });
    world.arrived.length = 0;
    await Promise.all(Array.from({ length: 20 }, (_, i) => pay(`${origin}/b/1?${i}`)));
    expect(paidOf(world).filter((line) => line === 'GET /openapi.json')).toHaveLength(1);
    expect(paidOf(world)).toHaveLength(21);
    expect((await world.vendor.totals()).spent).toBe(20);
  });

  it('asks again after five minutes, and never uses an offer that is over', async () => {
    const world = await createWorld({ '/a': route(1), '/b': route(1, '/b') });
    const pay = world.paying(await world.richWallet('chain'), { discovery });
    await pay(`${origin}/a`);
    world.arrived.length = 0;
    world.time.ms += 299_000;
    await pay(`${origin}/b`);
    expect(paidOf(world)).toEqual(['GET /b']);
    world.time.ms += 2 * 3_600_000;
    await pay(`${origin}/b`);
    expect(paidOf(world).slice(1)).toEqual(['GET /openapi.json', 'GET /b']);
  });

  it.each<[string, (response: Response) => Promise<Response>]>([
    ['has none', async () => new Response(null, { status: 404 })],
    ['breaks off', () => Promise.reject(new TypeError('connection reset'))],
    ['is no JSON', async () => new Response('<html>')],
    ['is too large', async () => new Response('x'.repeat((1 << 20) + 1))],
    [
      'is of another origin',
      async (r) => new Response((await r.text()).replaceAll(origin, 'https://b.example')),
    ],
    [
      'has a challenge of another realm',
      async (r) => new Response((await r.text()).replaceAll('"news.', '"b.')),
    ],
    ['has no challenge', async (r) => new Response((await r.text()).replaceAll('"challenge"', '"x"'))],
  ])('asks for the price as ever where the description %s', async (_, change) => {
    const world = await createWorld({ '/a': route(3) });
    const pay = world.paying(await world.richWallet('chain'), { discovery });
    world.network = async (request, deliver) => {
      const response = await deliver();
      return request.url.endsWith('/openapi.json') ? change(response) : response;
    };
    world.arrived.length = 0;
    expect(paymentOf(await pay(`${origin}/a`))).toMatchObject({ units: 3 });
    expect(paidOf(world)).toEqual(['GET /openapi.json', 'GET /a', 'GET /a']);
  });

  it('asks for a price that is a function, and for a route that is not listed', async () => {
    const world = await createWorld({ '/a': route(() => 3), '/b': { price: 2, handler: route(1).handler } });
    const pay = world.paying(await world.richWallet('chain'), { discovery });
    world.arrived.length = 0;
    await pay(`${origin}/a`);
    await pay(`${origin}/b`);
    expect(paidOf(world)).toEqual(['GET /openapi.json', 'GET /a', 'GET /a', 'GET /b', 'GET /b']);
    expect((await world.vendor.totals()).spent).toBe(5);
  });

  /** Another vendor's idea of what this one asks for. */
  async function withOldPrice(old: number, price: number, limit = 50): Promise<World & { spent: number }> {
    const world = await createWorld({ '/a': route(price) });
    world.vendor.gate(route(old, '/a'));
    const pay = world.paying(await world.richWallet('chain'), {
      discovery,
      limits: { perRequest: limit, total: 100 },
    });
    world.arrived.length = 0;
    expect(await (await pay(`${origin}/a`)).text()).toBe('read ');
    return { ...world, spent: (await world.vendor.totals()).spent };
  }

  it('lets the 402 have the last word: pays what is asked, whatever the description says', async () => {
    const dearer = await withOldPrice(2, 5);
    expect(paidOf(dearer)).toEqual(['GET /openapi.json', 'GET /a', 'GET /a']);
    expect(dearer.spent).toBe(5);
    const cheaper = await withOldPrice(9, 5);
    expect(paidOf(cheaper)).toEqual(['GET /openapi.json', 'GET /a']);
    expect(cheaper.spent).toBe(5);
  });

  it('asks where the description names more than may be spent, or than the card has', async () => {
    for (const [old, limit] of [
      [60, 50],
      [101, 200],
    ] as const) {
      const world = await withOldPrice(old, 5, limit);
      expect(paidOf(world)).toEqual(['GET /openapi.json', 'GET /a', 'GET /a']);
      expect(world.spent).toBe(5);
    }
  });

  it('takes no offer where the wallet has no card, and leaves an Authorization of the caller alone', async () => {
    const world = await createWorld({ '/a': route(3) });
    const poor = world.paying(await world.open(), { discovery });
    await expect(poor(`${origin}/a`)).rejects.toMatchObject({ code: 'no-card' });
    const pay = world.paying(await world.richWallet('chain'), { discovery });
    world.arrived.length = 0;
    const headers = { Authorization: 'Bearer x' };
    await expect(pay(`${origin}/a`, { headers })).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(paidOf(world)).toEqual(['GET /a']);
  });

  it('shows an offer with no card but the one that asked, and asks by its circuit', async () => {
    const world = await createWorld({ '/a': route(60) });
    const seen: Array<readonly [circuit: string, request: string]> = [];
    const transport: Transport = {
      circuit: (name) => async (input, init) => {
        const request = new Request(input, init);
        const { pathname } = new URL(request.url);
        const paid = request.headers.has('Authorization') ? ' paid' : '';
        if (!pathname.startsWith('/impuls') && !pathname.startsWith('/.well')) {
          seen.push([name.split(' ')[0]!, `${name}: ${pathname}${paid}`]);
        }
        return world.fetch(request);
      },
    };
    const wallet = await world.open({ transport });
    await wallet.redeem(origin, await world.voucher(2), { protocol: 'chain' });
    const pay = world.paying(wallet, { discovery, limits: { perRequest: 60, total: 120 } });
    await pay(`${origin}/a`);
    await pay(`${origin}/a`);
    expect(seen.map(([kind]) => kind)).toEqual(['card', 'card', 'card', 'card']);
    const cards = wallet.cards().map(({ id }) => id);
    expect(cards).toHaveLength(2);
    const [first, , third] = seen.map(([, line]) => line.split(':')[0]);
    expect(first).not.toBe(third);
    expect(seen.map(([, line]) => line)).toEqual([
      `${first}: /openapi.json`,
      `${first}: /a paid`,
      `${third}: /openapi.json`,
      `${third}: /a paid`,
    ]);
  });

  it('stops waiting for a description when it is told to', async () => {
    const world = await createWorld({ '/a': route(3) });
    const pay = world.paying(await world.richWallet('chain'), { discovery });
    const stop = new AbortController();
    world.network = async (request, deliver) => {
      if (!request.url.endsWith('/openapi.json')) return deliver();
      stop.abort(new Error('enough'));
      return new Promise<never>(() => {});
    };
    await expect(pay(`${origin}/a`, { signal: stop.signal })).rejects.toThrow('enough');
  });
});
