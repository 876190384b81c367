import { describe, expect, it } from 'vitest';
import { createMemoryLedger, type Ledger } from '../src/server/index.js';
import { createMemoryStorage } from '../src/client/index.js';
import { createWorld, origin, type World } from './client-fixture.js';
import { outcomeOf } from './support/code-of.js';
import { createTestKeys, now } from './support/vendor.js';

/** What wallets meet where a vendor holds cards and vouchers, because it was restored from a backup. */

const routes = { '/a': { price: 2, handler: () => new Response('read') } };

function keysOf({ vendor }: World): string[] {
  return vendor.document.cards.map(({ id }) => id);
}

describe.each(['chain', 'stream'] as const)('a vendor that holds cards of %s', (protocol) => {
  it('takes nothing of them, and the wallet says so, keeps its claim and asks no more claims of the card', async () => {
    const world = await createWorld(routes);
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet);
    await pay(`${origin}/a`);
    await world.ledger.quarantine(keysOf(world));
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({
      code: 'vendor-restored',
      message: 'the vendor was restored from a backup and holds this card',
      hint: 'Nothing is lost: pay with another card, and recover the wallet later.',
    });
    expect(wallet.cards()).toMatchObject([{ left: 96, reserved: 2 }]);
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'vendor-restored' });
    // One claim, though it was tried twice.
    const { claims: open } = await wallet.recover();
    expect(open).toMatchObject([{ result: 'unknown', charged: 0, units: 2 }]);
    expect(wallet.cards()).toMatchObject([{ left: 96, reserved: 2 }]);
    expect((await world.vendor.totals()).spent).toBe(2);

    await world.ledger.liftQuarantine();
    expect((await wallet.recover()).claims).toMatchObject([{ result: 'settled', charged: 2 }]);
    expect((await pay(`${origin}/a`)).status).toBe(200);
    expect(wallet.cards()).toMatchObject([{ left: 94, reserved: 0 }]);
    expect((await world.vendor.totals()).spent).toBe(6);
  });

  it('is paid with another card, where the wallet has one', async () => {
    const world = await createWorld(routes, await createTestKeys(origin, [50, 100], now));
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet);
    await pay(`${origin}/a`);
    const [other, held] = world.vendor.document.cards;
    expect([other?.denomination, held?.denomination]).toEqual([50, 100]);
    await world.ledger.quarantine([held!.id]);
    const [code] = await world.vendor.createVouchers([{ denomination: 50, count: 1 }], 1);
    await wallet.redeem(origin, code!, { protocol });
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'vendor-restored' });
    for (let i = 0; i < 3; i++) expect((await pay(`${origin}/a`)).status).toBe(200);
    expect(wallet.cards().map(({ left, reserved }) => [left, reserved])).toEqual([
      [96, 2],
      [44, 0],
    ]);
  });

  it('tells nothing of their state, so that no wallet takes over an old one', async () => {
    const world = await createWorld(routes);
    const storage = createMemoryStorage();
    const wallet = await world.richWallet(protocol, storage);
    await world.paying(wallet)(`${origin}/a`);
    const backup = await wallet.backup();
    await world.ledger.quarantine(keysOf(world));
    const [card] = wallet.cards();
    expect(await outcomeOf(wallet.refresh(card!.id))).toBe('vendor-restored');
    const restored = await world.open();
    await restored.restore(backup);
    expect(await outcomeOf(world.paying(restored)(`${origin}/a`))).toBe('vendor-restored');
    await world.ledger.liftQuarantine();
    expect(await outcomeOf(world.paying(restored)(`${origin}/a`))).toBe('done');
    expect(restored.cards()).toMatchObject([{ left: 96 }]);
  });

  it('opens no card that it does not know, and opens it once the hold is lifted', async () => {
    const world = await createWorld(routes);
    const wallet = await world.richWallet(protocol);
    await world.ledger.quarantine(keysOf(world));
    const pay = world.paying(wallet);
    expect(await outcomeOf(pay(`${origin}/a`))).toBe('vendor-restored');
    expect((await world.vendor.totals()).cards).toBe(0);
    await world.ledger.liftQuarantine();
    expect(await outcomeOf(pay(`${origin}/a`))).toBe('done');
  });

  it('answers a claim that it knows to be settled, and leaves an open one open', async () => {
    const world = await createWorld({
      '/a': { price: 2, handler: () => new Response('read') },
      '/b': { price: 3, handler: () => new Response('done') },
    });
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet, { retry: { attempts: 1 } });
    await pay(`${origin}/a`);
    world.network = async (_, deliver) => {
      const response = await deliver();
      if (response.headers.has('payment-receipt')) throw new TypeError('lost');
      return response;
    };
    expect(await outcomeOf(pay(`${origin}/b`, { method: 'POST', body: 'x' }))).toBe('unsettled');
    world.network = (_, deliver) => deliver();
    await world.ledger.quarantine(keysOf(world));
    expect((await wallet.recover()).claims).toMatchObject([{ result: 'settled', charged: 3 }]);
  });
});

describe('a vendor that holds vouchers', () => {
  it('says so to who has one, counts no wrong code, and serves it once the hold is lifted', async () => {
    const world = await createWorld(routes);
    const wallet = await world.open();
    const code = await world.voucher();
    await world.ledger.quarantine(keysOf(world));
    for (let i = 0; i < 12; i++) {
      await expect(wallet.redeem(origin, code, { protocol: 'chain' })).rejects.toMatchObject({
        code: 'vendor-restored',
      });
    }
    expect(world.vendor.failures.failed).toBe(0);
    await world.ledger.liftQuarantine();
    expect(await wallet.redeem(origin, code, { protocol: 'chain' })).toHaveLength(1);
  });

  it('keeps a redemption that was begun, which is finished later', async () => {
    const world = await createWorld(routes);
    const wallet = await world.open();
    const code = await world.voucher();
    world.network = async (request, deliver) => {
      if (request.url.endsWith('/impuls/issue')) throw new TypeError('no route');
      return deliver();
    };
    expect(await outcomeOf(wallet.redeem(origin, code, { protocol: 'chain' }))).toBe('network');
    world.network = (_, deliver) => deliver();
    await world.ledger.quarantine(keysOf(world));
    const { unfinished } = await wallet.recover();
    expect(unfinished).toHaveLength(1);
    expect(unfinished[0]!.reason).toContain('restored from a backup');
    await world.ledger.liftQuarantine();
    expect((await wallet.recover()).redeemed).toHaveLength(1);
  });

  it('says to a stranger what it says always', async () => {
    const ledger: Ledger = createMemoryLedger();
    const world = await createWorld(routes, { ledger });
    await ledger.quarantine(keysOf(world));
    const other = await createWorld(routes);
    const wallet = await world.open();
    const redeemed = wallet.redeem(origin, await other.voucher(), { protocol: 'chain' });
    expect(await outcomeOf(redeemed)).toBe('order-unknown');
  });
});
