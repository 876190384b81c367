import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemoryStorage, type Wallet } from '../src/client/index.js';
import { isImpulsError } from '../src/core/errors.js';
import type { ProtocolName } from '../src/core/protocol.js';
import { createWorld, denomination, direct, origin, type World } from './client-fixture.js';
import { checkDurable, createSlowStorage, Killed, Mortal } from './support/mortal.js';

/** What the vendor's handlers did, by the call that they were for. */
class Books {
  readonly accepted = new Map<string, number>();
  readonly worked = new Map<string, number>();

  count(map: Map<string, number>, call: string): void {
    map.set(call, (map.get(call) ?? 0) + 1);
  }
}

async function createShop(): Promise<{ world: World; books: Books }> {
  const books = new Books();
  const callOf = (request: Request): string => new URL(request.url).search;
  const world = await createWorld({
    '/read': {
      price: 3,
      handler: async (request, payment) => {
        if (payment.verdict === 'accepted') books.count(books.accepted, callOf(request));
        return new Response('read');
      },
    },
    '/order': {
      price: 2,
      handler: async (request) => {
        books.count(books.accepted, callOf(request));
        books.count(books.worked, callOf(request));
        return new Response(`ordered ${await request.text()}`, { status: 201 });
      },
    },
    '/metered': {
      price: 9,
      charge: 'capture',
      handler: async (request, payment) => {
        if (payment.verdict === 'accepted') books.count(books.accepted, callOf(request));
        await payment.capture(5);
        return new Response('metered');
      },
    },
    '/broken': { price: 4, handler: async () => new Response('broken', { status: 500 }) },
  });
  return { world, books };
}

/** Redeems and pays in every way there is. Each call is made once, whatever becomes of it. */
async function live(wallet: Wallet, world: World, code: string, protocol: ProtocolName): Promise<void> {
  await wallet.redeem(origin, code, { protocol });
  const pay = world.paying(wallet, { retry: { attempts: 2 } });
  const post = { method: 'POST', body: 'one pizza' };
  await pay(`${origin}/read?1`);
  await pay(`${origin}/order?2`, post);
  await pay(`${origin}/metered?3`);
  await pay(`${origin}/broken?4`);
  await Promise.all([pay(`${origin}/read?5`), pay(`${origin}/metered?6`), pay(`${origin}/order?7`, post)]);
  await pay(`${origin}/read?8`);
  await wallet.close();
}

async function checkBooks(wallet: Wallet, world: World, books: Books): Promise<void> {
  const { spent, claims } = await world.vendor.totals();
  const cards = wallet.cards();
  expect(cards.reduce((sum, { reserved }) => sum + reserved, 0)).toBe(0);
  expect(cards.reduce((sum, { left }) => sum + left, 0) + spent).toBe(denomination);
  expect(wallet.history().reduce((sum, { units }) => sum + units, 0)).toBe(spent);
  expect(claims.settled + claims.pending).toBe(wallet.history().length);
  for (const [call, times] of books.accepted) expect(`${call}: ${times}`).toBe(`${call}: 1`);
  for (const [call, times] of books.worked) expect(`${call}: ${times}`).toBe(`${call}: 1`);
}

/** How a call may end over a network that loses everything: what costs nothing is not repeated for ever. */
const calm = /^(unsettled|payment-refused|network|no route|connection reset|timed out)$/;

function describeFailure(reason: unknown): string {
  return isImpulsError(reason) ? reason.code : (reason as Error).message;
}

describe.each(['chain', 'stream'] as const)('a wallet of %s cards', (protocol) => {
  it('loses no unit and is charged nothing twice, wherever it is killed', async () => {
    let survived = false;
    let rounds = 0;
    for (; !survived; rounds++) {
      const { world, books } = await createShop();
      const code = await world.voucher();
      const records = new Map<string, string>();
      const mortal = new Mortal(rounds);
      world.network = mortal.network(records);
      const first = await world.open({ storage: mortal.storage(records) });
      survived = await live(first, world, code, protocol).then(
        () => true,
        (error: unknown) => {
          expect(error instanceof Killed || isImpulsError(error)).toBe(true);
          return false;
        },
      );
      await first.close().catch(() => {});

      world.network = direct;
      const wallet = await world.open({ storage: createMemoryStorage(records) });
      const report = await wallet.recover();
      expect(report.unfinished).toEqual([]);
      expect(report.claims.filter(({ result }) => result === 'unknown')).toEqual([]);
      if (wallet.cards().length === 0) await wallet.redeem(origin, code, { protocol });
      await checkBooks(wallet, world, books);

      // What is left can be spent to the last unit.
      const pay = world.paying(wallet);
      for (let i = 0; wallet.cards().some(({ left }) => left >= 3); i++)
        await pay(`${origin}/read?after-${i}`);
      await checkBooks(wallet, world, books);
      expect((await world.vendor.totals()).spent).toBeGreaterThan(denomination - 3);
      expect(world.errors).toEqual([]);
    }
    expect(rounds).toBeGreaterThan(50);
  });

  it('recovers through any number of crashes of the recovery itself', async () => {
    const { world, books } = await createShop();
    const code = await world.voucher();
    const records = new Map<string, string>();
    const first = new Mortal(24);
    world.network = first.network(records);
    const wallet = await world.open({ storage: first.storage(records) });
    await expect(live(wallet, world, code, protocol)).rejects.toThrow();
    for (let operations = 1; operations < 12; operations++) {
      const mortal = new Mortal(operations);
      world.network = mortal.network(records);
      const next = await world.open({ storage: mortal.storage(records) });
      await next.recover().catch(() => {});
    }
    world.network = direct;
    const last = await world.open({ storage: createMemoryStorage(records) });
    await last.recover();
    await checkBooks(last, world, books);
  });

  it('pays each of many calls at most once over a hostile network', async () => {
    const fault = fc.constantFrom('none', 'none', 'lost request', 'lost reply', 'twice', 'late', 'gateway');
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fault), async (faults) => {
        const { world, books } = await createShop();
        const records = new Map<string, string>();
        const wallet = await world.richWallet(protocol, createSlowStorage(createMemoryStorage(records)));
        const late: (() => Promise<Response>)[] = [];
        world.network = async (request, deliver) => {
          checkDurable(records, request);
          const copy = request.clone();
          switch (faults.next().value) {
            case 'lost request':
              throw new TypeError('no route');
            case 'lost reply':
              await deliver();
              throw new TypeError('connection reset');
            case 'twice': {
              const [response] = await Promise.all([deliver(), redeliver(world, copy)]);
              return response;
            }
            case 'late':
              late.push(() => redeliver(world, copy));
              throw new TypeError('timed out');
            case 'gateway':
              await deliver();
              return new Response('<h1>502</h1>', { status: 502 });
            default:
              return deliver();
          }
        };
        const pay = world.paying(wallet, { retry: { attempts: 3 } });
        const calls = Array.from({ length: 12 }, (_, i) => {
          const kind = ['read', 'order', 'metered', 'broken'][i % 4]!;
          return pay(`${origin}/${kind}?${i}`, kind === 'order' ? { method: 'POST', body: 'x' } : {});
        });
        for (const result of await Promise.allSettled(calls)) {
          if (result.status === 'rejected') expect(describeFailure(result.reason)).toMatch(calm);
        }
        for (const deliver of late) await deliver();
        world.network = direct;
        await wallet.recover();
        await checkBooks(wallet, world, books);
        expect(world.errors).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

/** A copy of a request arrives, and nobody waits for the answer. */
function redeliver(world: World, request: Request): Promise<Response> {
  const { network } = world;
  world.network = direct;
  const reply = world.fetch(request);
  world.network = network;
  return reply;
}
