import { isImpulsError } from '../../src/core/errors.js';
import type { Ledger } from '../../src/server/index.js';
import { at, makeCard, makeClaim, makeTag, stateAfter, type TestCard } from '../../src/testing/cards.js';
import type { LedgerHarness } from '../../src/testing/index.js';
import { check, checkSame, type SuiteCase } from '../../src/testing/suite.js';

/** An object that dies when it is asked for something. */
export interface Fault {
  /** Whom, and for what: `card accept`. */
  readonly message: string;
  readonly when: 'before' | 'after';
}

export interface CrashHarness extends LedgerHarness {
  /** The next object that is asked for this dies of it. */
  readonly kill: (fault: Fault) => void;
}

/** Does it again until an object answers, as a vendor's clients do. @returns how often it failed */
async function persist(work: () => Promise<unknown>): Promise<number> {
  for (let failed = 0; ; failed++) {
    try {
      await work();
      return failed;
    } catch (error) {
      check(
        isImpulsError(error, 'storage-failed') && failed < 3,
        `it answers again, and not ${String(error)}`,
      );
    }
  }
}

/** Accepts a claim, or finds that it was accepted. */
async function accept(ledger: Ledger, card: TestCard, claim: ReturnType<typeof makeClaim>): Promise<void> {
  if (await ledger.findClaim(card.id, claim.tag)) return;
  const { state, version } = (await ledger.readCard(card.id))!;
  await ledger.accept(card.id, version, stateAfter(card, state, claim)!, claim);
}

async function credit(
  ledger: Ledger,
  card: TestCard,
  claim: ReturnType<typeof makeClaim>,
  order: string,
): Promise<void> {
  if (await ledger.findClaim(card.id, claim.tag)) return;
  const { state, version } = (await ledger.readCard(card.id))!;
  const next = stateAfter(card, state, claim)!;
  await ledger.credit(card.id, version, next, claim, { order, purpose: 'exchange' });
}

/** What the objects ask each other for, and what a worker asks of them that changes something. */
const messages = [
  'office register',
  'card open',
  'office expect',
  'office routeClass',
  'card accept',
  'card credit',
  'office credit',
  'office enter',
  'card report',
  'office visit',
  'card giveBack',
];

export const crashCases: readonly SuiteCase<CrashHarness>[] = messages.flatMap((message) =>
  (['before', 'after'] as const).map((when) => ({
    name: `no unit is lost or counted twice where an object dies ${when} it did "${message}"`,
    async run({ open, kill }: CrashHarness) {
      const ledger = await open();
      const card = makeCard();
      const key = card.entry.keyId;
      const [paid, back, given] = [
        makeClaim(card, 5, 5, { route: '/a' }),
        makeClaim(card, 9, 4),
        makeClaim(card, 12, 3),
      ];
      const order = makeTag();
      kill({ message, when });
      let failed = await persist(() => ledger.openCard(card.entry, card.state, at));
      failed += await persist(() => accept(ledger, card, paid));
      // From here on the card has reported, and has to announce what comes.
      failed += await persist(() => ledger.totals());
      failed += await persist(() => accept(ledger, card, back));
      failed += await persist(async () => {
        const { state, version } = (await ledger.readCard(card.id))!;
        const claim = (await ledger.findClaim(card.id, back.tag))!;
        if (claim.status === 'released') return;
        await ledger.giveBack(card.id, version, card.scheme.giveBack(state, claim, 4, 0), back.tag, 0);
      });
      failed += await persist(() => credit(ledger, card, given, order));
      failed += await persist(() => ledger.readBooks());
      check(failed > 0, 'an object died');
      const totals = await ledger.totals();
      checkSame([totals.cards, totals.units, totals.spent], [1, 1000, 8], 'the sums');
      checkSame(totals.claims, { settled: 1, pending: 1, released: 1 }, 'the claims');
      checkSame((await ledger.readCard(card.id))?.state.spent, 8, 'the card');
      checkSame((await ledger.readOrder(order))?.credit?.units, 3, 'the order');
      const units = (await ledger.readBooks()).map((moved) => [
        moved.kind,
        moved.key,
        moved.route,
        moved.units,
      ]);
      const wanted = [
        ['exchanged', key, '', 3],
        ['opened', key, '', 1000],
        ['spent', key, '/a', 5],
      ];
      checkSame(units, wanted, 'the books');
      await ledger.close();
    },
  })),
);
