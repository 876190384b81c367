import { ImpulsError } from '../core/errors.js';
import { worthOf } from '../core/key-document.js';
import { decodeRequest } from '../core/wire/request.js';
import { freeUnits } from './allocate.js';
import type { Offer } from './challenges.js';
import type { HeldCard } from './journal.js';
import type { Payment } from './summary.js';

/** Why a call of a paying fetch ends without an answer, in words. */

/** @param cards the wallet's cards of the vendor @param now Unix milliseconds, by the wallet's clock */
export function noCard(
  origin: string,
  { units, challenge }: Offer,
  cards: readonly HeldCard[],
  now: number,
): ImpulsError {
  const price = worthOf(units, decodeRequest(challenge.request).methodDetails.unit);
  const left = cards.reduce((sum, { account }) => sum + freeUnits(account), 0);
  const open = cards.some(({ account }) => account.unsettled > 0);
  const rests = cards.some(({ record }) => (record.usableFrom ?? 0) > now / 1000);
  const held =
    cards.length === 0 ? 'the wallet holds no card of it' : `${left} units are left on ${cards.length} cards`;
  return new ImpulsError(
    'no-card',
    `${origin} asks for ${units} units (${price}); ${held} that can pay this`,
    {
      hint: rests
        ? 'A new card rests before its first payment, so that its sale cannot be told by the time: try again later.'
        : open
          ? 'Recover the wallet: claims are open that may return units. Else redeem a voucher of this vendor.'
          : 'Redeem a voucher of this vendor.',
    },
  );
}

/** The claim was charged, and there is no answer to give. */
export function noAnswer(
  why: 'outcome-unknown' | 'already-served',
  { units, reference }: Payment,
): ImpulsError {
  const charged = `${units} units were charged`;
  if (why === 'outcome-unknown') {
    return new ImpulsError('outcome-unknown', `the vendor stopped while it served the request; ${charged}`, {
      hint: `Ask the vendor what became of payment ${reference}.`,
    });
  }
  return new ImpulsError('already-served', `it was done before, and the answer is not kept; ${charged}`, {
    hint: `Payment ${reference} stands for it; look for its result at the vendor.`,
  });
}

/** Every claim that a call made was freed. */
export function turnedDown(claims: number): ImpulsError {
  return new ImpulsError('payment-refused', `the vendor turned ${claims} claims down; nothing was charged`, {
    hint: 'Try again in a moment.',
  });
}

export function refused(verdict: string): ImpulsError {
  if (verdict === 'released') {
    return new ImpulsError(
      'payment-refused',
      'the request was answered with an error that was lost; nothing was charged',
      {
        hint: 'See whether it had an effect before you send it again.',
      },
    );
  }
  return new ImpulsError(
    'payment-refused',
    `the vendor says that the claim is ${verdict}; nothing was charged`,
    {
      hint: 'The card is not used any more. Ask the vendor for a statement, or refresh the card.',
    },
  );
}

/** The vendor does not know what became of the card: the claim is kept. */
export function heldBack(): ImpulsError {
  return new ImpulsError('vendor-restored', 'the vendor was restored from a backup and holds this card', {
    hint: 'Nothing is lost: pay with another card, and recover the wallet later.',
  });
}
