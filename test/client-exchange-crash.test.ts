import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemoryStorage, type Wallet } from '../src/client/index.js';
import { isImpulsError } from '../src/core/errors.js';
import type { KeyDocument } from '../src/core/key-document.js';
import type { ProtocolName } from '../src/core/protocol.js';
import type { VendorKeys } from '../src/server/index.js';
import { createWorld, direct, origin, type World } from './client-fixture.js';
import { createSlowStorage, Killed, Mortal } from './support/mortal.js';
import { createTestKeys, now } from './support/vendor.js';

let made: Promise<{ keys: VendorKeys; document: KeyDocument }> | undefined;

async function createShop(): Promise<World> {
  made ??= createTestKeys(origin, [100, 40], now);
  const read = { price: 7, handler: async () => new Response('read') };
  const broken = { price: 9, handler: async () => new Response('broken', { status: 500 }) };
  return createWorld({ '/read': read, '/broken': broken }, await made);
}

/** A card that was used, with a gap where there can be one, in a storage. */
async function createHolder(protocol: ProtocolName): Promise<{ world: World; records: Map<string, string> }> {
  const world = await createShop();
  const records = new Map<string, string>();
  const wallet = await world.open({ storage: createMemoryStorage(records) });
  await wallet.redeem(origin, await world.voucher(1), { protocol });
  const pay = world.paying(wallet);
  await Promise.all([pay(`${origin}/read?1`), pay(`${origin}/broken?2`), pay(`${origin}/read?3`)]);
  for (let i = 0; i < 4; i++) await pay(`${origin}/read?more-${i}`);
  await wallet.close();
  return { world, records };
}

const sold = 100;
const spent = 6 * 7;

/** Every unit is in one place, and vendor and wallet agree on which. */
async function checkUnits(wallet: Wallet, world: World): Promise<void> {
  const books: Record<string, number> = {};
  for (const { kind, units } of await world.ledger.readBooks()) books[kind] = (books[kind] ?? 0) + units;
  const { issued = 0, reissued = 0, exchanged = 0, refunded = 0 } = books;
  const cards = wallet.cards();
  expect(cards.reduce((sum, { reserved }) => sum + reserved, 0)).toBe(0);
  expect(issued).toBe(sold);
  expect(books['spent']).toBe(spent);
  expect(reissued).toBe(exchanged);
  const left = cards.reduce((sum, card) => sum + card.left, 0);
  expect(left + spent + refunded).toBe(sold);
  const refunds = await wallet.refunds();
  expect(refunds.every(({ isComplete }) => isComplete)).toBe(true);
  expect(refunds.reduce((sum, { units }) => sum + units, 0)).toBe(refunded);
  expect((await world.ledger.readRefunds()).reduce((sum, { units }) => sum + units, 0)).toBe(refunded);
  expect(world.errors).toEqual([]);
}

/** What belongs to a finished wallet only. */
function checkTidy(records: ReadonlyMap<string, string>): void {
  const open = [...records].filter(
    ([key, text]) => /^(order|claim):/.test(key) || (key.startsWith('credit:') && !text.includes('"refund"')),
  );
  expect(open.map(([key]) => key)).toEqual([]);
}

const delay = { leastMs: 1000, mostMs: 2000 };

async function live(wallet: Wallet): Promise<void> {
  await wallet.exchange(origin, { delay });
  await wallet.refund(origin);
  await wallet.close();
}

describe.each(['chain', 'stream'] as const)('exchange and refund of %s cards', (protocol) => {
  it('lose no unit and double none, wherever the wallet is killed', async () => {
    let survived = false;
    let rounds = 0;
    for (; !survived; rounds++) {
      const { world, records } = await createHolder(protocol);
      const mortal = new Mortal(rounds);
      world.network = mortal.network(records);
      const first = await world.open({ storage: mortal.storage(records) });
      survived = await live(first).then(
        () => true,
        (error: unknown) => {
          expect(error instanceof Killed || isImpulsError(error)).toBe(true);
          return false;
        },
      );
      await first.close().catch(() => {});

      world.network = direct;
      world.time.ms += 10_000;
      const wallet = await world.open({ storage: createMemoryStorage(records) });
      const report = await wallet.recover();
      expect(report).toMatchObject({ unfinished: [], waiting: [] });
      expect(report.claims.filter(({ result }) => result === 'unknown')).toEqual([]);
      await checkUnits(wallet, world);
      // Whatever was begun is finished, and the same can be done again.
      const once = await wallet.recover();
      expect(once).toEqual({ redeemed: [], unfinished: [], activated: [], claims: [], waiting: [] });
      if (wallet.cards().some(({ left }) => left > 0)) await wallet.refund(origin);
      await checkUnits(wallet, world);
      await wallet.close();
      checkTidy(records);
    }
    expect(rounds).toBeGreaterThan(20);
  });

  it('are finished through any number of crashes of the recovery itself', async () => {
    const { world, records } = await createHolder(protocol);
    const first = new Mortal(10);
    world.network = first.network(records);
    const wallet = await world.open({ storage: first.storage(records) });
    await expect(live(wallet)).rejects.toThrow();
    for (let operations = 1; operations < 14; operations++) {
      const mortal = new Mortal(operations);
      world.time.ms += 10_000;
      world.network = mortal.network(records);
      const next = await world.open({ storage: mortal.storage(records) });
      await next.recover().catch(() => {});
    }
    world.network = direct;
    const last = await world.open({ storage: createMemoryStorage(records) });
    await last.recover();
    await checkUnits(last, world);
  });

  it('come out right over a hostile network, with others that pay at the same time', async () => {
    const fault = fc.constantFrom('none', 'none', 'none', 'lost request', 'lost reply', 'twice', 'gateway');
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fault), async (faults) => {
        const { world, records } = await createHolder(protocol);
        const wallet = await world.open({ storage: createSlowStorage(createMemoryStorage(records)) });
        world.network = async (request, deliver) => {
          const copy = request.clone();
          switch (faults.next().value) {
            case 'lost request':
              throw new TypeError('no route');
            case 'lost reply':
              await deliver();
              throw new TypeError('connection reset');
            case 'twice': {
              const before = world.network;
              world.network = direct;
              const other = world.fetch(copy);
              world.network = before;
              const [response] = await Promise.all([deliver(), other]);
              return response;
            }
            case 'gateway':
              await deliver();
              return new Response('<h1>502</h1>', { status: 502 });
            default:
              return deliver();
          }
        };
        const pay = world.paying(wallet, { retry: { attempts: 2 } });
        const calls = [
          wallet.exchange(origin, { delay }),
          pay(`${origin}/read?a`),
          pay(`${origin}/broken?b`),
          wallet.exchange(origin, { delay: 'none' }),
          pay(`${origin}/read?c`),
          wallet.refund(origin),
        ];
        for (const result of await Promise.allSettled(calls)) {
          if (result.status === 'rejected' && !isImpulsError(result.reason)) {
            expect((result.reason as Error).message).toMatch(/no route|reset/);
          }
        }
        world.network = direct;
        world.time.ms += 10_000;
        const report = await wallet.recover();
        const refunded = (await wallet.refunds()).reduce((sum, { units }) => sum + units, 0);
        const books: Record<string, number> = {};
        for (const { kind, units } of await world.ledger.readBooks())
          books[kind] = (books[kind] ?? 0) + units;
        const left = wallet.cards().reduce((sum, card) => sum + card.left, 0);
        const { exchanged = 0, reissued = 0 } = books;
        expect(books['refunded'] ?? 0).toBe(refunded);
        expect(left + books['spent']! + refunded + exchanged - reissued).toBe(sold);
        // What is given and makes no whole card waits for more, and is said so.
        expect(report.unfinished.length > 0).toBe(exchanged > reissued);
        expect(world.errors).toEqual([]);
      }),
      { numRuns: 12 },
    );
  });
});
