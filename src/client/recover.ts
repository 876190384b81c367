import { isImpulsError, type ImpulsError } from '../core/errors.js';
import { parseExpires } from '../core/wire/time.js';
import { holdsNothing } from './allocate.js';
import { resumeCredit } from './exchange.js';
import type { HeldCard } from './journal.js';
import { activate, finishOrder, showsAtOnce } from './issuing.js';
import { askState, refreshState, type Report } from './obtain.js';
import type { Parts } from './parts.js';
import type { ClaimRecord } from './records.js';
import { settleClaim, type Retry } from './settling.js';
import type { RecoveredClaim, RecoveryReport } from './summary.js';

/** Finishing what was interrupted. */

/** Finishes redemptions, activations, claims, and what they are put to, in this order. @returns the ids of new cards, and what became of the rest */
export async function recoverAll(
  parts: Parts,
  report: Report,
): Promise<Omit<RecoveryReport, 'redeemed'> & { readonly redeemed: readonly string[] }> {
  const { journal } = parts;
  const redeemed: string[] = [];
  const unfinished: { vendor: string; reason: string }[] = [];
  for (const [name, { vendor }] of journal.orders()) {
    try {
      redeemed.push(...(await finishOrder(parts, name, report)));
    } catch (error) {
      unfinished.push({ vendor, reason: known(error).message });
    }
  }
  const begun = journal.cards().filter(({ activated, stale }) => stale && !activated && showsAtOnce(parts));
  const activated: string[] = [];
  for (const [done, card] of begun.entries()) {
    report({ step: 'activate', done, total: begun.length });
    try {
      await activate(parts, card);
      activated.push(card.id);
    } catch (error) {
      parts.log(`a card could not be activated: ${known(error).message}`);
    }
  }
  // A card that its vendor does not know any more is shown again, before its claims are sent.
  const doubted = journal.cards().filter(({ activated, stale }) => activated && stale);
  for (const card of doubted.filter(({ id }) => journal.claimsOn(id).length > 0)) {
    await refreshState(parts, card).catch(known);
  }
  const open = journal.claims().filter(([tag]) => !journal.isActive(tag));
  const claims: RecoveredClaim[] = [];
  const silent = new Set<string>();
  for (const [done, [tag, record]] of open.entries()) {
    report({ step: 'claim', done, total: open.length });
    // A vendor that did not answer for one claim is asked once for each of the others.
    const { origin } = new URL(record.url);
    const recovered = await recoverClaim(parts, tag, record, silent.has(origin) ? once : patient);
    if (recovered.result === 'unknown') silent.add(origin);
    claims.push(recovered);
  }
  // What a report counted twice while claims were open, or could not show, is known now that they are closed.
  for (const card of journal.cards().filter(({ activated, stale }) => activated && stale)) {
    if (!silent.has(card.record.vendor)) await refreshState(parts, card).catch(known);
  }
  const waiting: { vendor: string; until: number }[] = [];
  for (const [name, { vendor }] of journal.credits()) {
    try {
      const resumed = await resumeCredit(parts, name, report);
      if (resumed.status === 'exchanged') redeemed.push(...resumed.cards);
      if (resumed.status === 'waiting') waiting.push({ vendor, until: resumed.until });
    } catch (error) {
      unfinished.push({ vendor, reason: known(error).message });
    }
  }
  return { redeemed, unfinished, activated, claims, waiting };
}

const patient: Retry = { attempts: 4, baseDelayMs: 250 };
const once: Retry = { attempts: 1, baseDelayMs: 0 };

async function recoverClaim(
  parts: Parts,
  tag: string,
  record: ClaimRecord,
  retry: Retry,
): Promise<RecoveredClaim> {
  const { card, method, url, units } = record;
  const about = { card, method, url, units };
  try {
    const result = await settleClaim(parts, tag, retry);
    if (!result)
      return { ...about, charged: 0, result: 'unknown', reason: 'another call settled it meanwhile' };
    if (result.result === 'freed') {
      return {
        ...about,
        charged: 0,
        result: 'freed',
        reason: `the vendor says that it is ${result.verdict}`,
      };
    }
    const { payment } = result;
    return {
      ...about,
      charged: payment.units,
      result: 'settled',
      reason: `payment ${payment.reference}: ${payment.verdict}`,
    };
  } catch (error) {
    const { message } = known(error);
    if (await freeByState(parts, tag, record)) {
      return {
        ...about,
        charged: 0,
        result: 'freed',
        reason: 'its challenge has expired and the vendor does not hold it',
      };
    }
    return { ...about, charged: 0, result: 'unknown', reason: message };
  }
}

/** Seconds after which no clock of the vendor's takes an expired challenge any more. */
const expiryMarginSeconds = 120;

/**
 * A claim that the vendor does not recognise, as after it changed its challenge secret, can never be accepted once its challenge has
 * expired. If the vendor then proves that it holds nothing of it, it is free.
 */
async function freeByState(parts: Parts, tag: string, record: ClaimRecord): Promise<boolean> {
  const { journal, vendors } = parts;
  const card: HeldCard | undefined = journal.card(record.card);
  if (!card || journal.isActive(tag) || !journal.claim(tag)) return false;
  try {
    const expires = parseExpires(record.challenge.expires ?? '');
    if (vendors.now(card.record.vendor) < expires + expiryMarginSeconds) return false;
    const report = await askState(parts, card);
    if (!holdsNothing(card.record.protocol, record, report)) return false;
    await journal.free(tag, 'refused', { top: report.top });
    return true;
  } catch (error) {
    known(error);
    return false;
  }
}

/** @throws what is not an ImpulsError */
function known(error: unknown): ImpulsError {
  if (!isImpulsError(error)) throw error;
  return error;
}
