import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { createVoucherCode } from '../../src/core/index.js';
import { parseReceipt, parseState } from '../../src/core/wire/index.js';
import { activationOf, buyCard, challengesOf, claimOf, sealJson, type HandCard } from '../support/card.js';
import { hosts, type Host } from '../support/hosts.js';
import { now } from '../support/vendor.js';

/** Taking cards back, claim by claim. */

const open: Host[] = [];
afterEach(async () => {
  for (const host of open.splice(0)) await host.close();
});

const newCode = (): string => createVoucherCode((length) => new Uint8Array(randomBytes(length)));
const target = (units: number | string): string => `/impuls/credit?units=${units}`;

describe.each(hosts)('a vendor behind $name', ({ start }) => {
  async function shop(): Promise<{ host: Host; hand: HandCard }> {
    const host = await start({ '/a': { price: 3, answer: () => ({}) } }, { clock: () => now * 1000 });
    open.push(host);
    const post = (path: string, body: unknown): Promise<Response> =>
      host.request(path, { method: 'POST', body: JSON.stringify(body) });
    const [code] = await host.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
    const hand = await buyCard(post, host.vendor.document, code!, { protocol: 'chain' }, 100);
    expect((await post('/impuls/activate', await activationOf(hand, host.vendor.digest))).status).toBe(200);
    return { host, hand };
  }

  interface Attempt {
    readonly end: number;
    readonly units: number;
    readonly order?: string;
    readonly purpose?: string;
    readonly label?: 'credit' | 'order';
    /** The price that is asked for. */
    readonly at?: number;
  }

  async function give(host: Host, hand: HandCard, attempt: Attempt): Promise<() => Promise<Response>> {
    const { end, units, order = newCode(), purpose = 'exchange', label = 'credit', at = units } = attempt;
    const content = await sealJson(host.vendor.document, label, { order, purpose });
    const body = new TextEncoder().encode(JSON.stringify(content));
    const asked = await host.request(target(at), { method: 'POST' });
    expect(asked.status).toBe(402);
    const request = { target: target(at), method: 'POST', body };
    const { authorization } = claimOf(hand, challengesOf(asked)[0]!, request, { end, units });
    const headers = { Authorization: authorization };
    return () => host.request(target(at), { method: 'POST', headers, body });
  }

  async function verdictOf(response: Response): Promise<string> {
    const state = parseState(response.headers.get('impuls-state') ?? '');
    return `${response.status} ${state.verdict}`;
  }

  it('puts the units of a claim to an order, once, however often it is sent', async () => {
    const { host, hand } = await shop();
    const order = newCode();
    const send = await give(host, hand, { end: 10, units: 10, order });
    const answers = await Promise.all([send(), send(), send()]);
    for (const answer of answers) {
      expect([204, 409]).toContain(answer.status);
      if (answer.status === 204) {
        expect(parseReceipt(answer.headers.get('payment-receipt') ?? '')).toMatchObject({
          units: 10,
          end: 10,
        });
      }
    }
    const again = await send();
    expect(parseReceipt(again.headers.get('payment-receipt') ?? '').verdict).toBe('repeated');
    const more = await give(host, hand, { end: 15, units: 5, order });
    expect((await more()).status).toBe(204);

    const asked = await host.request('/impuls/order', {
      method: 'POST',
      body: JSON.stringify(await sealJson(host.vendor.document, 'order', { order })),
    });
    expect(await asked.json()).toEqual({
      credit: { purpose: 'exchange', units: 15 },
      items: [],
      served: false,
    });
    expect(
      (await host.ledger.readBooks()).filter(({ kind }) => kind === 'exchanged' || kind === 'spent'),
    ).toMatchObject([{ kind: 'exchanged', units: 15 }]);
  });

  it('keeps no more than what is asked for', async () => {
    const { host, hand } = await shop();
    const order = newCode();
    expect((await (await give(host, hand, { end: 10, units: 10, order, at: 4 }))()).status).toBe(204);
    const { state } = (await host.ledger.readCard(hand.card.id))!;
    expect(state).toMatchObject({ spent: 4, top: 10 });
    expect(await verdictOf(await (await give(host, hand, { end: 20, units: 10, at: 11 }))())).toBe(
      '402 insufficient',
    );
  });

  it('gives units back where the body names no order that takes them', async () => {
    const { host, hand } = await shop();
    const attempts: Partial<Attempt>[] = [
      { purpose: 'gift' },
      { order: 'K7Q2M' },
      { order: newCode().toLowerCase() },
      { label: 'order' },
      // The order of a voucher is not filled by claims.
      { order: (await host.vendor.createVouchers([{ denomination: 100, count: 1 }], 1))[0]! },
    ];
    for (const attempt of attempts) {
      const send = await give(host, hand, { end: 10, units: 10, ...attempt });
      expect(await verdictOf(await send())).toBe('402 mismatched');
    }
    const order = newCode();
    expect((await (await give(host, hand, { end: 10, units: 10, order, purpose: 'refund' }))()).status).toBe(
      204,
    );
    const other = await give(host, hand, { end: 20, units: 10, order });
    expect(await verdictOf(await other())).toBe('402 mismatched');
    expect((await host.ledger.readCard(hand.card.id))!.state.spent).toBe(10);
    expect((await host.ledger.readRefunds()).map(({ units }) => units)).toEqual([10]);
  });

  it('refuses what is no request of this kind, before anything is claimed', async () => {
    const { host } = await shop();
    for (const units of ['0', '', '01', '-1', '1.5', '4294967296', '5&units=6', '5?units=6', '99999999999']) {
      expect((await host.request(target(units), { method: 'POST' })).status).toBe(400);
    }
    expect((await host.request('/impuls/credit', { method: 'POST' })).status).toBe(400);
    expect((await host.request(target(5))).status).toBe(405);
    const preflight = await host.request(target(5), {
      method: 'OPTIONS',
      headers: { Origin: 'https://page.example', 'Access-Control-Request-Method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    const page = await host.request(target(5), {
      method: 'POST',
      headers: { Origin: 'https://page.example' },
    });
    expect(page.headers.get('access-control-allow-origin')).toBe('*');
  });
});
