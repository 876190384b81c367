import type { CreditPurpose, Ledger, Movement, MovementKind } from '../server/ledger.js';
import {
  acceptClaim,
  at,
  cardsOf,
  giveBack,
  makeClaim,
  makeOrder,
  makeTag,
  openCard,
  stateAfter,
  type TestCard,
} from './cards.js';
import type { LedgerHarness } from './ledger-cases.js';
import { check, checkSame, type SuiteCase } from './suite.js';

const signatures = [new Uint8Array(384).fill(8)];
const day = 86_400;
const today = Math.floor(at / day);

/** A movement of today. */
function moved(
  kind: MovementKind,
  key: string,
  count: number,
  units: number,
  more: Partial<Movement> = {},
): Movement {
  return { day: today, kind, key, route: '', count, units, ...more };
}

async function credit(
  ledger: Ledger,
  card: TestCard,
  end: number,
  units: number,
  purpose: CreditPurpose,
  order = makeTag(),
): Promise<string> {
  const claim = makeClaim(card, end, units);
  const { state, version } = (await ledger.readCard(card.id))!;
  const next = stateAfter(card, state, claim)!;
  await ledger.credit(card.id, version, next, claim, { order, purpose });
  return order;
}

/** The books, and that they are the same after reopening. */
async function checkBooks(
  { reopen }: LedgerHarness,
  ledger: Ledger,
  wanted: readonly Movement[],
): Promise<Ledger> {
  let open = ledger;
  for (let round = 0; round < 3; round++) {
    const found = await open.readBooks();
    checkSame(found, [...wanted].sort(inOrder), 'the books');
    open = await reopen(open);
  }
  return open;
}

function inOrder(a: Movement, b: Movement): number {
  const text = ({ kind, key, route }: Movement) => [kind, key, route].join(' ');
  return a.day - b.day || (text(a) < text(b) ? -1 : 1);
}

/** What happened, summed by day, with no way from a sale to a payment. */
export const bookCases: readonly SuiteCase<LedgerHarness>[] = [
  {
    name: 'the books say what was sold, withdrawn and issued, on its day',
    async run(harness) {
      let ledger = await harness.open();
      checkSame(await ledger.readBooks(), [], 'nothing at first');
      const orders = [makeOrder(), makeOrder(), makeOrder()] as const;
      const units = 2050;
      await ledger.createOrders([...orders, orders[0]], at);
      await ledger.createOrders(orders, at + day);
      const [first, second, third] = orders.map(({ id }) => id) as [string, string, string];
      for (let round = 0; round < 2; round++) {
        await ledger.serveOrder(first, 'digest', signatures, cardsOf(orders[0]), at + day);
      }
      await ledger.serveOrder(second, 'digest', signatures, [{ key: 'key', units: 1 }], at);
      await ledger.changeOrders([first, second, third], 'held', at);
      await ledger.changeOrders([first, second, third], 'void', at + 2 * day - 1);
      ledger = await checkBooks(harness, ledger, [
        moved('sold', '', 3, 3 * units),
        moved('withdrawn', '', 2, 2 * units, { day: Math.floor((at + 2 * day - 1) / day) }),
        moved('issued', 'key', 3, units, { day: today + 1 }),
      ]);
      await ledger.close();
    },
  },
  {
    name: 'a printed code is sold when it is activated, and withdrawn when it is voided after that',
    async run(harness) {
      let ledger = await harness.open();
      const items = [{ denomination: 100, count: 2 }];
      const batch = await ledger.createBatch({ label: '', items, created: at, expires: at + day });
      const ids = Array.from({ length: 10 }, makeTag);
      await ledger.addCodes(batch, 1, ids);
      await ledger.changeCodes(batch, 1, 6, 'active', at);
      await ledger.changeCodes(batch, 5, 8, 'void', at);
      await ledger.changeOrders([ids[0]!, ids[9]!], 'void', at);
      await ledger.changeCodes(batch, 1, 10, 'active', at + day);
      await ledger.serveOrder(ids[1]!, 'digest', signatures, cardsOf({ items }), at + day);
      ledger = await checkBooks(harness, ledger, [
        moved('sold', '', 6, 1200),
        moved('sold', '', 1, 200, { day: today + 1 }),
        moved('withdrawn', '', 3, 600),
        moved('issued', 'key', 2, 200, { day: today + 1 }),
      ]);
      await ledger.close();
    },
  },
  {
    name: 'the books say what was opened and spent by key and route, net of what came back, on the day of the claim',
    async run(harness) {
      let ledger = await harness.open();
      const [card, other] = [await openCard(ledger), await openCard(ledger)];
      await ledger.openCard(card.entry, card.state, at + day);
      const details = { route: '/articles/*', acceptedAt: at + day };
      await acceptClaim(ledger, card, 10, 10, { ...details, kept: 8 });
      const captured = await acceptClaim(ledger, card, 20, 10, details);
      const released = await acceptClaim(ledger, card, 30, 10, details);
      await acceptClaim(ledger, other, 3, 3, details);
      const gone = await acceptClaim(ledger, other, 5, 2, { route: '/films/*' });
      await acceptClaim(ledger, other, 6, 1);
      ledger = await harness.reopen(ledger);
      await giveBack(ledger, card, captured, 4);
      await giveBack(ledger, card, released, 0);
      await giveBack(ledger, other, gone, 0);
      await giveBack(ledger, card, captured, 1);
      await ledger.settle(card.id, captured.tag);
      const [key, second] = [card.entry.keyId, other.entry.keyId];
      const route = { route: '/articles/*', day: today + 1 };
      const wanted = [
        moved('opened', key, 1, 1000),
        moved('opened', second, 1, 1000),
        moved('spent', key, 2, 12, route),
        moved('spent', second, 1, 3, route),
        moved('spent', second, 1, 1),
      ];
      ledger = await checkBooks(harness, ledger, wanted);
      checkSame(
        (await ledger.findClaim(card.id, captured.tag))?.route,
        '/articles/*',
        'the claim says it too',
      );
      await ledger.purge(at + 9 * day, at + 9 * day);
      ledger = await checkBooks(harness, ledger, wanted);
      await ledger.close();
    },
  },
  {
    name: 'units that leave cards for a credit are not spent, and what comes of it is booked',
    async run(harness) {
      let ledger = await harness.open();
      const card = await openCard(ledger);
      const key = card.entry.keyId;
      const exchange = await credit(ledger, card, 30, 30, 'exchange');
      await credit(ledger, card, 40, 10, 'exchange', exchange);
      await credit(ledger, card, 41, 1, 'exchange');
      const refund = await credit(ledger, card, 50, 9, 'refund');
      await credit(ledger, card, 55, 5, 'refund');
      const fresh = [25, 15].map((units) => ({ key: 'fresh', units }));
      await ledger.serveOrder(exchange, 'digest', signatures, fresh, at + day);
      for (let round = 0; round < 2; round++) await ledger.payRefund(refund, at + day);
      ledger = await checkBooks(harness, ledger, [
        moved('opened', key, 1, 1000),
        moved('exchanged', key, 3, 41),
        moved('refunded', key, 2, 14),
        moved('reissued', 'fresh', 2, 40, { day: today + 1 }),
        moved('paid-out', '', 1, 9, { day: today + 1 }),
      ]);
      await ledger.close();
    },
  },
  {
    name: 'a class of routes has at most 64 characters, and there are at most 1,000: what is beyond has none',
    async run(harness) {
      let ledger = await harness.open();
      const names = Array.from({ length: 1010 }, (_, i) => `/route/${i}`);
      const [long, longest] = ['x'.repeat(65), 'y'.repeat(64)];
      names.fill(long, 0, 5).fill(longest, 5, 10);
      const cards = await Promise.all(Array.from({ length: 101 }, () => openCard(ledger)));
      const first = await acceptClaim(ledger, cards[0]!, 20, 1, { route: long });
      const second = await acceptClaim(ledger, cards[0]!, 21, 1, { route: longest });
      for (let end = 1; end <= 10; end++) {
        const routes = names.slice(101 * (end - 1));
        await Promise.all(cards.map((card, i) => acceptClaim(ledger, card, end, 1, { route: routes[i]! })));
        if (end % 5 === 0) ledger = await harness.reopen(ledger);
      }
      const last = await acceptClaim(ledger, cards[0]!, 22, 1, { route: '/one/more' });
      const sums = new Map<string, number>();
      for (const { kind, route, count } of await ledger.readBooks()) {
        if (kind === 'spent') sums.set(route, (sums.get(route) ?? 0) + count);
      }
      checkSame(sums.size, 1001, 'a thousand, and none');
      checkSame(sums.get(longest), 6, 'as long as may be');
      checkSame(sums.get(''), 6 + 1 + 1, 'too long, or too many');
      const found = await Promise.all(
        [first, second, last].map(({ tag }) => ledger.findClaim(cards[0]!.id, tag)),
      );
      const kept = found.map((claim) => claim?.route);
      checkSame(kept, ['', longest, ''], 'claims say what was kept');
      await ledger.close();
    },
  },
  {
    name: 'the books agree with what calls at once have done',
    async run({ open, reopen }) {
      let ledger = await open();
      const cards = await Promise.all(Array.from({ length: 20 }, () => openCard(ledger)));
      const order = makeTag();
      await Promise.all(
        cards.map(async (card, i) => {
          const claim = await acceptClaim(ledger, card, 10, 10, { route: `/${i % 3}` });
          if (i % 4 === 0) await giveBack(ledger, card, claim, i % 8);
          await credit(ledger, card, 12, 2, i % 2 ? 'refund' : 'exchange', i % 2 ? makeTag() : order);
        }),
      );
      for (let round = 0; round < 2; round++) {
        const books = await ledger.readBooks();
        for (const { entry, id } of cards) {
          const state = (await ledger.readCard(id))!.state;
          const of = (...kinds: MovementKind[]): number =>
            books
              .filter(({ key, kind }) => key === entry.keyId && kinds.includes(kind))
              .reduce((sum, { units }) => sum + units, 0);
          const left = of('opened') - of('spent', 'exchanged', 'refunded');
          checkSame(left, state.units - state.spent, 'what is left on the cards of a key');
        }
        check(
          books.every(({ units }) => units >= 0),
          'nothing is below 0',
        );
        checkSame((await ledger.readOrder(order))?.credit?.units, 20, 'and the credit');
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
];
