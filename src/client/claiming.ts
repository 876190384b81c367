import type { CardId } from '../core/card.js';
import { ImpulsError } from '../core/errors.js';
import type { Offer } from './challenges.js';
import type { Result } from './errand.js';
import type { Carrier } from './outgoing.js';
import type { Payment } from './summary.js';

/** What a paying fetch can do besides, for the modules of this folder only: within its limits, and for its session. */
export interface Claiming {
  /** What was offered for a payment, as long as it may be taken again. */
  readonly offerOf: (payment: Payment) => Offer | undefined;
  /**
   * Makes one claim with a card and an offer that was made to it, without asking first. Nothing is decided anew.
   *
   * @throws as the paying fetch
   */
  readonly claim: (url: URL, card: CardId, offer: Offer, carrier?: Carrier) => Promise<Result>;
  /** The paying fetch, by another way: what is sent for this call, and sent again, goes by it. */
  readonly call: (url: URL, init: RequestInit, carrier: Carrier) => Promise<Response>;
}

const kept = new WeakMap<object, Claiming>();

export function keepClaiming(pay: object, claiming: Claiming): void {
  kept.set(pay, claiming);
}

/** @throws ImpulsError `invalid-argument` for a function that `createPayingFetch` did not return */
export function claimingOf(pay: object): Claiming {
  const claiming = kept.get(pay);
  if (!claiming) throw new ImpulsError('invalid-argument', 'not a paying fetch of this copy of impuls');
  return claiming;
}
