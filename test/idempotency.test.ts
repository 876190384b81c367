import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openSqliteLedger } from '../src/node/sqlite.js';
import { createMemoryLedger, type Ledger } from '../src/server/index.js';
import type { PayingFetch } from '../src/client/index.js';
import { createWorld, denomination, origin, type Paid, type World } from './client-fixture.js';
import { Mortal } from './support/mortal.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-idempotency-'));
afterAll(() => rmSync(folder, { recursive: true }));

const price = 3;
const url = `${origin}/orders`;

function order(pay: PayingFetch, key: string, body = '{"book":1}', to = url): Promise<Response> {
  return pay(to, { method: 'POST', body, headers: { 'Idempotency-Key': key } });
}

/** A shop that counts what it did, and answers as it is told. */
async function createShop(
  answer: (done: number) => Response | Promise<Response> = (done) =>
    new Response(`order ${done}`, { status: 201 }),
  route: Partial<Paid> = {},
  ledger: Ledger = createMemoryLedger(),
): Promise<World & { readonly done: () => number }> {
  let done = 0;
  const handler = async () => answer(++done);
  const world = await createWorld({ '/orders': { price, handler, ...route } }, { ledger });
  return Object.assign(world, { done: () => done });
}

const spent = async (world: World): Promise<number> => (await world.vendor.totals()).spent;

describe.each(['chain', 'stream'] as const)(
  'an unsafe request with an Idempotency-Key, paid by %s',
  (protocol) => {
    it('is done and charged once, and whoever asks again gets what it answered, for nothing', async () => {
      const shop = await createShop();
      const wallet = await shop.richWallet(protocol);
      const pay = shop.paying(wallet);
      for (let time = 0; time < 4; time++) {
        const response = await order(pay, 'one');
        expect(response.status).toBe(201);
        expect(await response.text()).toBe('order 1');
        expect(response.headers.has('Payment-Receipt')).toBe(time === 0);
        expect(response.headers.get('Cache-Control')).toBe('private');
      }
      expect(shop.done()).toBe(1);
      expect(await spent(shop)).toBe(price);
      expect((await shop.vendor.totals()).claims).toEqual({ settled: 1, pending: 0, released: 3 });
      expect(wallet.cards()).toMatchObject([{ left: denomination - price, reserved: 0 }]);
      expect(wallet.history()).toHaveLength(1);
      expect(await (await order(pay, 'two')).text()).toBe('order 2');
      expect(await (await pay(url, { method: 'POST', body: '{"book":1}' })).text()).toBe('order 3');
      expect(await spent(shop)).toBe(3 * price);
    });

    it('is answered sealed under the key of each claim', async () => {
      const shop = await createShop();
      const pay = shop.paying(await shop.richWallet(protocol), { seal: 'prefer' });
      const encodings: (string | null)[] = [];
      shop.network = async (request, deliver) => {
        const response = await deliver();
        if (request.url === url && response.ok) encodings.push(response.headers.get('Content-Encoding'));
        return response;
      };
      for (let time = 0; time < 2; time++) expect(await (await order(pay, 'one')).text()).toBe('order 1');
      expect(encodings).toEqual(['aes128gcm', 'aes128gcm']);
      expect(shop.done()).toBe(1);
    });

    it('is refused with 422 where the key was used for another request, and costs nothing', async () => {
      const shop = await createShop();
      const wallet = await shop.richWallet(protocol);
      const pay = shop.paying(wallet);
      await order(pay, 'one');
      const others = [
        await order(pay, 'one', '{"book":2}'),
        await order(pay, 'one', '{"book":1}', `${url}?express`),
        await pay(url, { method: 'PUT', body: '{"book":1}', headers: { 'Idempotency-Key': 'one' } }),
      ];
      for (const response of others) {
        expect(response.status).toBe(422);
        expect(await response.json()).toMatchObject({ type: 'urn:impuls:problem:idempotency-key-reused' });
      }
      expect(shop.done()).toBe(1);
      expect(await spent(shop)).toBe(price);
      expect(wallet.cards()).toMatchObject([{ left: denomination - price, reserved: 0 }]);
    });

    it('waits while the first one is served, however many come, and none is charged', async () => {
      let finish = (): void => {};
      const served = new Promise<void>((resolve) => (finish = resolve));
      let begin = (): void => {};
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const shop = await createShop(async (done) => {
        begin();
        await served;
        return new Response(`order ${done}`);
      });
      const wallet = await shop.richWallet(protocol);
      const pay = shop.paying(wallet);
      const first = order(pay, 'one');
      await begun;
      let refused = 0;
      shop.network = async (_, deliver) => {
        const response = await deliver();
        if (response.status === 409) {
          expect(response.headers.get('Retry-After')).toBe('1');
          if (++refused === 8) finish();
        }
        return response;
      };
      const calls = await Promise.all([first, ...Array.from({ length: 4 }, () => order(pay, 'one'))]);
      for (const response of calls) expect(await response.text()).toBe('order 1');
      expect(shop.done()).toBe(1);
      expect(await spent(shop)).toBe(price);
      expect(wallet.cards()).toMatchObject([{ left: denomination - price, reserved: 0 }]);
    });

    it('is done again after a handler that failed: its claim and its key are free', async () => {
      const shop = await createShop((done) => new Response(`try ${done}`, { status: done < 3 ? 503 : 200 }));
      const pay = shop.paying(await shop.richWallet(protocol));
      const answers: string[] = [];
      for (let time = 0; time < 5; time++) {
        const response = await order(pay, 'one');
        answers.push(`${response.status} ${await response.text()}`);
      }
      expect(answers).toEqual(['503 try 1', '503 try 2', '200 try 3', '200 try 3', '200 try 3']);
      expect(await spent(shop)).toBe(price);
    });
  },
);

describe('an unsafe request with an Idempotency-Key', () => {
  it('gets its answer also where that was lost on the way, again and again', async () => {
    const shop = await createShop();
    const wallet = await shop.richWallet('chain');
    const pay = shop.paying(wallet);
    const lost = new Map<string, number>();
    shop.network = async (request, deliver) => {
      const response = await deliver();
      const claim = request.headers.get('Authorization');
      const times = claim === null ? 2 : (lost.get(claim) ?? 0);
      if (times >= 2) return response;
      lost.set(claim!, times + 1);
      throw new TypeError('connection reset');
    };
    for (let time = 0; time < 3; time++) expect(await (await order(pay, 'one')).text()).toBe('order 1');
    expect(shop.done()).toBe(1);
    expect(await spent(shop)).toBe(price);
    expect(wallet.cards()).toMatchObject([{ left: denomination - price, reserved: 0 }]);
  });

  it('is told from that of another card, and one that is safe has no key', async () => {
    const shop = await createShop();
    const [one, two] = [
      shop.paying(await shop.richWallet('chain')),
      shop.paying(await shop.richWallet('chain')),
    ];
    expect(await (await order(one, 'one')).text()).toBe('order 1');
    expect(await (await order(two, 'one')).text()).toBe('order 2');
    const get = () => one(url, { headers: { 'Idempotency-Key': 'one' } });
    expect(await (await get()).text()).toBe('order 3');
    expect(await (await get()).text()).toBe('order 4');
  });

  it('is not done again, and costs nothing, where the answer was not kept', async () => {
    const shop = await createShop((done) => new Response(`order ${done}`), { replies: { maxBytes: 4 } });
    const pay = shop.paying(await shop.richWallet('chain'));
    await order(pay, 'one');
    const response = await order(pay, 'one');
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ type: 'urn:impuls:problem:already-done' });
    expect([shop.done(), await spent(shop)]).toEqual([1, price]);
  });

  it('waits too while a handler has captured and not answered yet', async () => {
    let finish = (): void => {};
    const served = new Promise<void>((resolve) => (finish = resolve));
    let captured = (): void => {};
    const begun = new Promise<void>((resolve) => (captured = resolve));
    const world = await createWorld({
      '/orders': {
        price: 5,
        charge: 'capture',
        async handler(_, payment) {
          await payment.capture(2);
          captured();
          await served;
          return new Response('captured');
        },
      },
    });
    const pay = world.paying(await world.richWallet('chain'));
    const first = order(pay, 'one');
    await begun;
    world.network = async (_, deliver) => {
      const response = await deliver();
      if (response.status === 409) finish();
      return response;
    };
    expect(await (await order(pay, 'one')).text()).toBe('captured');
    expect(await (await first).text()).toBe('captured');
    expect(await spent(world)).toBe(2);
  });
});

describe('what is kept of answers', () => {
  const answers = async (pay: PayingFetch, key: string, times: number): Promise<number[]> => {
    const statuses: number[] = [];
    for (let time = 0; time < times; time++) statuses.push((await order(pay, key)).status);
    return statuses;
  };

  it('is told so many times and no more', async () => {
    const shop = await createShop(undefined, { replies: { maxRepeats: 2 } });
    const pay = shop.paying(await shop.richWallet('chain'));
    expect(await answers(pay, 'one', 4)).toEqual([201, 201, 201, 409]);
    expect([shop.done(), await spent(shop)]).toEqual([1, price]);
  });

  it('is told for so long and no longer', async () => {
    const shop = await createShop(undefined, { replies: { maxAgeSeconds: 60 } });
    const pay = shop.paying(await shop.richWallet('chain'));
    expect(await answers(pay, 'one', 2)).toEqual([201, 201]);
    shop.time.ms += 61_000;
    expect(await answers(pay, 'one', 1)).toEqual([409]);
    expect([shop.done(), await spent(shop)]).toEqual([1, price]);
  });

  it('is so many answers of one card, and more of another and later', async () => {
    const shop = await createShop(undefined, { replies: { maxPerCard: 1, maxAgeSeconds: 3600 } });
    const [one, two] = [
      shop.paying(await shop.richWallet('chain')),
      shop.paying(await shop.richWallet('chain')),
    ];
    expect(await answers(one, 'one', 2)).toEqual([201, 201]);
    expect(await answers(one, 'two', 2)).toEqual([201, 409]);
    expect(await answers(two, 'one', 2)).toEqual([201, 201]);
    shop.time.ms += 3_600_000;
    expect(await answers(one, 'three', 2)).toEqual([201, 201]);
  });
});

describe('a vendor that is killed between any two steps of a request with an Idempotency-Key', () => {
  /** A ledger of a process that is killed; what it had begun by then is durable, or never comes to be. */
  function mortalLedger(ledger: Ledger, mortal: Mortal): Ledger {
    const steps = ['accept', 'settle', 'giveBack'] as const;
    const killed = Object.fromEntries(
      steps.map((name) => [
        name,
        (...values: never[]) =>
          mortal.run(() => (ledger[name] as (...values: never[]) => Promise<unknown>)(...values)),
      ]),
    );
    return { ...ledger, ...killed };
  }

  /** @returns whether the vendor lived through it */
  async function live(operations: number, fails: boolean): Promise<boolean> {
    const path = join(folder, `${operations} ${fails}.db`);
    const mortal = new Mortal(operations);
    let orders = 0;
    let tries = 0;
    const open = async (life: Mortal): Promise<World & { readonly file: Ledger }> => {
      const file = await openSqliteLedger({ path });
      const ledger = mortalLedger(file, life);
      const handler = (): Promise<Response> =>
        life.run(async () => {
          if (fails && ++tries === 1) return new Response('busy', { status: 503 });
          return new Response(`order ${++orders}`, { status: 201 });
        });
      const world = await createWorld({ '/orders': { price, handler } }, { ledger });
      world.network = async (_, deliver) => {
        try {
          const response = await deliver();
          if (life.dead) throw new TypeError('connection reset');
          return response;
        } catch (cause) {
          throw new TypeError('connection reset', { cause });
        }
      };
      return Object.assign(world, { file });
    };
    let world = await open(new Mortal(Infinity));
    const wallet = await world.open({ fetch: (input, init) => world.fetch(input, init) });
    await wallet.redeem(origin, await world.voucher(), { protocol: operations % 2 ? 'chain' : 'stream' });
    const pay = world.paying(wallet, { retry: { attempts: 1, baseDelayMs: 0 } });
    await world.file.close();

    world = await open(mortal);
    let before: Response | undefined;
    for (let time = 0; time < 3 && !mortal.dead; time++) {
      before = await order(pay, 'one').catch(() => undefined);
    }
    const lived = !mortal.dead;
    mortal.kill();
    await world.file.close();

    world = await open(new Mortal(Infinity));
    await wallet.recover();
    let after = await order(pay, 'one');
    if (after.status === 503) after = await order(pay, 'one');
    const text = await after.text();
    expect(orders).toBeLessThanOrEqual(1);
    if (after.status === 201) expect([orders, text]).toEqual([1, 'order 1']);
    // It was killed after it accepted the claim and before it said what became of it.
    else
      expect([after.status, JSON.parse(text)]).toMatchObject([
        409,
        { type: expect.stringMatching(/unknown|done/) },
      ]);
    if (before?.status === 201) expect(after.status).toBe(201);
    expect(await spent(world)).toBe(price);
    expect(wallet.cards()).toMatchObject([{ left: denomination - price, reserved: 0 }]);
    expect((await order(pay, 'one')).status).toBe(after.status);
    tries = 1;
    expect(await (await order(pay, 'two')).text()).toBe(`order ${orders}`);
    await world.file.close();
    return lived;
  }

  it.each([
    ['is done at most once and charged once', false],
    ['is done at most once and charged once also where it failed at first', true],
  ])('%s', async (_, fails) => {
    let operations = 0;
    while (!(await live(operations, fails))) operations++;
    expect(operations).toBeGreaterThan(8);
  });
});
