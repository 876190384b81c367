import type { BatchTerms, Ledger } from '../server/ledger.js';
import { at, cardsOf, makeOrder, makeTag } from './cards.js';
import type { LedgerHarness } from './ledger-cases.js';
import { check, checkSame, type SuiteCase } from './suite.js';

const signatures = [new Uint8Array(384).fill(5)];
const terms: BatchTerms = {
  label: 'Kiosk, spring',
  items: [{ denomination: 1000, count: 2 }],
  created: 1_800_000_000,
  expires: 1_900_000_000,
};

const cards = cardsOf(terms);

/** A batch of so many codes. @returns its number and their ids */
async function makeBatch(ledger: Ledger, count: number): Promise<{ number: number; ids: string[] }> {
  const number = await ledger.createBatch(terms);
  const ids = Array.from({ length: count }, makeTag);
  check(await ledger.addCodes(number, 1, ids), 'codes go into an empty batch');
  return { number, ids };
}

/** Batches of codes, and the states of these. */
export const batchCases: readonly SuiteCase<LedgerHarness>[] = [
  {
    name: 'a batch gets a number of its own, and codes that are printed, in the order of their serials',
    async run({ open, reopen }) {
      let ledger = await open();
      checkSame(await ledger.readBatches(), [], 'none at first');
      const empty = await ledger.createBatch({ ...terms, label: '' });
      const { number, ids } = await makeBatch(ledger, 3);
      const more = [makeTag(), makeTag()];
      checkSame(await ledger.addCodes(number, 4, more), true, 'more codes');
      check(number > empty, 'the numbers rise');
      for (let round = 0; round < 2; round++) {
        const none = { printed: 0, active: 0, void: 0, redeemed: 0 };
        const batches = [
          { ...terms, label: '', number: empty, codes: none },
          { ...terms, number, codes: { ...none, printed: 5 } },
        ];
        checkSame(await ledger.readBatches(), batches, 'both');
        for (const [i, id] of [...ids, ...more].entries()) {
          const code = { batch: number, serial: i + 1, expires: terms.expires };
          const order = { id, items: terms.items, state: 'printed', code };
          checkSame(await ledger.readOrder(id), order, 'an order of the batch');
        }
        checkSame((await ledger.totals()).orders, 5, 'orders');
        ledger = await reopen(ledger);
      }
      check((await ledger.createBatch(terms)) > number, 'the numbers rise on');
      await ledger.close();
    },
  },
  {
    name: 'codes are added all of them or none: not twice, not with a gap, not to a batch that is not there',
    async run({ open }) {
      const ledger = await open();
      const { number, ids } = await makeBatch(ledger, 2);
      const order = makeOrder();
      await ledger.createOrders([order], at);
      const before = { batches: await ledger.readBatches(), totals: await ledger.totals() };
      const [fresh, twice] = [makeTag(), makeTag()];
      const wrong: Array<[number, number, string[]]> = [
        [number + 1, 1, [fresh]],
        [number, 1, [fresh]],
        [number, 2, [fresh]],
        [number, 4, [fresh]],
        [number, 3, [fresh, ids[1]!]],
        [number, 3, [fresh, order.id]],
        [number, 3, [fresh, twice, twice]],
      ];
      for (const [batch, first, added] of wrong) {
        checkSame(await ledger.addCodes(batch, first, added), false, 'refused');
        checkSame(await ledger.readOrder(fresh), undefined, 'nothing of it is there');
      }
      await ledger.createOrders([{ id: ids[0]!, items: [] }], at);
      const after = { batches: await ledger.readBatches(), totals: await ledger.totals() };
      checkSame(after, before, 'nothing was changed');
      checkSame(await ledger.readOrder(order.id), { ...order, state: 'active' }, 'nor the other order');
      await ledger.close();
    },
  },
  {
    name: 'only an active code is served; one that is printed or void is unknown to serving, and stays as it is',
    async run({ open, reopen }) {
      let ledger = await open();
      const { number, ids } = await makeBatch(ledger, 3);
      checkSame(await ledger.changeCodes(number, 2, 3, 'active', at), 2, 'activated');
      checkSame(await ledger.changeCodes(number, 3, 3, 'void', at), 1, 'voided');
      const [printed, active, voided] = ids as [string, string, string];
      for (let round = 0; round < 2; round++) {
        for (const id of [printed, voided]) {
          const unknown = { status: 'unknown' };
          checkSame(await ledger.serveOrder(id, 'digest', signatures, cards, at), unknown, 'unknown');
          checkSame((await ledger.readOrder(id))?.served, undefined, 'not served');
        }
        const served = await ledger.serveOrder(active, 'digest', signatures, cards, at);
        checkSame(served, { status: round === 0 ? 'served' : 'repeated', signatures }, 'served once');
        const codes = { printed: 1, active: 0, void: 1, redeemed: 1 };
        checkSame((await ledger.readBatches())[0]?.codes, codes, 'counted');
        checkSame((await ledger.totals()).ordersServed, 1, 'in the sums as well');
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
  {
    name: 'a state never goes back, and a code that was served is neither voided nor activated',
    async run({ open }) {
      const ledger = await open();
      const { number, ids } = await makeBatch(ledger, 4);
      checkSame(await ledger.changeCodes(number, 1, 2, 'void', at), 2, 'voided unused');
      checkSame(await ledger.changeCodes(number, 1, 4, 'active', at), 2, 'those that are printed');
      checkSame(await ledger.changeCodes(number, 1, 4, 'active', at), 0, 'again changes nothing');
      await ledger.serveOrder(ids[2]!, 'digest', signatures, cards, at);
      checkSame(await ledger.changeCodes(number, 1, 4, 'void', at), 1, 'the one that is active');
      checkSame(await ledger.changeCodes(number, 1, 4, 'active', at), 0, 'nothing comes back');
      const runs = [
        { from: 1, to: 2, state: 'void' },
        { from: 3, to: 3, state: 'redeemed' },
        { from: 4, to: 4, state: 'void' },
      ];
      checkSame(await ledger.readCodes(number, 1, 4), runs, 'what they are');
      const again = await ledger.serveOrder(ids[2]!, 'digest', [], cards, at);
      checkSame(again, { status: 'repeated', signatures }, 'served to the same as ever');
      await ledger.close();
    },
  },
  {
    name: 'a change touches the serials that are named, as far as there are any',
    async run({ open }) {
      const ledger = await open();
      const { number } = await makeBatch(ledger, 10);
      const other = await makeBatch(ledger, 10);
      checkSame(await ledger.changeCodes(number, 8, 4_000_000_000, 'active', at), 3, 'the last three');
      checkSame(await ledger.changeCodes(number, 0, 2, 'active', at), 2, 'the first two');
      checkSame(await ledger.changeCodes(number, 6, 4, 'active', at), 0, 'the wrong way round');
      checkSame(await ledger.changeCodes(number, 11, 20, 'active', at), 0, 'beyond');
      checkSame(await ledger.changeCodes(99, 1, 10, 'active', at), 0, 'no batch');
      const runs = [
        { from: 1, to: 2, state: 'active' },
        { from: 3, to: 7, state: 'printed' },
        { from: 8, to: 10, state: 'active' },
      ];
      checkSame(await ledger.readCodes(number, 1, 10), runs, 'in runs');
      checkSame(
        await ledger.readCodes(number, 2, 3),
        [
          { from: 2, to: 2, state: 'active' },
          { from: 3, to: 3, state: 'printed' },
        ],
        'a part',
      );
      checkSame(await ledger.readCodes(number, 11, 20), [], 'none beyond');
      checkSame(await ledger.readCodes(99, 1, 10), [], 'none of no batch');
      const untouched = [{ from: 1, to: 10, state: 'printed' }];
      checkSame(await ledger.readCodes(other.number, 1, 10), untouched, 'the other batch');
      await ledger.close();
    },
  },
  {
    name: 'of serving and voiding a code at once, one wins',
    async run({ open }) {
      const ledger = await open();
      const { number, ids } = await makeBatch(ledger, 40);
      await ledger.changeCodes(number, 1, 40, 'active', at);
      const results = await Promise.all(
        ids.map(async (id, i) => {
          const serve = () => ledger.serveOrder(id, 'digest', signatures, cards, at);
          const revoke = () => ledger.changeCodes(number, i + 1, i + 1, 'void', at);
          if (i % 2 === 0) return Promise.all([serve(), revoke()]);
          const revoked = revoke();
          return [await serve(), await revoked] as const;
        }),
      );
      let served = 0;
      for (const [{ status }, revoked] of results) {
        checkSame(revoked, status === 'served' ? 0 : 1, 'void exactly if it was not served');
        if (status === 'served') served++;
      }
      const codes = { printed: 0, active: 0, void: 40 - served, redeemed: served };
      checkSame((await ledger.readBatches())[0]?.codes, codes, 'counted');
      await ledger.close();
    },
  },
  {
    name: 'of calls that add the same serials at once, one wins',
    async run({ open }) {
      const ledger = await open();
      const number = await ledger.createBatch(terms);
      const calls = Array.from({ length: 10 }, () => [makeTag(), makeTag()]);
      const added = await Promise.all(calls.map((ids) => ledger.addCodes(number, 1, ids)));
      checkSame(added.filter(Boolean).length, 1, 'one winner');
      for (const [i, ids] of calls.entries()) {
        const found = await Promise.all(ids.map((id) => ledger.readOrder(id)));
        checkSame(found.map(Boolean), [added[i], added[i]], 'the codes of the winner and no others');
      }
      await ledger.close();
    },
  },
];
