import type { Payment, Wallet } from '../../src/client/index.js';
import { toBase64url } from '../../src/core/base64url.js';
import { deriveReference } from '../../src/core/claim.js';
import { openSqliteLedger } from '../../src/node/sqlite.js';
import type { Totals } from '../../src/server/index.js';
import type { Outcome } from './calls.js';
import { chargeOf, priceOf, type Run, type Shop } from './shop.js';

/** What both sides have in the end, compared. All is 0 where nothing went wrong. */
export interface Table {
  /** Units that neither side has: bought, less what is left and what the vendor has. */
  readonly lost: number;
  /** Units still held for claims whose outcome is not known. */
  readonly open: number;
  /** Calls that more than one claim was charged for. */
  readonly chargedTwice: number;
  /** Payments that cost something else than the call's price, or nothing. */
  readonly mispriced: number;
  /** Payments of the wallet that the vendor's ledger does not have just so, and claims that it holds beyond those. */
  readonly unmatched: number;
  /** Payments that were never served, though the wallet does not say that their outcome is unknown. */
  readonly unserved: number;
  /** Unsafe requests whose handler ran more than once, and claims accepted more than once. */
  readonly ranTwice: number;
  /** Calls that ended in one way and are paid, or not, in another. */
  readonly misreported: number;
  /** Answers that are not those of their calls. */
  readonly wrong: readonly string[];
  /** Failures that the vendor reported. */
  readonly failures: readonly string[];
}

export const clean: Table = {
  lost: 0,
  open: 0,
  chargedTwice: 0,
  mispriced: 0,
  unmatched: 0,
  unserved: 0,
  ranTwice: 0,
  misreported: 0,
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
  const unmatched = await countUnmatched(shop.ledger, payments, totals);
  await shop.start();
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
  const left = sum(cards.map((card) => card.left));
  const spent = sum(payments.map((payment) => payment.units));
  return {
    lost: units - left - totals.spent || units - left - spent,
    open: sum(cards.map(({ reserved }) => reserved)),
    chargedTwice: payments.length - new Set(payments.map(({ url }) => url)).size,
    mispriced: payments.filter((payment) => !isPriced(payment, runs)).length,
    unmatched,
    unserved: countUnserved(payments, runs),
    ranTwice: countRepeated(runs),
    misreported: outcomes.filter((outcome) => !isReported(outcome, payments)).length,
    wrong: outcomes
      .filter(({ end }) => end === 'wrong')
      .map(({ call, reason }) => `${call.method} ${call.target}: ${reason}`),
    failures: shop.errors().map(({ code, message }) => `${code} ${message}`),
  };
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

/** Looks each payment up in the ledger by what it holds. */
async function countUnmatched(path: string, payments: readonly Payment[], totals: Totals): Promise<number> {
  const ledger = await openSqliteLedger({ path });
  let matched = 0;
  for (const payment of payments) {
    const { card, end, protocol, units, reference, verdict } = payment;
    const from = end - (protocol === 'chain' ? priceOf(targetOf(payment)) : 1);
    const claim = await ledger.findHolder(card, from, from + 1);
    const isSame = claim?.key && toBase64url(deriveReference(claim.key)) === reference;
    const isFate = verdict !== 'outcome-unknown' || claim?.status === 'interrupted';
    if (isSame && claim.kept === units && isFate) matched++;
  }
  await ledger.close();
  const { settled, pending } = totals.claims;
  return payments.length - matched + Math.abs(settled + pending - payments.length);
}

function countUnserved(payments: readonly Payment[], runs: readonly Run[]): number {
  const served = new Set(runs.map(({ reference, method, url }) => `${reference} ${method} ${url}`));
  return payments.filter(
    (payment) =>
      payment.verdict !== 'outcome-unknown' &&
      !served.has(`${payment.reference} ${payment.method} ${targetOf(payment)}`),
  ).length;
}

function countRepeated(runs: readonly Run[]): number {
  const excess = (names: readonly string[]): number => names.length - new Set(names).size;
  const unsafe = runs.filter(({ method }) => method === 'POST');
  const accepted = runs.filter(({ verdict }) => verdict === 'accepted');
  return excess(unsafe.map(({ url }) => url)) + excess(accepted.map(({ reference }) => reference));
}

function isReported({ call, end, reason, reference }: Outcome, payments: readonly Payment[]): boolean {
  const payment = payments.find((found) => found.method === call.method && targetOf(found) === call.target);
  if (reference !== undefined) return payment?.reference === reference;
  if (end === 'unpaid') return !payment;
  if (charged.includes(reason!)) return payment !== undefined;
  return end === 'wrong' || unsure.includes(reason!) || !payment;
}
