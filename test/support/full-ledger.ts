import type { Ledger } from '../../src/server/index.js';
import {
  acceptClaim,
  at,
  cardsOf,
  giveBack,
  kinds,
  makeClaim,
  makeIdempotencyKey,
  makeOrder,
  makeReply,
  makeTag,
  openCard,
  stateAfter,
  type TestCard,
} from '../../src/testing/cards.js';

/** What `fillLedger` has put into a ledger, to be asked for. */
export interface FullLedger {
  readonly cards: readonly TestCard[];
  /** A settled claim of each card, with a reply. */
  readonly settled: readonly string[];
  /** A pending claim of each card, that ends at 40. */
  readonly pending: readonly string[];
  readonly idempotency: readonly string[];
  readonly served: string;
  readonly printed: string;
  readonly refund: string;
}

const signatures = [new Uint8Array(384).fill(4)];

/** Something of everything that a ledger can hold. */
export async function fillLedger(ledger: Ledger): Promise<FullLedger> {
  const cards: TestCard[] = [];
  const [settled, pending, idempotency]: [string[], string[], string[]] = [[], [], []];
  for (const kind of [...kinds, ...kinds]) {
    const card = await openCard(ledger, kind);
    cards.push(card);
    const key = makeIdempotencyKey();
    idempotency.push(key.name);
    const done = await acceptClaim(ledger, card, 10, 10, { safe: false, route: '/a', idempotency: key });
    await ledger.settle(card.id, done.tag, makeReply('kept'));
    settled.push(done.tag);
    const part = await acceptClaim(ledger, card, 20, 5, { route: '/b', acceptedAt: at + 90_000 });
    await giveBack(ledger, card, part, 2);
    const none = await acceptClaim(ledger, card, 30, 5);
    await giveBack(ledger, card, none, 0);
    await acceptClaim(ledger, card, 35, 5, { kept: 0, status: 'released' });
    pending.push((await acceptClaim(ledger, card, 40, 2, { route: '/b' })).tag);
  }
  const refund = makeTag();
  for (const [card, purpose] of [[cards[0]!, 'refund'] as const, [cards[1]!, 'exchange'] as const]) {
    const stored = (await ledger.readCard(card.id))!;
    const claim = makeClaim(card, 50, 3);
    const order = purpose === 'refund' ? refund : makeTag();
    await ledger.credit(card.id, stored.version, stateAfter(card, stored.state, claim)!, claim, {
      order,
      purpose,
    });
  }
  await ledger.payRefund(refund, at + 5);
  const [served, open, held, gone] = [makeOrder(), makeOrder(), makeOrder(), makeOrder()];
  await ledger.createOrders([served, open, held, gone], at);
  await ledger.serveOrder(served.id, 'digest', signatures, cardsOf(served), at);
  await ledger.changeOrders([held.id], 'held', at);
  await ledger.changeOrders([gone.id], 'void', at);
  const terms = { label: 'kiosk', items: [{ denomination: 50, count: 1 }], created: at, expires: at + 999 };
  const batch = await ledger.createBatch(terms);
  const codes = [makeTag(), makeTag(), makeTag()];
  await ledger.addCodes(batch, 1, codes);
  await ledger.changeCodes(batch, 2, 2, 'active', at);
  await ledger.changeCodes(batch, 3, 3, 'void', at);
  await ledger.quarantine([cards[5]!.entry.keyId]);
  return { cards, settled, pending, idempotency, served: served.id, printed: codes[0]!, refund };
}
