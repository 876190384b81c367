import { describe, expect, it } from 'vitest';
import {
  contentKeyUrl,
  createKeyBuyer,
  createMemoryLibrary,
  type KeyBuyer,
  type KeyBuyerOptions,
  type KeyLibrary,
} from '../src/client/content.js';
import { createMemoryStorage, type KeyedPayment, type Wallet } from '../src/client/index.js';
import { createContentHandler, type ContentKey } from '../src/server/index.js';
import { createWorld, denomination, direct, origin, type Network, type World } from './client-fixture.js';

const id = 'AAAAAAAAAAAAAAAAAAAAAA';
const other = 'BBBBBBBBBBBBBBBBBBBBBA';
const url = contentKeyUrl(origin, id);
const key = new Uint8Array(32).fill(7);

interface Shop {
  readonly world: World;
  readonly keys: Map<string, ContentKey>;
  /** Stands between the wallet and the vendor. */
  network: Network;
  buyer(wallet: Wallet, options?: Partial<KeyBuyerOptions>): KeyBuyer;
  spent(wallet: Wallet): number;
}

async function openShop(): Promise<Shop> {
  const world = await createWorld({});
  const keys = new Map([
    [id, { key, price: 3 }],
    [other, { key: new Uint8Array(16).fill(8), price: 5 }],
  ]);
  const answer = createContentHandler(world.vendor, { find: async (asked) => keys.get(asked) });
  const shop: Shop = {
    world,
    keys,
    network: direct,
    buyer: (wallet, options = {}) =>
      createKeyBuyer({
        wallet,
        limits: { perRequest: 50, total: 1000 },
        library: createMemoryLibrary(),
        ...options,
      }),
    spent: (wallet) => wallet.cards().reduce((sum, card) => sum + denomination - card.left, 0),
  };
  world.network = (request, deliver) =>
    shop.network(request, async () => {
      const response = await answer(request.clone());
      if (!response) return deliver();
      const { status, headers, body } = response;
      headers.set('Date', new Date(world.time.ms).toUTCString());
      return new Response(body && (await new Response(body).arrayBuffer()), { status, headers });
    });
  return shop;
}

describe('a key buyer', () => {
  it('pays for a key once, and has it from the library from then on', async () => {
    const shop = await openShop();
    const wallet = await shop.world.richWallet('chain');
    const library = createMemoryLibrary();
    const payments: KeyedPayment[] = [];
    const buyer = shop.buyer(wallet, { library, onPayment: (payment) => payments.push(payment) });
    const first = await buyer.buy(url);
    expect(first.key).toEqual(key);
    expect(first.payment).toMatchObject({ units: 3, url });
    expect(await buyer.buy(url)).toEqual({ key });
    expect(await shop.buyer(wallet, { library }).buy(url)).toEqual({ key });
    expect(payments).toEqual([first.payment]);
    expect((await buyer.buy(contentKeyUrl(origin, other))).key).toHaveLength(16);
    expect(shop.spent(wallet)).toBe(8);
  });

  it('asks for no price again: every key but the first takes one request, and what it costs is charged', async () => {
    const shop = await openShop();
    const prices = [3, 3, 3, 9, 9, 2, 2];
    const ids = prices.map((price, i) => {
      const made = 'CDEFGHI'[i]!.repeat(21) + 'A';
      shop.keys.set(made, { key: new Uint8Array(32).fill(i), price });
      return made;
    });
    const wallet = await shop.world.richWallet('chain');
    const buyer = shop.buyer(wallet);
    const requests: number[] = [];
    let count = 0;
    shop.network = (_, deliver) => (count++, deliver());
    for (const made of ids) {
      count = 0;
      await buyer.buy(contentKeyUrl(origin, made));
      requests.push(count);
    }
    // The first asks for the price and shows the card; a dearer key is refused once; after a cheaper one the price is asked for.
    expect(requests.slice(1)).toEqual([1, 1, 2, 1, 1, 2]);
    expect(shop.spent(wallet)).toBe(prices.reduce((sum, price) => sum + price, 0));
    const cheap = shop.buyer(wallet, { limits: { perRequest: 3, total: 3 } });
    expect((await cheap.buy(url)).payment).toMatchObject({ units: 3 });
  });

  it('makes one purchase of calls at the same time, also of two buyers', async () => {
    const shop = await openShop();
    const wallet = await shop.world.richWallet('stream');
    const library = createMemoryLibrary();
    const buyers = [shop.buyer(wallet, { library }), shop.buyer(wallet, { library })];
    const bought = await Promise.all([...buyers, ...buyers, ...buyers].map((buyer) => buyer.buy(url)));
    expect(bought.every((one) => Buffer.from(one.key).equals(key))).toBe(true);
    expect(shop.spent(wallet)).toBe(3);
  });

  it('asks again, without a charge, for a key that did not arrive whole', async () => {
    const shop = await openShop();
    const wallet = await shop.world.richWallet('chain');
    let damaged = 0;
    shop.network = async (request, deliver) => {
      const response = await deliver();
      if (response.status !== 200 || !request.headers.has('Authorization') || damaged++ > 0) return response;
      const bytes = new Uint8Array(await response.arrayBuffer());
      bytes[30]! ^= 1;
      return new Response(bytes, response);
    };
    expect((await shop.buyer(wallet).buy(url)).key).toEqual(key);
    expect(damaged).toBe(2);
    expect(shop.spent(wallet)).toBe(3);
  });

  it('pays nothing again for a key that was paid for and could not be kept', async () => {
    const shop = await openShop();
    const storage = createMemoryStorage();
    const wallet = await shop.world.richWallet('chain', storage);
    const full: KeyLibrary = {
      get: async () => undefined,
      put: async () => Promise.reject(new Error('the disk is full')),
    };
    const buyer = shop.buyer(wallet, { library: full });
    expect((await buyer.buy(url, { until: 'received' })).key).toEqual(key);
    await expect(buyer.buy(url)).rejects.toThrow('the disk is full');
    expect(shop.spent(wallet)).toBe(3);
    await wallet.close();

    const again = await shop.world.open({ storage });
    const library = createMemoryLibrary();
    expect((await shop.buyer(again, { library }).buy(url)).key).toEqual(key);
    expect(shop.spent(again)).toBe(3);
    // It has arrived now: who throws the library away pays again.
    await shop.buyer(again).buy(url);
    expect(shop.spent(again)).toBe(6);
  });

  it('pays nothing for a key that is not sold, is too dear, or is at another address', async () => {
    const shop = await openShop();
    const wallet = await shop.world.richWallet('chain');
    const buyer = shop.buyer(wallet, { limits: { perRequest: 4, total: 1000 } });
    await expect(buyer.buy(contentKeyUrl(origin, `C${id.slice(1)}`))).rejects.toMatchObject({
      code: 'bad-key',
    });
    await expect(buyer.buy(contentKeyUrl(origin, other))).rejects.toMatchObject({ code: 'limit-exceeded' });
    const arrived = shop.world.arrived.length;
    for (const wrong of [`${origin}/articles/1`, `${url}?a`, `${url}#a`, 'nonsense', '']) {
      await expect(buyer.buy(wrong)).rejects.toMatchObject({ code: 'malformed' });
    }
    expect(shop.world.arrived).toHaveLength(arrived);
    expect(shop.spent(wallet)).toBe(0);
  });

  it('says which answers may be others in a moment', async () => {
    const shop = await openShop();
    const wallet = await shop.world.richWallet('chain');
    for (const [status, code] of [
      [500, 'network'],
      [503, 'network'],
      [429, 'network'],
      [408, 'network'],
      [404, 'bad-key'],
      [410, 'bad-key'],
      [206, 'bad-key'],
    ] as const) {
      shop.network = async () => new Response(null, { status });
      await expect(shop.buyer(wallet).buy(url)).rejects.toMatchObject({ code });
    }
    shop.network = direct;
    expect((await shop.buyer(wallet).buy(url)).key).toEqual(key);
    expect(shop.spent(wallet)).toBe(3);
  });

  it('takes nothing for a key that has not the length of one', async () => {
    const shop = await openShop();
    const wallet = await shop.world.richWallet('chain');
    for (const length of [0, 17, 33, 1000]) {
      shop.keys.set(id, { key: new Uint8Array(length), price: 1 });
      await expect(shop.buyer(wallet).buy(url)).rejects.toMatchObject({ code: 'bad-key' });
    }
  });

  it('goes on buying for the others when one stops waiting', async () => {
    const shop = await openShop();
    const wallet = await shop.world.richWallet('chain');
    let release!: () => void;
    const gate = new Promise<void>((resolve) => (release = resolve));
    shop.network = async (_, deliver) => {
      await gate;
      return deliver();
    };
    const buyer = shop.buyer(wallet);
    const stop = new AbortController();
    const reason = new Error('left');
    const leaving = buyer.buy(url, { signal: stop.signal });
    const staying = buyer.buy(url);
    stop.abort(reason);
    await expect(leaving).rejects.toBe(reason);
    release();
    expect((await staying).key).toEqual(key);
    await expect(buyer.buy(url, { signal: stop.signal })).rejects.toBe(reason);
    expect(shop.spent(wallet)).toBe(3);
  });
});
