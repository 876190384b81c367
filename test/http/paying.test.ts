import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import {
  fromBase64url,
  openSealedBody,
  toBase64url,
  verifyReceipt,
  verifyState,
} from '../../src/core/index.js';
import { parseReceipt, parseState, type Challenge } from '../../src/core/wire/index.js';
import {
  activationOf,
  buyCard,
  challengesOf,
  claimOf,
  type HandCard,
  type HandClaim,
} from '../support/card.js';
import { hosts, type Host, type TestRoute } from '../support/hosts.js';

const open: Host[] = [];
afterEach(async () => {
  for (const host of open.splice(0)) await host.close();
});

describe.each(hosts)('paying a vendor behind $name', ({ start }) => {
  async function vendorWith(routes: Record<string, TestRoute>): Promise<Host> {
    const host = await start(routes);
    open.push(host);
    return host;
  }

  async function activeCard(host: Host, protocol: 'chain' | 'stream' = 'chain'): Promise<HandCard> {
    const post = (path: string, body: unknown) =>
      host.request(path, { method: 'POST', body: JSON.stringify(body) });
    const [code] = await host.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
    const hand = await buyCard(post, host.vendor.document, code!, { protocol }, 100);
    const activated = await post('/impuls/activate', await activationOf(hand, host.vendor.digest));
    expect(activated.status).toBe(200);
    return hand;
  }

  async function sessionOf(host: Host, path: string, init?: RequestInit): Promise<Challenge> {
    const response = await host.request(path, init);
    expect(response.status).toBe(402);
    return challengesOf(response)[0]!;
  }

  const pay = (host: Host, path: string, claim: HandClaim, init: RequestInit = {}): Promise<Response> =>
    host.request(path, {
      ...init,
      headers: { ...Object.fromEntries(new Headers(init.headers)), authorization: claim.authorization },
    });

  const stateOf = (response: Response, hand: HandCard, claim: HandClaim) => {
    const state = parseState(response.headers.get('impuls-state')!);
    expect(verifyState(hand.card.keys.state, state, fromBase64url(hand.card.id), claim.tag)).toBe(true);
    return state;
  };

  const spent = async (host: Host): Promise<number> => (await host.ledger.totals()).spent;

  it('serves a paid request once, with a receipt that its key proves, and a repeat again without a charge', async () => {
    let served = 0;
    const host = await vendorWith({ '/a': { price: 3, answer: () => ({ body: [`answer ${++served}`] }) } });
    for (const protocol of ['chain', 'stream'] as const) {
      const hand = await activeCard(host, protocol);
      const before = await spent(host);
      const claim = claimOf(
        hand,
        await sessionOf(host, '/a?x=1'),
        { target: '/a?x=1' },
        { end: 3, units: 3 },
      );
      for (const verdict of ['accepted', 'repeated'] as const) {
        const response = await pay(host, '/a?x=1', claim);
        expect(response.status).toBe(200);
        expect(response.headers.get('cache-control')).toBe('private');
        const receipt = parseReceipt(response.headers.get('payment-receipt')!);
        expect(receipt).toMatchObject({ verdict, units: 3, remaining: 97, end: 3 });
        expect(verifyReceipt(claim.key, claim.tag, receipt)).toBe(true);
        expect(await response.text()).toBe(`answer ${served}`);
        expect((await spent(host)) - before).toBe(3);
      }
    }
    expect(served).toBe(4);
  });

  it('answers a request without payment 402, with both challenges and nothing to cache', async () => {
    const host = await vendorWith({ '/a': { price: 3, answer: () => ({}) } });
    for (const headers of [{}, { authorization: 'Basic eDp5' }, { authorization: 'Bearer x' }]) {
      const response = await host.request('/a', { headers });
      expect(response.status).toBe(402);
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({
        type: 'https://paymentauth.org/problems/payment-required',
        status: 402,
      });
      expect(challengesOf(response).map(({ intent }) => intent)).toEqual(['session', 'charge']);
    }
  });

  it('gives every client the same session challenge, and each a charge challenge of its own', async () => {
    const host = await vendorWith({ '/a': { price: 3, answer: () => ({}) } });
    const [one, two] = [challengesOf(await host.request('/a')), challengesOf(await host.request('/a'))];
    expect(one[0]!.id).toBe(two[0]!.id);
    expect(one[1]!.id).not.toBe(two[1]!.id);
  });

  it('takes a charge challenge for one claim only', async () => {
    const host = await vendorWith({ '/a': { price: 3, answer: () => ({}) } });
    const hand = await activeCard(host);
    const charge = challengesOf(await host.request('/a'))[1]!;
    const first = claimOf(hand, charge, { target: '/a' }, { end: 3, units: 3 });
    expect((await pay(host, '/a', first)).status).toBe(200);
    expect((await pay(host, '/a', first)).status).toBe(200);
    const second = claimOf(hand, charge, { target: '/a' }, { end: 6, units: 3 });
    const refused = await pay(host, '/a', second);
    expect(refused.status).toBe(402);
    expect(stateOf(refused, hand, second).verdict).toBe('expired');
    expect(await spent(host)).toBe(3);
  });

  it('takes fifty claims at once in any order and charges each once', async () => {
    let served = 0;
    const host = await vendorWith({ '/a': { price: 2, answer: () => ({ body: [String(++served)] }) } });
    for (const protocol of ['chain', 'stream'] as const) {
      const hand = await activeCard(host, protocol);
      const before = await spent(host);
      const session = await sessionOf(host, '/a');
      const claims = Array.from({ length: 50 }, (_, i) => {
        const end = protocol === 'chain' ? 2 * (i + 1) : i + 1;
        return claimOf(hand, session, { target: '/a' }, { end, units: 2 });
      });
      const shuffled = [...claims, ...claims]
        .sort((a, b) => (a.authorization < b.authorization ? -1 : 1))
        .reverse();
      const responses = await Promise.all(shuffled.map((claim) => pay(host, '/a', claim)));
      for (const response of responses) expect([200, 409]).toContain(response.status);
      expect((await spent(host)) - before).toBe(100);
      for (const claim of claims) expect((await pay(host, '/a', claim)).status).toBe(200);
      expect((await spent(host)) - before).toBe(100);
    }
  });

  it('refuses units that another claim holds, and names it', async () => {
    const host = await vendorWith({
      '/a': { price: 3, answer: () => ({}) },
      '/b': { price: 3, answer: () => ({}) },
    });
    for (const protocol of ['chain', 'stream'] as const) {
      const hand = await activeCard(host, protocol);
      const first = claimOf(hand, await sessionOf(host, '/a'), { target: '/a' }, { end: 3, units: 3 });
      expect((await pay(host, '/a', first)).status).toBe(200);
      const again = claimOf(hand, await sessionOf(host, '/b'), { target: '/b' }, { end: 3, units: 3 });
      const refused = await pay(host, '/b', again);
      expect(refused.status).toBe(409);
      const state = stateOf(refused, hand, again);
      expect(state.verdict).toBe('conflict');
      expect(state.holder).toEqual(first.tag);
    }
    expect(await spent(host)).toBe(6);
  });

  it('returns the units of a request that the handler refuses, and never takes that claim again', async () => {
    const host = await vendorWith({
      '/a': { price: 3, answer: () => ({ status: 404, body: ['no such article'] }) },
    });
    for (const protocol of ['chain', 'stream'] as const) {
      const hand = await activeCard(host, protocol);
      const claim = claimOf(hand, await sessionOf(host, '/a'), { target: '/a' }, { end: 3, units: 3 });
      const refused = await pay(host, '/a', claim);
      expect(refused.status).toBe(404);
      expect(refused.headers.has('payment-receipt')).toBe(false);
      expect(await refused.text()).toBe('no such article');
      expect(stateOf(refused, hand, claim)).toMatchObject({ verdict: 'released', spent: 0 });
      const again = await pay(host, '/a', claim);
      expect(again.status).toBe(409);
      expect(stateOf(again, hand, claim).verdict).toBe('released');
      expect(await spent(host)).toBe(0);
    }
  });

  it('returns the units of a request whose handler throws', async () => {
    const host = await vendorWith({
      '/a': {
        price: 3,
        answer: () => {
          throw new TypeError('broken');
        },
      },
    });
    const hand = await activeCard(host);
    const claim = claimOf(hand, await sessionOf(host, '/a'), { target: '/a' }, { end: 3, units: 3 });
    expect((await pay(host, '/a', claim)).status).toBe(500);
    expect(host.errors).toHaveLength(1);
    const again = await pay(host, '/a', claim);
    expect(stateOf(again, hand, claim).verdict).toBe('released');
    expect(await spent(host)).toBe(0);
  });

  it('keeps what a redirect cost', async () => {
    const host = await vendorWith({
      '/a': { price: 3, answer: () => ({ status: 303, headers: { location: '/b' } }) },
    });
    const hand = await activeCard(host);
    const claim = claimOf(hand, await sessionOf(host, '/a'), { target: '/a' }, { end: 3, units: 3 });
    const response = await pay(host, '/a', claim);
    expect(response.status).toBe(303);
    expect(stateOf(response, hand, claim)).toMatchObject({ verdict: 'accepted', spent: 3 });
  });

  it('repeats the stored answer to an unsafe method, and does not run it twice', async () => {
    let runs = 0;
    const host = await vendorWith({
      '/a': {
        price: 3,
        answer: ({ body }) => ({
          status: 201,
          headers: { 'x-run': String(++runs) },
          body: [`${body.length} bytes`],
        }),
      },
    });
    const hand = await activeCard(host);
    const body = new TextEncoder().encode('{"order":1}');
    const request = { method: 'POST', target: '/a', body };
    const claim = claimOf(hand, await sessionOf(host, '/a', { method: 'POST', body }), request, {
      end: 3,
      units: 3,
    });
    for (const verdict of ['accepted', 'repeated']) {
      const response = await pay(host, '/a', claim, { method: 'POST', body });
      expect(response.status).toBe(201);
      expect(response.headers.get('x-run')).toBe('1');
      expect(await response.text()).toBe('11 bytes');
      expect(parseReceipt(response.headers.get('payment-receipt')!).verdict).toBe(verdict);
    }
    expect(runs).toBe(1);
    expect(await spent(host)).toBe(3);
  });

  it('says already done where the answer to an unsafe method was too long to keep', async () => {
    const long = 'x'.repeat(40_000);
    const host = await vendorWith({ '/a': { price: 3, answer: () => ({ body: [long, long] }) } });
    const hand = await activeCard(host);
    const claim = claimOf(
      hand,
      await sessionOf(host, '/a', { method: 'PUT' }),
      { method: 'PUT', target: '/a' },
      { end: 3, units: 3 },
    );
    const response = await pay(host, '/a', claim, { method: 'PUT' });
    expect(await response.text()).toBe(long + long);
    const again = await pay(host, '/a', claim, { method: 'PUT' });
    expect(again.status).toBe(409);
    expect(await again.json()).toMatchObject({ type: 'urn:impuls:problem:already-done' });
    expect(stateOf(again, hand, claim).verdict).toBe('repeated');
  });

  it('answers the same claim 409 while its handler still runs', async () => {
    let finish = (): void => {};
    const running = new Promise<void>((resolve) => (finish = resolve));
    let started = (): void => {};
    const begun = new Promise<void>((resolve) => (started = resolve));
    const host = await vendorWith({
      '/a': {
        price: 3,
        answer: async () => {
          started();
          await running;
          return { body: ['done'] };
        },
      },
    });
    const hand = await activeCard(host);
    const claim = claimOf(hand, await sessionOf(host, '/a'), { target: '/a' }, { end: 3, units: 3 });
    const first = pay(host, '/a', claim);
    await begun;
    const second = await pay(host, '/a', claim);
    expect(second.status).toBe(409);
    expect(second.headers.get('retry-after')).toBe('1');
    expect(stateOf(second, hand, claim).verdict).toBe('in-progress');
    finish();
    expect(await (await first).text()).toBe('done');
  });

  it('keeps what a handler captured and returns the rest', async () => {
    const host = await vendorWith({
      '/a': {
        price: 2,
        charge: 'capture',
        answer: async ({ payment }) => {
          await payment.capture(4);
          return { body: ['four'] };
        },
      },
    });
    for (const protocol of ['chain', 'stream'] as const) {
      const hand = await activeCard(host, protocol);
      const claim = claimOf(hand, await sessionOf(host, '/a'), { target: '/a' }, { end: 10, units: 10 });
      const response = await pay(host, '/a', claim);
      expect(parseReceipt(response.headers.get('payment-receipt')!)).toMatchObject({
        units: 4,
        remaining: 96,
      });
    }
    expect(await spent(host)).toBe(8);
  });

  it('charges the price of now, not what a claim holds above it', async () => {
    const host = await vendorWith({ '/a': { price: 2, answer: () => ({}) } });
    const hand = await activeCard(host);
    const claim = claimOf(hand, await sessionOf(host, '/a'), { target: '/a' }, { end: 5, units: 5 });
    const response = await pay(host, '/a', claim);
    expect(parseReceipt(response.headers.get('payment-receipt')!)).toMatchObject({ units: 2, remaining: 98 });
    expect(await spent(host)).toBe(2);
  });

  it('seals the body for the key that the payment left', async () => {
    const text = 'the quick brown fox '.repeat(10_000);
    const host = await vendorWith({
      '/a': {
        price: 3,
        answer: () => ({
          headers: { 'content-type': 'text/plain' },
          body: [text.slice(0, 70_001), text.slice(70_001)],
        }),
      },
    });
    const hand = await activeCard(host);
    const seal = 'aes128gcm';
    const claim = claimOf(hand, await sessionOf(host, '/a'), { target: '/a', seal }, { end: 3, units: 3 });
    const response = await pay(host, '/a', claim);
    expect(response.headers.get('content-encoding')).toBe('aes128gcm');
    expect(response.headers.get('content-type')).toBe('text/plain');
    const sealed = new Uint8Array(await response.arrayBuffer());
    expect(Buffer.from(sealed).includes('quick brown')).toBe(false);
    const { deriveSealKey } = await import('../../src/core/index.js');
    const opened: Uint8Array[] = [];
    const source = (async function* () {
      yield sealed;
    })();
    for await (const part of openSealedBody(deriveSealKey(claim.key), source)) opened.push(part);
    expect(Buffer.concat(opened).toString()).toBe(text);
  });

  it('serves a settled claim of a safe method again only so often', async () => {
    const host = await vendorWith({ '/a': { price: 3, answer: () => ({ body: ['x'] }) } });
    const hand = await activeCard(host);
    const claim = claimOf(hand, await sessionOf(host, '/a'), { target: '/a' }, { end: 3, units: 3 });
    const statuses: number[] = [];
    for (let i = 0; i < 19; i++) statuses.push((await pay(host, '/a', claim)).status);
    expect(statuses).toEqual([...Array<number>(17).fill(200), 409, 409]);
    const last = await pay(host, '/a', claim);
    expect(stateOf(last, hand, claim).verdict).toBe('already-claimed');
    expect(await spent(host)).toBe(3);
  });

  it('never returns the units of an answer that was given, whatever a repeat of it comes to', async () => {
    let status = 200;
    const host = await vendorWith({ '/a': { price: 3, answer: () => ({ status, body: ['x'] }) } });
    const hand = await activeCard(host);
    const claim = claimOf(hand, await sessionOf(host, '/a'), { target: '/a' }, { end: 3, units: 3 });
    expect((await pay(host, '/a', claim)).status).toBe(200);
    status = 416;
    const again = await pay(host, '/a', claim);
    expect(again.status).toBe(416);
    expect(stateOf(again, hand, claim)).toMatchObject({ verdict: 'repeated', spent: 3 });
    expect(await spent(host)).toBe(3);
  });

  it('answers 204 and HEAD with a receipt and no body', async () => {
    const host = await vendorWith({
      '/a': { price: 1, answer: () => ({ status: 204 }) },
      '/b': { price: 1, answer: () => ({ body: ['x'] }) },
    });
    const hand = await activeCard(host);
    const one = claimOf(
      hand,
      await sessionOf(host, '/a'),
      { target: '/a', seal: 'aes128gcm' },
      { end: 1, units: 1 },
    );
    const empty = await pay(host, '/a', one);
    expect([empty.status, empty.headers.has('payment-receipt'), await empty.text()]).toEqual([204, true, '']);
    const two = claimOf(
      hand,
      await sessionOf(host, '/b'),
      { target: '/b', method: 'HEAD' },
      { end: 2, units: 1 },
    );
    const head = await pay(host, '/b', two, { method: 'HEAD' });
    expect([head.status, head.headers.has('payment-receipt')]).toEqual([200, true]);
  });

  it('leaves no-store to a handler that said so', async () => {
    const host = await vendorWith({
      '/a': { price: 1, answer: () => ({ headers: { 'cache-control': 'no-store' } }) },
    });
    const hand = await activeCard(host);
    const claim = claimOf(hand, await sessionOf(host, '/a'), { target: '/a' }, { end: 1, units: 1 });
    expect((await pay(host, '/a', claim)).headers.get('cache-control')).toBe('no-store');
  });

  it('leaves both sides the same key, and shows it in no log', async () => {
    let vendorKey = '';
    const host = await vendorWith({
      '/a': {
        price: 1,
        answer: ({ payment }) => {
          vendorKey = toBase64url(payment.key);
          expect(inspect(payment, { depth: 5 })).not.toMatch(/Uint8Array/);
          expect(JSON.stringify(payment)).not.toContain('key');
          return {};
        },
      },
    });
    for (const protocol of ['chain', 'stream'] as const) {
      const hand = await activeCard(host, protocol);
      const claim = claimOf(hand, await sessionOf(host, '/a'), { target: '/a' }, { end: 1, units: 1 });
      await pay(host, '/a', claim);
      expect(vendorKey).toBe(toBase64url(claim.key));
    }
  });
});
