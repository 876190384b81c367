import type { Ledger } from '../server/ledger.js';
import {
  acceptClaim,
  at,
  cardsOf,
  giveBack,
  makeClaim,
  makeIdempotencyKey,
  makeOrder,
  makeReply,
  makeTag,
  openCard,
  stateAfter,
  type TestCard,
} from './cards.js';
import type { LedgerHarness } from './ledger-cases.js';
import { check, checkSame, type SuiteCase } from './suite.js';

const signatures = [new Uint8Array(384).fill(7)];

async function openTwo({ open, openAgain }: LedgerHarness): Promise<[Ledger, Ledger]> {
  const first = await open();
  check(openAgain !== undefined, 'a shared ledger is opened again');
  return [first, await openAgain(first)];
}

async function closeAll(...ledgers: readonly Ledger[]): Promise<void> {
  for (const ledger of ledgers) await ledger.close();
}

/** As a vendor that remembers cards: from what this ledger knew last, and from what there is when that was behind. */
async function claimUnit(ledger: Ledger, card: TestCard): Promise<void> {
  let stored = (await (ledger.recallCard ?? ledger.readCard)(card.id))!;
  for (;;) {
    const claim = makeClaim(card, stored.state.top + 1, 1);
    const next = stateAfter(card, stored.state, claim)!;
    if (await ledger.accept(card.id, stored.version, next, claim)) return;
    stored = (await ledger.readCard(card.id))!;
  }
}

/** What ledgers promise that are open more than once. */
export const sharedCases: readonly SuiteCase<LedgerHarness>[] = [
  {
    name: 'what one of two ledgers did, the other one tells',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const card = await openCard(first);
      const idempotency = makeIdempotencyKey();
      const claim = await acceptClaim(first, card, 5, 5, { route: '/a', safe: false, idempotency });
      const order = makeOrder();
      await first.createOrders([order], at);
      const batch = await first.createBatch({ label: '', items: order.items, created: at, expires: at });
      await first.addCodes(batch, 1, [makeTag()]);
      checkSame(await second.findClaim(card.id, claim.tag), claim, 'a claim, pending');
      checkSame((await second.findHolder(card.id, 0, 1))?.tag, claim.tag, 'the holder of a unit');
      checkSame((await second.findIdempotent(card.id, idempotency.name))?.tag, claim.tag, 'by its key');
      await second.settle(card.id, claim.tag, makeReply());
      const settled = { ...claim, status: 'settled', reply: makeReply() };
      for (const ledger of [first, second]) {
        checkSame(await ledger.readCard(card.id), await first.readCard(card.id), 'the card');
        checkSame(await ledger.findClaim(card.id, claim.tag), settled, 'settled');
        checkSame(await ledger.readOrder(order.id), { ...order, state: 'active' }, 'the order');
        checkSame((await ledger.readBatches())[0]?.codes.printed, 1, 'the batch');
        checkSame(await ledger.totals(), await first.totals(), 'the sums');
        checkSame(await ledger.readBooks(), await first.readBooks(), 'the books');
      }
      await closeAll(first, second);
    },
  },
  {
    name: 'of accepts that name the same version through two ledgers, one wins',
    needs: 'shared',
    async run(harness) {
      const ledgers = await openTwo(harness);
      const card = await openCard(ledgers[0]);
      for (const ledger of ledgers) await ledger.readCard(card.id);
      const claims = Array.from({ length: 40 }, (_, i) => makeClaim(card, i + 1, i + 1));
      const won = await Promise.all(
        claims.map((claim, i) =>
          ledgers[i % 2]!.accept(card.id, 0, stateAfter(card, card.state, claim)!, claim),
        ),
      );
      checkSame(won.filter(Boolean).length, 1, 'one winner');
      const winner = claims[won.indexOf(true)]!;
      for (const ledger of ledgers) {
        checkSame((await ledger.readCard(card.id))?.state.spent, winner.units, 'its state');
        for (const { tag } of claims) {
          checkSame(
            (await ledger.findClaim(card.id, tag))?.tag,
            tag === winner.tag ? tag : undefined,
            'its claim',
          );
        }
      }
      checkSame((await ledgers[0].totals()).claims.pending, 1, 'counted once');
      await closeAll(...ledgers);
    },
  },
  {
    name: 'callers of two ledgers that read again after losing all get their units, of few cards and of many',
    needs: 'shared',
    async run(harness) {
      const ledgers = await openTwo(harness);
      const cards = await Promise.all(Array.from({ length: 12 }, () => openCard(ledgers[0])));
      const calls = Array.from({ length: 120 }, (_, i) =>
        claimUnit(ledgers[i % 2]!, cards[i < 24 ? 0 : i % cards.length]!),
      );
      await Promise.all(calls);
      const totals = await ledgers[1].totals();
      checkSame([totals.spent, totals.claims.pending], [120, 120], 'units and claims of all');
      const states = await Promise.all(cards.map((card) => ledgers[0].readCard(card.id)));
      checkSame(
        states.reduce((sum, card) => sum + card!.state.spent, 0),
        120,
        'and of every card',
      );
      const spent = (await ledgers[0].readBooks()).filter(({ kind }) => kind === 'spent');
      checkSame(
        spent.reduce((sum, { units }) => sum + units, 0),
        120,
        'and in the books',
      );
      await closeAll(...ledgers);
    },
  },
  {
    name: 'a card that is recalled may be behind: then nothing is accepted by its version, and reading it tells',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const card = await openCard(first);
      await second.readCard(card.id);
      const taken = await acceptClaim(first, card, 9, 9);
      const old = (await (second.recallCard ?? second.readCard)(card.id))!;
      const claim = makeClaim(card, 10, 10);
      const accepted = await second.accept(card.id, 0, stateAfter(card, card.state, claim)!, claim);
      checkSame([old.entry.id, accepted], [card.id, false], 'too late');
      checkSame((await second.readCard(card.id))?.state.spent, 9, 'what there is');
      check(await giveBack(second, card, taken, 0), 'and may be given back there');
      const fresh = (await first.readCard(card.id))!;
      checkSame(fresh.state.spent, 0, 'which the first one sees');
      checkSame((await first.findClaim(card.id, taken.tag))?.status, 'released', 'as the claim');
      await acceptClaim(first, card, 9, 9);
      await closeAll(first, second);
    },
  },
  {
    name: 'of claims with one idempotency key through two ledgers, each of which looks for it first, one is accepted',
    needs: 'shared',
    async run(harness) {
      const ledgers = await openTwo(harness);
      const card = await openCard(ledgers[0]);
      const idempotency = makeIdempotencyKey();
      const acceptOnce = async (ledger: Ledger, end: number): Promise<string | undefined> => {
        const claim = makeClaim(card, end, 1, { safe: false, idempotency });
        let stored = (await (ledger.recallCard ?? ledger.readCard)(card.id))!;
        for (;;) {
          if (await ledger.findIdempotent(card.id, idempotency.name)) return undefined;
          const next = stateAfter(card, stored.state, claim)!;
          if (await ledger.accept(card.id, stored.version, next, claim)) return claim.tag;
          stored = (await ledger.readCard(card.id))!;
        }
      };
      const tags = await Promise.all(
        Array.from({ length: 10 }, (_, i) => acceptOnce(ledgers[i % 2]!, 10 - i)),
      );
      const accepted = tags.filter((tag) => tag !== undefined);
      checkSame(accepted.length, 1, 'one is accepted');
      for (const ledger of ledgers) {
        const found = await ledger.findIdempotent(card.id, idempotency.name);
        checkSame(found?.tag, accepted[0], 'and found');
      }
      await closeAll(...ledgers);
    },
  },
  {
    name: 'of settling and giving back one claim through two ledgers, one wins',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const card = await openCard(first);
      for (let end = 1; end <= 10; end++) {
        const claim = await acceptClaim(first, card, end, 1);
        const before = (await first.readCard(card.id))!.state.spent;
        const settle = () => first.settle(card.id, claim.tag, makeReply()).then(() => false);
        const release = () => giveBack(second, card, claim, 0);
        const done = await Promise.all(end % 2 ? [settle(), release()] : [release(), settle()]);
        const released = done.includes(true);
        const found = await second.findClaim(card.id, claim.tag);
        checkSame(found?.status, released ? 'released' : 'settled', 'the status says who won');
        const spent = (await first.readCard(card.id))?.state.spent;
        checkSame(spent, released ? before - 1 : before, 'and so does the card');
      }
      const { claims } = await second.totals();
      checkSame([claims.pending, claims.settled + claims.released], [0, 10], 'counted once');
      await closeAll(first, second);
    },
  },
  {
    name: 'of two replies to one claim through two ledgers, one is kept, though another one settles it without any',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const card = await openCard(first);
      for (let end = 1; end <= 10; end++) {
        const { tag } = await acceptClaim(first, card, end, 1, { safe: false });
        await Promise.all([
          second.settle(card.id, tag),
          first.settle(card.id, tag, makeReply('one')),
          second.settle(card.id, tag, makeReply('two')),
        ]);
        const found = (await first.findClaim(card.id, tag))!;
        checkSame(found.status, 'settled', 'settled');
        check(found.reply !== undefined, 'with a reply');
        checkSame((await second.findClaim(card.id, tag))?.reply, found.reply, 'the same to both');
      }
      checkSame((await first.totals()).claims, { settled: 10, pending: 0, released: 0 }, 'counted once');
      await closeAll(first, second);
    },
  },
  {
    name: 'an order is served, a refund paid and a serial given once, through whichever ledger',
    needs: 'shared',
    async run(harness) {
      const ledgers = await openTwo(harness);
      const order = makeOrder();
      await ledgers[0].createOrders([order], at);
      const served = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          ledgers[i % 2]!.serveOrder(order.id, `digest ${i % 2}`, signatures, cardsOf(order), at),
        ),
      );
      const statuses = served.map(({ status }) => status).sort();
      checkSame(statuses.filter((status) => status === 'served').length, 1, 'served once');
      checkSame(statuses.filter((status) => status === 'different').length, 5, 'one digest wins');

      const card = await openCard(ledgers[0]);
      const to = { order: makeTag(), purpose: 'refund' } as const;
      const put = async (ledger: Ledger, end: number): Promise<void> => {
        const claim = makeClaim(card, end, 1);
        for (;;) {
          const { state, version } = (await ledger.readCard(card.id))!;
          const next = stateAfter(card, state, claim)!;
          if ((await ledger.credit(card.id, version, next, claim, to)) === 'credited') return;
        }
      };
      await Promise.all(Array.from({ length: 8 }, (_, i) => put(ledgers[i % 2]!, 8 - i)));
      checkSame((await ledgers[1].readOrder(to.order))?.credit?.units, 8, 'credited by both');
      const paid = await Promise.all(ledgers.map((ledger) => ledger.payRefund(to.order, at)));
      checkSame([...paid].sort(), ['paid', 'repeated'], 'paid once');

      const terms = { label: '', items: order.items, created: at, expires: at };
      const numbers = await Promise.all(ledgers.map((ledger) => ledger.createBatch(terms)));
      check(numbers[0] !== numbers[1], 'two batches, two numbers');
      const added = await Promise.all(
        Array.from({ length: 6 }, (_, i) => ledgers[i % 2]!.addCodes(numbers[0]!, 1, [makeTag(), makeTag()])),
      );
      checkSame(added.filter(Boolean).length, 1, 'serials are given once');
      const changed = await Promise.all(
        ledgers.map((ledger) => ledger.changeCodes(numbers[0]!, 1, 2, 'active', at)),
      );
      checkSame(changed[0]! + changed[1]!, 2, 'and activated once');
      const codes = (await ledgers[0].readBatches()).find(({ number }) => number === numbers[0])?.codes;
      checkSame(codes, { printed: 0, active: 2, void: 0, redeemed: 0 }, 'and counted once');
      await closeAll(...ledgers);
    },
  },
  {
    name: 'a card is opened once through two ledgers, and a quarantine holds it in both',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const card = await openCard(first);
      await Promise.all(
        Array.from({ length: 6 }, (_, i) => [first, second][i % 2]!.openCard(card.entry, card.state, at)),
      );
      checkSame((await second.totals()).cards, 1, 'once');
      await second.quarantine([card.entry.keyId]);
      checkSame((await first.readCard(card.id))?.held, true, 'held');
      checkSame(await first.quarantined(), [card.entry.keyId], 'with its key');
      await first.liftQuarantine();
      checkSame((await second.readCard(card.id))?.held, undefined, 'free');
      await Promise.all([first, second].map((ledger) => claimUnit(ledger, card)));
      await closeAll(first, second);
    },
  },
  {
    name: 'what is pending is interrupted when the ledger that accepted it is closed, and no other',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const card = await openCard(first);
      const claims = [await acceptClaim(first, card, 1, 1), await acceptClaim(second, card, 2, 1)] as const;
      const statuses = async (ledger: Ledger) =>
        (await Promise.all(claims.map(({ tag }) => ledger.findClaim(card.id, tag)))).map(
          (claim) => claim?.status,
        );
      checkSame(await statuses(second), ['pending', 'pending'], 'while both are open');
      await first.close();
      checkSame(await statuses(second), ['interrupted', 'pending'], 'when the first one is closed');
      check(await giveBack(second, card, claims[0], 0), 'what was interrupted is given back by the other');
      await second.close();
    },
  },
  {
    name: 'two purges at once, while payments go on, take each record once',
    needs: 'shared',
    async run(harness) {
      const ledgers = await openTwo(harness);
      const cards = await Promise.all(Array.from({ length: 50 }, () => openCard(ledgers[0])));
      for (let end = 1; end <= 30; end++) {
        const details = { acceptedAt: 100, challengeExpires: 100 };
        await Promise.all(cards.map((card) => acceptClaim(ledgers[0], card, end, 1, details)));
      }
      await Promise.all([
        ...ledgers.map((ledger) => ledger.purge(1000, 1000)),
        ...cards.map((card, i) => claimUnit(ledgers[i % 2]!, card)),
      ]);
      const totals = await ledgers[1].totals();
      checkSame([totals.claims.pending, totals.spent], [50, 31 * 50], 'the new claims, and all units');
      await closeAll(...ledgers);
    },
  },
];
