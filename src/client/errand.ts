import type { CardId } from '../core/card.js';
import { ImpulsError } from '../core/errors.js';
import { worthOf } from '../core/key-document.js';
import { withSecrets } from '../core/secret.js';
import { keptUnits } from './allocate.js';
import { readOffer, type Offer } from './challenges.js';
import { readProof, type Proof, type ReadyClaim } from './claims.js';
import type { Environment } from './environment.js';
import type { HeldCard, Journal } from './journal.js';
import type { ClaimRecord } from './records.js';
import { heldBack } from './refusals.js';
import { discard, readProblem, retryAfterMs } from './reply-body.js';
import { openReply } from './sealed-reply.js';
import type { KeyedPayment, Payment } from './summary.js';
import type { Vendors } from './vendors.js';
import { decide, type Move } from './verdicts.js';

/** Sends one claim, again and again, until an authenticated answer says what became of it, and journals that. */

export interface Errand {
  readonly card: HeldCard;
  readonly record: ClaimRecord;
  readonly claim: ReadyClaim;
  /** `new`: never sent. `open`: it may have been. `settled`: charged already, and sent for its answer alone. */
  readonly stage: 'new' | 'open' | 'settled';
  /** Sends the request with this `Authorization`, always the same. */
  readonly send: (authorization: string) => Promise<Response>;
  /** How often it is sent while no answer can be trusted, and the wait before the second time. */
  readonly attempts: number;
  readonly baseDelayMs: number;
  readonly signal?: AbortSignal | undefined;
}

export type Result =
  | {
      readonly result: 'settled';
      readonly tag: string;
      readonly payment: KeyedPayment;
      readonly then: (Move & { move: 'settle' })['then'];
      readonly response: Response;
      /** Whether the claim asked for a sealed answer. */
      readonly seal: ClaimRecord['seal'];
    }
  | {
      readonly result: 'freed';
      readonly card: CardId;
      readonly verdict: string;
      readonly then: (Move & { move: 'free' })['then'];
      readonly response: Response;
      /** What the answer asks for instead. */
      readonly offer: Offer | undefined;
      /** The tag of the claim that holds what this one wanted. */
      readonly holder: string | undefined;
    };

interface ErrandContext extends Pick<Environment, 'clock' | 'sleep' | 'log'> {
  readonly journal: Journal;
  readonly vendors: Vendors;
}

type SettleMove = Move & { move: 'settle' };
type FreeMove = Move & { move: 'free' };

/** How often a claim that the vendor is at work on is asked for. */
const maxInProgress = 120;

/**
 * Runs an errand whose claim the caller has begun; ends it.
 *
 * @throws ImpulsError `unsettled`, `vendor-restored`: the claim stays in the journal; `network`: likewise the one that is settled; the signal's reason, likewise
 */
export async function runErrand(context: ErrandContext, errand: Errand): Promise<Result> {
  const { journal, sleep } = context;
  const { claim, signal, attempts, baseDelayMs } = errand;
  let troubles = 0;
  let waits = 0;
  let sent = errand.stage !== 'new';
  try {
    for (;;) {
      if (signal?.aborted && !sent) await journal.free(claim.tag, 'refused');
      signal?.throwIfAborted();
      sent = true;
      const { response, cause } = await sendOnce(context, errand);
      const handled = response && (await handle(context, errand, response));
      if (typeof handled === 'object') return handled;
      const wait = response && retryAfterMs(response);
      discard(response);
      if (handled === 'in-progress' ? ++waits >= maxInProgress : ++troubles >= attempts) {
        throw gaveUp(errand, handled, response, cause);
      }
      await sleep(Math.max(wait ?? 0, baseDelayMs * 2 ** Math.max(0, Math.min(troubles - 1, 8))), signal);
    }
  } finally {
    journal.end(claim.tag);
  }
}

async function sendOnce(
  { vendors }: ErrandContext,
  { card, claim, send, signal }: Errand,
): Promise<{ response?: Response; cause?: unknown }> {
  try {
    const response = await send(claim.authorization);
    vendors.noteDate(card.record.vendor, response);
    return { response };
  } catch (cause) {
    signal?.throwIfAborted();
    return { cause };
  }
}

/** @returns what the answer decided, or why the claim is to be sent again */
async function handle(
  context: ErrandContext,
  errand: Errand,
  response: Response,
): Promise<Result | 'in-progress' | 'unauthenticated'> {
  const { card, record, claim } = errand;
  const proof = readProof(context.journal.secrets(card), claim, record, response.headers);
  const problem = await readProblem(response);
  if (problem === 'torn') return 'unauthenticated';
  const move = decide({ status: response.status, ...proof, problem: problem?.code });
  if (move.move === 'repeat') return move.because;
  if (move.move === 'keep') {
    discard(response);
    // The vendor refuses its state as well: until it tells it again, other cards pay.
    await context.journal.doubt(card.id);
    throw heldBack();
  }
  if (errand.stage === 'settled') return deliver(context, errand, move, proof, response);
  return move.move === 'settle'
    ? settle(context, errand, move, proof, response)
    : free(context, errand, move, proof, response);
}

function settle(
  context: ErrandContext,
  errand: Errand,
  move: SettleMove,
  proof: Proof,
  response: Response,
): Result {
  const { card, claim } = errand;
  const payment = paymentOf(context, errand, move, proof);
  // What a report does not show, and what another wallet may have taken, the vendor is to be asked for.
  const unsure =
    move.verdict === 'already-claimed' || (move.units === undefined && card.record.protocol === 'stream');
  // Not awaited: if it is lost, recovery sends the claim again, which is answered and not charged.
  context.journal.settle(claim.tag, payment, unsure).catch((error: unknown) => context.log(String(error)));
  return settled(errand, payment, move.then, response);
}

async function free(
  { journal }: ErrandContext,
  { record, claim }: Errand,
  { how, then, ask }: FreeMove,
  { state, holder }: Proof,
  response: Response,
): Promise<Result> {
  const { verdict, report } = state!;
  const offer = readOffer(response.headers.get('WWW-Authenticate'), new URL(record.url).hostname);
  const dearer = verdict === 'insufficient' && offer !== undefined && offer.units > record.units;
  await journal.free(claim.tag, how, {
    ask: ask && !dearer,
    refused: verdict === 'forged',
    top: report.top,
  });
  // What an earlier payment has brought about is told for nothing, and sealed for this claim.
  const answer = response.ok ? openReply(response, claim.key, record.seal) : response;
  return { result: 'freed', card: record.card, verdict, then, response: answer, offer, holder };
}

/** The answer to a claim that was charged before. A vendor that gives none any more is done with it. */
async function deliver(
  context: ErrandContext,
  errand: Errand,
  move: SettleMove | FreeMove,
  proof: Proof,
  response: Response,
): Promise<Result> {
  const { journal } = context;
  const { claim, record } = errand;
  const settling: SettleMove =
    move.move === 'settle'
      ? move
      : { move: 'settle', verdict: 'already-claimed', units: record.units, then: 'already-served' };
  // What the vendor says of the units then is not what the wallet has counted.
  if (move.move === 'free') await journal.endKept(claim.tag, { ask: true });
  const known = journal.payments().find(({ reference }) => reference === claim.reference);
  const payment = known ?? paymentOf(context, errand, settling, proof);
  return settled(errand, payment, settling.then, response);
}

function settled(
  { claim, record }: Errand,
  payment: Payment,
  then: SettleMove['then'],
  response: Response,
): Result {
  const keyed = withSecrets({ ...payment }, { key: claim.key });
  return { result: 'settled', tag: claim.tag, payment: keyed, then, response, seal: record.seal };
}

function paymentOf(
  { clock, vendors }: ErrandContext,
  { card, record, claim }: Errand,
  move: SettleMove,
  { state, remaining }: Proof,
): Payment {
  const { vendor, protocol } = card.record;
  const units = move.units ?? keptUnits(protocol, record, state!.report);
  return {
    time: clock(),
    method: record.method,
    url: record.url,
    units,
    worth: worthOf(units, vendors.pinned(vendor).document.unit),
    reference: claim.reference,
    fingerprint: claim.fingerprint,
    card: card.id,
    vendor,
    protocol,
    end: record.end,
    remaining,
    verdict: move.verdict,
  };
}

function gaveUp(
  { record, stage }: Errand,
  handled: 'in-progress' | 'unauthenticated' | undefined,
  response: Response | undefined,
  cause: unknown,
): ImpulsError {
  const said =
    handled === 'in-progress'
      ? 'is still at work'
      : response
        ? `answered ${response.status} without proof`
        : 'did not answer';
  if (stage === 'settled') {
    return new ImpulsError('network', `the vendor ${said}; what was paid for has not come yet`, {
      hint: 'Try again later: it is asked for again, and nothing more is charged.',
      cause,
    });
  }
  return new ImpulsError(
    'unsettled',
    `the vendor ${said}; whether ${record.units} units are charged is not known`,
    {
      hint: 'Recover the wallet later: it sends the same claim again, which is never charged twice.',
      cause,
    },
  );
}
