import { describe, expect, it } from 'vitest';
import {
  confirmDelivery,
  createMemoryStorage,
  paymentOf,
  type KeyedPayment,
  type PayingFetchOptions,
  type Wallet,
} from '../src/client/index.js';
import { isImpulsError } from '../src/core/errors.js';
import type { ProtocolName } from '../src/core/protocol.js';
import { createWorld, denomination, direct, origin, type World } from './client-fixture.js';
import { Killed, Mortal } from './support/mortal.js';

const price = 3;
const urlOf = (id: string): string => `${origin}/keys?${id}`;
const again: Partial<PayingFetchOptions> = { redeliver: 'same-url' };

/** A vendor that sells what a URL names, sealed, for each claim alike. */
function createShop(): Promise<World> {
  return createWorld({
    '/keys': { price, handler: async (request) => new Response(`key of ${new URL(request.url).search}`) },
    '/broken': { price, handler: async () => new Response('broken', { status: 500 }) },
  });
}

const keptOf = (records: ReadonlyMap<string, string>): string[] =>
  [...records.keys()].filter((key) => key.startsWith('kept:'));

const spent = async (world: World): Promise<number> => (await world.vendor.totals()).spent;

describe.each(['chain', 'stream'] as const)('a delivery that is not confirmed, paid by %s', (protocol) => {
  it('is given again for the same claim, sealed anew, and not charged again', async () => {
    const world = await createShop();
    const records = new Map<string, string>();
    const wallet = await world.richWallet(protocol, createMemoryStorage(records));
    const told: KeyedPayment[] = [];
    const pay = world.paying(wallet, { ...again, seal: 'prefer', onPayment: (paid) => told.push(paid) });
    const first = await pay(urlOf('1'));
    world.arrived.length = 0;
    const second = await pay(urlOf('1'));
    expect(world.arrived).toEqual(['GET /keys']);
    expect(await second.text()).toBe('key of ?1');
    expect(await first.text()).toBe('key of ?1');
    expect(paymentOf(second)).toEqual(paymentOf(first));
    expect(paymentOf(second)!.key).toEqual(paymentOf(first)!.key);
    expect(told).toHaveLength(1);
    expect(wallet.history()).toHaveLength(1);
    expect(wallet.cards()).toMatchObject([{ left: denomination - price, reserved: 0 }]);
    expect(await spent(world)).toBe(price);
    expect(keptOf(records)).toHaveLength(1);

    await confirmDelivery(second);
    await confirmDelivery(first);
    expect(keptOf(records)).toEqual([]);
    await confirmDelivery(await pay(urlOf('1')));
    expect(await spent(world)).toBe(2 * price);
    expect(keptOf(records)).toEqual([]);
  });

  it('is known after the wallet was opened again, and to any paying fetch of it', async () => {
    const world = await createShop();
    const records = new Map<string, string>();
    const first = await world.richWallet(protocol, createMemoryStorage(records));
    await world.paying(first, again)(urlOf('1'));
    await first.close();
    const wallet = await world.open({ storage: createMemoryStorage(records) });
    const poor = world.paying(wallet, { ...again, limits: { perRequest: 0, total: 0 } });
    expect(await (await poor(urlOf('1'))).text()).toBe('key of ?1');
    await expect(poor(urlOf('2'))).rejects.toMatchObject({ code: 'limit-exceeded' });
    expect(await spent(world)).toBe(price);
  });

  it('is not needed where the claim was freed, and not kept of calls that do not ask for it', async () => {
    const world = await createShop();
    const records = new Map<string, string>();
    const wallet = await world.richWallet(protocol, createMemoryStorage(records));
    const pay = world.paying(wallet, again);
    expect((await pay(`${origin}/broken`)).status).toBe(500);
    await world.paying(wallet)(urlOf('1'));
    await confirmDelivery(await pay(urlOf('1'), { method: 'POST', body: 'x' }));
    await wallet.close();
    expect(keptOf(records)).toEqual([]);
    expect(await spent(world)).toBe(2 * price);
  });

  it('is one for calls at the same time, of one paying fetch or two', async () => {
    const world = await createShop();
    const wallet = await world.richWallet(protocol);
    const fetches = [world.paying(wallet, again), world.paying(wallet, again)];
    const responses = await Promise.all(fetches.flatMap((pay) => [pay(urlOf('1')), pay(urlOf('1'))]));
    for (const response of responses) expect(await response.text()).toBe('key of ?1');
    expect(await spent(world)).toBe(price);
  });

  it('waits for nobody once its call is aborted, and its claim is not given up', async () => {
    const world = await createShop();
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet, { ...again, retry: { attempts: 1 } });
    let arrive!: () => void;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    let answer!: () => void;
    world.network = async (request, deliver) => {
      const response = await deliver();
      if (!request.headers.has('Authorization')) return response;
      arrive();
      await new Promise<void>((resolve) => (answer = resolve));
      throw new TypeError('connection reset');
    };
    const first = pay(urlOf('1'));
    await arrived;
    const abort = new AbortController();
    const second = pay(urlOf('1'), { signal: abort.signal });
    abort.abort(new DOMException('enough', 'AbortError'));
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    answer();
    await expect(first).rejects.toMatchObject({ code: 'unsettled' });

    // Aborted as it is to be sent again.
    world.network = direct;
    const late = new AbortController();
    const delivered = async (): Promise<boolean> => {
      late.abort(new DOMException('enough', 'AbortError'));
      return false;
    };
    await expect(
      world.paying(wallet, { ...again, delivered })(urlOf('1'), { signal: late.signal }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    expect(wallet.cards()).toMatchObject([{ reserved: price }]);
    expect(await (await pay(urlOf('1'))).text()).toBe('key of ?1');
    expect(await spent(world)).toBe(price);
  });

  it('comes of a claim that an earlier call left open, whoever made that', async () => {
    for (const earlier of [again, {}]) {
      const world = await createShop();
      const records = new Map<string, string>();
      const wallet = await world.richWallet(protocol, createMemoryStorage(records));
      const retry = { attempts: 2 };
      world.network = async (request, deliver) => {
        const response = await deliver();
        if (request.headers.has('Authorization')) throw new TypeError('connection reset');
        return response;
      };
      await expect(world.paying(wallet, { ...earlier, retry })(urlOf('1'))).rejects.toMatchObject({
        code: 'unsettled',
      });
      const pay = world.paying(wallet, { ...again, retry });
      await expect(pay(urlOf('1'))).rejects.toMatchObject({ code: 'unsettled' });
      world.network = direct;
      const told: KeyedPayment[] = [];
      const response = await world.paying(wallet, { ...again, onPayment: (paid) => told.push(paid) })(
        urlOf('1'),
      );
      expect(await response.text()).toBe('key of ?1');
      expect(told).toHaveLength(1);
      expect(await (await pay(urlOf('1'))).text()).toBe('key of ?1');
      expect(await spent(world)).toBe(price);
      await confirmDelivery(response);
      expect([...records.keys()].filter((key) => /^(claim|kept):/.test(key))).toEqual([]);
    }
  });

  it('is left to the next call by a recovery', async () => {
    const world = await createShop();
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet, { ...again, retry: { attempts: 1 } });
    world.network = async (request, deliver) => {
      const response = await deliver();
      if (request.headers.has('Authorization')) throw new TypeError('connection reset');
      return response;
    };
    await expect(pay(urlOf('1'))).rejects.toMatchObject({ code: 'unsettled' });
    world.network = direct;
    expect((await wallet.recover()).claims).toMatchObject([{ result: 'settled', charged: price }]);
    expect(await (await pay(urlOf('1'))).text()).toBe('key of ?1');
    expect(await spent(world)).toBe(price);
  });

  it('is asked for as often as it takes while no answer comes, and nothing else is paid for it', async () => {
    const world = await createShop();
    const wallet = await world.richWallet(protocol);
    const pay = world.paying(wallet, again);
    await pay(urlOf('1'));
    for (const network of [
      () => Promise.reject(new TypeError('no route')),
      async () => new Response('<h1>502</h1>', { status: 502 }),
      async () => new Response('pay', { status: 402 }),
    ]) {
      world.network = network;
      await expect(pay(urlOf('1'))).rejects.toMatchObject({ code: 'network' });
    }
    world.network = direct;
    expect(await (await pay(urlOf('1'))).text()).toBe('key of ?1');
    expect(await spent(world)).toBe(price);
  });

  it('that the vendor gives no more is told once, and then paid anew', async () => {
    const world = await createShop();
    const records = new Map<string, string>();
    const wallet = await world.richWallet(protocol, createMemoryStorage(records));
    const pay = world.paying(wallet, again);
    for (let times = 0; times <= 16; times++) await pay(urlOf('1'));
    await expect(pay(urlOf('1'))).rejects.toMatchObject({ code: 'already-served' });
    expect(keptOf(records)).toEqual([]);
    expect(wallet.history()).toHaveLength(1);
    await pay(urlOf('1'));
    expect(await spent(world)).toBe(2 * price);
    expect(wallet.cards()).toMatchObject([{ left: denomination - 2 * price }]);
  });

  it('that is there already is not paid, nor asked for', async () => {
    const world = await createShop();
    const wallet = await world.richWallet(protocol);
    const asked: string[] = [];
    const delivered = async (url: string): Promise<boolean> => asked.push(url) > 1;
    const pay = world.paying(wallet, { ...again, delivered });
    await pay(`${urlOf('1')}#part`);
    world.arrived.length = 0;
    await expect(pay(urlOf('1'))).rejects.toMatchObject({ code: 'already-served' });
    expect(asked).toEqual([urlOf('1'), urlOf('1')]);
    expect(world.arrived).toEqual([]);
  });

  it('goes with its card, and a damaged record of it opens no wallet', async () => {
    const world = await createShop();
    const records = new Map<string, string>();
    const wallet = await world.richWallet(protocol, createMemoryStorage(records));
    await world.paying(wallet, again)(urlOf('1'));
    await wallet.close();
    const [name] = keptOf(records);
    for (const damage of ['{}', records.get(name!)!.replace('"keep":true', '"keep":1')]) {
      const storage = createMemoryStorage(new Map(records).set(name!, damage));
      await expect(world.open({ storage })).rejects.toMatchObject({ code: 'storage-corrupt' });
    }
    await wallet.forget(wallet.cards()[0]!.id);
    expect(keptOf(records)).toEqual([]);
    await (await world.open({ storage: createMemoryStorage(records) })).close();
  });
});

it('a request that is redirected is not paid where its delivery is to be known by its URL', async () => {
  const world = await createShop();
  const wallet = await world.richWallet('chain');
  world.network = async (_, deliver) => {
    const response = await deliver();
    Object.defineProperty(response, 'redirected', { value: true });
    Object.defineProperty(response, 'url', { value: urlOf('elsewhere') });
    return response;
  };
  await expect(world.paying(wallet, again)(urlOf('1'))).rejects.toMatchObject({ code: 'payment-refused' });
  expect(await spent(world)).toBe(0);
});

/** Where bought keys go: durable, like the wallet, and apart from it. */
type Library = Map<string, string>;

interface Life {
  readonly world: World;
  readonly wallet: Wallet;
  readonly library: Library;
  readonly mortal?: Mortal;
}

const goods = ['1', '2', '3'];

/** Buys what is missing, some of it at once: first the key, then the word that it came. */
async function shop({ world, wallet, library, mortal }: Life): Promise<void> {
  const pay = world.paying(wallet, { ...again, seal: 'prefer', retry: { attempts: 2 } });
  const buy = async (id: string): Promise<void> => {
    if (library.has(id)) return;
    const response = await pay(urlOf(id));
    const key = await response.text();
    const put = async (): Promise<unknown> => library.set(id, key);
    await (mortal ? mortal.run(put) : put());
    await confirmDelivery(response);
  };
  await Promise.all(goods.slice(0, 2).map(buy));
  await buy(goods[2]!);
  await wallet.close();
}

type Lived = 'survived' | 'killed';

/** Lives until it is killed at its n-th operation. */
async function live(
  world: World,
  records: Map<string, string>,
  library: Library,
  operations: number,
  recovers: boolean,
): Promise<Lived> {
  const mortal = new Mortal(operations);
  world.network = mortal.network(records);
  const wallet = await world.open({ storage: mortal.storage(records) });
  try {
    if (recovers) await wallet.recover();
    await shop({ world, wallet, library, mortal });
    return 'survived';
  } catch (error) {
    // Nothing but its death keeps it from what it wants.
    if (!mortal.dead || !(error instanceof Killed || isImpulsError(error))) throw error;
    return 'killed';
  } finally {
    mortal.kill();
    await wallet.close().catch(() => {});
    world.network = direct;
  }
}

async function begin(protocol: ProtocolName): Promise<{ world: World; records: Map<string, string> }> {
  const world = await createShop();
  const records = new Map<string, string>();
  await (await world.richWallet(protocol, createMemoryStorage(records))).close();
  return { world, records };
}

async function finish(world: World, records: Map<string, string>, library: Library): Promise<void> {
  const wallet = await world.open({ storage: createMemoryStorage(records) });
  await shop({ world, wallet, library });
  expect([...library].sort()).toEqual(goods.map((id) => [id, `key of ?${id}`]));
  const settled = await world.open({ storage: createMemoryStorage(records) });
  await settled.recover();
  const { spent: charged, claims } = await world.vendor.totals();
  expect([charged, claims.settled + claims.pending]).toEqual([goods.length * price, goods.length]);
  expect(settled.cards()).toMatchObject([{ left: denomination - charged, reserved: 0 }]);
  expect(settled.history()).toHaveLength(goods.length);
  expect(world.errors).toEqual([]);
}

describe.each(['chain', 'stream'] as const)('what is bought by its URL with %s', (protocol) => {
  it.each([true, false])(
    'comes once and is charged once, wherever it is killed; recovery first: %s',
    async (recovers) => {
      let rounds = 0;
      for (let lived: Lived = 'killed'; lived === 'killed'; rounds++) {
        const { world, records } = await begin(protocol);
        const library: Library = new Map();
        lived = await live(world, records, library, rounds, recovers);
        await finish(world, records, library);
      }
      expect(rounds).toBeGreaterThan(20);
    },
  );

  it('comes once and is charged once, killed as it makes up for having been killed', async () => {
    for (let first = 6; first < 30; first += 3) {
      for (let second = 1; second < 16; second += 2) {
        const { world, records } = await begin(protocol);
        const library: Library = new Map();
        await live(world, records, library, first, false);
        await live(world, records, library, second, second % 4 === 1);
        await live(world, records, library, second + 2, second % 4 === 3);
        await finish(world, records, library);
      }
    }
  });
});
