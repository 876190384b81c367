import type { CardReport } from '../core/receipt.js';
import type { Verdict } from '../core/spend.js';
import type { Freed } from './allocate.js';
import type { Payment } from './summary.js';

/** What a wallet does with an answer to a claim: docs/spec.md §6.4 as a table. Pure. */

/** An answer, of which only what was authenticated counts as proof. */
export interface Answer {
  readonly status: number;
  /** A receipt whose MAC holds. */
  readonly receipt?: { readonly verdict: 'accepted' | 'repeated'; readonly units: number } | undefined;
  /** A state whose MAC holds. */
  readonly state?: { readonly verdict: string; readonly report: CardReport } | undefined;
  /** The code of the problem document, if the answer is one. Not authenticated: it only chooses words. */
  readonly problem?: string | undefined;
}

export type Move =
  /** The claim is charged. `then`: the answer is what was paid for, or there is none. */
  | {
      readonly move: 'settle';
      readonly verdict: Payment['verdict'];
      /** Units charged; undefined: as the report shows. */
      readonly units: number | undefined;
      readonly then: 'return' | 'outcome-unknown' | 'already-served';
    }
  /** The claim is not charged and is never sent again. `then`: pay anew, hand the answer on, or give up. */
  | {
      readonly move: 'free';
      readonly how: Freed;
      readonly then: 'decide' | 'decide-if-safe' | 'return' | 'stop';
      /** Whether the wallet has been wrong about the card, so that it must ask for its state. */
      readonly ask: boolean;
    }
  /** The claim stays as it is, and is not sent again for now: the vendor cannot know what became of it. */
  | { readonly move: 'keep' }
  /** The very same claim is sent again. */
  | { readonly move: 'repeat'; readonly because: 'in-progress' | 'unauthenticated' };

const again: Move = { move: 'repeat', because: 'unauthenticated' };

const moves: Readonly<Record<Exclude<Verdict, 'accepted' | 'repeated' | 'released'>, Move>> = {
  'in-progress': { move: 'repeat', because: 'in-progress' },
  'outcome-unknown': {
    move: 'settle',
    verdict: 'outcome-unknown',
    units: undefined,
    then: 'outcome-unknown',
  },
  'already-claimed': { move: 'settle', verdict: 'already-claimed', units: undefined, then: 'already-served' },
  conflict: { move: 'free', how: 'taken', then: 'decide', ask: true },
  insufficient: { move: 'free', how: 'refused', then: 'decide', ask: true },
  crowded: { move: 'free', how: 'refused', then: 'decide', ask: true },
  // A claim whose record is no longer kept may have been charged.
  expired: { move: 'free', how: 'refused', then: 'decide', ask: true },
  mismatched: { move: 'free', how: 'refused', then: 'decide', ask: false },
  forged: { move: 'free', how: 'taken', then: 'stop', ask: true },
  restored: { move: 'keep' },
};

export function decide({ status, receipt, state, problem }: Answer): Move {
  if (receipt && status >= 200 && status < 300) {
    return { move: 'settle', verdict: receipt.verdict, units: receipt.units, then: 'return' };
  }
  // Nothing is freed by it, so that it need not be proved.
  if (!state) return problem === 'vendor-restored' ? moves.restored : again;
  const { verdict } = state;
  switch (verdict) {
    case 'accepted':
    case 'repeated':
      // A redirect, an error after a capture, or the refusal to do a thing twice.
      return {
        move: 'settle',
        verdict,
        units: undefined,
        then: problem === 'already-done' ? 'already-served' : 'return',
      };
    case 'released':
      // Either this answer is the handler's, or the handler's answer was lost and this is the memory of it.
      return {
        move: 'free',
        how: 'released',
        then: problem === 'claim-released' ? 'decide-if-safe' : 'return',
        ask: false,
      };
    default:
      return Object.hasOwn(moves, verdict) ? moves[verdict as keyof typeof moves] : again;
  }
}
