import type { ClaimRecord, Ledger } from '../server/ledger.js';
import {
  acceptClaim,
  giveBack,
  kinds,
  makeClaim,
  makeIdempotencyKey,
  makeReply,
  openCard,
  stateAfter,
  type TestCard,
} from './cards.js';
import type { LedgerHarness } from './ledger-cases.js';
import { checkSame, type SuiteCase } from './suite.js';

/** Claims that have an idempotency key, and those that are released from the beginning because another one had it. */
export const idempotencyCases: readonly SuiteCase<LedgerHarness>[] = [
  {
    name: 'a claim is found by its idempotency key, on its card and no other, whatever became of it but for a release',
    async run({ open, reopen, capabilities }) {
      let ledger = await open();
      const card = await openCard(ledger);
      const other = await openCard(ledger, kinds[1]);
      const accept = (end: number) =>
        acceptClaim(ledger, card, end, 5, { safe: false, idempotency: makeIdempotencyKey() });
      const pending = await accept(5);
      const settled = await accept(10);
      const captured = await accept(15);
      const released = await accept(20);
      await ledger.settle(card.id, settled.tag, makeReply());
      await giveBack(ledger, card, captured, 2);
      await giveBack(ledger, card, released, 0);
      const expectAll = async (status: ClaimRecord['status']) => {
        checkSame(await find(ledger, card, pending), { ...pending, status }, 'the open one');
        const done = { ...settled, status: 'settled', reply: makeReply() };
        checkSame(await find(ledger, card, settled), done, 'the settled one, with its reply');
        const kept = { ...captured, status: 'settled', kept: 2 };
        checkSame(await find(ledger, card, captured), kept, 'the captured one');
        checkSame(await find(ledger, card, released), undefined, 'not the released one');
        checkSame(await find(ledger, other, pending), undefined, 'not on another card');
      };
      await expectAll('pending');
      for (let round = 0; round < 2; round++) {
        ledger = await reopen(ledger);
        await expectAll(capabilities.includes('restart') ? 'interrupted' : 'pending');
      }
      await ledger.close();
    },
  },
  {
    name: 'an idempotency key is free again once its claim is released',
    async run({ open, reopen }) {
      let ledger = await open();
      const card = await openCard(ledger);
      const idempotency = makeIdempotencyKey();
      const first = await acceptClaim(ledger, card, 5, 5, { safe: false, idempotency });
      await giveBack(ledger, card, first, 0);
      const second = await acceptClaim(ledger, card, 10, 5, { safe: false, idempotency });
      await ledger.settle(card.id, second.tag, makeReply('second'));
      for (let round = 0; round < 3; round++) {
        checkSame((await find(ledger, card, first))?.tag, second.tag, 'the one that was not released');
        checkSame((await ledger.findClaim(card.id, first.tag))?.status, 'released', 'both are remembered');
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
  {
    name: 'of many claims with one idempotency key, each of which looks for it first, one is accepted',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      const idempotency = makeIdempotencyKey();
      const acceptOnce = async (end: number): Promise<string | undefined> => {
        const claim = makeClaim(card, end, 1, { safe: false, idempotency });
        for (;;) {
          const stored = (await ledger.readCard(card.id))!;
          if (await find(ledger, card, claim)) return undefined;
          const next = stateAfter(card, stored.state, claim)!;
          if (await ledger.accept(card.id, stored.version, next, claim)) return claim.tag;
        }
      };
      const tags = await Promise.all(Array.from({ length: 20 }, (_, i) => acceptOnce(20 - i)));
      const accepted = tags.filter((tag) => tag !== undefined);
      checkSame(accepted.length, 1, 'one is accepted');
      checkSame((await ledger.findIdempotent(card.id, idempotency.name))?.tag, accepted[0], 'and found');
      checkSame((await ledger.readCard(card.id))?.state.spent, 1, 'and holds its unit');
      await ledger.close();
    },
  },
  {
    name: 'a claim that is released from the beginning is remembered and holds nothing',
    async run({ open, reopen }) {
      let ledger = await open();
      const cards = await Promise.all(kinds.map((kind) => openCard(ledger, kind)));
      const claims = new Map<TestCard, ClaimRecord>();
      for (const card of cards) {
        await acceptClaim(ledger, card, 3, 3);
        claims.set(card, await acceptClaim(ledger, card, 8, 5, { safe: false, status: 'released', kept: 0 }));
      }
      for (let round = 0; round < 3; round++) {
        for (const [card, claim] of claims) {
          checkSame(await ledger.findClaim(card.id, claim.tag), claim, 'the record');
          checkSame(await ledger.findHolder(card.id, 7, 8), undefined, 'no holder');
          const state = (await ledger.readCard(card.id))?.state;
          checkSame([state?.spent, state?.top], [3, 8], 'the units are free, the top stays');
          checkSame(await giveBack(ledger, card, claim, 0), false, 'it is not released again');
          await ledger.settle(card.id, claim.tag, makeReply());
        }
        checkSame((await ledger.totals()).claims, { settled: 0, pending: 3, released: 3 }, 'counted');
        const spent = (await ledger.readBooks()).filter(({ kind }) => kind === 'spent');
        checkSame([spent.length, sum(spent, 'count'), sum(spent, 'units')], [3, 3, 9], 'in no books');
        ledger = await reopen(ledger);
      }
      for (const card of cards) {
        await acceptClaim(ledger, card, 9, 1);
        if (card.entry.protocol === 'chain') await acceptClaim(ledger, card, 8, 5);
      }
      await ledger.purge(0, 2_000_000_000);
      checkSame((await ledger.totals()).claims.released, 0, 'a purge takes it off the count');
      await ledger.close();
    },
  },
  {
    name: 'a purge erases idempotency keys with the replies, and leaves the others',
    async run({ open, reopen }) {
      let ledger = await open();
      const card = await openCard(ledger);
      const accept = (end: number, acceptedAt: number) =>
        acceptClaim(ledger, card, end, 5, {
          safe: false,
          idempotency: makeIdempotencyKey(),
          acceptedAt,
          challengeExpires: 5000,
        });
      const old = await accept(5, 100);
      const young = await accept(10, 600);
      for (const { tag } of [old, young]) await ledger.settle(card.id, tag, makeReply());
      await ledger.purge(500, 200);
      for (let round = 0; round < 2; round++) {
        checkSame(await find(ledger, card, old), undefined, 'not found by it any more');
        const bare = { ...old, status: 'settled', key: undefined, idempotency: undefined };
        checkSame(await ledger.findClaim(card.id, old.tag), bare, 'and nothing of it is left');
        const whole = { ...young, status: 'settled', reply: makeReply() };
        checkSame(await find(ledger, card, young), whole, 'the young one is whole');
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
];

function find(ledger: Ledger, card: TestCard, claim: ClaimRecord): Promise<ClaimRecord | undefined> {
  return ledger.findIdempotent(card.id, claim.idempotency!.name);
}

function sum<Name extends string>(rows: readonly Readonly<Record<Name, number>>[], name: Name): number {
  return rows.reduce((total, row) => total + row[name], 0);
}
