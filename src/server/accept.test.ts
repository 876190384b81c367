import { describe, expect, it } from 'vitest';
import { fromBase64url, toBase64url } from '../core/base64url.js';
import { deriveCard, readOpening } from '../core/card.js';
import { computeTag, derivePaymentKey, type ClaimedRequest } from '../core/claim.js';
import { sha256 } from '../core/hash.js';
import { limits } from '../core/limits.js';
import type { CardKind } from '../core/protocol.js';
import type { PaymentPayload } from '../core/wire/credential.js';
import { acceptClaim, type Accepting, type ClaimTerms, type TakingBack } from './accept.js';
import { cardTools } from './card-tools.js';
import { createCounter } from './counter.js';
import { createMemoryLedger } from './ledger-memory.js';
import type { CardEntry, Ledger, StoredReply } from './ledger.js';
import { createLoad } from './load.js';
import { createUndone, giveBackUnits } from './undone.js';

const now = 1_800_000_000;
const expires = 1_900_000_000;
const chain: CardKind = { protocol: 'chain' };
const stream: CardKind = { protocol: 'stream' };
const bytes = (text: string) => new TextEncoder().encode(text);
const reply: StoredReply = { status: 200, headers: [], body: bytes('done') };
const get: ClaimedRequest = { method: 'GET', target: 'https://a.example/x', headers: [], challengeId: 'c' };

const usual: ClaimTerms = {
  price: 3,
  charge: 'price',
  safe: true,
  route: 'route',
  now,
  challengeExpires: now + 60,
  challengeFree: () => true,
  sealed: true,
  body: async () => new Uint8Array(0),
};
const unsafe = { safe: false };

/** Terms that are not the usual, with the body at hand. */
type Terms = Partial<Omit<ClaimTerms, 'body' | 'takingBack'>> & {
  readonly body?: Uint8Array;
  readonly takingBack?: TakingBack;
};

/** What a wallet may say beside the numbers of its claim. */
interface Making {
  readonly nonce?: number;
  readonly request?: ClaimedRequest;
  readonly digest?: Uint8Array;
  readonly proof?: Uint8Array;
}

/** A vendor with one card of 100 units, and the wallet that holds it. `over` stands in for calls of its ledger. */
async function open(kind: CardKind, over: (ledger: Ledger) => Partial<Ledger> = () => ({})) {
  const card = deriveCard(new Uint8Array(32).fill(9), kind, 100);
  const { id, message, master, scheme, state } = readOpening(card.opening, 100);
  const entry: CardEntry = {
    id,
    message,
    keyId: 'key',
    master,
    protocol: scheme.protocol,
    scheme: scheme.encode(),
    expires,
  };
  const memory = createMemoryLedger();
  await memory.openCard(entry, state, now);
  const ledger: Ledger = { ...memory, ...over(memory) };
  const accepting: Accepting = {
    ledger,
    load: createLoad(),
    repeats: createCounter(),
    forgeries: createCounter(),
    running: new Set(),
    undone: createUndone(),
  };
  const make = (end: number, units: number, making: Making = {}): PaymentPayload => {
    const { nonce = 1, request = get, digest, proof = card.source.proof(end) } = making;
    const claim = {
      card: fromBase64url(id, 16),
      protocol: kind.protocol,
      end,
      units,
      nonce: new Uint8Array(16).fill(nonce),
      proof,
    };
    return {
      action: 'pay',
      ...claim,
      tag: computeTag(card.keys.auth, { ...request, digest }, claim),
      digest,
    };
  };
  const pay = (payload: PaymentPayload, { body, takingBack, ...terms }: Terms = {}, request = get) =>
    acceptClaim(
      accepting,
      payload,
      { ...request, digest: payload.digest },
      {
        ...usual,
        ...terms,
        ...(body && { body: async () => body }),
        takingBack: takingBack && (() => takingBack),
      },
    );
  const spent = async () => (await memory.readCard(id))!.state.spent;
  return { id, entry, card, memory, accepting, make, pay, spent };
}

/** Counts what a ledger is asked, and answers as it does. */
function watch<Name extends keyof Ledger>(name: Name) {
  type Call = Required<Ledger>[Name];
  const calls: Parameters<Call>[] = [];
  const over = (ledger: Ledger): Partial<Ledger> => ({
    [name]: (...given: Parameters<Call>) => {
      calls.push(given);
      return (ledger[name] as (...args: Parameters<Call>) => unknown)(...given);
    },
  });
  return { calls, over };
}

const tagOf = ({ tag }: PaymentPayload) => toBase64url(tag);

describe('a claim that nobody can vouch for', () => {
  it('of a card that is not known is unknown, and says so if the vendor was restored', async () => {
    const { pay, make, memory } = await open(chain);
    const stranger = { ...make(3, 3), card: new Uint8Array(16) };
    expect(await pay(stranger)).toEqual({ status: 'unknown', reason: 'card' });
    await memory.quarantine(['old']);
    expect(await pay(stranger)).toEqual({ status: 'unknown', reason: 'restored' });
  });

  it('of another protocol than its card is unknown', async () => {
    const { pay, make } = await open(chain);
    expect(await pay({ ...make(3, 3), protocol: 'stream' })).toEqual({ status: 'unknown', reason: 'card' });
  });

  it('is unknown with a tag for another request', async () => {
    const { pay, make, spent } = await open(chain);
    const other = { ...get, target: 'https://a.example/y' };
    expect(await pay(make(3, 3, { request: other }))).toEqual({ status: 'unknown', reason: 'tag' });
    expect(await spent()).toBe(0);
  });
});

describe.each([chain, stream])('a claim on a card of $protocol', (kind) => {
  it('is accepted with a record that says all of it, and is in the ledger then', async () => {
    const { id, pay, make, card, memory, accepting, entry } = await open(kind);
    const claim = make(3, 3);
    const key = derivePaymentKey(card.keys.pay, card.source.ikm(3), claim);
    const record = {
      tag: tagOf(claim),
      end: 3,
      units: 3,
      kept: 3,
      proof: claim.proof,
      route: 'route',
      status: 'pending',
      safe: true,
      key,
      idempotency: undefined,
      acceptedAt: now,
      challengeExpires: now + 60,
    };
    const paid = await pay(claim);
    expect(paid).toMatchObject({ status: 'paid', verdict: 'accepted', record, card: { entry, version: 1 } });
    expect(await memory.findClaim(id, record.tag)).toEqual(record);
    const stored = (await memory.readCard(id))!;
    expect(paid).toMatchObject({ card: { state: stored.state }, tools: { keys: expect.anything() } });
    expect(stored).toMatchObject({ version: 1, state: { spent: 3, top: 3 } });
    expect([...accepting.running]).toEqual([record.tag]);
  });

  it('keeps the price of what it asked for, or all of it until the handler says', async () => {
    const { pay, make, spent } = await open(kind);
    expect(await pay(make(5, 5))).toMatchObject({ record: { kept: 3, units: 5 } });
    expect(await spent()).toBe(3);
    expect(await pay(make(10, 5), { charge: 'capture' })).toMatchObject({ record: { kept: 5 } });
    expect(await spent()).toBe(8);
    expect(await pay(make(12, 2))).toMatchObject({ status: 'refused', verdict: 'insufficient' });
    expect(await spent()).toBe(8);
  });

  it('of a safe method is in progress while its handler runs, then served again, so many times', async () => {
    const { pay, make, accepting, spent, id, card } = await open(kind);
    const claim = make(3, 3);
    await pay(claim);
    expect(await pay(claim)).toMatchObject({
      status: 'refused',
      verdict: 'in-progress',
      card: { version: 1 },
    });
    accepting.running.delete(tagOf(claim));
    const key = derivePaymentKey(card.keys.pay, card.source.ikm(3), claim);
    for (let time = 0; time < limits.repeats; time++) {
      expect(accepting.repeats.count(tagOf(claim))).toBe(time);
      const again = await pay(claim);
      expect(again).toMatchObject({ status: 'paid', verdict: 'repeated', record: { key, kept: 3 } });
      expect(again).toMatchObject({ card: { entry: { id } }, tools: { scheme: expect.anything() } });
    }
    expect(await pay(claim)).toMatchObject({ status: 'refused', verdict: 'already-claimed' });
    expect(await spent()).toBe(3);
  });

  it('of an unsafe method is in progress until it has its reply, then told again without end', async () => {
    const { id, pay, make, accepting, memory } = await open(kind);
    const claim = make(3, 3);
    await pay(claim, unsafe);
    expect(accepting.running.size).toBe(0);
    expect(await pay(claim, unsafe)).toMatchObject({ verdict: 'in-progress' });
    accepting.running.add(tagOf(claim));
    await memory.settle(id, tagOf(claim), reply);
    expect(await pay(claim, unsafe)).toMatchObject({ verdict: 'in-progress' });
    accepting.running.delete(tagOf(claim));
    for (let time = 0; time < limits.repeats + 2; time++) {
      expect(await pay(claim, unsafe)).toMatchObject({ verdict: 'repeated', record: { reply } });
    }
  });

  it('of a safe method that is settled is served again, whether or not a handler runs', async () => {
    const { id, pay, make, memory, accepting } = await open(kind);
    const claim = make(3, 3);
    await pay(claim);
    await memory.settle(id, tagOf(claim));
    expect(accepting.running.has(tagOf(claim))).toBe(true);
    expect(await pay(claim)).toMatchObject({ status: 'paid', verdict: 'repeated' });
  });

  it('whose key was purged is claimed already', async () => {
    const { pay, make, memory, accepting } = await open(kind);
    const claim = make(3, 3);
    await pay(claim);
    accepting.running.clear();
    await memory.purge(now + 1, 0);
    const refused = await pay(claim);
    expect(refused).toMatchObject({ status: 'refused', verdict: 'already-claimed', card: { version: 1 } });
    expect(accepting.repeats.count(tagOf(claim))).toBe(0);
  });

  it('whose record was purged is claimed already, also when its challenge or its card has expired since', async () => {
    const { pay, make, memory, spent } = await open(kind);
    const claim = make(3, 3);
    await pay(claim);
    await memory.purge(now + 1000, now + 1000);
    const charged = { status: 'refused', verdict: 'already-claimed', card: { version: 1 } };
    expect(await pay(claim, { now: now + 1000 })).toMatchObject(charged);
    expect(await pay(claim, { now: expires })).toMatchObject(charged);
    expect(await spent()).toBe(3);
  });

  it('that comes too late for what another one holds, or for what nobody took, has expired', async () => {
    const { pay, make } = await open(kind);
    await pay(make(9, 3));
    const late = { now: now + 1000 };
    for (const claim of [make(9, 3, { nonce: 2 }), make(6, 3), make(12, 3)]) {
      expect(await pay(claim, late)).toMatchObject({ verdict: 'expired' });
    }
  });

  it('for what another one holds is a conflict with that one, as long as it is remembered', async () => {
    const { calls, over } = watch('findHolder');
    const { id, pay, make, memory, spent } = await open(kind, over);
    const first = make(9, 5);
    await pay(first, { price: 5 });
    const second = make(9, 4, { nonce: 2 });
    const refused = await pay(second);
    expect(refused).toMatchObject({ status: 'refused', verdict: 'conflict', holder: first.tag });
    expect(refused).toMatchObject({ card: { version: 1 }, tools: { keys: expect.anything() } });
    expect(calls).toEqual([[id, kind === chain ? 5 : 8, 9]]);
    await memory.purge(0, now + 1000);
    expect(await pay(second)).toMatchObject({ status: 'refused', verdict: 'already-claimed' });
    expect(await spent()).toBe(5);
  });

  it('with a proof that does not hold is forged, and after so many of them every new one of the card is', async () => {
    const { id, pay, make, accepting, spent } = await open(kind);
    const known = make(1, 1);
    await pay(known, { price: 1 });
    accepting.running.clear();
    const forge = (nonce: number) => pay(make(10, 3, { nonce, proof: new Uint8Array(known.proof.length) }));
    for (let count = 1; count < limits.forgeriesPerCard; count++) {
      expect(await forge(count)).toMatchObject({
        status: 'refused',
        verdict: 'forged',
        card: { version: 1 },
      });
      expect(accepting.forgeries.count(id)).toBe(count);
    }
    expect(await pay(make(4, 3))).toMatchObject({ verdict: 'accepted' });
    await forge(99);
    expect(await pay(make(7, 3))).toMatchObject({ status: 'refused', verdict: 'forged', tools: {} });
    expect(accepting.forgeries.count(id)).toBe(limits.forgeriesPerCard);
    expect(await pay(known)).toMatchObject({ verdict: 'repeated' });
    expect(await spent()).toBe(4);
  });

  it('that is refused otherwise counts as no forgery', async () => {
    const { id, pay, make, accepting } = await open(kind);
    expect(await pay(make(2, 2))).toMatchObject({ verdict: 'insufficient' });
    expect(accepting.forgeries.count(id)).toBe(0);
  });
});

describe('the moment of a claim', () => {
  it.each([
    ['the last second of its card', { now: expires - 1, challengeExpires: expires + 9 }, 'accepted'],
    ['the end of its card', { now: expires, challengeExpires: expires + 9 }, 'expired'],
    ['the last second of its challenge', { challengeExpires: now + 1 }, 'accepted'],
    ['the end of its challenge', { challengeExpires: now }, 'expired'],
    ['a challenge that is not ours', { challengeExpires: undefined }, 'expired'],
    ['a challenge that another claim has used', { challengeFree: () => false }, 'expired'],
  ])('%s', async (_, terms, verdict) => {
    const { pay, make } = await open(chain);
    expect(await pay(make(3, 3), terms)).toMatchObject({ verdict });
  });

  it('asks whether the challenge is free by the tag', async () => {
    const { pay, make } = await open(chain);
    const asked: string[] = [];
    const challengeFree = (tag: string) => asked.push(tag) > 0;
    await pay(make(3, 3), { challengeFree });
    expect(asked).toEqual([tagOf(make(3, 3))]);
  });

  it('does not come for a card that a quarantine holds', async () => {
    const { pay, make, memory } = await open(chain);
    await memory.quarantine(['key']);
    expect(await pay(make(3, 3))).toMatchObject({ status: 'refused', verdict: 'restored' });
  });
});

describe('the body of a claim', () => {
  const body = bytes('hello');
  it.each([
    ['none, and no digest', {}, {}, 'accepted'],
    ['none, and a digest', { digest: sha256(body) }, {}, 'mismatched'],
    ['one with its digest', { digest: sha256(body) }, { body }, 'accepted'],
    ['one without its digest', {}, { body }, 'mismatched'],
    ['one with the digest of another', { digest: sha256(bytes('other')) }, { body }, 'mismatched'],
    ['no wish for a seal where one is demanded', {}, { sealed: false }, 'mismatched'],
  ])('%s', async (_, making, terms, verdict) => {
    const { pay, make } = await open(chain);
    expect(await pay(make(3, 3, making), terms)).toMatchObject({ verdict });
  });
});

describe('a claim with an idempotency key', () => {
  const named = { ...unsafe, idempotencyKey: 'order 7' };
  const post = { ...get, method: 'POST' };
  const making = { request: post };

  async function openWithFirst(over?: (ledger: Ledger) => Partial<Ledger>) {
    const place = await open(chain, over);
    const first = place.make(3, 3, making);
    await place.pay(first, named, post);
    return { ...place, first };
  }

  it('keeps it, and none without', async () => {
    const { calls, over } = watch('findIdempotent');
    const { id, pay, make, memory, first } = await openWithFirst(over);
    const record = (await memory.findClaim(id, tagOf(first)))!;
    expect(record.idempotency).toMatchObject({ name: expect.any(String), print: expect.any(String) });
    expect(calls).toEqual([[id, record.idempotency!.name]]);
    const second = make(6, 3, making);
    await pay(second, unsafe, post);
    expect((await memory.findClaim(id, tagOf(second)))!.idempotency).toBeUndefined();
    expect(calls).toHaveLength(1);
  });

  it('waits for an earlier one that is in progress, and takes nothing', async () => {
    const { pay, make, spent } = await openWithFirst();
    const second = await pay(make(6, 3, making), named, post);
    expect(second).toMatchObject({ status: 'refused', verdict: 'in-progress', card: { version: 1 } });
    expect(await spent()).toBe(3);
  });

  it('is released for an earlier one that is settled, and told again the same', async () => {
    const { id, pay, make, memory, first, spent, accepting } = await openWithFirst();
    await memory.settle(id, tagOf(first), reply);
    const second = make(6, 3, making);
    for (const count of [1, 2]) {
      const told = await pay(second, named, post);
      const record = { tag: tagOf(second), kept: 0, status: 'released', key: expect.any(Uint8Array) };
      expect(told).toMatchObject({ status: 'superseded', verdict: 'released', request: 'same', record });
      expect(told).toMatchObject({ earlier: { tag: tagOf(first), reply }, card: { version: 2 } });
      expect(told).toMatchObject({ card: { state: { spent: 3, top: 6 }, entry: { id } }, tools: {} });
      expect(accepting.repeats.count(tagOf(first))).toBe(count);
    }
    expect(await spent()).toBe(3);
    const stored = (await memory.findClaim(id, tagOf(second)))!;
    expect(stored).toMatchObject({ status: 'released', kept: 0, end: 6, units: 3 });
    expect(stored.idempotency).toBeUndefined();
  });

  it('says that the earlier one was for another request', async () => {
    const { id, pay, make, memory, first, accepting } = await openWithFirst();
    await memory.settle(id, tagOf(first), reply);
    const other = { ...post, target: `${post.target}?page=2` };
    const told = await pay(make(6, 3, { request: other }), named, other);
    expect(told).toMatchObject({ status: 'superseded', request: 'other' });
    expect(accepting.repeats.count(tagOf(first))).toBe(0);
  });

  it('says that nobody knows what became of the earlier one if it was interrupted', async () => {
    const interrupted = (ledger: Ledger): Partial<Ledger> => ({
      findIdempotent: async (...given) => {
        const found = await ledger.findIdempotent(...given);
        return found && { ...found, status: 'interrupted' };
      },
    });
    const { pay, make } = await openWithFirst(interrupted);
    const second = make(6, 3, making);
    expect(await pay(second, named, post)).toMatchObject({ status: 'superseded', request: 'unknown' });
    // What was interrupted may have had its effect, or not: the first answer said so, and nobody knows more now.
    expect(await pay(second, named, post)).toMatchObject({ status: 'refused', verdict: 'released' });
  });

  it('is released without more if no claim has its key any longer, or its own key was purged', async () => {
    const { id, pay, make, memory, first, accepting } = await openWithFirst();
    await memory.settle(id, tagOf(first), reply);
    const second = make(6, 3, making);
    await pay(second, named, post);
    expect(await pay(second, unsafe, post)).toMatchObject({ status: 'refused', verdict: 'released' });
    expect(accepting.repeats.count(tagOf(first))).toBe(1);
    await memory.purge(now + 1, 0);
    expect(await pay(second, named, post)).toMatchObject({ status: 'refused', verdict: 'released' });
  });

  it('that was purged on the claim alone is released without more', async () => {
    const keyless = (ledger: Ledger): Partial<Ledger> => ({
      findClaim: async (...given) => {
        const found = await ledger.findClaim(...given);
        return found?.status === 'released' ? { ...found, key: undefined } : found;
      },
    });
    const { id, pay, make, memory, first } = await openWithFirst(keyless);
    await memory.settle(id, tagOf(first), reply);
    const second = make(6, 3, making);
    await pay(second, named, post);
    expect(await pay(second, named, post)).toMatchObject({ status: 'refused', verdict: 'released' });
  });

  it('is looked for only where it decides', async () => {
    const { calls, over } = watch('findIdempotent');
    const { pay, make } = await openWithFirst(over);
    await pay(make(3, 3, { ...making, nonce: 2 }), named, post);
    await pay(make(6, 2, making), named, post);
    expect(calls).toHaveLength(1);
  });

  it('takes the place of the earlier one although other claims of the card came between', async () => {
    let failures = 1;
    const racing = (ledger: Ledger): Partial<Ledger> => ({
      accept: async (...given) => {
        if (given[3].status === 'released' && failures-- > 0) return false;
        return ledger.accept(...given);
      },
    });
    const { id, pay, make, memory, first, spent } = await openWithFirst(racing);
    await memory.settle(id, tagOf(first), reply);
    expect(await pay(make(6, 3, making), named, post)).toMatchObject({
      status: 'superseded',
      request: 'same',
    });
    expect(failures).toBe(-1);
    expect(await spent()).toBe(3);
  });
});

describe('a claim that is given back as a card', () => {
  const to = { order: 'order', purpose: 'refund' } as const;
  const takingBack = { graceSeconds: 10, orderOf: async () => to };
  const late = { challengeExpires: expires + 99, takingBack };

  it('goes to its order and is settled, and is no revenue', async () => {
    const { id, pay, make, memory, accepting } = await open(chain);
    expect(await pay(make(3, 3), { takingBack, safe: false })).toMatchObject({
      status: 'paid',
      verdict: 'accepted',
      card: { version: 1 },
    });
    expect(await memory.readOrder('order')).toMatchObject({ credit: { purpose: 'refund', units: 3 } });
    expect(await memory.findClaim(id, tagOf(make(3, 3)))).toMatchObject({ status: 'settled', kept: 3 });
    expect((await memory.readBooks()).map(({ kind }) => kind)).toEqual(['opened', 'refunded']);
    expect(accepting.running.size).toBe(0);
  });

  it('is taken in the grace after the end of its card, and not beyond', async () => {
    const { pay, make } = await open(chain);
    expect(await pay(make(3, 3), { ...late, now: expires + 9 })).toMatchObject({ verdict: 'accepted' });
    expect(await pay(make(6, 3), { ...late, now: expires + 10 })).toMatchObject({ verdict: 'expired' });
  });

  it('is mismatched if its body names no order, or one that is closed', async () => {
    const { id, pay, make, memory, spent } = await open(chain);
    const nobody = { graceSeconds: 0, orderOf: async () => undefined };
    const refused = await pay(make(3, 3), { takingBack: nobody });
    expect(refused).toMatchObject({
      status: 'refused',
      verdict: 'mismatched',
      card: { entry: { id } },
      tools: {},
    });
    await memory.createOrders([{ id: 'order', items: [] }], now);
    expect(await pay(make(3, 3), { takingBack })).toMatchObject({ status: 'refused', verdict: 'mismatched' });
    expect(await spent()).toBe(0);
  });

  it('is taken although another claim of the card came first', async () => {
    let stale = 1;
    const racing = (ledger: Ledger): Partial<Ledger> => ({
      credit: async (...given) => (stale-- > 0 ? 'stale' : ledger.credit(...given)),
    });
    const { pay, make, spent } = await open(chain, racing);
    expect(await pay(make(3, 3), { takingBack })).toMatchObject({ verdict: 'accepted' });
    expect(await spent()).toBe(3);
  });
});

describe('claims at once', () => {
  it('are decided again on the card as the others left it', async () => {
    const { pay, make, spent } = await open(chain);
    const all = [make(3, 3), make(6, 3), make(6, 3, { nonce: 2 }), make(3, 3)];
    const verdicts = (await Promise.all(all.map((claim) => pay(claim)))).map(
      (end) => 'verdict' in end && end.verdict,
    );
    expect(verdicts.sort()).toEqual(['accepted', 'accepted', 'conflict', 'in-progress']);
    expect(await spent()).toBe(6);
  });

  it('find the card gone if it goes meanwhile', async () => {
    let reads = 0;
    const going = (ledger: Ledger): Partial<Ledger> => ({
      readCard: async (id) => (reads++ > 0 ? undefined : ledger.readCard(id)),
      accept: async () => false,
    });
    const { pay, make } = await open(chain, going);
    expect(await pay(make(3, 3))).toEqual({ status: 'unknown', reason: 'card' });
  });

  it('beyond the top need no look at the records, and those at the top do', async () => {
    const { calls, over } = watch('findClaim');
    const { id, pay, make } = await open(chain, over);
    const claim = make(3, 3);
    await pay(claim);
    expect(calls).toEqual([]);
    await pay(claim);
    expect(calls).toEqual([[id, tagOf(claim), 3]]);
  });
});

describe('giving units back', () => {
  async function openWithClaim(over?: (ledger: Ledger) => Partial<Ledger>) {
    const place = await open(chain, over);
    const claim = place.make(5, 5);
    await place.pay(claim, { charge: 'capture', safe: false });
    const before = (await place.memory.readCard(place.id))!;
    const record = (await place.memory.findClaim(place.id, tagOf(claim)))!;
    const give = (kept: number) => giveBackUnits(place.accepting.ledger, before, record, kept);
    return { ...place, record, before, give };
  }

  it('keeps the lowest, once', async () => {
    const { id, give, memory, entry, record } = await openWithClaim();
    const state = { spent: 2, top: 5, gaps: [{ from: 2, to: 5 }] };
    expect(await give(2)).toMatchObject({ done: true, card: { version: 2, state, entry: { id: entry.id } } });
    expect(await memory.readCard(id)).toMatchObject({ version: 2, state });
    expect(await memory.findClaim(id, record.tag)).toMatchObject({ status: 'settled', kept: 2 });
    expect(await give(0)).toMatchObject({ done: false, card: { version: 2, state } });
  });

  it('of all of them releases the claim', async () => {
    const { id, give, memory, record, spent } = await openWithClaim();
    expect(await give(0)).toMatchObject({ done: true });
    expect(await memory.findClaim(id, record.tag)).toMatchObject({ status: 'released', kept: 0 });
    expect(await spent()).toBe(0);
  });

  it('of a claim that was interrupted does so too', async () => {
    const { give } = await openWithClaim((ledger) => ({
      findClaim: async (...given) => {
        const found = await ledger.findClaim(...given);
        return found && { ...found, status: 'interrupted' };
      },
    }));
    expect(await give(1)).toMatchObject({ done: true });
  });

  it('does nothing to a claim that is not known any more', async () => {
    const { give, memory, before } = await openWithClaim();
    await memory.purge(0, now + 1000);
    expect(await give(0)).toEqual({ done: false, card: before });
  });

  it('begins again when another change of the card comes first', async () => {
    let failures = 1;
    const { give, spent } = await openWithClaim((ledger) => ({
      giveBack: async (...given) => (failures-- > 0 ? false : ledger.giveBack(...given)),
    }));
    expect(await give(1)).toMatchObject({ done: true });
    expect(await spent()).toBe(1);
  });

  it('takes the card as it was known where the ledger does not find it', async () => {
    let gone = false;
    const { give, before } = await openWithClaim((ledger) => ({
      readCard: async (id) => (gone ? undefined : ledger.readCard(id)),
    }));
    gone = true;
    expect(await give(1)).toMatchObject({ done: true, card: { version: before.version + 1 } });
  });
});

describe('what derives from a card', () => {
  it('is derived once, with the 16 bytes of its id', async () => {
    const { entry, id } = await open(stream);
    const tools = cardTools(entry);
    expect(toBase64url(tools.id)).toBe(id);
    expect(tools.scheme.protocol).toBe('stream');
    expect(cardTools(entry)).toBe(tools);
    expect(cardTools({ ...entry })).not.toBe(tools);
  });
});

describe('a counter', () => {
  it('counts by name and forgets the name that was longest not counted', () => {
    const counter = createCounter(2);
    expect(counter.count('a')).toBe(0);
    for (const name of ['a', 'b', 'a']) counter.add(name);
    expect([counter.count('a'), counter.count('b')]).toEqual([2, 1]);
    counter.add('c');
    expect(['a', 'b', 'c'].map((name) => counter.count(name))).toEqual([2, 0, 1]);
  });

  it('holds many names unless told otherwise', () => {
    const counter = createCounter();
    for (let i = 0; i < 1000; i++) counter.add(String(i));
    expect(counter.count('0')).toBe(1);
  });
});

describe('of a ledger that recalls a card as it was before others changed it', () => {
  /** The card is recalled as it was opened, whatever became of it. */
  const openBehind = (kind: CardKind) =>
    open(kind, (ledger) => {
      let first: ReturnType<Ledger['readCard']> | undefined;
      return { recallCard: (id) => (first ??= ledger.readCard(id)) };
    });

  it('claims are accepted on what there is', async () => {
    const { make, pay, spent } = await openBehind(chain);
    expect(await pay(make(3, 3))).toMatchObject({ verdict: 'accepted', card: { version: 1 } });
    expect(await pay(make(6, 3, { nonce: 2 }))).toMatchObject({ verdict: 'accepted', card: { version: 2 } });
    expect(await spent()).toBe(6);
  });

  it('a claim is served again, and what another one holds is a conflict with that one', async () => {
    const { make, pay, spent, accepting } = await openBehind(chain);
    const first = make(3, 3);
    await pay(first);
    accepting.running.clear();
    expect(await pay(first)).toMatchObject({ verdict: 'repeated', card: { version: 1 } });
    const late = await pay(make(3, 3, { nonce: 2 }));
    expect(late).toMatchObject({ verdict: 'conflict', holder: first.tag, card: { version: 1 } });
    expect(await spent()).toBe(3);
  });

  it('nothing is refused for what is long given back', async () => {
    const opened = await open(chain, (ledger) => {
      let last: ReturnType<Ledger['readCard']> | undefined;
      return {
        accept: async (...given) => {
          const done = await ledger.accept(...given);
          last ??= ledger.readCard(given[0]);
          return done;
        },
        recallCard: (id) => last ?? ledger.readCard(id),
      };
    });
    const { make, pay, memory, id } = opened;
    const all = make(100, 100);
    const paid = await pay(all, { price: 100 });
    const { state, version } = (await memory.readCard(id))!;
    expect(paid.status).toBe('paid');
    const { scheme } = cardTools(opened.entry);
    await memory.giveBack(id, version, scheme.giveBack(state, all, 100, 0), tagOf(all), 0);
    expect(await pay(make(50, 50, { nonce: 2 }), { price: 50 })).toMatchObject({ verdict: 'accepted' });
  });
});
