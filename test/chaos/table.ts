import type { Payment, Wallet } from '../../src/client/index.js';
import { toBase64url } from '../../src/core/base64url.js';
import { deriveReference } from '../../src/core/claim.js';
import { openSqliteLedger } from '../../src/node/sqlite.js';
import type { Outcome } from './calls.js';
import { chargeOf, priceOf, type Run, type Shop } from './shop.js';

/** What both sides have in the end, compared. Nothing is in it where nothing went wrong. */
export interface Table {
  /** Units that neither side has: bought, less what is left and what the vendor has. */
  readonly lost: number;
  /** Units still held for claims whose outcome is not known. */
  readonly open: number;
  /** Calls that more than one claim was charged for. */
  readonly chargedTwice: readonly string[];
  /** Payments that cost something else than the call's price, or nothing. */
  readonly mispriced: readonly string[];
  /** Payments of the wallet that the vendor's ledger does not have just so. */
  readonly unmatched: readonly string[];
  /** Claims that the vendor holds units of, beyond those payments. */
  readonly unknown: number;
  /** Payments that were never served, though the wallet does not say that their outcome is unknown. */
  readonly unserved: readonly string[];
  /** Unsafe requests whose handler ran more than once, and claims accepted more than once. */
  readonly ranTwice: readonly string[];
  /** Calls that ended in one way and are paid, or not, in another. */
  readonly misreported: readonly string[];
  /** Answers that are not those of their calls. */
  readonly wrong: readonly string[];
  /** Failures that the vendor reported. */
  readonly failures: readonly string[];
}

export const clean: Table = {
  lost: 0,
  open: 0,
  chargedTwice: [],
  mispriced: [],
  unmatched: [],
  unknown: 0,
  unserved: [],
  ranTwice: [],
  misreported: [],
  wrong: [],
  failures: [],
};

/** How a call may fail that is charged all the same: the caller is told so, or told that it is not known. */
const charged = ['outcome-unknown', 'already-served'];
const unsure = ['unsettled'];

/** Stops the vendor, reads all, and starts it again. @param units bought in all */
export async function compare(
  wallet: Wallet,
  shop: Shop,
  units: number,
  outcomes: readonly Outcome[],
): Promise<Table> {
  const cards = wallet.cards();
  const payments = wallet.history();
  const runs = shop.runs();
  const totals = await shop.totals();
  await shop.stop();
  const matched = await findMatched(shop.ledger, payments);
  await shop.start();
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
  const left = sum(cards.map((card) => card.left));
  const spent = sum(payments.map((payment) => payment.units));
  const { settled, pending } = totals.claims;
  return {
    lost: units - left - totals.spent || units - left - spent,
    open: sum(cards.map(({ reserved }) => reserved)),
    chargedTwice: repeated(payments.map(({ method, url }) => `${method} ${url}`)),
    mispriced: payments.filter((payment) => !isPriced(payment, runs)).map(describePayment),
    unmatched: payments.filter((payment) => !matched.has(payment)).map(describePayment),
    unknown: settled + pending - payments.length,
    unserved: findUnserved(payments, runs).map(describePayment),
    ranTwice: findRunTwice(runs),
    misreported: outcomes.filter((outcome) => !isReported(outcome, payments)).map(describeOutcome),
    wrong: outcomes.filter(({ end }) => end === 'wrong').map(describeOutcome),
    failures: shop.errors().map(({ code, message }) => `${code} ${message}`),
  };
}

function describePayment({ method, url, units, verdict, reference }: Payment): string {
  return `${method} ${url} ${units} ${verdict} ${reference}`;
}

export function describeOutcome({ call, end, reason }: Outcome): string {
  return `${call.method} ${call.target}: ${reason ?? end}`;
}

/** Names that are there more than once. */
function repeated(names: readonly string[]): string[] {
  return names.filter((name, i) => names.indexOf(name) < i);
}

function targetOf({ url }: Payment): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

/**
 * Nothing is given back of a claim that outlived the vendor that accepted it: of one that is served again (docs/spec.md §6.3),
 * and of one of which nobody knows whether it was.
 */
function isPriced(payment: Payment, runs: readonly Run[]): boolean {
  const target = targetOf(payment);
  const { units, reference, verdict } = payment;
  if (units > 0 && units === chargeOf(target)) return true;
  const own = runs.filter((run) => run.reference === reference);
  const accepted = own.find((run) => run.verdict === 'accepted');
  const outlived = own.some((run) => run.verdict === 'repeated' && run.life !== accepted?.life);
  return (outlived || verdict === 'outcome-unknown') && units === priceOf(target);
}

/** Looks each payment up in the ledger by what it holds. @returns those that are there */
async function findMatched(path: string, payments: readonly Payment[]): Promise<Set<Payment>> {
  const ledger = await openSqliteLedger({ path });
  const matched = new Set<Payment>();
  for (const payment of payments) {
    const { card, end, protocol, units, reference, verdict } = payment;
    const from = end - (protocol === 'chain' ? priceOf(targetOf(payment)) : 1);
    const claim = await ledger.findHolder(card, from, from + 1);
    const isSame = claim?.key && toBase64url(deriveReference(claim.key)) === reference;
    const isFate = verdict !== 'outcome-unknown' || claim?.status === 'interrupted';
    if (isSame && claim.kept === units && isFate) matched.add(payment);
  }
  await ledger.close();
  return matched;
}

function findUnserved(payments: readonly Payment[], runs: readonly Run[]): Payment[] {
  const served = new Set(runs.map(({ reference, method, url }) => `${reference} ${method} ${url}`));
  return payments.filter(
    (payment) =>
      payment.verdict !== 'outcome-unknown' &&
      !served.has(`${payment.reference} ${payment.method} ${targetOf(payment)}`),
  );
}

function findRunTwice(runs: readonly Run[]): string[] {
  const unsafe = runs.filter(({ method }) => method === 'POST');
  const accepted = runs.filter(({ verdict }) => verdict === 'accepted');
  return [
    ...repeated(unsafe.map(({ method, url }) => `${method} ${url}`)),
    ...repeated(accepted.map(({ url, reference }) => `${reference} ${url}`)),
  ];
}

function isReported({ call, end, reason, reference }: Outcome, payments: readonly Payment[]): boolean {
  const payment = payments.find((found) => found.method === call.method && targetOf(found) === call.target);
  if (reference !== undefined) return payment?.reference === reference;
  if (end === 'unpaid') return !payment;
  if (charged.includes(reason!)) return payment !== undefined;
  return end === 'wrong' || unsure.includes(reason!) || !payment;
}
