import { isImpulsError } from '../core/errors.js';
import type { Ledger } from '../server/ledger.js';
import {
  acceptClaim,
  at,
  cardsOf,
  giveBack,
  makeCard,
  makeClaim,
  makeOrder,
  makeTag,
  openCard,
  stateAfter,
} from './cards.js';
import type { LedgerHarness } from './ledger-cases.js';
import { check, checkSame, type SuiteCase } from './suite.js';

const signatures = [new Uint8Array(384).fill(6)];
const items = [{ denomination: 100, count: 1 }];
const cards = cardsOf({ items });

const serve = async (ledger: Ledger, id: string) =>
  (await ledger.serveOrder(id, 'digest', signatures, cards, at)).status;

/** Orders and cards that are held for a while, and a restore from a backup. */
export const holdCases: readonly SuiteCase<LedgerHarness>[] = [
  {
    name: 'an order that is held is unknown to serving until it is freed',
    async run({ open, reopen }) {
      let ledger = await open();
      const [one, two] = [makeTag(), makeTag()];
      await ledger.createOrders(
        [one, two].map((id) => ({ id, items })),
        at,
      );
      checkSame(await ledger.changeOrders([one, 'none'], 'held', at), 1, 'the one there is');
      checkSame(await ledger.changeOrders([one], 'held', at), 0, 'once');
      for (let round = 0; round < 2; round++) {
        checkSame(await ledger.readOrder(one), { id: one, items, state: 'active', held: true }, 'held');
        checkSame((await ledger.readOrder(two))?.held, undefined, 'not the other');
        checkSame(await serve(ledger, one), 'unknown', 'not served');
        ledger = await reopen(ledger);
      }
      checkSame(await ledger.changeOrders([one, two], 'free', at), 1, 'the one that was held');
      checkSame((await ledger.readOrder(one))?.held, undefined, 'free');
      checkSame([await serve(ledger, one), await serve(ledger, two)], ['served', 'served'], 'served');
      checkSame(await ledger.changeOrders([one, two], 'held', at), 0, 'what was served stays as it is');
      checkSame(await serve(ledger, one), 'repeated', 'and is answered again');
      await ledger.close();
    },
  },
  {
    name: 'an order that is voided stays void, and no longer held',
    async run({ open, reopen }) {
      let ledger = await open();
      const order = makeOrder();
      await ledger.createOrders([order], at);
      await ledger.changeOrders([order.id], 'held', at);
      checkSame(await ledger.changeOrders([order.id], 'void', at), 1, 'voided');
      for (const state of ['held', 'free', 'void'] as const) {
        checkSame(await ledger.changeOrders([order.id], state, at), 0, 'for good');
      }
      for (let round = 0; round < 2; round++) {
        checkSame(await ledger.readOrder(order.id), { ...order, state: 'void' }, 'void');
        checkSame(await serve(ledger, order.id), 'unknown', 'not served');
        ledger = await reopen(ledger);
      }
      await ledger.close();
    },
  },
  {
    name: 'codes of a batch are held and voided like other orders, and counted',
    async run({ open }) {
      const ledger = await open();
      const batch = await ledger.createBatch({ label: '', items, created: at, expires: at + 100 });
      const ids = [makeTag(), makeTag(), makeTag()] as const;
      await ledger.addCodes(batch, 1, ids);
      await ledger.changeCodes(batch, 1, 2, 'active', at);
      checkSame(await ledger.changeOrders(ids, 'held', at), 3, 'held');
      const codes = async () => (await ledger.readBatches())[0]?.codes;
      checkSame(await codes(), { printed: 1, active: 2, void: 0, redeemed: 0 }, 'their states stay');
      checkSame(await ledger.changeCodes(batch, 3, 3, 'active', at), 1, 'a held code is activated');
      checkSame(await serve(ledger, ids[2]), 'unknown', 'and is held still');
      checkSame(await ledger.changeCodes(batch, 1, 1, 'void', at), 1, 'and voided');
      checkSame((await ledger.readOrder(ids[0]))?.held, undefined, 'which ends that');
      checkSame(await ledger.changeOrders([ids[1]], 'void', at), 1, 'voided by its name');
      checkSame(await codes(), { printed: 0, active: 1, void: 2, redeemed: 0 }, 'counted');
      checkSame(await ledger.changeOrders([ids[2]], 'free', at), 1, 'freed');
      checkSame(await serve(ledger, ids[2]), 'served', 'served');
      checkSame(await codes(), { printed: 0, active: 0, void: 2, redeemed: 1 }, 'counted');
      await ledger.close();
    },
  },
  {
    name: 'a quarantine holds the cards of its keys, known or not, until it is lifted',
    async run({ open, reopen }) {
      let ledger = await open();
      const [card, other] = [await openCard(ledger), await openCard(ledger)];
      const claim = await acceptClaim(ledger, card, 5, 5);
      const [known, late] = [makeCard(), makeCard()];
      await ledger.openCard(known.entry, known.state, at);
      const { keyId } = late.entry;
      await ledger.quarantine([card.entry.keyId, known.entry.keyId, keyId]);
      await ledger.quarantine([keyId]);
      const keys = [card.entry.keyId, known.entry.keyId, keyId].sort();
      for (let round = 0; round < 2; round++) {
        checkSame(await ledger.quarantined(), keys, 'its keys');
        checkSame((await ledger.readCard(card.id))?.held, true, 'held');
        checkSame((await ledger.openCard(known.entry, known.state, at)).held, true, 'held when opened again');
        checkSame((await ledger.readCard(other.id))?.held, undefined, 'not a card of another key');
        const refused = await ledger.openCard(late.entry, late.state, at).then(
          () => undefined,
          (error: unknown) => error,
        );
        check(isImpulsError(refused, 'vendor-restored'), 'a card that is not known is not opened');
        checkSame(await ledger.readCard(late.id), undefined, 'it is not there');
        ledger = await reopen(ledger);
      }
      checkSame(await giveBack(ledger, card, claim, 0), true, 'what was pending is still given back');
      checkSame((await ledger.totals()).cards, 3, 'no other card');
      await ledger.liftQuarantine();
      for (let round = 0; round < 2; round++) {
        checkSame(await ledger.quarantined(), [], 'lifted');
        checkSame((await ledger.readCard(card.id))?.held, undefined, 'free');
        checkSame((await ledger.openCard(late.entry, late.state, at)).held, undefined, 'opened');
        ledger = await reopen(ledger);
      }
      await acceptClaim(ledger, late, 1, 1);
      await ledger.close();
    },
  },
  {
    name: 'a quarantine holds the orders that are not done by then, and frees those that nobody else holds',
    async run({ open, reopen }) {
      let ledger = await open();
      const ids = Array.from({ length: 4 }, makeTag);
      const [served, free, held, voided] = ids as [string, string, string, string];
      await ledger.createOrders(
        ids.map((id) => ({ id, items })),
        at,
      );
      await serve(ledger, served);
      await ledger.changeOrders([held], 'held', at);
      await ledger.changeOrders([voided], 'void', at);
      const card = await openCard(ledger);
      const refunds = [makeTag(), makeTag()] as const;
      for (const [i, order] of refunds.entries()) {
        const claim = makeClaim(card, i + 1, 1);
        const { state, version } = (await ledger.readCard(card.id))!;
        const next = stateAfter(card, state, claim)!;
        await ledger.credit(card.id, version, next, claim, { order, purpose: 'refund' });
      }
      await ledger.payRefund(refunds[0], at);
      await ledger.quarantine([]);
      const fresh = makeTag();
      await ledger.createOrders([{ id: fresh, items }], at);
      for (let round = 0; round < 2; round++) {
        const orders = await Promise.all([...ids, ...refunds].map((id) => ledger.readOrder(id)));
        const holds = orders.map((order) => order?.held);
        checkSame(holds, [undefined, true, true, undefined, undefined, true], 'held');
        checkSame(await serve(ledger, served), 'repeated', 'what was served is answered');
        checkSame(await ledger.payRefund(refunds[1], at), 'unknown', 'not paid out');
        checkSame(await serve(ledger, free), 'unknown', 'not served');
        ledger = await reopen(ledger);
      }
      checkSame(await ledger.changeOrders([free], 'free', at), 0, 'nobody frees it but the quarantine');
      checkSame(await ledger.changeOrders([free], 'held', at), 1, 'somebody may hold it as well');
      checkSame(await ledger.changeOrders([free], 'free', at), 1, 'and no more');
      checkSame(await serve(ledger, free), 'unknown', 'still not served');
      checkSame(await serve(ledger, fresh), 'served', 'one that came later is');
      await ledger.liftQuarantine();
      checkSame(await serve(ledger, free), 'served', 'free');
      checkSame(await serve(ledger, held), 'unknown', 'held as before');
      checkSame(await ledger.payRefund(refunds[1], at), 'paid', 'paid out');
      await ledger.close();
    },
  },
];
