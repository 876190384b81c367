import { describe, expect, it } from 'vitest';
import {
  createMemoryLedger,
  createVendor,
  type Call,
  type Ledger,
  type LoadOptions,
} from '../src/server/index.js';
import { toBase64url } from '../src/core/base64url.js';
import { parseChallenges } from '../src/core/wire/index.js';
import { activeCard, callOf, post } from './support/active-card.js';
import { claimOf, sealJson, type HandCard } from './support/card.js';
import { createTestKeys, now } from './support/vendor.js';

/** A vendor that has more to do than it takes on: what of it is served, and what the others hear. */

const origin = 'https://news.example';

/** A ledger whose commits the test makes. */
function createWaitingLedger() {
  const ledger = createMemoryLedger();
  const commits: Array<() => void> = [];
  let waits = false;
  const waiting: Ledger = {
    ...ledger,
    accept: async (...args) => {
      if (waits) await new Promise<void>((resolve) => commits.push(resolve));
      return ledger.accept(...args);
    },
  };
  return {
    ledger: waiting,
    stall: () => (waits = true),
    commit() {
      waits = false;
      for (const commit of commits.splice(0)) commit();
    },
    count: () => commits.length,
  };
}

async function start(load: LoadOptions) {
  const store = createWaitingLedger();
  const made = await createTestKeys(origin, [100], now);
  const vendor = createVendor({ ...made, ledger: store.ledger, clock: () => now * 1000, load });
  const gate = vendor.gate({ price: 1 });
  const asked = await gate(callOf('/a'));
  const headers = asked.status === 'refused' ? asked.reply.headers : [];
  const [session] = parseChallenges(
    headers
      .filter(([name]) => name === 'WWW-Authenticate')
      .map(([, value]) => value)
      .join(', '),
  );
  const statusOf = async (call: Call): Promise<number> => {
    const admission = await gate(call);
    return admission.status === 'refused' ? admission.reply.status : 200;
  };
  const claim = (hand: HandCard, end: number, method = 'GET', body?: Uint8Array): Call => {
    const request = { target: '/a', method, ...(body && { body }) };
    const { authorization } = claimOf(hand, session!, request, { end, units: 1 });
    return callOf('/a', { authorization, method });
  };
  return { store, vendor, gate, statusOf, claim };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a vendor that has too much to do', () => {
  it('claims as much at a time as it takes on; the others come again, and are charged once', async () => {
    const { store, vendor, gate, statusOf, claim } = await start({ maxClaims: 3 });
    const cards = await Promise.all(Array.from({ length: 5 }, () => activeCard(vendor)));
    store.stall();
    const calls = cards.map((hand) => claim(hand, 1));
    const first = calls.slice(0, 3).map(statusOf);
    await settled();
    expect(store.count()).toBe(3);
    for (const call of calls.slice(3)) {
      const shed = await gate(call);
      expect(shed).toMatchObject({ status: 'refused', reply: { status: 503 } });
      if (shed.status !== 'refused') continue;
      const headers = new Headers(shed.reply.headers as [string, string][]);
      expect(headers.get('retry-after')).toBe('1');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.has('www-authenticate')).toBe(false);
      expect(headers.has('impuls-state')).toBe(false);
      expect(String(shed.reply.body)).toContain('urn:impuls:problem:overloaded');
    }
    expect(vendor.load).toMatchObject({ claims: 3, shed: { claims: 2 } });
    store.commit();
    expect(await Promise.all(first)).toEqual([200, 200, 200]);
    for (const call of calls)
      expect(await statusOf(call)).toBe(call === calls[3] || call === calls[4] ? 200 : 409);
    expect((await vendor.totals()).spent).toBe(5);
    expect(vendor.load.claims).toBe(0);
    expect(vendor.activity[0]!.counts.shed).toBe(2);
  });

  it('serves claims of cards however many come that show none, or one that is not known', async () => {
    const { store, vendor, statusOf, claim } = await start({
      maxStrangers: 3,
      now: () => 0,
      wait: () => Promise.resolve(),
    });
    const hand = await activeCard(vendor);
    store.stall();
    const first = statusOf(claim(hand, 1));
    await settled();
    const stranger = { ...hand, card: { ...hand.card, id: toBase64url(new Uint8Array(16)) } };
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) {
      statuses.push(await statusOf(callOf('/a')), await statusOf(claim(stranger, 1)));
    }
    expect(statuses).toEqual([402, 402, 402, 503, 503, 503]);
    store.commit();
    expect(await first).toBe(200);
    for (let end = 2; end <= 10; end++) expect(await statusOf(claim(hand, end))).toBe(200);
    expect(vendor.load.shed).toMatchObject({ strangers: 3, claims: 0 });
  });

  it('reads no body of who has shown no card, and of one card no more than its share', async () => {
    const { vendor, statusOf, claim } = await start({ maxBodyBytes: 32_000_000 });
    const hand = await activeCard(vendor);
    const body = new Uint8Array(1_000_000).fill(1);
    const arriving: Array<() => void> = [];
    let read = 0;
    const sending = (call: Call): Call => ({
      ...call,
      async body(_, take) {
        read++;
        take?.(body.length);
        await new Promise<void>((resolve) => arriving.push(resolve));
        return body;
      },
    });
    const unknown = { ...hand, card: { ...hand.card, id: toBase64url(new Uint8Array(16)) } };
    expect(await statusOf(sending(claim(unknown, 1, 'POST', body)))).toBe(402);
    expect(read).toBe(0);
    const calls = [1, 2, 3].map((end) => statusOf(sending(claim(hand, end, 'POST', body))));
    await settled();
    expect(vendor.load).toMatchObject({ bodyBytes: 2_000_000, shed: { bodies: 1 } });
    const another = statusOf(sending(claim(await activeCard(vendor), 1, 'POST', body)));
    await settled();
    arriving.forEach((arrive) => arrive());
    expect((await Promise.all([...calls, another])).sort()).toEqual([200, 200, 200, 503]);
    expect(vendor.load.bodyBytes).toBe(0);
  });

  it('does what needs public keys one step after the other, and refuses what would wait too long', async () => {
    const waiting: Array<() => void> = [];
    const wait = (ms: number): Promise<void> =>
      ms === 1000 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve));
    const { vendor } = await start({ maxRequests: 2, now: () => 0, wait });
    const order = await sealJson(vendor.document, 'order', { order: 'K7Q2M-00000-00000-00000' });
    const ask = (): Promise<number> => post(vendor)('/impuls/order', order).then(({ status }) => status);
    expect(await ask()).toBe(403);
    const asked = [ask(), ask()];
    await settled();
    const reply = await post(vendor)('/impuls/order', order);
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '1']);
    expect(vendor.load).toMatchObject({ requests: 2, shed: { requests: 1 } });
    waiting.forEach((end) => end());
    expect(await Promise.all(asked)).toEqual([403, 403]);
  });
});
