import { acceptClaim, at, giveBack, kinds, makeCard, makeClaim, openCard, stateAfter } from './cards.js';
import type { LedgerHarness } from './ledger-cases.js';
import { check, checkSame, type SuiteCase } from './suite.js';

/** Opening a card, and moving it from one version to the next. */
export const cardCases: readonly SuiteCase<LedgerHarness>[] = [
  {
    name: 'a card that was never opened is not there',
    async run({ open }) {
      const ledger = await open();
      const card = makeCard();
      const claim = makeClaim(card, 1, 1);
      checkSame(await ledger.readCard(card.id), undefined, 'no card');
      checkSame(await ledger.readCard('not an id'), undefined, 'no card of a name that is no id');
      checkSame(await ledger.findClaim(card.id, claim.tag), undefined, 'no claim');
      checkSame(await ledger.findHolder(card.id, 0, 1), undefined, 'no holder');
      checkSame(await ledger.accept(card.id, 0, card.state, claim), false, 'nothing to move');
      checkSame(await ledger.giveBack(card.id, 0, card.state, claim.tag, 0), false, 'nothing to give back');
      await ledger.settle(card.id, claim.tag);
      await ledger.close();
    },
  },
  {
    name: 'a card is opened at version 0 and read back as it is',
    async run({ open }) {
      const ledger = await open();
      for (const kind of kinds) {
        const card = makeCard(kind);
        const stored = { entry: card.entry, state: card.state, version: 0 };
        checkSame(await ledger.openCard(card.entry, card.state, at), stored, 'opened');
        checkSame(await ledger.readCard(card.id), stored, 'read');
      }
      await ledger.close();
    },
  },
  {
    name: 'opening a card again changes nothing and returns what is there',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      await acceptClaim(ledger, card, 5, 5);
      const before = await ledger.readCard(card.id);
      checkSame(await ledger.openCard(card.entry, card.state, at), before, 'the card as it is');
      checkSame(await ledger.readCard(card.id), before, 'unchanged');
      checkSame((await ledger.totals()).cards, 1, 'one card');
      await ledger.close();
    },
  },
  {
    name: 'a card that is opened many times at once is opened once',
    async run({ open }) {
      const ledger = await open();
      const card = makeCard();
      const opened = await Promise.all(
        Array.from({ length: 20 }, () => ledger.openCard(card.entry, card.state, at)),
      );
      for (const stored of opened) checkSame(stored, opened[0], 'the same card');
      checkSame((await ledger.totals()).units, 1000, 'its units once');
      await ledger.close();
    },
  },
  {
    name: 'of 100 accepts that name the same version at once, one wins',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      const claims = Array.from({ length: 100 }, (_, i) => makeClaim(card, i + 1, i + 1));
      const states = claims.map((claim) => stateAfter(card, card.state, claim)!);
      const won = await Promise.all(claims.map((claim, i) => ledger.accept(card.id, 0, states[i]!, claim)));
      checkSame(won.filter(Boolean).length, 1, 'one winner');
      const winner = won.indexOf(true);
      const stored = await ledger.readCard(card.id);
      checkSame(stored, { entry: card.entry, state: states[winner], version: stored?.version }, 'its state');
      for (const [i, { tag }] of claims.entries()) {
        const found = await ledger.findClaim(card.id, tag);
        checkSame(found, i === winner ? claims[i] : undefined, 'the claim of the winner and no other');
      }
      checkSame((await ledger.totals()).claims.pending, 1, 'one claim');
      await ledger.close();
    },
  },
  {
    name: 'callers that read again after losing all get their units',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      const claimUnit = async (): Promise<void> => {
        for (;;) {
          const stored = (await ledger.readCard(card.id))!;
          const claim = makeClaim(card, stored.state.top + 1, 1);
          const next = stateAfter(card, stored.state, claim)!;
          if (await ledger.accept(card.id, stored.version, next, claim)) return;
        }
      };
      await Promise.all(Array.from({ length: 50 }, claimUnit));
      checkSame((await ledger.readCard(card.id))?.state.spent, 50, 'units of all');
      checkSame((await ledger.totals()).claims.pending, 50, 'claims of all');
      await ledger.close();
    },
  },
  {
    name: 'the version rises with every change of the state, and an older one moves nothing',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      let last = (await ledger.readCard(card.id))!.version;
      const rises = async () => {
        const { version } = (await ledger.readCard(card.id))!;
        check(version > last, 'the version rises');
        last = version;
      };
      const first = await acceptClaim(ledger, card, 10, 10);
      await rises();
      await acceptClaim(ledger, card, 20, 5);
      await rises();
      await giveBack(ledger, card, first, 3);
      await rises();
      const before = await ledger.readCard(card.id);
      const late = makeClaim(card, 30, 10);
      checkSame(
        await ledger.accept(card.id, 0, stateAfter(card, before!.state, late)!, late),
        false,
        'too late',
      );
      checkSame(await ledger.readCard(card.id), before, 'nothing moved');
      checkSame(await ledger.findClaim(card.id, late.tag), undefined, 'nothing recorded');
      await ledger.close();
    },
  },
  {
    name: 'what goes in and what comes out is never changed, and the entry keeps its identity',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      const first = (await ledger.readCard(card.id))!;
      const copy = {
        entry: { ...first.entry },
        state: { ...first.state, tip: first.state.tip.slice() },
        version: 0,
      };
      const claim = await acceptClaim(ledger, card, 7, 7);
      const claimCopy = { ...claim, proof: claim.proof.slice() };
      await ledger.settle(card.id, claim.tag);
      checkSame(first, copy, 'an old answer stays as it was');
      checkSame(claim, claimCopy, 'an accepted record stays as it was');
      check((await ledger.readCard(card.id))?.entry === first.entry, 'the entry is the same object');
      await ledger.close();
    },
  },
];
