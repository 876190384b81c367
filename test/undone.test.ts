import { beforeEach, describe, expect, it } from 'vitest';
import { ImpulsError } from '../src/core/errors.js';
import { createMemoryLedger, type Ledger } from '../src/server/index.js';
import { createWorld, denomination, direct, origin, type World } from './client-fixture.js';

/** How often the next calls of a kind fail. */
let failing: { accept: number; giveBack: number; settle: number };
beforeEach(() => {
  failing = { accept: 0, giveBack: 0, settle: 0 };
});

function createFailingLedger(): Ledger {
  const ledger = createMemoryLedger();
  const full = (): Promise<never> => Promise.reject(new ImpulsError('storage-failed', 'the disk is full'));
  return {
    ...ledger,
    // It took effect, and nobody was told.
    accept: async (...args) => {
      const done = await ledger.accept(...args);
      return failing.accept-- > 0 ? full() : done;
    },
    giveBack: (...args) => (failing.giveBack-- > 0 ? full() : ledger.giveBack(...args)),
    settle: (...args) => (failing.settle-- > 0 ? full() : ledger.settle(...args)),
  };
}

async function open(): Promise<World> {
  let orders = 0;
  return createWorld(
    {
      '/broken': { price: 4, handler: async () => new Response('broken', { status: 500 }) },
      '/order': { price: 2, handler: async () => new Response(`order ${++orders}`) },
    },
    { ledger: createFailingLedger() },
  );
}

describe('a claim that a failing ledger could not resolve', () => {
  it.each(['GET', 'POST'])('is released when it is sent again, of a %s', async (method) => {
    const world = await open();
    const wallet = await world.richWallet('chain');
    failing.giveBack = 2;
    const call = world.paying(wallet)(`${origin}/broken`, {
      method,
      ...(method === 'POST' && { body: 'x' }),
    });
    // A request that is not safe is not made again: that its handler failed is all that is known.
    if (method === 'POST') await expect(call).rejects.toMatchObject({ code: 'payment-refused' });
    else expect((await call).status).toBe(500);
    expect(wallet.cards()).toMatchObject([{ left: denomination, reserved: 0 }]);
    expect((await world.ledger.totals()).spent).toBe(0);
  });

  it('is settled when it is sent again, with the answer that it had', async () => {
    const world = await open();
    const wallet = await world.richWallet('chain');
    failing.settle = 1;
    let lost = 0;
    world.network = async (request, deliver) => {
      const response = await deliver();
      if (!request.headers.has('Authorization') || lost++ > 0) return response;
      throw new TypeError('fetch failed');
    };
    const response = await world.paying(wallet)(`${origin}/order`, { method: 'POST', body: 'x' });
    world.network = direct;
    expect(await response.text()).toBe('order 1');
    expect(wallet.cards()).toMatchObject([{ left: denomination - 2, reserved: 0 }]);
    expect((await world.ledger.totals()).claims).toMatchObject({ settled: 1, pending: 0 });
  });

  it('is given back where nobody knew that it was accepted: its handler never ran', async () => {
    const world = await open();
    const wallet = await world.richWallet('chain');
    const order = () => world.paying(wallet)(`${origin}/order`, { method: 'POST', body: 'x' });
    failing.accept = 1;
    await expect(order()).rejects.toMatchObject({ code: 'payment-refused' });
    expect(wallet.cards()).toMatchObject([{ left: denomination, reserved: 0 }]);
    expect((await world.ledger.totals()).claims).toEqual({ settled: 0, pending: 0, released: 1 });
    expect(await (await order()).text()).toBe('order 1');
  });
});
