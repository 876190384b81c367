import { Hono } from 'hono';
import { Challenge, Receipt } from 'mppx';
import { Mppx as ClientMppx } from 'mppx/client';
import { Mppx as HonoMppx } from 'mppx/hono';
import { Mppx } from 'mppx/server';
import { describe, expect, it } from 'vitest';
import {
  createCardMethods,
  createCardPayer,
  type CardMethodsOptions,
} from '../../src/adapters/mppx/index.js';
import type { Payment } from '../../src/server/index.js';
import { origin, type World } from '../client-fixture.js';
import { createLiveWorld, loseAnswers, mount } from './live-world.js';

/** A server of mppx, with our method, and our wallet. */

const secretKey = 'a secret of the server, with more than 32 bytes';

type Served = (request: Request, payment: Payment | undefined) => Response | Promise<Response>;

async function start(
  served: Served,
  options: Omit<CardMethodsOptions, 'vendor'> = {},
  amount: () => string = () => '3',
) {
  const world = await createLiveWorld();
  const cards = createCardMethods({ vendor: world.vendor, ...options });
  const mppx = Mppx.create({ methods: [cards.methods], secretKey });
  const both = () =>
    mppx.compose(['impuls/session', { amount: amount() }], ['impuls/charge', { amount: amount() }]);
  let runs = 0;
  mount(world, {
    '/m': async (request) => {
      const result = await both()(request);
      if (result.status === 402) return result.challenge;
      try {
        return result.withReceipt();
      } catch {
        // No answer of its own: the handler answers.
      }
      runs++;
      return result.withReceipt(await served(request, cards.paymentOf(request)));
    },
  });
  const wallet = await world.richWallet('chain');
  return {
    world,
    wallet,
    pay: world.paying(wallet),
    runs: () => runs,
    spent: async () => (await world.vendor.totals()).spent,
  };
}

const calls = (world: World): number => world.arrived.filter((one) => one.endsWith(' /m')).length;

describe('a server of mppx', () => {
  it('asks with challenges of its own that a wallet takes', async () => {
    const { world } = await start(() => new Response('read'));
    const response = await world.fetch(`${origin}/m`);
    expect(response.status).toBe(402);
    const asked = Challenge.fromResponseList(response);
    expect(asked.map(({ method, intent }) => `${method}/${intent}`)).toEqual([
      'impuls/session',
      'impuls/charge',
    ]);
    expect(asked.every((one) => Challenge.verify(one, { secretKey }))).toBe(true);
  });

  it('is paid in one request in steady state', async () => {
    const { world, pay, spent } = await start(() => new Response('read'));
    const first = await pay(`${origin}/m`);
    expect(await first.text()).toBe('read');
    expect(first.headers.get('Cache-Control')).toBe('private');
    expect(Receipt.fromResponse(first)).toMatchObject({ method: 'impuls', status: 'success', units: 3 });
    const before = calls(world);
    for (let i = 0; i < 4; i++) expect((await pay(`${origin}/m`)).status).toBe(200);
    expect(calls(world) - before).toBe(4);
    expect(await spent()).toBe(15);
  });

  it.each(['chain', 'stream'] as const)(
    'takes bodies, methods and queries with %s cards',
    async (protocol) => {
      const { world, spent } = await start(async (request) => Response.json({ got: await request.text() }));
      const pay = world.paying(await world.richWallet(protocol));
      const response = await pay(`${origin}/m?a=1`, { method: 'POST', body: 'a body' });
      expect(await response.json()).toEqual({ got: 'a body' });
      expect(await spent()).toBe(3);
    },
  );

  it('serves the same claim again when its answer was lost, and charges it once', async () => {
    const { world, pay, spent, runs } = await start(() => new Response('read'));
    let lost = 0;
    loseAnswers(world, (request) => request.headers.has('authorization') && ++lost === 1);
    expect(await (await pay(`${origin}/m`)).text()).toBe('read');
    expect(runs()).toBe(2);
    expect(await spent()).toBe(3);
  });

  it('runs an unsafe method once, and says again what it said', async () => {
    const { world, pay, spent, runs } = await start(() => Response.json({ order: 7 }, { status: 201 }));
    let lost = 0;
    loseAnswers(world, (request) => request.headers.has('authorization') && ++lost === 1);
    const response = await pay(`${origin}/m`, { method: 'POST', body: 'an order' });
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ order: 7 });
    expect(runs()).toBe(1);
    expect(await spent()).toBe(3);
  });

  it('puts no receipt on an error, returns the units, and the wallet hears both', async () => {
    const { world, pay, spent, runs } = await start(() => new Response('gone', { status: 410 }));
    const heads: (string | null)[] = [];
    const inner = world.network;
    world.network = async (request, deliver) => {
      const response = await inner(request, deliver);
      heads.push(response.headers.get('payment-receipt'));
      return response;
    };
    const response = await pay(`${origin}/m`);
    expect(response.status).toBe(410);
    expect(await response.text()).toBe('gone');
    expect(heads.every((head) => head === null)).toBe(true);
    expect(runs()).toBe(1);
    expect(await spent()).toBe(0);
  });

  it('is told by the gate that a price has risen, and the wallet pays the new one', async () => {
    let price = 3;
    const { pay, spent } = await start(
      () => new Response('read'),
      {},
      () => String(price),
    );
    await pay(`${origin}/m`);
    price = 5;
    expect((await pay(`${origin}/m`)).status).toBe(200);
    expect(await spent()).toBe(8);
  });

  it('gives its handler the payment, to keep what was used and leave the rest', async () => {
    const keys: number[] = [];
    const { pay, spent } = await start(
      async (_, payment) => {
        keys.push(payment!.key.length);
        await payment!.capture(1);
        return new Response('read');
      },
      { charge: 'capture' },
    );
    expect((await pay(`${origin}/m`)).status).toBe(200);
    expect(await spent()).toBe(1);
    expect(keys).toEqual([32]);
  });

  it('seals bodies for a wallet that asks for it', async () => {
    const { world, wallet } = await start(() => new Response('secret'));
    const raw: string[] = [];
    const inner = world.network;
    world.network = async (request, deliver) => {
      const response = await inner(request, deliver);
      raw.push(await response.clone().text());
      return response;
    };
    const response = await world.paying(wallet, { seal: 'prefer' })(`${origin}/m`);
    expect(await response.text()).toBe('secret');
    expect(raw.join()).not.toContain('secret');
  });

  it('runs one handler for four copies of one credential', async () => {
    let open!: () => void;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const { world, pay, runs, spent } = await start(async () => {
      await opened;
      return new Response('read');
    });
    let isFirst = true;
    let copied: Promise<Response[]> | undefined;
    const inner = world.network;
    world.network = async (request, deliver) => {
      if (!request.headers.has('authorization') || !isFirst) return inner(request, deliver);
      isFirst = false;
      const own = inner(request, deliver);
      const init = { headers: request.headers };
      copied = Promise.all([1, 2, 3].map(() => world.fetch(request.url, init)));
      void copied.then(() => open());
      return own;
    };
    expect((await pay(`${origin}/m`)).status).toBe(200);
    expect((await copied!).map(({ status }) => status)).toEqual([409, 409, 409]);
    expect(runs()).toBe(1);
    expect(await spent()).toBe(3);
  });

  it('answers 503 without a challenge when the ledger fails', async () => {
    const { world, pay } = await start(() => new Response('read'));
    await pay(`${origin}/m`);
    const answers: Response[] = [];
    const inner = world.network;
    world.network = async (request, deliver) => {
      const response = await inner(request, deliver);
      answers.push(response.clone());
      return response;
    };
    const accept = world.ledger.accept.bind(world.ledger);
    let failing = 2;
    const { ImpulsError } = await import('../../src/core/errors.js');
    world.ledger.accept = async (...given) => {
      if (failing-- > 0) throw new ImpulsError('storage-failed', 'no room');
      return accept(...given);
    };
    expect((await pay(`${origin}/m`)).status).toBe(200);
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 200]);
    expect(answers[0]!.headers.get('www-authenticate')).toBeNull();
  });

  it('is paid by the client of mppx as well', async () => {
    const { world, wallet, spent } = await start(() => new Response('read'));
    const payer = createCardPayer({ wallet, limits: { perRequest: 5, total: 50 }, fetch: world.fetch });
    const client = ClientMppx.create({ methods: [payer.method], fetch: payer.fetch, polyfill: false });
    expect(await (await client.fetch(`${origin}/m`)).text()).toBe('read');
    expect(await spent()).toBe(3);
  });

  it('works under its adapter for Hono, which binds challenges to a route', async () => {
    const world = await createLiveWorld();
    const cards = createCardMethods({ vendor: world.vendor });
    const mppx = HonoMppx.create({ methods: [cards.methods], secretKey });
    const app = new Hono();
    app.get('/a', mppx.session({ amount: '2' }), (c) => c.json({ a: 1 }));
    app.get('/b', mppx.session({ amount: '2' }), () => {
      throw new Error('broken');
    });
    app.onError((_, c) => c.text('sorry', 500));
    const serve = async (request: Request): Promise<Response> => app.fetch(request);
    mount(world, { '/a': serve, '/b': serve });
    const pay = world.paying(await world.richWallet('chain'));
    expect(await (await pay(`${origin}/a`)).json()).toEqual({ a: 1 });
    expect((await world.vendor.totals()).spent).toBe(2);
    const failed = await pay(`${origin}/b`);
    expect([failed.status, await failed.text()]).toEqual([500, 'sorry']);
    expect((await world.vendor.totals()).spent).toBe(2);
  });
});
