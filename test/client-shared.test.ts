import { describe, expect, it } from 'vitest';
import { confirmDelivery, paymentOf, type Wallet, type WalletStorage } from '../src/client/index.js';
import { ImpulsError, isImpulsError } from '../src/core/errors.js';
import type { ProtocolName } from '../src/core/protocol.js';
import { createWorld, denomination, direct, origin, type World } from './client-fixture.js';
import { Killed, Mortal } from './support/mortal.js';
import { createSharedMemory, type SharedMemory } from './support/shared-memory.js';

const price = 2;
const urlOf = (id: number | string): string => `${origin}/keys?${id}`;

function createShop(): Promise<World> {
  return createWorld({
    '/keys': { price, handler: async (request) => new Response(`key of ${new URL(request.url).search}`) },
  });
}

interface Tabs {
  readonly world: World;
  readonly memory: SharedMemory;
  readonly first: Wallet;
  readonly second: Wallet;
}

/** Two wallets on the same records, with one card. */
async function openTabs(protocol: ProtocolName): Promise<Tabs> {
  const world = await createShop();
  const memory = createSharedMemory();
  const first = await world.richWallet(protocol, memory.open());
  const second = await world.open({ storage: memory.open() });
  return { world, memory, first, second };
}

async function checkBooks({ world, memory }: Tabs, payments: number): Promise<void> {
  const wallet = await world.open({ storage: memory.open() });
  await wallet.recover();
  const { spent, claims } = await world.vendor.totals();
  expect([spent, claims.settled + claims.pending]).toEqual([payments * price, payments]);
  expect(wallet.cards()).toMatchObject([{ left: denomination - spent, reserved: 0 }]);
  expect(wallet.history()).toHaveLength(payments);
  expect(world.errors).toEqual([]);
  await wallet.close();
}

describe.each(['chain', 'stream'] as const)(
  'two wallets that share their storage, with a %s card',
  (protocol) => {
    it('pay at the same time, each call once, and no unit is claimed by both', async () => {
      const tabs = await openTabs(protocol);
      const { world, first, second } = tabs;
      const conflicts: string[] = [];
      world.network = async (_, deliver) => {
        const response = await deliver();
        if (response.status === 409) conflicts.push(await response.clone().text());
        return response;
      };
      const fetches = [first, second].map((wallet) => world.paying(wallet));
      const calls = Array.from({ length: 40 }, async (_, i) => {
        for (let turn = i % 5; turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
        return paymentOf(await fetches[i % 2]!(urlOf(i)));
      });
      const payments = await Promise.all(calls);
      expect(new Set(payments.map((payment) => payment!.reference)).size).toBe(40);
      expect(conflicts).toEqual([]);
      await checkBooks(tabs, 40);
    });

    it('let each other in, however many calls one of them has', async () => {
      const { world, memory, first, second } = await openTabs(protocol);
      const busy = world.paying(first);
      const quiet = world.paying(second);
      let stop = false;
      const isStopped = (): boolean => stop;
      let made = 0;
      // Two at a time, so that at any moment one is under way.
      const work = Promise.all(
        [0, 1].map(async () => {
          while (!isStopped() && made < 45) await busy(urlOf(made++));
        }),
      );
      const before = memory.rounds;
      for (let i = 0; i < 3; i++) await quiet(urlOf(`quiet ${i}`));
      expect(made).toBeLessThan(45);
      stop = true;
      await work;
      expect(memory.rounds - before).toBeGreaterThanOrEqual(4);
    });

    it('pay one URL once, whoever asks for it, and the one that has it pays nothing', async () => {
      const tabs = await openTabs(protocol);
      const { world, first, second } = tabs;
      const library = new Set<string>();
      const options = { redeliver: 'same-url', delivered: async (url: string) => library.has(url) } as const;
      const outcomes = await Promise.allSettled(
        [first, second, first, second].map(async (wallet) => {
          const response = await world.paying(wallet, options)(urlOf(1));
          expect(await response.text()).toBe('key of ?1');
          library.add(urlOf(1));
          await confirmDelivery(response);
        }),
      );
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'already-served' });
      }
      expect(library.size).toBe(1);
      await expect(world.paying(second, options)(urlOf(1))).rejects.toMatchObject({ code: 'already-served' });
      await checkBooks(tabs, 1);
    });

    it('hear of what the other one paid', async () => {
      const { world, first, second } = await openTabs(protocol);
      const seen = new Promise<number>((resolve) => {
        const stop = second.onChange(() => {
          const { left } = second.cards()[0]!;
          if (left === denomination) return;
          stop();
          resolve(left);
        });
      });
      await world.paying(first)(urlOf(1));
      expect(await seen).toBe(denomination - price);
      expect(second.history()).toHaveLength(1);
      await Promise.all([first.close(), second.close()]);
    });

    it('lose nothing when one is closed in the middle of a call', async () => {
      const tabs = await openTabs(protocol);
      const { world, first, second } = tabs;
      let cut!: () => void;
      const reached = new Promise<void>((resolve) => (cut = resolve));
      const never = new Promise<never>(() => {});
      world.network = async (request, deliver) => {
        const response = await deliver();
        if (!request.headers.has('Authorization')) return response;
        cut();
        return never;
      };
      void world.paying(first)(urlOf(1));
      await reached;
      world.network = direct;
      const waiting = second.recover();
      await first.close();
      expect((await waiting).claims).toMatchObject([{ result: 'settled' }]);
      await checkBooks(tabs, 1);
    });

    it('goes on after a write that failed, with what the storage holds', async () => {
      const tabs = await openTabs(protocol);
      const { world, memory, first } = tabs;
      const storage = memory.open();
      let full = false;
      const wallet = await world.open({
        storage: {
          ...storage,
          write: (changes) =>
            full ? Promise.reject(new ImpulsError('storage-failed', 'full')) : storage.write(changes),
        },
      });
      const pay = world.paying(wallet);
      await pay(urlOf(1));
      full = true;
      world.arrived.length = 0;
      await expect(pay(urlOf(2))).rejects.toMatchObject({ code: 'storage-failed', message: 'full' });
      expect(world.arrived).toEqual([]);
      full = false;
      await pay(urlOf(3));
      await world.paying(first)(urlOf(4));
      await wallet.close();
      await checkBooks(tabs, 3);
    });

    it('have each URL paid once and delivered, wherever one of them is killed', async () => {
      let rounds = 0;
      for (let survived = false; !survived; rounds++) {
        const world = await createShop();
        const memory = createSharedMemory();
        await (await world.richWallet(protocol, memory.open())).close();
        const library = new Map<string, string>();
        const mortal = new Mortal(rounds);
        const mortalStorage = memory.open();
        const dying = await openMortal(world, mortalStorage, mortal);
        const surviving = await world.open({ storage: memory.open() });
        const [first, second] = await Promise.allSettled([
          shop(world, dying, library, mortal).catch(async (error: unknown) => {
            // The browser takes back what a tab held.
            await mortalStorage.close();
            throw error;
          }),
          shop(world, surviving, library),
        ]);
        survived = first.status === 'fulfilled';
        if (first.status === 'rejected' && !isImpulsError(first.reason))
          expect(first.reason).toBeInstanceOf(Killed);
        expect(second).toMatchObject({ status: 'fulfilled' });
        expect([...library].sort()).toEqual(goods.map((id) => [urlOf(id), `key of ?${id}`]));
        await checkBooks({ world, memory, first: dying, second: surviving }, goods.length);
      }
      expect(rounds).toBeGreaterThan(15);
    });
  },
);

const goods = [1, 2, 3];

/** A wallet that dies with its n-th operation; opening it is none. */
async function openMortal(world: World, storage: WalletStorage, mortal: Mortal): Promise<Wallet> {
  const { fetch: send } = world;
  return world.open({
    storage: { ...storage, write: (changes) => mortal.run(() => storage.write(changes)) },
    fetch: (input, init) => mortal.run(() => send(input, init)),
  });
}

async function shop(
  world: World,
  wallet: Wallet,
  library: Map<string, string>,
  mortal?: Mortal,
): Promise<void> {
  const pay = world.paying(wallet, { redeliver: 'same-url', delivered: async (url) => library.has(url) });
  for (const url of goods.map(urlOf)) {
    try {
      const response = await pay(url);
      const key = await response.text();
      const put = async (): Promise<unknown> => library.set(url, key);
      await (mortal ? mortal.run(put) : put());
      await confirmDelivery(response);
    } catch (error) {
      if (!(isImpulsError(error, 'already-served') && library.has(url))) throw error;
    }
  }
}
