import { ImpulsError } from '../core/errors.js';
import { worthOf } from '../core/key-document.js';
import { withSecrets } from '../core/secret.js';
import { keptUnits } from './allocate.js';
import { readOffer, type Offer } from './challenges.js';
import { readProof, type Proof, type ReadyClaim } from './claims.js';
import type { Environment } from './environment.js';
import type { HeldCard, Journal } from './journal.js';
import type { ClaimRecord } from './records.js';
import { discard, readProblem, retryAfterMs } from './reply-body.js';
import type { KeyedPayment, Payment } from './summary.js';
import type { Vendors } from './vendors.js';
import { decide, type Move } from './verdicts.js';

/** Sends one claim, again and again, until an authenticated answer says what became of it, and journals that. */

export interface Errand {
  readonly card: HeldCard;
  readonly record: ClaimRecord;
  readonly claim: ReadyClaim;
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
      readonly payment: KeyedPayment;
      readonly then: (Move & { move: 'settle' })['then'];
      readonly response: Response;
    }
  | {
      readonly result: 'freed';
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

/** How often a claim that the vendor is at work on is asked for. */
const maxInProgress = 120;

/**
 * Runs an errand whose claim the caller has begun; ends it.
 *
 * @throws ImpulsError `unsettled`: the claim stays in the journal; the signal's reason, likewise
 */
export async function runErrand(context: ErrandContext, errand: Errand): Promise<Result> {
  const { journal, sleep } = context;
  const { claim, signal, attempts, baseDelayMs } = errand;
  let troubles = 0;
  let waits = 0;
  let sent = false;
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
        throw unsettled(errand, handled, response, cause);
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
  const { journal } = context;
  const { card, record, claim } = errand;
  const proof = readProof(journal.secrets(card), claim, record, response.headers);
  const problem = await readProblem(response);
  if (problem === 'torn') return 'unauthenticated';
  const move = decide({ status: response.status, ...proof, problem: problem?.code });
  switch (move.move) {
    case 'repeat':
      return move.because;
    case 'settle': {
      const payment = paymentOf(context, errand, move, proof);
      // What a report does not show, and what another wallet may have taken, the vendor is to be asked for.
      const unsure =
        move.verdict === 'already-claimed' || (move.units === undefined && card.record.protocol === 'stream');
      // Not awaited: if it is lost, recovery sends the claim again, which is answered and not charged.
      journal.settle(claim.tag, payment, unsure).catch((error: unknown) => context.log(String(error)));
      return {
        result: 'settled',
        payment: withSecrets({ ...payment }, { key: claim.key }),
        then: move.then,
        response,
      };
    }
    case 'free': {
      const { verdict, report } = proof.state!;
      const offer = readOffer(response.headers.get('WWW-Authenticate'), new URL(record.url).hostname);
      const dearer = verdict === 'insufficient' && offer !== undefined && offer.units > record.units;
      await journal.free(claim.tag, move.how, {
        ask: move.ask && !dearer,
        refused: verdict === 'forged',
        top: report.top,
      });
      return { result: 'freed', verdict, then: move.then, response, offer, holder: proof.holder };
    }
  }
}

function paymentOf(
  { clock, vendors }: ErrandContext,
  { card, record, claim }: Errand,
  move: Move & { move: 'settle' },
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

function unsettled(
  { record }: Errand,
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
  return new ImpulsError(
    'unsettled',
    `the vendor ${said}; whether ${record.units} units are charged is not known`,
    {
      hint: 'Recover the wallet later: it sends the same claim again, which is never charged twice.',
      cause,
    },
  );
}
