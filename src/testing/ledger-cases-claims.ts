import { acceptClaim, giveBack, kinds, makeReply, openCard } from './cards.js';
import type { LedgerHarness } from './ledger-cases.js';
import { checkSame, type SuiteCase } from './suite.js';

/** What becomes of a claim, and finding it again. */
export const claimCases: readonly SuiteCase<LedgerHarness>[] = [
  {
    name: 'a claim is found by its tag together with the state that it makes',
    async run({ open }) {
      const ledger = await open();
      for (const kind of kinds) {
        const card = await openCard(ledger, kind);
        const claim = await acceptClaim(ledger, card, 3, 2, { safe: false });
        checkSame(await ledger.findClaim(card.id, claim.tag), claim, 'the record');
        checkSame(await ledger.findClaim(card.id, claim.tag, claim.end), claim, 'the record, its end known');
        checkSame((await ledger.readCard(card.id))?.state.spent, 2, 'the state');
        const other = await openCard(ledger, kind);
        checkSame(await ledger.findClaim(other.id, claim.tag), undefined, 'not on another card');
      }
      await ledger.close();
    },
  },
  {
    name: 'a claim is settled once, and keeps its first reply',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      const claim = await acceptClaim(ledger, card, 4, 4);
      await ledger.settle(card.id, claim.tag, makeReply('first'));
      await ledger.settle(card.id, claim.tag, makeReply('second'));
      const settled = { ...claim, status: 'settled', reply: makeReply('first') };
      checkSame(await ledger.findClaim(card.id, claim.tag), settled, 'settled with the first reply');
      checkSame(await giveBack(ledger, card, claim, 0), false, 'not released after that');
      checkSame(await ledger.findClaim(card.id, claim.tag), settled, 'still settled');
      checkSame((await ledger.readCard(card.id))?.state.spent, 4, 'its units are held');
      await ledger.close();
    },
  },
  {
    name: 'a claim that was settled without a reply takes one later, and keeps that',
    async run({ open, reopen }) {
      let ledger = await open();
      const card = await openCard(ledger);
      const plain = await acceptClaim(ledger, card, 4, 4);
      const captured = await acceptClaim(ledger, card, 9, 5);
      await ledger.settle(card.id, plain.tag);
      await giveBack(ledger, card, captured, 2);
      ledger = await reopen(ledger);
      for (const { tag } of [plain, captured]) {
        await ledger.settle(card.id, tag, makeReply('first'));
        await ledger.settle(card.id, tag);
        await ledger.settle(card.id, tag, makeReply('second'));
      }
      for (let round = 0; round < 2; round++) {
        const reply = makeReply('first');
        const found = await Promise.all([plain, captured].map(({ tag }) => ledger.findClaim(card.id, tag)));
        checkSame(found[0], { ...plain, status: 'settled', reply }, 'settled as it stood');
        checkSame(found[1], { ...captured, status: 'settled', kept: 2, reply }, 'with what it kept');
        checkSame((await ledger.totals()).claims, { settled: 2, pending: 0, released: 0 }, 'counted once');
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
  {
    name: 'a claim is released once, and its units come back once',
    async run({ open }) {
      const ledger = await open();
      for (const kind of kinds) {
        const card = await openCard(ledger, kind);
        const claim = await acceptClaim(ledger, card, 4, 4);
        checkSame(await giveBack(ledger, card, claim, 0), true, 'released');
        checkSame(await giveBack(ledger, card, claim, 0), false, 'not again');
        await ledger.settle(card.id, claim.tag, makeReply());
        const released = { ...claim, status: 'released', kept: 0 };
        checkSame(await ledger.findClaim(card.id, claim.tag), released, 'the record stays, released');
        const state = (await ledger.readCard(card.id))?.state;
        checkSame([state?.spent, state?.top], [0, 4], 'the units are back, the top stays');
      }
      await ledger.close();
    },
  },
  {
    name: 'a claim that gives back a part is settled with what it keeps',
    async run({ open }) {
      const ledger = await open();
      for (const kind of kinds) {
        const card = await openCard(ledger, kind);
        const claim = await acceptClaim(ledger, card, 10, 10, { kept: 8 });
        checkSame(await giveBack(ledger, card, claim, 3), true, 'captured');
        checkSame(await giveBack(ledger, card, claim, 1), false, 'not again');
        const captured = { ...claim, status: 'settled', kept: 3 };
        checkSame(await ledger.findClaim(card.id, claim.tag), captured, 'settled with three');
        checkSame((await ledger.readCard(card.id))?.state.spent, 3, 'three units held');
      }
      await ledger.close();
    },
  },
  {
    name: 'of a settlement and a release at the same time, one wins',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      for (let end = 1; end <= 20; end++) {
        const claim = await acceptClaim(ledger, card, end, 1);
        const before = (await ledger.readCard(card.id))!.state.spent;
        const settle = () => ledger.settle(card.id, claim.tag).then(() => false);
        const release = () => giveBack(ledger, card, claim, 0);
        const [one, two] = end % 2 ? [settle, release] : [release, settle];
        const released = (await Promise.all([one(), two()])).includes(true);
        const found = await ledger.findClaim(card.id, claim.tag);
        checkSame(found?.status, released ? 'released' : 'settled', 'the status says who won');
        const spent = (await ledger.readCard(card.id))?.state.spent;
        checkSame(spent, released ? before - 1 : before, 'and so does the card');
      }
      await ledger.close();
    },
  },
  {
    name: 'of many releases of one claim from one version, one wins',
    async run({ open }) {
      const ledger = await open();
      const card = await openCard(ledger);
      const claim = await acceptClaim(ledger, card, 6, 6);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, kept) => giveBack(ledger, card, claim, kept % 3)),
      );
      checkSame(results.filter(Boolean).length, 1, 'one winner');
      const found = await ledger.findClaim(card.id, claim.tag);
      checkSame(
        (await ledger.readCard(card.id))?.state.spent,
        found?.kept,
        'the card holds what the claim kept',
      );
      await ledger.close();
    },
  },
  {
    name: 'the holder of a range of a chain is any claim that kept a unit of it',
    async run({ open, reopen }) {
      let ledger = await open();
      const card = await openCard(ledger);
      const low = await acceptClaim(ledger, card, 10, 10);
      const cut = await acceptClaim(ledger, card, 30, 10, { kept: 4 });
      const gone = await acceptClaim(ledger, card, 40, 10);
      await giveBack(ledger, card, gone, 0);
      const again = await acceptClaim(ledger, card, 38, 2);
      const expectHolder = async (from: number, end: number, tag: string | undefined) => {
        const holder = await ledger.findHolder(card.id, from, end);
        checkSame(holder?.tag, tag, `the holder of (${from}, ${end}]`);
      };
      for (let round = 0; round < 2; round++) {
        await expectHolder(0, 10, low.tag);
        await expectHolder(9, 12, low.tag);
        await expectHolder(0, 1, low.tag);
        await expectHolder(10, 20, undefined);
        await expectHolder(15, 21, cut.tag);
        await expectHolder(23, 24, cut.tag);
        await expectHolder(24, 30, undefined);
        await expectHolder(30, 36, undefined);
        await expectHolder(30, 37, again.tag);
        await expectHolder(37, 40, again.tag);
        await expectHolder(38, 40, undefined);
        await expectHolder(40, 1000, undefined);
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
  {
    name: 'the holder of a step of a stream is the claim of that step, unless it is released',
    async run({ open, reopen }) {
      let ledger = await open();
      const card = await openCard(ledger, kinds[1]);
      const first = await acceptClaim(ledger, card, 1, 50);
      const third = await acceptClaim(ledger, card, 3, 7);
      const fourth = await acceptClaim(ledger, card, 4, 7);
      await giveBack(ledger, card, fourth, 0);
      for (let round = 0; round < 2; round++) {
        const holders = [1, 2, 3, 4, 5].map((end) => ledger.findHolder(card.id, end - 1, end));
        const tags = (await Promise.all(holders)).map((holder) => holder?.tag);
        checkSame(tags, [first.tag, undefined, third.tag, undefined, undefined], 'the holders');
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
];
