import type { CardState } from '../core/card-state.js';
import type { ClaimRecord, Ledger, StoredOrder, Totals } from '../server/ledger.js';
import {
  kinds,
  makeCard,
  makeClaim,
  makeIdempotencyKey,
  makeReply,
  stateAfter,
  type TestCard,
} from './cards.js';
import type { LedgerHarness } from './ledger-cases.js';
import { listBooks, post, type ModelBooks } from './ledger-model-books.js';
import { creditStep, orderStep } from './ledger-model-orders.js';
import { check, checkSame, createChoices, type Choices, type SuiteCase } from './suite.js';

/** Drives real cards at random through a ledger and through plain maps, and compares the two. */
export const modelCases: readonly SuiteCase<LedgerHarness>[] = [1, 2, 3].map((seed) => ({
  name: `whatever happens in whatever order, the ledger is what plain maps would be (seed ${seed})`,
  run: (harness) => compare(harness, createChoices(seed)),
}));

export interface Model {
  readonly cards: Map<TestCard, ModelCard>;
  readonly orders: Map<string, StoredOrder>;
  readonly books: ModelBooks;
  /** Unix seconds; every step is one. */
  now: number;
}

export interface ModelCard {
  state: CardState;
  readonly claims: Map<string, ClaimRecord>;
}

const units = 400;

async function compare(harness: LedgerHarness, choices: Choices): Promise<void> {
  const model: Model = { cards: new Map(), orders: new Map(), books: new Map(), now: 1_800_000_000 };
  let ledger = await harness.open();
  for (let round = 0; round < 30; round++) {
    for (let turn = 0; turn < 8; turn++) {
      model.now++;
      await openOne(ledger, model, choices);
      // On different cards, so that their order does not matter.
      const cards = [...model.cards.keys()].filter(() => choices.below(3) === 0);
      await Promise.all(cards.map((card) => step(ledger, model, choices, card)));
      await orderStep(ledger, model, choices);
    }
    if (choices.below(6) === 0) await purge(ledger, model, choices);
    if (choices.below(4) === 0) {
      ledger = await harness.reopen(ledger);
      if (harness.capabilities.includes('restart')) interrupt(model);
      await compareAll(ledger, model);
    }
  }
  await compareAll(ledger, model);
  await ledger.close();
}

async function openOne(ledger: Ledger, model: Model, choices: Choices): Promise<void> {
  if (model.cards.size >= 25 || choices.below(3) > 0) return;
  const card = makeCard(choices.pick(kinds), units);
  await ledger.openCard(card.entry, card.state, model.now);
  model.cards.set(card, { state: card.state, claims: new Map() });
  post(model, 'opened', card.entry.keyId, 1, units);
}

async function step(ledger: Ledger, model: Model, choices: Choices, card: TestCard): Promise<void> {
  const known = model.cards.get(card)!;
  const kind = choices.below(10);
  if (kind < 5) return acceptOne(ledger, model, choices, card);
  if (kind === 9) return holderStep(ledger, choices, card, known);
  if (kind === 8 && choices.below(2) === 0) return creditStep(ledger, model, choices, card, known);
  const claim = [...known.claims.values()].at(-1 - choices.below(5));
  if (!claim) return;
  if (kind < 8) await settleOne(ledger, choices, card, known, claim);
  else await giveBackOne(ledger, model, choices, card, known, claim);
}

async function acceptOne(ledger: Ledger, model: Model, choices: Choices, card: TestCard): Promise<void> {
  const known = model.cards.get(card)!;
  const { state } = known;
  const gap = choices.below(2) ? state.gaps[choices.below(state.gaps.length || 1)] : undefined;
  const end = gap ? gap.to - choices.below(gap.to - gap.from) : state.top + 1 + choices.below(6);
  const asked = Math.max(1, Math.min(1 + choices.below(4), end, end - (gap?.from ?? 0)));
  if (card.entry.protocol === 'chain' && end > units) return;
  const claim = makeClaim(card, end, asked, {
    kept: 1 + choices.below(asked),
    safe: choices.below(2) === 0,
    route: choices.pick(['', '/a/*', '/b']),
    acceptedAt: model.now,
    challengeExpires: model.now + choices.below(20),
    ...choices.pick([
      {},
      {},
      { idempotency: makeIdempotencyKey() },
      { status: 'released', kept: 0 } as const,
    ]),
  });
  const next = stateAfter(card, state, claim);
  if (!next) return;
  const stored = await ledger.readCard(card.id);
  checkSame(stored?.state, state, 'the state before a claim');
  if (choices.below(8) === 0) {
    checkSame(await ledger.accept(card.id, stored!.version - 1, next, claim), false, 'an old version');
  }
  checkSame(await ledger.accept(card.id, stored!.version, next, claim), true, 'the version there is');
  known.state = next;
  known.claims.set(claim.tag, claim);
  post(model, 'spent', card.entry.keyId, claim.status === 'released' ? 0 : 1, claim.kept, claim);
}

async function settleOne(
  ledger: Ledger,
  choices: Choices,
  card: TestCard,
  known: ModelCard,
  claim: ClaimRecord,
): Promise<void> {
  const reply = choices.below(3) === 0 ? makeReply(`reply ${choices.below(1000)}`) : undefined;
  await ledger.settle(card.id, claim.tag, reply);
  if (isOpen(claim) || (claim.status === 'settled' && !claim.reply)) {
    known.claims.set(claim.tag, { ...claim, status: 'settled', reply });
  }
}

async function giveBackOne(
  ledger: Ledger,
  model: Model,
  choices: Choices,
  card: TestCard,
  known: ModelCard,
  claim: ClaimRecord,
): Promise<void> {
  const kept = choices.below(claim.kept + 1);
  const next = isOpen(claim) ? card.scheme.giveBack(known.state, claim, claim.kept, kept) : known.state;
  const stored = await ledger.readCard(card.id);
  const given = await ledger.giveBack(card.id, stored!.version, next, claim.tag, kept);
  checkSame(given, isOpen(claim), 'only an open claim gives back');
  if (!given) return;
  known.state = next;
  known.claims.set(claim.tag, { ...claim, kept, status: kept === 0 ? 'released' : 'settled' });
  post(model, 'spent', card.entry.keyId, kept === 0 ? -1 : 0, kept - claim.kept, claim);
}

async function holderStep(ledger: Ledger, choices: Choices, card: TestCard, known: ModelCard): Promise<void> {
  const chain = card.entry.protocol === 'chain';
  const end = 1 + choices.below(known.state.top + 3);
  const from = chain ? Math.max(0, end - 1 - choices.below(4)) : end - 1;
  const holder = await ledger.findHolder(card.id, from, end);
  const holders = [...known.claims.values()].filter(
    (claim) =>
      claim.kept > 0 &&
      (chain
        ? Math.max(from, claim.end - claim.units) < Math.min(end, claim.end - claim.units + claim.kept)
        : claim.end === end),
  );
  if (holder) checkSame(holder, known.claims.get(holder.tag), 'the holder as it is');
  check(
    holder ? holders.some(({ tag }) => tag === holder.tag) : holders.length === 0,
    'a holder if there is one',
  );
}

async function purge(ledger: Ledger, model: Model, choices: Choices): Promise<void> {
  const keysBefore = model.now - choices.below(200);
  const claimsBefore = keysBefore - choices.below(200);
  await ledger.purge(keysBefore, claimsBefore);
  for (const { claims } of model.cards.values()) {
    for (const [tag, claim] of claims) {
      if (claim.acceptedAt < claimsBefore && claim.challengeExpires < claimsBefore) claims.delete(tag);
      else if (claim.acceptedAt < keysBefore)
        claims.set(tag, { ...claim, key: undefined, idempotency: undefined, reply: undefined });
    }
  }
}

function interrupt(model: Model): void {
  for (const { claims } of model.cards.values()) {
    for (const [tag, claim] of claims) {
      if (claim.status === 'pending') claims.set(tag, { ...claim, status: 'interrupted' });
    }
  }
}

async function compareAll(ledger: Ledger, model: Model): Promise<void> {
  for (const [card, { state, claims }] of model.cards) {
    const stored = await ledger.readCard(card.id);
    checkSame([stored?.entry, stored?.state], [card.entry, state], 'the card');
    const wanted = [...claims.values()];
    const found = await Promise.all(wanted.map(({ tag }) => ledger.findClaim(card.id, tag)));
    checkSame(found, wanted, 'its claims');
    const quickly = await Promise.all(wanted.map(({ tag, end }) => ledger.findClaim(card.id, tag, end)));
    checkSame(quickly, wanted, 'its claims, their ends known');
    for (const claim of wanted) {
      if (!claim.idempotency) continue;
      const named = await ledger.findIdempotent(card.id, claim.idempotency.name);
      checkSame(named, claim.status === 'released' ? undefined : claim, 'its claim by the idempotency key');
    }
  }
  for (const [id, order] of model.orders) checkSame(await ledger.readOrder(id), order, 'the order');
  checkSame(await ledger.totals(), sumsOf(model), 'the sums');
  checkSame(await ledger.readBooks(), listBooks(model.books), 'the books');
}

function sumsOf(model: Model): Totals {
  const cards = [...model.cards.values()];
  const claims = cards.flatMap((card) => [...card.claims.values()]);
  const count = (...statuses: ClaimRecord['status'][]) =>
    claims.filter((claim) => statuses.includes(claim.status)).length;
  return {
    orders: model.orders.size,
    ordersServed: [...model.orders.values()].filter((order) => order.served).length,
    cards: cards.length,
    units: cards.length * units,
    spent: cards.reduce((sum, card) => sum + card.state.spent, 0),
    claims: {
      settled: count('settled'),
      pending: count('pending', 'interrupted'),
      released: count('released'),
    },
  };
}

function isOpen(claim: ClaimRecord): boolean {
  return claim.status === 'pending' || claim.status === 'interrupted';
}
