import type { CreditPurpose, CreditTo, Credited, IssuedCard, Ledger } from '../server/ledger.js';
import {
  acceptClaim,
  at,
  cardsOf,
  giveBack,
  kinds,
  makeClaim,
  makeOrder,
  makeReply,
  makeTag,
  openCard,
  stateAfter,
  type TestCard,
} from './cards.js';
import type { LedgerHarness } from './ledger-cases.js';
import { check, checkSame, type SuiteCase } from './suite.js';

const signatures = [new Uint8Array(384).fill(4)];

/** Puts units to a credit as a vendor does, from the version that is there. */
async function putOn(
  ledger: Ledger,
  card: TestCard,
  end: number,
  units: number,
  to: CreditTo,
  acceptedAt = at,
): Promise<{ readonly tag: string; readonly result: Credited }> {
  const claim = makeClaim(card, end, units, { acceptedAt });
  const stored = (await ledger.readCard(card.id))!;
  const next = stateAfter(card, stored.state, claim)!;
  return { tag: claim.tag, result: await ledger.credit(card.id, stored.version, next, claim, to) };
}

function newCredit(purpose: CreditPurpose): CreditTo {
  return { order: makeTag(), purpose };
}

const cards = (...units: number[]): IssuedCard[] => units.map((of) => ({ key: 'new key', units: of }));

/** Orders that claims fill with units. */
export const creditCases: readonly SuiteCase<LedgerHarness>[] = [
  {
    name: 'a credit moves the card, records the claim as settled and fills the order, which comes to be with the first',
    async run({ open, reopen }) {
      let ledger = await open();
      const to = newCredit('exchange');
      const filling: Array<[TestCard, string]> = [];
      for (const [i, kind] of kinds.entries()) {
        const card = await openCard(ledger, kind);
        const { tag, result } = await putOn(ledger, card, 7, 5, to, at + i);
        checkSame(result, 'credited', 'taken');
        filling.push([card, tag]);
      }
      for (let round = 0; round < 2; round++) {
        const credit = { purpose: 'exchange', units: 15, at };
        const order = { id: to.order, items: [], state: 'active', credit };
        checkSame(await ledger.readOrder(to.order), order, 'the sum of the claims, since the first');
        for (const [card, tag] of filling) {
          const claim = await ledger.findClaim(card.id, tag);
          checkSame([claim?.status, claim?.kept, claim?.route], ['settled', 5, ''], 'settled');
          checkSame((await ledger.findHolder(card.id, 6, 7))?.tag, tag, 'it holds its units');
          checkSame((await ledger.readCard(card.id))?.state.spent, 5, 'its units have left the card');
        }
        const { orders, ordersServed, spent, claims } = await ledger.totals();
        checkSame([orders, ordersServed, spent], [1, 0, 15], 'the sums');
        checkSame(claims, { settled: 3, pending: 0, released: 0 }, 'settled from the beginning');
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
  {
    name: 'nothing of a claim that went to a credit comes back',
    async run({ open, reopen }) {
      let ledger = await open();
      const card = await openCard(ledger);
      const to = newCredit('refund');
      const { tag } = await putOn(ledger, card, 10, 10, to);
      for (let round = 0; round < 2; round++) {
        const claim = (await ledger.findClaim(card.id, tag))!;
        checkSame(await giveBack(ledger, card, claim, 0), false, 'not released');
        checkSame(await giveBack(ledger, card, claim, 4), false, 'nor in part');
        await ledger.settle(card.id, tag);
        checkSame((await ledger.findClaim(card.id, tag))?.status, 'settled', 'as it was');
        checkSame((await ledger.readOrder(to.order))?.credit?.units, 10, 'the credit as it was');
        ledger = await reopen(ledger);
      }
      await ledger.settle(card.id, tag, makeReply());
      checkSame((await ledger.findClaim(card.id, tag))?.reply, makeReply(), 'it takes a reply as any other');
      await ledger.close();
    },
  },
  {
    name: 'a credit from an old version is stale, and changes nothing',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      const to = newCredit('exchange');
      const claims = [1, 2, 3].map((end) => makeClaim(card, end, end));
      const results = await Promise.all(
        claims.map((claim) => ledger.credit(card.id, 0, stateAfter(card, card.state, claim)!, claim, to)),
      );
      checkSame(results.filter((result) => result === 'credited').length, 1, 'one wins');
      checkSame(results.filter((result) => result === 'stale').length, 2, 'the others are late');
      const { kept } = claims[results.indexOf('credited')]!;
      checkSame((await ledger.readOrder(to.order))?.credit?.units, kept, 'what the winner kept');
      const stranger = await ledger.credit('no card', 0, card.state, claims[0]!, to);
      checkSame(stranger, 'stale', 'no card, no version');
      await ledger.close();
    },
  },
  {
    name: 'an order that takes no such credit is closed to it, and nothing changes',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      const [plain, served, paid, other] = [
        makeOrder(),
        newCredit('exchange'),
        newCredit('refund'),
        newCredit('refund'),
      ];
      await ledger.createOrders([plain], at);
      await putOn(ledger, card, 1, 1, served);
      await ledger.serveOrder(served.order, 'digest', signatures, cards(1), at);
      await putOn(ledger, card, 2, 1, paid);
      await ledger.payRefund(paid.order, at);
      await putOn(ledger, card, 3, 1, other);
      const photograph = async () => [
        await ledger.readCard(card.id),
        await ledger.totals(),
        await ledger.readBooks(),
        await ledger.readRefunds(),
      ];
      const before = await photograph();
      for (const to of [
        { order: plain.id, purpose: 'exchange' },
        { order: plain.id, purpose: 'refund' },
        served,
        paid,
        { order: other.order, purpose: 'exchange' },
      ] as const) {
        checkSame((await putOn(ledger, card, 9, 1, to)).result, 'closed', 'closed');
      }
      checkSame(await photograph(), before, 'nothing has changed');
      await ledger.createOrders([{ id: other.order, items: [] }], at);
      checkSame((await ledger.readOrder(other.order))?.credit?.units, 1, 'no order takes its place');
      await ledger.close();
    },
  },
  {
    name: 'an exchange is served once, for cards that hold exactly its units; a refund never is',
    async run({ open, reopen }) {
      let ledger = await open();
      const card = await openCard(ledger);
      const [exchange, refund] = [newCredit('exchange'), newCredit('refund')];
      await putOn(ledger, card, 30, 30, exchange);
      await putOn(ledger, card, 40, 10, refund);
      for (const [to, made] of [
        [exchange, []],
        [exchange, cards(10, 10)],
        [exchange, cards(10, 10, 11)],
        [refund, cards(10)],
      ] as const) {
        const refused = await ledger.serveOrder(to.order, 'digest', signatures, made, at);
        checkSame(refused, { status: 'unknown' }, 'not for these');
      }
      for (let round = 0; round < 2; round++) {
        const result = await ledger.serveOrder(exchange.order, 'digest', signatures, cards(10, 20), at);
        checkSame(result, { status: round === 0 ? 'served' : 'repeated', signatures }, 'for these');
        checkSame((await ledger.readOrder(exchange.order))?.served?.digest, 'digest', 'served');
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
  {
    name: 'of serving an exchange and adding to it at once, one wins',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      for (let end = 1; end <= 20; end++) {
        const to = newCredit('exchange');
        await putOn(ledger, card, 2 * end, 1, to);
        const serve = () => ledger.serveOrder(to.order, 'digest', signatures, cards(1), at);
        const add = () => putOn(ledger, card, 2 * end - 1, 1, to);
        const [one, two] = end % 2 ? [serve(), add()] : [add(), serve()];
        const [added, served] = end % 2 ? [await two, await one] : [await one, await two];
        const { result } = added as Awaited<ReturnType<typeof add>>;
        const { status } = served as Awaited<ReturnType<typeof serve>>;
        checkSame(status, result === 'credited' ? 'unknown' : 'served', 'one of the two');
        const units = (await ledger.readOrder(to.order))?.credit?.units;
        checkSame(units, result === 'credited' ? 2 : 1, 'no unit of it is lost');
      }
      await ledger.close();
    },
  },
  {
    name: 'refunds are told by their time, and each is paid out once',
    async run({ open, reopen }) {
      let ledger = await open();
      const card = await openCard(ledger);
      const [late, early, exchange] = [newCredit('refund'), newCredit('refund'), newCredit('exchange')];
      await putOn(ledger, card, 5, 5, late, at + 9);
      await putOn(ledger, card, 8, 3, early, at + 1);
      await putOn(ledger, card, 9, 1, exchange);
      const waiting = [
        { order: early.order, units: 3, at: at + 1 },
        { order: late.order, units: 5, at: at + 9 },
      ];
      checkSame(await ledger.readRefunds(), waiting, 'both');
      const results = await Promise.all([1, 2, 3].map((i) => ledger.payRefund(early.order, at + i)));
      checkSame(results, ['paid', 'repeated', 'repeated'], 'once');
      for (let round = 0; round < 2; round++) {
        const refunds = [{ ...waiting[0], paid: at + 1 }, waiting[1]];
        checkSame(await ledger.readRefunds(), refunds, 'when it was paid');
        checkSame(await ledger.payRefund(early.order, at + 99), 'repeated', 'not again');
        ledger = await reopen(ledger);
      }
      for (const order of [exchange.order, 'none']) {
        checkSame(await ledger.payRefund(order, at), 'unknown', 'no refund');
      }
      await ledger.close();
    },
  },
  {
    name: 'a credit that is held is neither served nor paid out, still takes units, and is never voided',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      const [exchange, refund] = [newCredit('exchange'), newCredit('refund')];
      const ids = [exchange.order, refund.order];
      await putOn(ledger, card, 2, 2, exchange);
      await putOn(ledger, card, 4, 2, refund);
      checkSame(await ledger.changeOrders(ids, 'held', at), 2, 'held');
      checkSame(await ledger.changeOrders(ids, 'void', at), 0, 'not voided');
      const serve = () => ledger.serveOrder(exchange.order, 'digest', signatures, cards(3), at);
      checkSame((await putOn(ledger, card, 5, 1, exchange)).result, 'credited', 'it takes units');
      checkSame(await serve(), { status: 'unknown' }, 'not served');
      checkSame(await ledger.payRefund(refund.order, at), 'unknown', 'not paid out');
      checkSame((await ledger.readRefunds())[0]?.held, true, 'it says so');
      checkSame(await ledger.changeOrders(ids, 'free', at), 2, 'freed');
      checkSame((await serve()).status, 'served', 'served');
      checkSame(await ledger.payRefund(refund.order, at), 'paid', 'paid out');
      checkSame(await ledger.changeOrders(ids, 'held', at), 0, 'what is done stays');
      await ledger.close();
    },
  },
  {
    name: 'an order is served only for cards that hold as many units as it has',
    async run({ open }) {
      const ledger = await open();
      const order = makeOrder();
      await ledger.createOrders([order], at);
      const exact = cardsOf(order);
      for (const made of [[], exact.slice(1), [...exact, exact[0]!]]) {
        const refused = await ledger.serveOrder(order.id, 'digest', signatures, made, at);
        checkSame(refused, { status: 'unknown' }, 'too few or too many');
      }
      check(
        (await ledger.serveOrder(order.id, 'digest', signatures, exact, at)).status === 'served',
        'exactly those',
      );
      await acceptClaim(ledger, await openCard(ledger), 1, 1);
      await ledger.close();
    },
  },
];
