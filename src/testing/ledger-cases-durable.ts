import { isImpulsError } from '../core/errors.js';
import type { Ledger } from '../server/ledger.js';
import {
  acceptClaim,
  at,
  cardsOf,
  giveBack,
  kinds,
  makeClaim,
  makeOrder,
  makeReply,
  openCard,
  stateAfter,
  type TestCard,
} from './cards.js';
import type { LedgerHarness } from './ledger-cases.js';
import { check, checkSame, type SuiteCase } from './suite.js';

/** What stays when a ledger is closed, and what a purge takes away. */
export const durabilityCases: readonly SuiteCase<LedgerHarness>[] = [
  {
    name: 'everything is there again after reopening: gaps, captures, releases, replies, keys and orders',
    async run({ open, reopen }) {
      let ledger = await open();
      const cards = await Promise.all(kinds.map((kind) => openCard(ledger, kind)));
      const tags = new Map<TestCard, string[]>();
      for (const card of cards) tags.set(card, await liveThrough(ledger, card));
      const order = makeOrder();
      await ledger.createOrders([order, makeOrder()], at);
      await ledger.serveOrder(order.id, 'digest', [new Uint8Array(384).fill(9)], cardsOf(order), at);
      const photograph = async () => ({
        cards: await Promise.all(cards.map((card) => ledger.readCard(card.id))),
        claims: await Promise.all(
          cards.flatMap((card) => tags.get(card)!.map((tag) => ledger.findClaim(card.id, tag))),
        ),
        order: await ledger.readOrder(order.id),
        totals: await ledger.totals(),
      });
      const before = await photograph();
      for (let round = 0; round < 2; round++) {
        ledger = await reopen(ledger);
        checkSame(await photograph(), before, 'all as it was');
      }
      // And it goes on from there.
      for (const card of cards) await acceptClaim(ledger, card, 21, 1);
      await ledger.close();
    },
  },
  {
    name: 'what was pending when the ledger was closed is interrupted, and can be settled or given back',
    needs: 'restart',
    async run({ open, reopen }) {
      let ledger = await open();
      const card = await openCard(ledger);
      const claims = [
        await acceptClaim(ledger, card, 5, 5),
        await acceptClaim(ledger, card, 10, 5),
        await acceptClaim(ledger, card, 15, 5, { safe: false }),
      ] as const;
      ledger = await reopen(ledger);
      for (const claim of claims) {
        const found = await ledger.findClaim(card.id, claim.tag);
        checkSame(found, { ...claim, status: 'interrupted' }, 'interrupted');
      }
      const fresh = await acceptClaim(ledger, card, 16, 1);
      checkSame((await ledger.findClaim(card.id, fresh.tag))?.status, 'pending', 'a new one is pending');
      await ledger.settle(card.id, claims[0].tag, makeReply());
      check(await giveBack(ledger, card, claims[1], 0), 'an interrupted claim can be released');
      for (let round = 0; round < 2; round++) {
        const found = await Promise.all(claims.map((claim) => ledger.findClaim(card.id, claim.tag)));
        const statuses = found.map((claim) => claim?.status);
        checkSame(statuses, ['settled', 'released', 'interrupted'], 'what became of them');
        checkSame(found[0]?.reply, makeReply(), 'the reply');
        checkSame((await ledger.totals()).claims, { settled: 1, pending: 2, released: 1 }, 'counted');
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
  {
    name: 'the sums agree with what was done',
    async run({ open, reopen }) {
      let ledger = await open();
      const nothing = { settled: 0, pending: 0, released: 0 };
      const empty = { orders: 0, ordersServed: 0, cards: 0, units: 0, spent: 0, claims: nothing };
      checkSame(await ledger.totals(), empty, 'nothing at first');
      const chain = await openCard(ledger, kinds[0], 500);
      const stream = await openCard(ledger, kinds[1], 70_000);
      await ledger.settle(chain.id, (await acceptClaim(ledger, chain, 10, 10)).tag);
      await acceptClaim(ledger, chain, 20, 10, { kept: 6 });
      await giveBack(ledger, stream, await acceptClaim(ledger, stream, 1, 100), 0);
      await giveBack(ledger, stream, await acceptClaim(ledger, stream, 2, 100), 30);
      await ledger.createOrders([makeOrder(), makeOrder(), makeOrder()], at);
      const claims = { settled: 2, pending: 1, released: 1 };
      const sums = { orders: 3, ordersServed: 0, cards: 2, units: 70_500, spent: 46, claims };
      checkSame(await ledger.totals(), sums, 'the sums');
      ledger = await reopen(ledger);
      checkSame(await ledger.totals(), sums, 'the sums after reopening');
      await ledger.close();
    },
  },
  {
    name: 'a purge erases old keys and replies, deletes older records, and leaves the units held',
    async run({ open, reopen }) {
      let ledger = await open();
      const card = await openCard(ledger);
      const times = (acceptedAt: number, challengeExpires: number) => ({ acceptedAt, challengeExpires });
      const gone = await acceptClaim(ledger, card, 10, 10, times(100, 150));
      const remembered = await acceptClaim(ledger, card, 20, 10, times(100, 5000));
      const keyless = await acceptClaim(ledger, card, 30, 10, times(300, 350));
      const young = await acceptClaim(ledger, card, 40, 10, times(600, 650));
      for (const claim of [gone, keyless, young]) await ledger.settle(card.id, claim.tag, makeReply());
      await giveBack(ledger, card, remembered, 0);
      const before = await ledger.readCard(card.id);
      await ledger.purge(500, 200);
      const records = [
        undefined,
        { ...remembered, status: 'released', kept: 0, key: undefined },
        { ...keyless, status: 'settled', key: undefined },
        { ...young, status: 'settled', reply: makeReply() },
      ];
      for (let round = 0; round < 2; round++) {
        for (const [i, claim] of [gone, remembered, keyless, young].entries()) {
          checkSame(await ledger.findClaim(card.id, claim.tag), records[i], `claim ${i}`);
        }
        checkSame(await ledger.findHolder(card.id, 0, 10), undefined, 'no record, no holder');
        checkSame((await ledger.readCard(card.id))?.state, before?.state, 'the units stay as they were');
        checkSame((await ledger.totals()).claims, { settled: 2, pending: 0, released: 1 }, 'what is left');
        checkSame((await ledger.totals()).spent, 30, 'units held');
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
  {
    name: 'a purge reaches thousands of claims while payments go on',
    async run({ open, reopen }) {
      let ledger = await open();
      const card = await openCard(ledger, kinds[0], 10_000);
      const old = await Promise.all(Array.from({ length: 20 }, () => openCard(ledger, kinds[1], 10_000)));
      for (let end = 1; end <= 150; end++) {
        const details = { acceptedAt: 100, challengeExpires: 100 };
        await Promise.all(old.map((other) => acceptClaim(ledger, other, end, 1, details)));
      }
      const purge = ledger.purge(1000, 1000);
      const paid = 100;
      for (let end = 1; end <= paid; end++) await acceptClaim(ledger, card, end, 1);
      await purge;
      for (let round = 0; round < 2; round++) {
        checkSame((await ledger.totals()).claims.pending, paid, 'the new claims are left');
        checkSame((await ledger.totals()).spent, 3000 + paid, 'all units are held');
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
  {
    name: 'closing waits for what was asked for before, and refuses what comes after',
    needs: 'restart',
    async run({ open, reopen }) {
      const ledger = await open();
      const card = await openCard(ledger);
      const claim = makeClaim(card, 1, 1);
      const accepted = ledger.accept(card.id, 0, stateAfter(card, card.state, claim)!, claim);
      const again = await reopen(ledger);
      checkSame(await accepted, true, 'accepted');
      checkSame((await again.readCard(card.id))?.state.spent, 1, 'accepted before the end');
      const refused = await ledger.readCard(card.id).then(
        () => undefined,
        (error: unknown) => error,
      );
      check(isImpulsError(refused, 'storage-failed'), 'a closed ledger refuses');
      await ledger.close();
      await again.close();
    },
  },
];

/** A card's life with everything in it. @returns the tags of its claims */
async function liveThrough(ledger: Ledger, card: TestCard): Promise<string[]> {
  const settled = await acceptClaim(ledger, card, 3, 3);
  await ledger.settle(card.id, settled.tag, makeReply('stored'));
  const ahead = await acceptClaim(ledger, card, 10, 2, { safe: false });
  await ledger.settle(card.id, ahead.tag);
  const filled = await acceptClaim(ledger, card, 5, 1);
  await giveBack(ledger, card, filled, 0);
  const captured = await acceptClaim(ledger, card, 20, 8, { kept: 7 });
  await giveBack(ledger, card, captured, 2);
  const between = await acceptClaim(ledger, card, 18, 2);
  await ledger.settle(card.id, between.tag);
  return [settled, ahead, filled, captured, between].map((claim) => claim.tag);
}
