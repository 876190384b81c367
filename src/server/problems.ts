import type { Verdict } from '../core/spend.js';
import { formatProblem, problems, type ProblemCode } from '../core/wire/problem.js';
import type { Header, Reply } from './call.js';

/** Which problem document each refusal becomes (docs/spec.md §6.4). */

type Problem = readonly [code: ProblemCode, detail: string];

export const verdictProblems: Readonly<Record<Exclude<Verdict, 'accepted' | 'repeated'>, Problem>> = {
  'in-progress': ['claim-in-progress', 'This very request is being served; send it again later.'],
  'outcome-unknown': ['outcome-unknown', 'The vendor stopped while it served this request. It stays paid.'],
  'already-claimed': ['already-claimed', 'These units are spent, and the answer is no longer kept.'],
  released: ['claim-released', 'The claim was returned; its units are free.'],
  expired: ['payment-expired', 'The card or the challenge has expired.'],
  mismatched: [
    'invalid-payload',
    'The claim names another body, or asks for no sealed answer where one is due.',
  ],
  conflict: ['claim-conflict', 'Another claim holds these units.'],
  insufficient: [
    'payment-insufficient',
    'The claim does not cover the price, or the card does not cover the claim.',
  ],
  restored: [
    'vendor-restored',
    'This vendor was restored from a backup, and holds cards from before until it has settled what became of them.',
  ],
  crowded: ['claim-crowded', 'Too much of the card is left out below this claim; pay into a gap first.'],
  forged: ['verification-failed', 'The proof does not hold.'],
};

/** An `expired` whose challenge was never ours. */
export const foreignChallenge: Problem = ['invalid-challenge', 'The challenge is not one of this vendor.'];

export const unknownProblems: Readonly<Record<'card' | 'tag' | 'restored', Problem>> = {
  restored: verdictProblems.restored,
  card: ['verification-failed', 'No such card is active here, or the claim is not for this request.'],
  tag: ['verification-failed', 'No such card is active here, or the claim is not for this request.'],
};

/** Of a claim that is released because an earlier one has its `Idempotency-Key`. */
export const supersededProblems: Readonly<Record<'unknown' | 'other', Problem>> = {
  unknown: [
    'outcome-unknown',
    'The vendor stopped while it served this request for an earlier payment. This one costs nothing.',
  ],
  other: [
    'idempotency-key-reused',
    'This Idempotency-Key was used for another request. This one costs nothing.',
  ],
};

export function problemReply(code: ProblemCode, detail?: string, headers: readonly Header[] = []): Reply {
  return {
    status: problems[code].status,
    headers: [['Content-Type', 'application/problem+json'], ['Cache-Control', 'no-store'], ...headers],
    body: formatProblem(code, detail),
  };
}

/** What was not begun. */
export function overloadedReply(headers: readonly Header[] = []): Reply {
  return problemReply('overloaded', 'Nothing was done for this request. Send the same again later.', [
    ['Retry-After', '1'],
    ...headers,
  ]);
}

/** Where the ledger cannot say what became of a request. */
export function unavailableReply(headers: readonly Header[] = []): Reply {
  return problemReply('ledger-unavailable', 'Send the same request again.', [
    ['Retry-After', '1'],
    ...headers,
  ]);
}
