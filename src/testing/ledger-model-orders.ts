import type { CreditPurpose, IssuedCard, Ledger, Order, StoredOrder } from '../server/ledger.js';
import { cardsOf, makeClaim, makeOrder, makeTag, stateAfter, type TestCard } from './cards.js';
import type { Model, ModelCard } from './ledger-cases-model.js';
import { post } from './ledger-model-books.js';
import { checkSame, type Choices } from './suite.js';

/** What happens to orders and credits, in a ledger and in plain maps. */

export async function orderStep(ledger: Ledger, model: Model, choices: Choices): Promise<void> {
  const known = choices.pick([undefined, ...model.orders.values()]);
  if (!known) await createSome(ledger, model, choices);
  else if (choices.below(3) === 0) await changeOne(ledger, model, choices, known);
  else if (known.credit?.purpose === 'refund') await payOne(ledger, model, known);
  else await serveOne(ledger, model, choices, known);
}

async function createSome(ledger: Ledger, model: Model, choices: Choices): Promise<void> {
  const orders: Order[] = Array.from({ length: choices.below(3) }, makeOrder);
  await ledger.createOrders(orders, model.now);
  for (const order of orders) {
    model.orders.set(order.id, { ...order, state: 'active' });
    post(model, 'sold', '', 1, unitsOf(order));
  }
}

async function serveOne(ledger: Ledger, model: Model, choices: Choices, known: StoredOrder): Promise<void> {
  const digest = choices.pick(['one', 'two']);
  const signatures = [choices.bytes(384)];
  const exact: IssuedCard[] = known.credit ? [{ key: 'new', units: known.credit.units }] : cardsOf(known);
  const fits = choices.below(4) > 0;
  const cards = fits ? exact : [...exact, { key: 'key', units: 1 }];
  const served = await ledger.serveOrder(known.id, digest, signatures, cards, model.now);
  if (known.served?.digest === digest) {
    checkSame(served, { status: 'repeated', signatures: known.served.signatures }, 'repeated');
  } else if (known.served) checkSame(served, { status: 'different' }, 'another digest');
  else if (known.state !== 'active' || known.held || !fits) {
    checkSame(served, { status: 'unknown' }, 'unknown');
  } else {
    checkSame(served, { status: 'served', signatures }, 'served');
    model.orders.set(known.id, { ...known, served: { digest, signatures } });
    for (const { key, units } of cards) post(model, known.credit ? 'reissued' : 'issued', key, 1, units);
  }
}

async function changeOne(ledger: Ledger, model: Model, choices: Choices, known: StoredOrder): Promise<void> {
  const state = choices.pick(['held', 'free', 'free', 'void'] as const);
  const { held = false, ...rest } = known;
  const isDone = known.state === 'void' || known.served !== undefined || known.credit?.paid !== undefined;
  const changes = !isDone && (state === 'void' ? !known.credit : held !== (state === 'held'));
  checkSame(await ledger.changeOrders([known.id], state, model.now), Number(changes), 'what changed');
  if (!changes) return;
  if (state === 'void') {
    model.orders.set(known.id, { ...rest, state: 'void' });
    post(model, 'withdrawn', '', 1, unitsOf(known));
  } else model.orders.set(known.id, state === 'held' ? { ...rest, held: true } : rest);
}

async function payOne(ledger: Ledger, model: Model, known: StoredOrder): Promise<void> {
  const credit = known.credit!;
  const paid = await ledger.payRefund(known.id, model.now);
  if (credit.paid !== undefined) checkSame(paid, 'repeated', 'paid out before');
  else if (known.held) checkSame(paid, 'unknown', 'held');
  else {
    checkSame(paid, 'paid', 'paid out');
    model.orders.set(known.id, { ...known, credit: { ...credit, paid: model.now } });
    post(model, 'paid-out', '', 1, credit.units);
  }
}

/** Puts a unit of a card to a credit: a new one, or one that may take it. */
export async function creditStep(
  ledger: Ledger,
  model: Model,
  choices: Choices,
  card: TestCard,
  known: ModelCard,
): Promise<void> {
  const { state } = known;
  if (state.top >= state.units) return;
  const claim = makeClaim(card, state.top + 1, 1, { acceptedAt: model.now, challengeExpires: model.now });
  const next = stateAfter(card, state, claim);
  if (!next) return;
  const { version } = (await ledger.readCard(card.id))!;
  // From here to the call nothing waits: other cards are credited in between.
  const purpose: CreditPurpose = choices.pick(['exchange', 'refund']);
  const order = choices.pick([undefined, ...model.orders.values()]) ?? newCredit(purpose, model.now);
  const { credit, served } = order;
  const takes = credit?.purpose === purpose && !served && credit.paid === undefined;
  if (takes) {
    model.orders.set(order.id, { ...order, credit: { ...credit, units: credit.units + 1 } });
    known.state = next;
    known.claims.set(claim.tag, { ...claim, status: 'settled' });
    post(model, purpose === 'exchange' ? 'exchanged' : 'refunded', card.entry.keyId, 1, 1);
  }
  const result = await ledger.credit(card.id, version, next, claim, { order: order.id, purpose });
  checkSame(result, takes ? 'credited' : 'closed', 'the credit');
}

function newCredit(purpose: CreditPurpose, at: number): StoredOrder {
  return { id: makeTag(), items: [], state: 'active', credit: { purpose, units: 0, at } };
}

function unitsOf({ items }: Order): number {
  return items.reduce((sum, { denomination, count }) => sum + denomination * count, 0);
}
