import { readFileSync } from 'node:fs';
import type { Movement, Totals } from '../../src/server/index.js';
import { priceOf } from './calls.js';
import type { Program } from './programs.js';
import type { FoundClaim, Run } from './vendor.js';
import type { Ended, Paid, WalletBooks } from './wallet.js';

/** What both sides have in the end, compared. Each is 0 where nothing went wrong. */
export interface Breaches {
  /** Requests that more than one claim was charged for. */
  readonly chargedTwice: number;
  /** Units that neither side has: bought, less what wallets have left and what the ledger says is spent. */
  readonly lostUnits: number;
  /** Payments of wallets that the ledger does not have just so: what it acknowledged and forgot. */
  readonly lostPayments: number;
  /** Units that the ledger holds of a card beyond what its wallet knows of. */
  readonly unknownUnits: number;
  /** Claims that nobody could say the fate of. */
  readonly openClaims: number;
  /** Runs of handlers that nobody was charged for. */
  readonly servedUnpaid: number;
  /** Payments that were answered, and ran no handler. */
  readonly paidUnserved: number;
  /** Orders that were carried out more than once. */
  readonly orderedTwice: number;
  /** Payments that cost something else than their price. */
  readonly mispriced: number;
  /** Answers that are not those of their requests. */
  readonly wrongAnswers: number;
  /** Units by which the vendor's own books differ from its cards, and its cards from its totals. */
  readonly booksOff: number;
}

/** What is no breach. */
export interface Counts {
  readonly requests: number;
  readonly answered: number;
  /** Charged, and the caller was told that there is no answer to give: a vendor died while it served what must not be served twice. */
  readonly unanswered: number;
  /** Ended without a charge. */
  readonly refused: number;
  readonly units: number;
  readonly cards: number;
}

export interface Evidence {
  readonly vendor: Program;
  readonly wallets: readonly Program[];
  readonly ended: readonly Ended[];
  readonly paid: readonly Paid[];
  readonly runFiles: readonly string[];
  /** Claims that recovery could not settle. */
  readonly unsettled: number;
}

/** @param evidence whose vendor has nothing in memory yet, so that what it says comes from the database */
export async function compare(evidence: Evidence): Promise<{ breaches: Breaches; counts: Counts }> {
  const { vendor, ended } = evidence;
  const books = await Promise.all(evidence.wallets.map((w) => w.ask('books') as Promise<WalletBooks[]>));
  const wallets = books.flat();
  const cards = wallets.flatMap((wallet) => wallet.cards);
  const told = [...evidence.paid, ...wallets.flatMap(({ payments }) => payments)];
  const payments = [...new Map(told.map((payment) => [payment.reference, payment])).values()];
  const runs = evidence.runFiles.flatMap(readRuns);
  const spent = (await vendor.ask(
    'spent',
    cards.map(({ id }) => id),
  )) as (number | null)[];
  const found = await findClaims(vendor, payments);
  const totals = (await vendor.ask('totals')) as Totals;
  const movements = (await vendor.ask('books')) as Movement[];

  const paidBy = sumBy(
    payments,
    ({ card }) => card,
    ({ units }) => units,
  );
  const perCard = cards.map((card, i) => ({ ...card, spent: spent[i] ?? 0, paid: paidBy.get(card.id) ?? 0 }));
  const spentInAll = sum(perCard.map((card) => card.spent));
  const references = new Set(payments.map(({ reference }) => reference));
  const served = new Set(runs.map(({ reference }) => reference));
  const charged = new Set(payments.map(({ target }) => target));
  const failed = ended.filter(({ event }) => event === 'failed');
  return {
    breaches: {
      chargedTwice: payments.length - charged.size,
      lostUnits: sum(
        perCard.map(({ units, left, reserved, spent }) => Math.abs(units - left - reserved - spent)),
      ),
      lostPayments: payments.filter((payment, i) => !isSame(payment, found[i])).length,
      unknownUnits: sum(perCard.map(({ spent, paid }) => Math.abs(spent - paid))),
      openClaims: evidence.unsettled + perCard.filter(({ reserved }) => reserved > 0).length,
      servedUnpaid: [...served].filter((reference) => !references.has(reference)).length,
      paidUnserved: payments.filter((p) => isAnswered(p) && !served.has(p.reference)).length,
      orderedTwice: countTwice(runs.filter(({ method }) => method === 'POST').map(({ target }) => target)),
      mispriced: payments.filter(({ target, units }) => units !== priceOf(target)).length,
      wrongAnswers: ended.filter(({ event }) => event === 'wrong').length,
      booksOff:
        Math.abs(totals.spent - spentInAll) +
        Math.abs(
          sum(movements.filter(({ kind }) => kind === 'spent').map(({ units }) => units)) - spentInAll,
        ),
    },
    counts: {
      requests: ended.length,
      answered: ended.filter(({ event }) => event === 'answered').length,
      unanswered: failed.filter(({ target }) => charged.has(target)).length,
      refused: failed.filter(({ target }) => !charged.has(target)).length,
      units: spentInAll,
      cards: cards.length,
    },
  };
}

function readRuns(path: string): Run[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Run);
}

async function findClaims(vendor: Program, payments: readonly Paid[]): Promise<(FoundClaim | null)[]> {
  const found: (FoundClaim | null)[] = [];
  for (let at = 0; at < payments.length; at += 200) {
    const units = payments.slice(at, at + 200).map((payment) => [payment.card, firstOf(payment)]);
    found.push(...((await vendor.ask('claims', units)) as (FoundClaim | null)[]));
  }
  return found;
}

/** A unit that a payment holds: of a chain the lowest of its units, of a stream its step. */
function firstOf({ protocol, end, target }: Paid): number {
  return protocol === 'chain' ? end - priceOf(target) : end - 1;
}

function isSame({ reference, units }: Paid, claim: FoundClaim | null | undefined): boolean {
  return claim?.reference === reference && claim.kept === units;
}

function isAnswered({ verdict }: Paid): boolean {
  return verdict === 'accepted' || verdict === 'repeated';
}

function countTwice(names: readonly string[]): number {
  return names.length - new Set(names).size;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function sumBy<T>(
  items: readonly T[],
  nameOf: (item: T) => string,
  valueOf: (item: T) => number,
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const item of items) sums.set(nameOf(item), (sums.get(nameOf(item)) ?? 0) + valueOf(item));
  return sums;
}
