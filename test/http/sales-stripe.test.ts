import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { ImpulsError } from '../../src/core/errors.js';
import type { Ledger } from '../../src/server/index.js';
import { createMemoryLedger } from '../../src/server/index.js';
import { createMemorySaleRecords } from '../../src/server/selling/sale-records.js';
import {
  makeSession,
  now,
  products,
  send,
  signEvent,
  startShop,
  tell,
  visit,
  webhookSecret,
  type Shop,
  type ShopOptions,
} from './sales-fixture.js';

/** Stripe Checkout: events that the package itself signs, over real HTTP, in all the ways in which they arrive. */

let shop: Shop;
afterEach(() => shop.close());

const open = async (options?: ShopOptions): Promise<Shop> => (shop = await startShop(options));
const completed = 'checkout.session.completed';
const succeeded = 'checkout.session.async_payment_succeeded';
const orders = async (): Promise<number> => (await shop.ledger.totals()).orders;
const dispute = (session: Record<string, unknown>, id: string, status: string): object => ({
  id,
  object: 'dispute',
  payment_intent: session['payment_intent'],
  status,
});
const refund = (session: Record<string, unknown>, refunded: boolean): object => ({
  id: 'ch_1',
  object: 'charge',
  payment_intent: session['payment_intent'],
  refunded,
  amount_refunded: refunded ? 999 : 100,
});

describe('a session that is paid', () => {
  it('makes one order, and its page shows the code, as often as it is opened', async () => {
    await open();
    const session = makeSession();
    expect(await tell(shop, completed, session)).toBe(200);
    const { status, code, html, headers } = await visit(shop, session.id);
    expect([status, await orders()]).toEqual([200, 1]);
    expect(code).toMatch(/^[A-Z][0-9A-Z]{19}$/);
    expect(html).toContain(`href="${shop.origin}/impuls/wallet/#${code}"`);
    expect(html).toContain('1 card of 1000 units');
    expect(html).toContain('Example &lt;News&gt;');
    expect(html).toContain('no money has moved');
    expect((await visit(shop, session.id)).code).toBe(code);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; .*frame-ancestors 'none'$/);
    expect([headers.get('cache-control'), headers.get('referrer-policy')]).toEqual([
      'no-store',
      'no-referrer',
    ]);
    expect(html).not.toContain('<script');
    expect(shop.errors).toEqual([]);
  });

  it('makes one order, however often and at once it is told', async () => {
    await open();
    const session = makeSession();
    const events = [
      ...Array.from({ length: 10 }, () => signEvent(completed, session, { id: 'evt_same' })),
      ...Array.from({ length: 10 }, () => signEvent(completed, session)),
      signEvent(succeeded, session),
    ];
    const answers = await Promise.all(events.map((event) => send(shop, event)));
    expect(new Set(answers)).toEqual(new Set([200]));
    expect(await orders()).toBe(1);
  });

  it('is for as many as the price says', async () => {
    await open();
    const session = makeSession({ metadata: { impuls: 'trio' }, amount_subtotal: 500, amount_total: 450 });
    await tell(shop, completed, session);
    expect((await visit(shop, session.id)).html).toContain('6 cards of 100 units');
  });

  it('is good where a discount pays for all of it', async () => {
    await open();
    const session = makeSession({
      payment_status: 'no_payment_required',
      payment_intent: null,
      amount_total: 0,
    });
    expect(await tell(shop, completed, session)).toBe(200);
    expect((await visit(shop, session.id)).code).toBeDefined();
  });

  it('waits for ways to pay that take days', async () => {
    await open();
    const session = makeSession({ payment_status: 'unpaid' });
    expect(await tell(shop, completed, session)).toBe(200);
    expect(await orders()).toBe(0);
    shop.clock += 9 * 86_400;
    expect(await tell(shop, succeeded, { ...session, payment_status: 'paid' })).toBe(200);
    expect(await orders()).toBe(1);
  });

  it.each([
    ['of something else', { metadata: {} }],
    ['without metadata', { metadata: null }],
    ['of a subscription', { mode: 'subscription' }],
  ])('makes no order if it is %s, and is no failure', async (_, change) => {
    await open();
    expect(await tell(shop, completed, makeSession(change))).toBe(200);
    expect([await orders(), shop.errors.length]).toEqual([0, 0]);
  });

  it.each([
    ['names an unknown product', { metadata: { impuls: 'card-9' } }],
    ['names a member of every object', { metadata: { impuls: 'constructor' } }],
    ['paid less', { amount_subtotal: 99 }],
    ['paid nothing', { amount_subtotal: 0 }],
    ['paid between two', { amount_subtotal: 1500 }],
    ['paid in another currency', { currency: 'jpy' }],
    ['says no sum', { amount_subtotal: null }],
    ['bought more cards than an order has', { amount_subtotal: 65 * 999 }],
  ])('makes no order if it %s, and Stripe is asked to send it again', async (_, change) => {
    await open();
    expect(await tell(shop, completed, makeSession(change), { id: 'evt_wrong' })).toBe(400);
    expect(await orders()).toBe(0);
    expect(shop.errors).toMatchObject([
      { code: 'order-mismatch', message: expect.stringContaining('evt_wrong') },
    ]);
    expect(JSON.stringify(shop.errors)).not.toMatch(/buyer|cs_test/);
  });

  it('stays what it was when its product changes afterwards', async () => {
    const { ledger, records } = await open();
    const session = makeSession();
    await tell(shop, completed, session);
    await shop.close();
    const other = { ...products['card-1000']!, amount: 1 };
    await open({ ledger, records, products: { 'card-1000': other } });
    expect(await tell(shop, completed, session)).toBe(200);
    expect(await orders()).toBe(1);
  });
});

describe('an event', () => {
  it.each([
    ['is signed with another secret', { secret: 'whsec_of_somebody_else' }],
    ['is older than five minutes', { signedAt: now - 301 }],
    ['is of the other mode', { livemode: true }],
  ])('does nothing if it %s', async (_, options) => {
    await open();
    expect(await tell(shop, completed, makeSession(), options)).toBe(400);
    expect([await orders(), shop.errors.length]).toEqual([0, 1]);
  });

  it('of a test does nothing at a vendor that sells, even if it is paid', async () => {
    await open({ mode: 'live' });
    expect(await tell(shop, completed, makeSession())).toBe(400);
    expect(await orders()).toBe(0);
    expect(shop.errors).toMatchObject([{ code: 'unsupported', message: expect.stringContaining('is live') }]);
  });

  it('does nothing once a byte of it has changed, and nothing of it is told', async () => {
    await open();
    const event = signEvent(completed, makeSession());
    const changed = [
      { ...event, body: event.body.replace('999', '998') },
      { ...event, body: `${event.body} ` },
      { ...event, signature: event.signature.replace(/v1=../, 'v1=00') },
      { ...event, signature: event.signature.replace(/t=\d+/, `t=${now + 1}`) },
      { ...event, signature: event.signature.replace('v1=', 'v0=') },
      { ...event, signature: '' },
    ];
    expect(await Promise.all(changed.map((one) => send(shop, one)))).toEqual(changed.map(() => 400));
    expect(await orders()).toBe(0);
    // Anybody can do that: one of them is told.
    expect(shop.errors).toMatchObject([{ code: 'bad-signature' }]);
    expect((shop.errors[0] as Error).cause).toBeUndefined();
    shop.clock += 60;
    await send(shop, changed[0]!);
    expect(shop.errors).toHaveLength(2);
  });

  it('is taken with either of two secrets, while one replaces the other', async () => {
    await open({ webhookSecrets: ['whsec_new_one', webhookSecret] });
    expect(await tell(shop, completed, makeSession())).toBe(200);
    expect(await tell(shop, completed, makeSession(), { secret: 'whsec_new_one' })).toBe(200);
    expect(await orders()).toBe(2);
  });

  it('that is not known is let pass', async () => {
    await open();
    expect(await tell(shop, 'customer.created', { id: 'cus_1' })).toBe(200);
    expect(await tell(shop, 'charge.refunded', { id: 'ch_1', payment_intent: null, refunded: true })).toBe(
      200,
    );
  });

  it('may hold anything, and is answered', async () => {
    await open();
    const anything = fc.oneof(fc.object(), fc.record({ id: fc.anything(), metadata: fc.anything() }));
    const types = fc.constantFrom(completed, succeeded, 'charge.refunded', 'charge.dispute.closed');
    await fc.assert(
      fc.asyncProperty(types, anything, async (type, object) => {
        expect([200, 400]).toContain(await tell(shop, type, object));
      }),
      { numRuns: 60 },
    );
    expect(await orders()).toBe(0);
  });

  it('is not read beyond a megabyte, nor by another method', async () => {
    await open();
    const url = `${shop.origin}/impuls/sales/stripe`;
    const long = await fetch(url, { method: 'POST', body: 'x'.repeat((1 << 20) + 1) });
    expect([long.status, (await fetch(url)).status]).toEqual([413, 405]);
  });
});

describe('a payment that is taken back', () => {
  const stateOf = async (session: { readonly id: string }): Promise<string> =>
    (await visit(shop, session.id)).title;
  const [good, held, gone] = ['Thank you', 'This purchase is on hold', 'This purchase was taken back'];

  it('is held while it is disputed, and good again when the dispute is won', async () => {
    await open();
    const session = makeSession();
    await tell(shop, completed, session);
    await tell(shop, 'charge.dispute.created', dispute(session, 'dp_1', 'needs_response'));
    expect(await stateOf(session)).toBe(held);
    expect((await visit(shop, session.id)).code).toBeUndefined();
    await tell(shop, 'charge.dispute.closed', dispute(session, 'dp_1', 'won'));
    expect(await stateOf(session)).toBe(good);
    await tell(shop, 'charge.dispute.created', dispute(session, 'dp_1', 'needs_response'));
    expect(await stateOf(session)).toBe(good);
  });

  it('is void when a dispute is lost or all is returned, for good', async () => {
    await open();
    const [lost, returned] = [makeSession(), makeSession()];
    await tell(shop, completed, lost);
    await tell(shop, completed, returned);
    await tell(shop, 'charge.dispute.closed', dispute(lost, 'dp_1', 'lost'));
    await tell(shop, 'charge.refunded', refund(returned, true));
    await tell(shop, 'charge.dispute.closed', dispute(lost, 'dp_1', 'won'));
    for (const session of [lost, returned]) {
      await tell(shop, completed, session);
      expect(await stateOf(session)).toBe(gone);
    }
    expect(await orders()).toBe(2);
  });

  it('is held when a part of it is returned, until the seller decides; told again it changes nothing', async () => {
    await open();
    const session = makeSession();
    await tell(shop, completed, session);
    await tell(shop, 'charge.refunded', refund(session, false), { id: 'evt_part' });
    expect(await stateOf(session)).toBe(held);
    const payment = (await shop.records.list('', 1))[0]!.payment;
    await shop.records.lift(payment);
    await tell(shop, 'charge.refunded', refund(session, false), { id: 'evt_part' });
    expect(await stateOf(session)).toBe(good);
    await tell(shop, 'charge.refunded', refund(session, false), { id: 'evt_another_part' });
    expect(await stateOf(session)).toBe(held);
  });

  it('ends the same in whatever order, and however often, its events arrive', async () => {
    const told = (session: Record<string, unknown>) =>
      [
        [completed, session],
        ['charge.dispute.created', dispute(session, 'dp_1', 'needs_response')],
        ['charge.dispute.closed', dispute(session, 'dp_1', 'won')],
        ['charge.dispute.created', dispute(session, 'dp_2', 'warning_needs_response')],
        ['charge.dispute.closed', dispute(session, 'dp_2', 'warning_closed')],
      ] as const;
    await open();
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }),
        fc.array(fc.nat(4), { maxLength: 4 }),
        fc.boolean(),
        async (order, again, returned) => {
          const session = makeSession();
          const events = told(session);
          if (returned) await tell(shop, 'charge.refunded', refund(session, true));
          for (const i of [...order, ...again]) {
            const [type, object] = events[i]!;
            await tell(shop, type, object);
          }
          expect(await stateOf(session)).toBe(returned ? gone : good);
        },
      ),
      { numRuns: 25 },
    );
    expect(shop.errors).toEqual([]);
  });

  it('that is not known changes nothing of others', async () => {
    await open();
    const session = makeSession();
    await tell(shop, completed, session);
    await tell(shop, 'charge.refunded', refund(makeSession(), true));
    expect(await stateOf(session)).toBe(good);
  });
});

describe('a server that fails in the middle', () => {
  /** Works `left` times, and then not any more. */
  function mortal<T extends object>(inner: T, names: readonly (keyof T)[], budget: { left: number }): T {
    const die = (): void => {
      if (budget.left-- <= 0) throw Object.assign(new Error('killed'), { name: 'Killed' });
    };
    const wrapped = names.map((name) => {
      const call = inner[name] as (...args: unknown[]) => Promise<unknown>;
      return [
        name,
        async (...args: unknown[]): Promise<unknown> => {
          die();
          const result = await call.apply(inner, args);
          die();
          return result;
        },
      ] as const;
    });
    return { ...inner, ...Object.fromEntries(wrapped) };
  }

  it('has done everything once, when Stripe tells it again', async () => {
    const steps = [
      [completed, (session: Record<string, unknown>) => session],
      ['charge.dispute.created', (session: Record<string, unknown>) => dispute(session, 'dp_1', 'x')],
    ] as const;
    let failures = 0;
    for (let operations = 0; operations < 24; operations++) {
      const ledger: Ledger = createMemoryLedger();
      const records = createMemorySaleRecords();
      const budget = { left: operations };
      await open({
        ledger: mortal(ledger, ['createOrders', 'readOrder', 'changeOrders'], budget),
        records: mortal(records, ['link', 'mark', 'read'], budget),
      });
      const session = makeSession();
      for (const [type, make] of steps) {
        let status = await tell(shop, type, make(session));
        if (status !== 200) {
          expect(status).toBe(503);
          failures++;
          budget.left = Number.POSITIVE_INFINITY;
          status = await tell(shop, type, make(session));
        }
        expect(status).toBe(200);
      }
      budget.left = Number.POSITIVE_INFINITY;
      expect((await visit(shop, session.id)).title).toBe('This purchase is on hold');
      expect(await orders()).toBe(1);
      await shop.close();
    }
    expect(failures).toBeGreaterThan(10);
    await open();
  });
});

describe('the page after paying', () => {
  it('waits for the event, ever longer, and at last leaves it to the buyer', async () => {
    await open();
    const { id } = makeSession();
    let path = '';
    const pauses: number[] = [];
    for (;;) {
      const { html, status } = await visit(shop, id, path);
      expect(status).toBe(200);
      const [, seconds, next] = /http-equiv="refresh" content="(\d+); url=([^"]+)"/.exec(html) ?? [];
      if (next === undefined) break;
      expect(next.replaceAll('&amp;', '&')).toMatch(
        new RegExp(`^/impuls/sales/thanks\\?session_id=${id}&asked=\\d+$`),
      );
      path = `&asked=${/asked=(\d+)/.exec(next)![1]}`;
      pauses.push(Number(seconds));
    }
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(pauses[0]).toBe(2);
    const total = pauses.reduce((sum, one) => sum + one, 0);
    expect(total).toBeGreaterThan(300);
    expect(total).toBeLessThan(1200);
    expect((await visit(shop, id, path)).title).toBe('Your payment is on its way');
    await tell(shop, completed, makeSession({ id }));
    expect((await visit(shop, id, path)).code).toBeDefined();
  });

  it('shows no code once it is redeemed', async () => {
    await open();
    const session = makeSession();
    await tell(shop, completed, session);
    const { order } = (await shop.records.list('', 1))[0]!;
    const cards = [{ key: 'k', units: 1000 }];
    const served = await shop.ledger.serveOrder(order, 'digest', [new Uint8Array(384)], cards, now);
    expect(served.status).toBe('served');
    const { title, code } = await visit(shop, session.id);
    expect([title, code]).toEqual(['This code has been redeemed', undefined]);
    await tell(shop, 'charge.refunded', refund(session, true));
    expect((await visit(shop, session.id)).title).toBe('This code has been redeemed');
  });

  it('is nothing for what is no session of this mode', async () => {
    await open();
    for (const id of [
      '',
      'cs_live_a00000000001',
      'cs_test_',
      'pi_123',
      '%3Cscript%3E',
      'cs_test_a"onload="x',
    ]) {
      const { status, html } = await visit(shop, id);
      expect(status).toBe(404);
      expect(html).not.toContain('onload');
    }
    const post = await fetch(`${shop.origin}/impuls/sales/thanks?session_id=x`, { method: 'POST' });
    expect(post.status).toBe(405);
  });

  it('says so when the ledger cannot answer, and shows the code later', async () => {
    const ledger = createMemoryLedger();
    let broken = false;
    const readOrder: Ledger['readOrder'] = async (id) => {
      if (broken) throw new ImpulsError('storage-failed', 'the disk is full');
      return ledger.readOrder(id);
    };
    await open({ ledger: { ...ledger, readOrder } });
    const session = makeSession();
    await tell(shop, completed, session);
    broken = true;
    expect((await visit(shop, session.id)).status).toBe(503);
    expect(await tell(shop, completed, session)).toBe(503);
    broken = false;
    expect((await visit(shop, session.id)).code).toBeDefined();
  });
});
