import type { CardState, Refusal, Spending } from './card-state.js';
import { limits } from './limits.js';
import type { Scheme } from './protocol.js';

/** What a vendor says to an authentic claim (docs/spec.md §6.4). */
export type Verdict =
  | 'accepted'
  | 'repeated'
  | 'in-progress'
  | 'outcome-unknown'
  | 'already-claimed'
  | 'released'
  | 'expired'
  | 'mismatched'
  | 'restored'
  | Refusal;

/** What the vendor remembers of this very claim. */
export interface KnownClaim {
  /** `interrupted`: pending when the vendor stopped. */
  readonly status: 'pending' | 'interrupted' | 'settled' | 'released';
  /** Whether its method is safe (RFC 9110 §9.2.1), so that it may be served again. */
  readonly safe: boolean;
  /** How often it has been served again. */
  readonly repeats: number;
}

/** All that decides beside the card and the claim. */
export interface Terms {
  readonly known: KnownClaim | undefined;
  /** Whether the vendor was restored from a backup and cannot know what became of the card since (docs/spec.md §6.5). */
  readonly cardHeld: boolean;
  /** The route's price now, in units. */
  readonly price: number;
  /** `capture`: the handler will say how much of the claim it used; then nothing above the price is returned yet. */
  readonly charge: 'price' | 'capture';
  readonly cardExpired: boolean;
  readonly challengeExpired: boolean;
  /** Whether the body that arrived is the one that the claim names. */
  readonly bodyMatches: boolean;
}

export type Outcome =
  | {
      readonly verdict: 'accepted';
      readonly next: CardState;
      /** Units that the claim keeps of those it asked for. */
      readonly kept: number;
      /** Secret input of the payment key. */
      readonly ikm: Uint8Array;
    }
  | { readonly verdict: Exclude<Verdict, 'accepted'> };

/**
 * Decides one claim whose tag holds. Pure: only `accepted` comes with another state, and only a claim that is not
 * known yet can be accepted, so no order of calls charges one twice.
 */
export function spend(scheme: Scheme, state: CardState, claim: Spending, terms: Terms): Outcome {
  const { known } = terms;
  // What the ledger knows to be over stays so; what was open then may have ended otherwise since.
  if (terms.cardHeld && known?.status !== 'settled' && known?.status !== 'released') {
    return { verdict: 'restored' };
  }
  if (known) return { verdict: recall(known) };
  if (terms.cardExpired || terms.challengeExpired) return { verdict: 'expired' };
  if (claim.units < terms.price) return { verdict: 'insufficient' };
  if (!terms.bodyMatches) return { verdict: 'mismatched' };
  const taken = scheme.take(state, claim);
  if (taken.verdict !== 'accepted') return { verdict: taken.verdict };
  const kept = terms.charge === 'price' ? terms.price : claim.units;
  return {
    verdict: 'accepted',
    next: scheme.giveBack(taken.next, claim, claim.units, kept),
    kept,
    ikm: taken.ikm,
  };
}

function recall(known: KnownClaim): Exclude<Verdict, 'accepted'> {
  switch (known.status) {
    case 'released':
      return 'released';
    case 'pending':
      return 'in-progress';
    case 'interrupted':
      return known.safe ? served(known) : 'outcome-unknown';
    case 'settled':
      return served(known);
  }
}

function served(known: KnownClaim): 'repeated' | 'already-claimed' {
  return known.safe && known.repeats >= limits.repeats ? 'already-claimed' : 'repeated';
}
