import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { request } from 'node:http';
import { HmacKey } from '../../src/core/hash.js';
import { orderId } from '../../src/server/vouchers.js';
import { parseVoucherCode } from '../../src/core/voucher-code.js';
import { now, startShop, token, voucherKey, type Shop } from './sales-fixture.js';

/** The order API for a shop of one's own, over real HTTP. */

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: {
    readonly reference?: string;
    readonly state?: string;
    readonly code?: string;
    readonly link?: string;
    readonly detail?: string;
    readonly items?: unknown;
  };
}

async function ask(
  method: string,
  reference: string,
  body?: unknown,
  authorization = `Bearer ${token}`,
): Promise<Answer> {
  const response = await fetch(`${shop.origin}/impuls/sales/orders/${reference}`, {
    method,
    headers: { authorization, origin: 'https://elsewhere.example' },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    json: (text === '' ? {} : JSON.parse(text)) as Answer['json'],
  };
}

let made = 0;
const next = (): string => `order-${++made}`;
const order = { items: [{ denomination: 1000, count: 1 }] };

describe('a shop', () => {
  it('makes an order once by its own reference, and is told its code again', async () => {
    const reference = next();
    const before = (await shop.ledger.totals()).orders;
    const first = await ask('PUT', reference, order);
    expect(first).toMatchObject({ status: 201, json: { reference, state: 'active', items: order.items } });
    expect(first.json.link).toBe(`${shop.origin}/impuls/wallet/#${parseVoucherCode(first.json.code!)}`);
    expect(first.headers.get('cache-control')).toBe('no-store');
    expect(first.headers.get('access-control-allow-origin')).toBeNull();
    const again = await Promise.all([1, 2, 3].map(() => ask('PUT', reference, order)));
    for (const { status, json } of again) expect({ status, json }).toEqual({ status: 200, json: first.json });
    expect(await ask('GET', reference)).toMatchObject({ status: 200, json: first.json });
    expect((await shop.ledger.totals()).orders).toBe(before + 1);
  });

  it('makes one order, when it asks twice at once', async () => {
    const reference = next();
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask('PUT', reference, order)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(7).fill(200), 201]);
    expect(new Set(answers.map(({ json }) => json.code)).size).toBe(1);
  });

  it('gets no other cards for a reference that was used', async () => {
    const reference = next();
    await ask('PUT', reference, order);
    const { status, json } = await ask('PUT', reference, { items: [{ denomination: 100, count: 1 }] });
    expect([status, json.code]).toEqual([409, undefined]);
  });

  it('holds, frees and voids what is not redeemed', async () => {
    const reference = next();
    const { json } = await ask('PUT', reference, order);
    const move = async (state: string): Promise<unknown[]> => {
      const answer = await ask('PATCH', reference, { state });
      return [answer.status, answer.json.state, answer.json.code];
    };
    expect(await move('held')).toEqual([200, 'held', undefined]);
    expect((await ask('PUT', reference, order)).json).toMatchObject({ state: 'held' });
    expect(await move('active')).toEqual([200, 'active', json.code]);
    expect(await move('void')).toEqual([200, 'void', undefined]);
    expect(await move('void')).toEqual([200, 'void', undefined]);
    expect((await move('active'))[0]).toBe(409);
    expect((await ask('PATCH', next(), { state: 'held' })).status).toBe(404);
    expect((await ask('PATCH', reference, { state: 'redeemed' })).status).toBe(400);
  });

  it('cannot take back what was redeemed', async () => {
    const reference = next();
    const { json } = await ask('PUT', reference, order);
    const id = orderId(new HmacKey(voucherKey), json.code!);
    await shop.ledger.serveOrder(id, 'digest', [new Uint8Array(384)], [{ key: 'k', units: 1000 }], now);
    expect((await ask('GET', reference)).json).toEqual({ reference, items: order.items, state: 'redeemed' });
    for (const state of ['held', 'void', 'active']) {
      expect((await ask('PATCH', reference, { state })).status).toBe(409);
    }
    expect((await ask('PUT', reference, order)).json.state).toBe('redeemed');
  });

  it('is refused without a token, before anything is said about an order', async () => {
    const reference = next();
    await ask('PUT', reference, order);
    for (const wrong of [
      '',
      'Bearer',
      'Bearer x',
      `Basic ${token}`,
      `Bearer ${token}x`,
      `Bearer ${token} `.repeat(2),
    ]) {
      for (const [method, name] of [
        ['GET', reference],
        ['GET', 'none'],
        ['PUT', reference],
        ['OPTIONS', reference],
      ] as const) {
        const { status, json, headers } = await ask(
          method,
          name,
          method === 'PUT' ? order : undefined,
          wrong,
        );
        expect([status, json.code]).toEqual([401, undefined]);
        expect(headers.get('www-authenticate')).toMatch(/^Bearer /);
      }
    }
  });

  it.each([
    ['no JSON', 'x'],
    ['no object', []],
    ['no items', {}],
    ['no cards', { items: [] }],
    ['cards that are not issued', { items: [{ denomination: 7, count: 1 }] }],
    ['too many cards', { items: [{ denomination: 100, count: 65 }] }],
    ['half a card', { items: [{ denomination: 100, count: 0.5 }] }],
    ['fewer than no cards', { items: [{ denomination: 100, count: -1 }] }],
  ])('is told what is wrong with %s, and makes nothing', async (_, body) => {
    const before = (await shop.ledger.totals()).orders;
    const { status, json } = await ask('PUT', next(), body);
    expect(status).toBe(400);
    expect(json.detail).toMatch(/\.$/);
    expect((await shop.ledger.totals()).orders).toBe(before);
  });

  it('gives references of a form, and long orders are not read', async () => {
    for (const reference of ['', 'a/b', 'a?b=c', 'a%20b', 'x'.repeat(129)]) {
      expect((await ask('PUT', reference, order)).status).toBe(400);
    }
    const long = JSON.stringify({ ...order, note: 'x'.repeat(70_000) });
    expect((await ask('PUT', next(), long)).status).toBe(413);
    expect((await ask('DELETE', next())).status).toBe(405);
  });

  it('is answered, whatever it sends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('PUT', 'PATCH'), fc.jsonValue(), async (method, body) => {
        expect([400, 404]).toContain((await ask(method, 'fuzz', body)).status);
      }),
      { numRuns: 60 },
    );
  });

  it('may hang up in the middle of an order', async () => {
    const { hostname, port } = new URL(shop.origin);
    const reference = next();
    await new Promise<void>((resolve) => {
      const half = request({
        hostname,
        port,
        method: 'PUT',
        path: `/impuls/sales/orders/${reference}`,
        headers: { authorization: `Bearer ${token}`, 'content-length': 100 },
      });
      half.on('error', () => resolve());
      half.on('close', () => resolve());
      half.write('{"items":[', () => half.destroy());
    });
    expect((await ask('PUT', next(), order)).status).toBe(201);
    expect((await ask('GET', reference)).status).toBe(404);
  });
});
