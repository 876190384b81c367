import { ImpulsError } from '../core/errors.js';
import { limits as bounds } from '../core/limits.js';
import { worthOf } from '../core/key-document.js';
import { decodeRequest } from '../core/wire/request.js';
import type { Offer } from './challenges.js';

/** What a paying fetch may spend. All in units; what is claimed counts until it is known to be freed. */
export interface SpendingLimits {
  /** The most for one request. */
  readonly perRequest: number;
  /** The most for all requests of this paying fetch. */
  readonly total: number;
  /** Origins that may be paid. Default: every vendor that the wallet has a card of. */
  readonly vendors?: readonly string[];
}

/** Keeps count of what one paying fetch has claimed. */
export interface Spending {
  /** Whether an offer may be taken now. */
  permits(origin: string, offer: Offer): boolean;
  /** @throws ImpulsError `limit-exceeded` if an offer must not be taken */
  check(origin: string, offer: Offer): void;
  /** The same, and counts its units in. @throws ImpulsError `limit-exceeded` */
  admit(origin: string, offer: Offer): void;
  /** Takes units back that were counted in and are not charged. */
  dismiss(units: number): void;
}

/** @throws ImpulsError `invalid-argument` */
export function createSpending(limits: SpendingLimits): Spending {
  const perRequest = checkLimit('perRequest', limits.perRequest);
  const total = checkLimit('total', limits.total);
  const vendors = limits.vendors && new Set(limits.vendors.map((vendor) => new URL(vendor).origin));
  let counted = 0;

  const allows = (origin: string): boolean => vendors === undefined || vendors.has(origin);

  const refuse = (origin: string, offer: Offer, name: string, limit: string, least: string): ImpulsError => {
    const price = worthOf(offer.units, decodeRequest(offer.challenge.request).methodDetails.unit);
    return new ImpulsError(
      'limit-exceeded',
      `${origin} asks for ${offer.units} units (${price}); ${limit}. Nothing was paid`,
      { hint: `If it is worth that, ${least} limits.${name}.` },
    );
  };

  const permits = (origin: string, { units }: Offer): boolean =>
    allows(origin) && units <= perRequest && counted + units <= total;

  function check(origin: string, offer: Offer): void {
    if (!allows(origin)) {
      throw refuse(origin, offer, 'vendors', 'this vendor is not among those that may be paid', 'add it to');
    }
    if (offer.units > perRequest) {
      throw refuse(origin, offer, 'perRequest', `the limit for one request is ${perRequest}`, 'raise');
    }
    if (counted + offer.units > total) {
      const limit = `${counted} of the limit of ${total} in all are spent or claimed`;
      throw refuse(origin, offer, 'total', limit, 'raise');
    }
  }

  return {
    permits,
    check,
    admit(origin, offer) {
      check(origin, offer);
      counted += offer.units;
    },
    dismiss(units) {
      counted -= units;
    },
  };
}

function checkLimit(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 0 || value > bounds.maxUint32) {
    throw new ImpulsError('invalid-argument', `limits.${name} is a whole number of units, not ${value}`);
  }
  return value;
}
