import { createPayingFetch, paymentOf, type KeyedPayment, type Wallet } from '../../client/index.js';
import { rivalClaim } from '../../client/rival.js';
import { isImpulsError } from '../../core/errors.js';
import { parseProblem } from '../../core/wire/problem.js';
import { parseReceipt } from '../../core/wire/receipt-header.js';
import { formatUnits } from '../amounts.js';
import { fail, ok, warn, type Check } from '../doctor/check.js';
import type { Sent, Tap } from './tap.js';
import type { RouteProbe } from './unpaid.js';

/** One real payment, and what must not be had with it a second time (docs/spec.md §6). */

export interface Payer {
  readonly wallet: Wallet;
  /** What the wallet sends. */
  readonly tap: Tap;
  /** The most units to pay. */
  readonly max: number;
}

export async function checkPaid({ origin, target }: RouteProbe, payer: Payer): Promise<Check[]> {
  const { wallet, tap, max } = payer;
  const { name, method, body } = target;
  const label = `${name} payment`;
  const pay = createPayingFetch({ wallet, limits: { perRequest: max, total: max } });
  let response: Response;
  try {
    response = await pay(origin + target.target, {
      method,
      ...(body !== undefined && { body, headers: { 'Content-Type': 'application/json' } }),
    });
    await response.arrayBuffer();
  } catch (error) {
    if (!isImpulsError(error))
      return [fail(label, `the answer broke off: ${String(error)}`, 'See the log of the server.')];
    return [fail(label, error.message, error.hint ?? 'See `impuls fetch -v` for what goes over the wire.')];
  }
  const payment = paymentOf(response);
  const sent = tap.last();
  if (!payment || !sent) {
    const what = `it was answered ${response.status} and nothing was charged, so nothing more can be looked at`;
    const next = 'Name an address that is answered well: impuls validate <url of it> --pay.';
    return [response.ok ? fail(label, what, 'Let the gate answer what is paid.') : warn(label, what, next)];
  }
  const paid = `${formatUnits(payment.units)} paid, with a receipt that holds`;
  return [
    ok(label, paid),
    checkAnswer(name, response, sent),
    await checkReplay(name, sent, payment),
    await checkElsewhere(name, sent),
    ...(body === undefined ? [] : [await checkOtherBody(name, sent, body, payment)]),
    await checkRival(name, wallet, sent),
    await checkBalance(name, wallet, payment),
  ];
}

function checkAnswer(name: string, { ok: isFine }: Response, { answered }: Sent): Check {
  const label = `${name} paid answer`;
  const caching = answered.get('Cache-Control') ?? '';
  if (isFine && !/\b(?:private|no-store)\b/.test(caching)) {
    const next = 'Let no proxy change Cache-Control: a shared cache would give away what was paid for.';
    return fail(label, 'it has no Cache-Control: private, so a shared cache may keep it', next);
  }
  return ok(label, 'no shared cache keeps it');
}

async function outcome(answering: Promise<Response>): Promise<Response | undefined> {
  try {
    return await answering;
  } catch {
    return undefined;
  }
}

/** The very same claim again: the answer again, or the news that it is done, and never a charge. */
async function checkReplay(name: string, sent: Sent, payment: KeyedPayment): Promise<Check> {
  const label = `${name} replay`;
  const next = 'Let the gate see every claim: it knows those that it has taken, and charges none twice.';
  const response = await outcome(sent.again());
  if (!response) return fail(label, 'the same claim again is not answered', next);
  const code = await problemOf(response);
  if (response.status === 409 && code === 'already-done')
    return ok(label, 'the same claim again is known as done');
  const receipt = receiptOf(response);
  if (response.ok && receipt?.verdict === 'repeated' && receipt.remaining === payment.remaining) {
    return ok(label, 'the same claim again is answered, and not charged');
  }
  if (response.ok && receipt) return fail(label, 'the same claim again is charged once more', next);
  return fail(label, `the same claim again is answered ${response.status}, without a word of it`, next);
}

/** A claim is for one address. */
async function checkElsewhere(name: string, sent: Sent): Promise<Check> {
  const label = `${name} elsewhere`;
  const url = new URL(sent.url);
  url.searchParams.set('impuls-validate', '1');
  const response = await outcome(sent.again({ url: url.href }));
  await response?.body?.cancel();
  if (response?.status === 402 && !response.headers.has('Impuls-State')) {
    return ok(label, 'the claim pays for no other address');
  }
  const what = `the claim for another address is answered ${response?.status ?? 'not at all'}, and not 402`;
  return fail(label, what, 'Give the gate the raw path and query as they came; let no proxy rewrite them.');
}

/** A claim is for one body: with another it is refused, or known as the one that was answered. */
async function checkOtherBody(
  name: string,
  sent: Sent,
  body: string,
  { remaining }: KeyedPayment,
): Promise<Check> {
  const label = `${name} other body`;
  const response = await outcome(sent.again({ body: `${body} ` }));
  await response?.body?.cancel();
  const receipt = response && receiptOf(response);
  const known = receipt?.verdict === 'repeated' && receipt.remaining === remaining;
  if (response && (response.status >= 400 || known)) return ok(label, 'the claim pays for no other body');
  const what = `the claim with another body is answered ${response?.status ?? 'not at all'}`;
  return fail(label, what, 'Give the gate the bytes of the body as they came.');
}

/** Another claim to the same units, as a copy of the wallet would make it. */
async function checkRival(name: string, wallet: Wallet, sent: Sent): Promise<Check> {
  const label = `${name} conflict`;
  const response = await outcome(sent.again({ authorization: rivalClaim(wallet, sent) }));
  const next =
    'Let one ledger know all claims, and take each unit once: two servers with a ledger each take it twice.';
  if (!response) return fail(label, 'another claim to the same units is not answered', next);
  const code = await problemOf(response);
  if (response.status === 409 && code === 'claim-conflict' && response.headers.has('Impuls-State')) {
    return ok(label, 'another claim to the same units is refused');
  }
  if (response.ok)
    return fail(label, 'another claim to the same units is served: they are spent twice', next);
  return fail(
    label,
    `another claim to the same units is answered ${response.status}, and not 409 with a state`,
    next,
  );
}

/** What the vendor says of the card, authenticated, is what the wallet counts. */
async function checkBalance(name: string, wallet: Wallet, payment: KeyedPayment): Promise<Check> {
  const label = `${name} balance`;
  const next = 'Look at the ledger: something was charged that was not paid for, or the other way round.';
  try {
    const { left } = await wallet.refresh(payment.card);
    if (left === payment.remaining)
      return ok(label, `${formatUnits(left)} left on the card, as it should be`);
    const what = `the vendor says that ${left} units are left, and ${payment.remaining} should be`;
    return fail(label, what, next);
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    return fail(label, error.message, error.hint ?? next);
  }
}

function receiptOf({ headers }: Response): ReturnType<typeof parseReceipt> | undefined {
  try {
    return parseReceipt(headers.get('Payment-Receipt') ?? '');
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  }
}

async function problemOf(response: Response): Promise<string | undefined> {
  try {
    return parseProblem(await response.text()).code;
  } catch {
    return undefined;
  }
}
