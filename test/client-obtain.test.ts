import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createMemoryStorage, type SkippedCard } from '../src/client/index.js';
import { toBase64url } from '../src/core/base64url.js';
import { formatKeyDocument, parseKeyDocument, type KeyDocument } from '../src/core/key-document.js';
import { createMemoryLedger } from '../src/server/index.js';
import { createWorld, direct, origin, type Network } from './client-fixture.js';
import { createTestKeys, now } from './support/vendor.js';

const wellKnown = '/.well-known/impuls';

/** Shows another key document than the vendor's. */
function showing(document: KeyDocument): Network {
  return async (request, deliver) => {
    if (!request.url.endsWith(wellKnown)) return deliver();
    return new Response(formatKeyDocument(document) as BodyInit);
  };
}

/** What a page gets for a redirect that it does not follow. */
function hiddenRedirect(): Response {
  const response = Response.error();
  Object.defineProperty(response, 'type', { value: 'opaqueredirect' });
  return response;
}

const digestOf = (document: KeyDocument): string =>
  toBase64url(parseKeyDocument(formatKeyDocument(document)).digest);

const route = { '/a': { price: 1, handler: async () => new Response('x') } };

describe('redeeming', () => {
  it('brings all cards of a code, of the kind that was asked for', async () => {
    const world = await createWorld(route);
    const wallet = await world.open();
    const steps = new Set<string>();
    const code = await world.voucher(3);
    const typed = ` ${code.slice(0, 5).toLowerCase()}-${code.slice(5)} `;
    const cards = await wallet.redeem(origin, typed, {
      protocol: 'stream',
      generator: 'hmac-drbg',
      onProgress: ({ step }) => steps.add(step),
    });
    expect(cards).toHaveLength(3);
    for (const card of cards) {
      expect(card).toMatchObject({
        vendor: { origin, name: 'Example News' },
        protocol: 'stream',
        generator: 'hmac-drbg',
        units: 100,
        left: 100,
        reserved: 0,
        worth: '0.1 USD',
        status: 'ready',
      });
    }
    expect([...steps]).toEqual(['document', 'order', 'blind', 'issue', 'verify']);
    expect(wallet.cards()).toEqual(cards);
  });

  it('follows no redirect, and is not told of one by a browser', async () => {
    for (const elsewhere of [() => Response.redirect('https://elsewhere.example/', 302), hiddenRedirect]) {
      const world = await createWorld(route);
      const wallet = await world.open();
      const code = await world.voucher();
      const asked: string[] = [];
      world.network = async (request) => {
        asked.push(`${request.redirect} ${new URL(request.url).pathname}`);
        return elsewhere();
      };
      await expect(wallet.redeem(origin, code, { protocol: 'chain' })).rejects.toMatchObject({
        code: 'network',
        message: `${origin} sends its visitors elsewhere`,
      });
      expect(asked).toEqual([`manual ${wellKnown}`]);
    }
  });

  it('says what is wrong with a code', async () => {
    const world = await createWorld(route);
    const wallet = await world.open();
    const code = await world.voucher();
    await expect(wallet.redeem(origin, 'no code', { protocol: 'chain' })).rejects.toMatchObject({
      code: 'malformed',
    });
    const other = await (await createWorld(route)).voucher();
    await expect(wallet.redeem(origin, other, { protocol: 'chain' })).rejects.toMatchObject({
      code: 'order-unknown',
    });
    await wallet.redeem(origin, code, { protocol: 'chain' });
    await expect(wallet.redeem(origin, code, { protocol: 'chain' })).rejects.toMatchObject({
      code: 'order-served',
    });
    await expect((await world.open()).redeem(origin, code, { protocol: 'chain' })).rejects.toMatchObject({
      code: 'order-served',
    });
    expect(wallet.cards()).toHaveLength(1);
  });

  it('shares one redemption between two calls at once', async () => {
    const world = await createWorld(route);
    const wallet = await world.open();
    const code = await world.voucher();
    const [a, b] = await Promise.all([
      wallet.redeem(origin, code, { protocol: 'chain' }),
      wallet.redeem(origin, code, { protocol: 'chain' }),
    ]);
    expect(a).toEqual(b);
    expect(wallet.cards()).toHaveLength(1);
  });

  it('reaches a vendor over TLS only, but for this machine', async () => {
    const world = await createWorld(route);
    const wallet = await world.open();
    const code = await world.voucher();
    for (const vendor of [
      'http://news.example',
      'ftp://news.example',
      'news',
      'http://127.0.0.1.news.example',
    ]) {
      await expect(wallet.redeem(vendor, code, { protocol: 'chain' })).rejects.toMatchObject({
        code: 'invalid-argument',
      });
    }
    expect(world.arrived).toEqual([]);
  });

  it('finishes by recovery what was interrupted after it was sent, with the same cards', async () => {
    const world = await createWorld(route);
    const records = new Map<string, string>();
    const wallet = await world.open({ storage: createMemoryStorage(records) });
    const code = await world.voucher(2);
    world.network = async (request, deliver) => {
      const response = await deliver();
      if (request.url.endsWith('/impuls/issue')) throw new TypeError('connection reset');
      return response;
    };
    await expect(wallet.redeem(origin, code, { protocol: 'chain' })).rejects.toMatchObject({
      code: 'network',
    });
    world.network = direct;
    const again = await world.open({ storage: createMemoryStorage(records) });
    expect((await again.recover()).redeemed).toHaveLength(2);
    expect((await again.recover()).redeemed).toHaveLength(0);
    expect([...records.keys()].filter((key) => key.startsWith('order:'))).toEqual([]);
  });

  it('refuses signatures that do not verify, and keeps what it needs to ask again', async () => {
    const world = await createWorld(route);
    const wallet = await world.open();
    const code = await world.voucher();
    world.network = async (request, deliver) => {
      const response = await deliver();
      if (!request.url.endsWith('/impuls/issue')) return response;
      return Response.json({ signatures: [toBase64url(randomBytes(384))] });
    };
    await expect(wallet.redeem(origin, code, { protocol: 'chain' })).rejects.toMatchObject({
      code: 'bad-signature',
    });
    expect(wallet.cards()).toEqual([]);
    world.network = direct;
    expect(await wallet.redeem(origin, code, { protocol: 'chain' })).toHaveLength(1);
  });
});

describe('the key document', () => {
  it('is pinned: a successor is taken, anything else is refused before buying and before activating', async () => {
    const world = await createWorld(route);
    const wallet = await world.richWallet('chain');
    const { document } = world.vendor;
    const successor = { ...document, name: 'Better News', previous: [digestOf(document)] };
    const usurper = { ...document, name: 'Your Own News' };

    world.network = showing(usurper);
    await expect(wallet.redeem(origin, await world.voucher(), { protocol: 'chain' })).rejects.toMatchObject({
      code: 'bad-document',
    });
    await expect(world.paying(wallet)(`${origin}/a`)).rejects.toMatchObject({ code: 'bad-document' });
    expect((await world.vendor.totals()).cards).toBe(0);
    expect(wallet.cards()[0]!.vendor.name).toBe('Example News');

    const without = { ...successor, cards: [] };
    world.network = showing(without);
    await expect(world.paying(wallet)(`${origin}/a`)).rejects.toMatchObject({ code: 'bad-document' });

    world.network = showing(successor);
    await expect(
      wallet.redeem(origin, 'K7Q2M-ABCDE-FGHJK-MNPQR', { protocol: 'chain' }),
    ).rejects.toMatchObject({ code: 'malformed' });
    await wallet.redeem(origin, await world.voucher(), { protocol: 'chain' });
    expect(wallet.cards()[0]!.vendor.name).toBe('Better News');
  });

  it('is not rolled back by an old answer', async () => {
    const world = await createWorld(route);
    const wallet = await world.richWallet('chain');
    const { document } = world.vendor;
    world.network = showing({ ...document, name: 'Better News', previous: [digestOf(document)] });
    await wallet.redeem(origin, await world.voucher(), { protocol: 'chain' });
    world.network = direct;
    await wallet.redeem(origin, await world.voucher(), { protocol: 'chain' });
    expect(wallet.cards()[0]!.vendor.name).toBe('Better News');
  });

  it('must be of the origin that it was fetched from', async () => {
    const world = await createWorld(route);
    const wallet = await world.open();
    world.network = showing({ ...world.vendor.document, origin: 'https://evil.example' });
    await expect(wallet.redeem(origin, await world.voucher(), { protocol: 'chain' })).rejects.toMatchObject({
      code: 'bad-document',
    });
  });
});

describe.each(['chain', 'stream'] as const)('a backup of %s cards', (protocol) => {
  it('brings back each card with what is left on it', async () => {
    const world = await createWorld(route);
    const wallet = await world.richWallet(protocol);
    await wallet.redeem(origin, await world.voucher(), { protocol });
    const pay = world.paying(wallet);
    for (let i = 0; i < 5; i++) await pay(`${origin}/a`);
    const backup = await wallet.backup();
    for (let i = 0; i < 5; i++) await pay(`${origin}/a`);

    const restored = await world.open();
    const cards = await restored.restore(backup);
    expect(cards.map(({ id, left }) => [id, left])).toEqual(wallet.cards().map(({ id, left }) => [id, left]));
    expect(await restored.restore(backup)).toEqual([]);
    const again = world.paying(restored);
    for (let i = 0; i < 190; i++) await again(`${origin}/a?${i}`);
    expect((await world.vendor.totals()).spent).toBe(200);
  });

  it('brings back the other cards where the vendor names the key of one no more, and says so', async () => {
    const made = await createTestKeys(origin, [50, 100], now);
    const world = await createWorld(route, made);
    const wallet = await world.richWallet(protocol);
    const [code] = await world.vendor.createVouchers([{ denomination: 50, count: 1 }], 1);
    await wallet.redeem(origin, code!, { protocol });
    const backup = await wallet.backup();
    const { document, digest } = world.vendor;
    const [, kept] = document.cards;
    world.network = showing({ ...document, cards: [kept!], previous: [digest] });
    const restored = await world.open();
    const skipped: SkippedCard[] = [];
    const cards = await restored.restore(backup, { onSkipped: (card) => skipped.push(card) });
    expect(cards).toMatchObject([{ units: 100 }]);
    expect(skipped).toEqual([{ vendor: origin, key: document.cards[0]!.id }]);
  });

  it('is taken with the vendor away, and completed by recovery', async () => {
    const world = await createWorld(route);
    const wallet = await world.richWallet(protocol);
    await world.paying(wallet)(`${origin}/a`);
    const records = new Map<string, string>();
    const restored = await world.open({ storage: createMemoryStorage(records) });
    world.network = async (request, deliver) => {
      if (request.url.endsWith('/impuls/activate')) throw new TypeError('no route');
      return deliver();
    };
    expect(await restored.restore(await wallet.backup())).toHaveLength(1);
    world.network = direct;
    const reopened = await world.open({ storage: createMemoryStorage(records) });
    expect((await reopened.recover()).activated).toHaveLength(1);
    expect(reopened.cards()).toMatchObject([{ left: 99, status: 'active' }]);
  });

  it('is refused where the vendor shows a document that does not follow its own', async () => {
    const world = await createWorld(route);
    const wallet = await world.richWallet(protocol);
    world.network = showing({ ...world.vendor.document, name: 'Your Own News' });
    const restored = await world.open();
    await expect(restored.restore(await wallet.backup())).rejects.toMatchObject({ code: 'bad-document' });
    expect(restored.cards()).toEqual([]);
  });
});

describe('recovery', () => {
  it('frees a claim that the vendor does not know any more once its challenge has expired', async () => {
    const ledger = createMemoryLedger();
    const world = await createWorld(route, { ledger });
    const records = new Map<string, string>();
    const wallet = await world.richWallet('chain', createMemoryStorage(records));
    const pay = world.paying(wallet, { retry: { attempts: 1 } });
    await pay(`${origin}/a`);
    world.network = async (request, deliver) => {
      if (request.headers.has('Authorization')) throw new TypeError('no route');
      return deliver();
    };
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'unsettled' });
    world.network = async (request, deliver) => {
      if (request.headers.has('Authorization')) return new Response('who are you', { status: 402 });
      return deliver();
    };
    expect((await wallet.recover()).claims).toMatchObject([{ result: 'unknown', charged: 0, units: 1 }]);
    await expect(wallet.forget(wallet.cards()[0]!.id)).rejects.toMatchObject({ code: 'unsettled' });
    world.time.ms += 3 * 3_600_000;
    expect((await wallet.recover()).claims).toMatchObject([{ result: 'freed', charged: 0 }]);
    expect(wallet.cards()).toMatchObject([{ left: 99, reserved: 0 }]);
  });

  it('asks for the outcome of a POST whose body was too long to keep, and never runs it', async () => {
    let runs = 0;
    const world = await createWorld({
      '/a': {
        price: 2,
        handler: async () => {
          runs++;
          return new Response('done');
        },
      },
    });
    const records = new Map<string, string>();
    const wallet = await world.richWallet('stream', createMemoryStorage(records));
    const pay = world.paying(wallet, { retry: { attempts: 1 } });
    const post = { method: 'POST', body: 'x'.repeat(100_000) };
    for (const lose of ['request', 'reply']) {
      world.network = async (request, deliver) => {
        if (!request.headers.has('Authorization')) return deliver();
        if (lose === 'reply') await deliver();
        throw new TypeError('connection reset');
      };
      await expect(pay(`${origin}/a`, post)).rejects.toMatchObject({ code: 'unsettled' });
    }
    expect(runs).toBe(1);
    world.network = direct;
    const reopened = await world.open({ storage: createMemoryStorage(records) });
    const { claims } = await reopened.recover();
    expect(claims.map(({ result }) => result).sort()).toEqual(['freed', 'settled']);
    expect(runs).toBe(1);
    expect(reopened.cards()).toMatchObject([{ left: 98, reserved: 0 }]);
    expect((await world.vendor.totals()).spent).toBe(2);
  });

  it('has nothing to do for a wallet that was closed in peace', async () => {
    const world = await createWorld(route);
    const records = new Map<string, string>();
    const wallet = await world.richWallet('chain', createMemoryStorage(records));
    await world.paying(wallet)(`${origin}/a`);
    await wallet.close();
    world.arrived.length = 0;
    const reopened = await world.open({ storage: createMemoryStorage(records) });
    expect(await reopened.recover()).toEqual({
      redeemed: [],
      unfinished: [],
      activated: [],
      claims: [],
      waiting: [],
    });
    expect(world.arrived).toEqual([]);
    expect(reopened.history()).toMatchObject([{ units: 1, url: `${origin}/a` }]);
    await reopened.forget(reopened.cards()[0]!.id);
    expect(reopened.cards()).toEqual([]);
    expect([...records.keys()].filter((key) => /^(card|account|claim):/.test(key))).toEqual([]);
  });
});

describe('a wallet', () => {
  it('does not open with a record that it cannot read, and leaves all as it was', async () => {
    const world = await createWorld(route);
    const records = new Map<string, string>();
    await (await world.richWallet('chain', createMemoryStorage(records))).close();
    const key = [...records.keys()].find((name) => name.startsWith('account:'))!;
    const before = new Map(records);
    for (const broken of ['', '{', '{}', '{"free":[]}']) {
      records.set(key, broken);
      await expect(world.open({ storage: createMemoryStorage(records) })).rejects.toMatchObject({
        code: 'storage-corrupt',
      });
    }
    records.set(key, before.get(key)!);
    expect(records).toEqual(before);
    records.set('format', '2');
    await expect(world.open({ storage: createMemoryStorage(records) })).rejects.toMatchObject({
      code: 'unsupported',
    });
  });

  it('pays nothing any more once its storage has failed', async () => {
    const world = await createWorld(route);
    const inner = createMemoryStorage();
    const state = { broken: false };
    const wallet = await world.richWallet('chain', {
      ...inner,
      write: async (changes) => {
        if (state.broken) throw new TypeError('disk full');
        await inner.write(changes);
      },
    });
    const pay = world.paying(wallet);
    await pay(`${origin}/a`);
    state.broken = true;
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'storage-failed' });
    state.broken = false;
    await expect(pay(`${origin}/a`)).rejects.toMatchObject({ code: 'storage-failed' });
    expect((await world.vendor.totals()).spent).toBe(1);
    await expect(wallet.close()).rejects.toMatchObject({ code: 'storage-failed' });
  });

  it('keeps the last 1,000 payments', async () => {
    const world = await createWorld(route);
    const records = new Map<string, string>();
    const wallet = await world.open({ storage: createMemoryStorage(records) });
    await wallet.redeem(origin, await world.voucher(11), { protocol: 'chain' });
    const pay = world.paying(wallet, { limits: { perRequest: 1, total: 2000 } });
    for (let i = 0; i < 21; i++) {
      await Promise.all(Array.from({ length: 50 }, (_, j) => pay(`${origin}/a?${i}-${j}`)));
    }
    await wallet.close();
    expect(wallet.history()).toHaveLength(1000);
    expect([...records.keys()].filter((key) => key.startsWith('payment:'))).toHaveLength(1000);
    expect((await world.vendor.totals()).spent).toBe(1050);
  });
});
