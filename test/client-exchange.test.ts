import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createMemoryStorage, type Wallet } from '../src/client/index.js';
import type { KeyDocument } from '../src/core/key-document.js';
import type { ProtocolName } from '../src/core/protocol.js';
import { orderId } from '../src/server/vouchers.js';
import { HmacKey } from '../src/core/hash.js';
import type { VendorKeys } from '../src/server/index.js';
import { createWorld, direct, origin, type World } from './client-fixture.js';
import { createTestKeys, now } from './support/vendor.js';

/** Giving units back to the vendor: exchanges and refunds, wallet and vendor together. */

const day = 86_400;
let made: Promise<{ keys: VendorKeys; document: KeyDocument }> | undefined;

async function createShop(changes: Partial<KeyDocument> = {}): Promise<World> {
  made ??= createTestKeys(origin, [100, 40], now);
  const { keys, document } = await made;
  return createWorld(
    {
      '/read': { price: 7, handler: async () => new Response('read') },
      '/broken': { price: 9, handler: async () => new Response('broken', { status: 500 }) },
      '/metered': {
        price: 20,
        charge: 'capture',
        handler: async (_, payment) => {
          await payment.capture(5);
          return new Response('metered');
        },
      },
    },
    { keys, document: { ...document, ...changes } },
  );
}

const leftOf = (wallet: Wallet): number => wallet.cards().reduce((sum, { left }) => sum + left, 0);
const unitsOf = (wallet: Wallet): number[] =>
  wallet
    .cards()
    .filter(({ status }) => status !== 'empty')
    .map(({ left }) => left)
    .sort((a, b) => a - b);

/** Units by kind, over all days and keys. */
async function booksOf(world: World): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { kind, units } of await world.ledger.readBooks()) sums[kind] = (sums[kind] ?? 0) + units;
  return sums;
}

/** Two cards of 100, of which 7 × `reads` units are spent. */
async function usedWallet(world: World, protocol: ProtocolName, reads: number): Promise<Wallet> {
  const wallet = await world.open();
  await wallet.redeem(origin, await world.voucher(2), { protocol });
  const pay = world.paying(wallet);
  for (let i = 0; i < reads; i++) await pay(`${origin}/read?${i}`);
  return wallet;
}

describe.each(['chain', 'stream'] as const)('an exchange of %s cards', (protocol) => {
  it('turns what is left into whole cards, and the rest stays where it was', async () => {
    const world = await createShop();
    const wallet = await usedWallet(world, protocol, 15);
    expect(unitsOf(wallet)).toEqual([2, 93]);
    const cards = await wallet.exchange(origin);
    expect(cards.map(({ units, left, status, protocol: kind }) => [units, left, status, kind])).toEqual([
      [40, 40, 'ready', protocol],
      [40, 40, 'ready', protocol],
    ]);
    expect(unitsOf(wallet)).toEqual([15, 40, 40]);
    expect(await booksOf(world)).toMatchObject({
      spent: 105,
      exchanged: 80,
      reissued: 80,
      issued: 200,
      opened: 200,
    });
    // They pay like any others, and nothing else has been paid by the way.
    expect(wallet.history()).toHaveLength(15);
    const pay = world.paying(wallet);
    for (let i = 0; i < 11; i++) expect(await (await pay(`${origin}/read?after-${i}`)).text()).toBe('read');
    expect(world.errors).toEqual([]);
  });

  it('takes the gaps of a card, and splits and merges as it is asked to', async () => {
    const world = await createShop();
    const wallet = await usedWallet(world, protocol, 1);
    const pay = world.paying(wallet);
    await Promise.all([
      pay(`${origin}/metered?1`),
      pay(`${origin}/broken?2`),
      pay(`${origin}/read?3`),
      pay(`${origin}/metered?4`),
    ]);
    expect(leftOf(wallet)).toBe(200 - 24);
    const ids = wallet.cards().map(({ id }) => id);
    const cards = await wallet.exchange(origin, { cards: ids, into: [40, 100], delay: 'none' });
    expect(cards.map(({ units }) => units)).toEqual([100, 40]);
    expect(leftOf(wallet)).toBe(200 - 24);
    expect((await booksOf(world))['exchanged']).toBe(140);
    const again = await wallet.exchange(origin, { cards: [cards[0]!.id], into: [40, 40], delay: 'none' });
    expect(again.map(({ units }) => units)).toEqual([40, 40]);
    expect(leftOf(wallet)).toBe(200 - 24);
    expect(world.errors).toEqual([]);
  });

  it('takes cards in the time of grace after their end, used or not, and none later', async () => {
    const world = await createShop();
    const wallet = await usedWallet(world, protocol, 2);
    const { expires } = wallet.cards()[0]!;
    const { document } = world.vendor;
    const fresh = await renewed(document);
    world.vendor.replaceKeys({ ...(await made!), ...fresh });
    world.time.ms = (expires + 29 * day) * 1000;
    expect(wallet.cards().map(({ status }) => status)).toEqual(['expired', 'expired']);
    await expect(world.paying(wallet)(`${origin}/read`)).rejects.toMatchObject({ code: 'no-card' });
    const cards = await wallet.exchange(origin, { delay: 'none' });
    expect(cards.map(({ units, status }) => [units, status])).toEqual([
      [100, 'ready'],
      [40, 'ready'],
      [40, 'ready'],
    ]);
    expect(cards.every((card) => card.expires > expires)).toBe(true);
    expect((await world.paying(wallet)(`${origin}/read`)).status).toBe(200);

    world.time.ms = (expires + 30 * day) * 1000;
    await expect(wallet.exchange(origin, { cards: [wallet.cards()[0]!.id] })).rejects.toMatchObject({
      code: 'card-unknown',
    });
  });

  it('is a refund, where the vendor pays out: to whoever shows the reference, once', async () => {
    const world = await createShop();
    const wallet = await usedWallet(world, protocol, 15);
    const refund = await wallet.refund(origin);
    expect(refund).toMatchObject({ vendor: origin, units: 95, worth: '0.095 USD', isComplete: true });
    expect(refund.reference).toMatch(/^([0-9A-Z]{5}-){3}[0-9A-Z]{5}$/);
    expect(await wallet.refunds()).toEqual([refund]);
    expect(leftOf(wallet)).toBe(0);

    const { voucher } = (await made!).keys;
    const order = orderId(new HmacKey(voucher), refund.reference);
    expect(await world.ledger.readRefunds()).toMatchObject([{ order, units: 95 }]);
    // It never becomes cards.
    const other = await world.open();
    await expect(other.redeem(origin, refund.reference, { protocol })).rejects.toMatchObject({
      code: 'order-mismatch',
    });
    expect(await world.ledger.payRefund(order, now)).toBe('paid');
    expect(await world.ledger.payRefund(order, now)).toBe('repeated');
    expect(await booksOf(world)).toMatchObject({ refunded: 95, 'paid-out': 95 });
    await wallet.forgetRefund(refund.reference.toLowerCase());
    expect(await wallet.refunds()).toEqual([]);
    await expect(wallet.forgetRefund(refund.reference)).rejects.toMatchObject({ code: 'order-unknown' });
    await expect(wallet.refund(origin)).rejects.toMatchObject({ code: 'no-card' });
  });
});

describe('an exchange', () => {
  it('is planned without being begun, and says by what it could be recognised', async () => {
    const world = await createShop();
    const wallet = await usedWallet(world, 'chain', 15);
    world.arrived.length = 0;
    const plan = await wallet.planExchange(origin);
    expect(plan).toMatchObject({ vendor: origin, units: 80, worth: '0.08 USD', into: [40, 40] });
    expect(plan.takes.map(({ units, left }) => [units, left])).toEqual([
      [2, 0],
      [78, 15],
    ]);
    expect(plan.links.join(' ')).toMatch(/belong together.*Amount.*Timing/);
    expect((await wallet.planRefund(origin)).takes.map(({ units, left }) => [units, left])).toEqual([
      [2, 0],
      [93, 0],
    ]);
    expect(world.arrived).toEqual(['GET /.well-known/impuls', 'GET /.well-known/impuls']);
    expect((await booksOf(world))['exchanged']).toBeUndefined();
  });

  it('waits between giving and ordering as long as it draws, and the wallet pays meanwhile', async () => {
    const world = await createShop();
    let slept = 0;
    const steps: string[] = [];
    const wallet = await world.open({
      random: (length) => (length === 4 ? new Uint8Array(4).fill(0x80) : new Uint8Array(randomBytes(length))),
      sleep: async (ms) => {
        if (steps.at(-1) !== 'wait') return;
        slept += ms;
        if (slept === 5000) await world.paying(wallet)(`${origin}/read?meanwhile`);
      },
    });
    await wallet.redeem(origin, await world.voucher(1), { protocol: 'stream' });
    await world.paying(wallet)(`${origin}/read`);
    world.arrived.length = 0;
    await wallet
      .exchange(origin, {
        delay: { leastMs: 10_000, mostMs: 20_000 },
        onProgress: ({ step }) => steps.push(step),
      })
      .catch(() => undefined);
    expect(slept).toBe(Math.round(10_000 + (10_000 * 0x8080_8080) / 0xffff_ffff));
    expect(world.arrived.indexOf('GET /read')).toBeGreaterThan(
      world.arrived.lastIndexOf('POST /impuls/credit'),
    );
    expect(world.arrived.indexOf('POST /impuls/order')).toBeGreaterThan(world.arrived.indexOf('GET /read'));
  });

  it('is left alone by a recovery until its wait is over', async () => {
    const world = await createShop();
    const records = new Map<string, string>();
    const wallet = await world.open({
      storage: createMemoryStorage(records),
      sleep: async (_, signal) => signal?.throwIfAborted(),
    });
    await wallet.redeem(origin, await world.voucher(1), { protocol: 'chain' });
    await world.paying(wallet)(`${origin}/read`);
    const end = new AbortController();
    const delay = { leastMs: 60_000, mostMs: 60_000 };
    const running = wallet.exchange(origin, {
      delay,
      signal: end.signal,
      onProgress: ({ step }) => step === 'wait' && end.abort(),
    });
    await expect(running).rejects.toThrow('aborted');
    await wallet.close();

    const next = await world.open({ storage: createMemoryStorage(records) });
    const until = world.time.ms + 60_000;
    expect(await next.recover()).toMatchObject({ redeemed: [], waiting: [{ vendor: origin, until }] });
    world.time.ms = until;
    expect(await next.recover()).toMatchObject({ redeemed: [{ units: 40 }, { units: 40 }], waiting: [] });
    expect(unitsOf(next)).toEqual([13, 40, 40]);
  });

  it('takes no card that was never used unless it is named', async () => {
    const world = await createShop();
    const wallet = await world.open();
    const [card] = await wallet.redeem(origin, await world.voucher(1), { protocol: 'chain' });
    await expect(wallet.exchange(origin)).rejects.toMatchObject({ code: 'no-card' });
    const cards = await wallet.exchange(origin, {
      cards: [card!.id],
      into: [40, 40],
      delay: 'none',
      protocol: 'stream',
    });
    expect(cards.map(({ units, protocol }) => [units, protocol])).toEqual([
      [40, 'stream'],
      [40, 'stream'],
    ]);
    await expect(wallet.exchange(origin, { cards: ['unknown'] })).rejects.toMatchObject({
      code: 'card-unknown',
    });
  });

  it('makes do with what is there when another wallet has spent some of it', async () => {
    const world = await createShop();
    const wallet = await usedWallet(world, 'chain', 1);
    const copy = await world.open();
    await copy.restore(await wallet.backup());
    await wallet.exchange(origin, { cards: [wallet.cards()[0]!.id], into: [40], delay: 'none' });
    // The copy still believes in 93 units on the first card, of which 40 are gone.
    const before = (await booksOf(world))['exchanged'];
    expect(before).toBe(40);
    const cards = await copy
      .exchange(origin, { cards: [copy.cards()[0]!.id], into: [40, 40], delay: 'none' })
      .catch((error: unknown) => error);
    expect(cards).toMatchObject({ code: 'no-card' });
    // What it gave by then stays its own, and becomes cards with some more.
    const more = await copy.exchange(origin, { cards: copy.cards().map(({ id }) => id), delay: 'none' });
    const { exchanged, reissued } = await booksOf(world);
    expect(reissued).toBe(exchanged);
    expect(more.reduce((sum, { units }) => sum + units, 0)).toBe(reissued! - 40);
  });

  it('travels in a backup as long as it is not finished', async () => {
    const world = await createShop();
    const wallet = await usedWallet(world, 'chain', 15);
    const end = new AbortController();
    const delay = { leastMs: 60_000, mostMs: 60_000 };
    await wallet
      .exchange(origin, {
        delay,
        signal: end.signal,
        onProgress: ({ step }) => step === 'wait' && end.abort(),
      })
      .catch(() => {});
    const backup = await wallet.backup();
    const copy = await world.open();
    await copy.restore(backup);
    world.time.ms += 60_000;
    await copy.recover();
    expect(unitsOf(copy)).toEqual([15, 40, 40]);
    // The other one hears of it, and gives nothing twice.
    const report = await wallet.recover();
    expect(report.unfinished).toMatchObject([{ vendor: origin }]);
    expect(await wallet.recover()).toMatchObject({ unfinished: [], waiting: [] });
    expect((await booksOf(world))['exchanged']).toBe(80);
  });

  it('is refused by a vendor that takes nothing back, and a refund by one that pays nothing out', async () => {
    const { document } = await (made ??= createTestKeys(origin, [100, 40], now));
    const { activate, issue, order, state, statement } = document.endpoints;
    const endpoints = { activate, issue, order, state, statement };
    const world = await createShop({ endpoints });
    const wallet = await usedWallet(world, 'chain', 1);
    await expect(wallet.exchange(origin)).rejects.toMatchObject({ code: 'unsupported' });
    await expect(wallet.refund(origin)).rejects.toMatchObject({ code: 'unsupported' });
    const { grace, retention } = document.policy;
    const other = await createShop({ policy: { grace, retention } });
    const second = await usedWallet(other, 'chain', 1);
    await expect(second.refund(origin)).rejects.toMatchObject({ code: 'unsupported' });
    expect(await second.exchange(origin, { delay: 'none' })).toHaveLength(2);
  });

  it('takes no unit for a refund that the vendor does not pay out any more', async () => {
    const world = await createShop();
    const wallet = await usedWallet(world, 'chain', 1);
    const { keys } = await made!;
    const { grace, retention } = world.vendor.document.policy;
    world.network = async (request, deliver) => {
      if (request.headers.has('Authorization') && world.vendor.document.policy.refund) {
        const { document, digest } = world.vendor;
        const policy = { grace, retention };
        world.vendor.replaceKeys({ keys, document: { ...document, policy, previous: [digest] } });
      }
      return deliver();
    };
    await expect(wallet.refund(origin)).rejects.toMatchObject({ code: 'unsupported' });
    expect(leftOf(wallet)).toBe(193);
    expect((await booksOf(world))['refunded']).toBeUndefined();
    expect(await wallet.refunds()).toEqual([]);
    expect(await wallet.exchange(origin, { delay: 'none' })).toHaveLength(2);
  });

  it('holds a card fast whose units are under way', async () => {
    const world = await createShop();
    const wallet = await usedWallet(world, 'chain', 1);
    world.network = async (request, deliver) => {
      if (!request.headers.has('Authorization')) return deliver();
      await deliver();
      throw new TypeError('connection reset');
    };
    await expect(wallet.exchange(origin, { delay: 'none' })).rejects.toMatchObject({ code: 'unsettled' });
    const { id } = wallet.cards().find(({ reserved }) => reserved > 0)!;
    await expect(wallet.forget(id)).rejects.toMatchObject({ code: 'unsettled' });
    world.network = direct;
    const cards = await wallet.exchange(origin, { delay: 'none' });
    expect(cards.map(({ units }) => units)).toEqual([40, 40]);
    expect((await booksOf(world))['exchanged']).toBe(80);
  });
});

/** The vendor a good while later: the same keys, issuing again. */
async function renewed(document: KeyDocument): Promise<{ keys: VendorKeys; document: KeyDocument }> {
  const { formatKeyDocument, parseKeyDocument, issuingKeyId } = await import('../src/core/key-document.js');
  const { toBase64url } = await import('../src/core/base64url.js');
  const { createRsaSigner, generateIssuingKey } = await import('../src/node/rsa.js');
  const { keys } = await made!;
  const [first] = document.cards;
  const signers = [100, 40].map((denomination) => ({
    denomination,
    signer: createRsaSigner(generateIssuingKey().pem),
  }));
  const cards = signers.map(({ denomination, signer }) => ({
    id: issuingKeyId(signer.n),
    n: toBase64url(signer.n),
    denomination,
    epoch: '2031-11',
    notBefore: first!.expires - 30 * day,
    notAfter: first!.expires + 60 * day,
    expires: first!.expires + 400 * day,
  }));
  const { digest } = parseKeyDocument(formatKeyDocument(document));
  return {
    keys: { ...keys, issuing: [...keys.issuing, ...signers.map(({ signer }) => signer)] },
    document: { ...document, cards: [...document.cards, ...cards], previous: [toBase64url(digest)] },
  };
}
