import type { CardId } from '../core/card.js';
import { isImpulsError, type ImpulsError } from '../core/errors.js';
import type { ProtocolName } from '../core/protocol.js';
import { allocate, freeUnits } from './allocate.js';
import type { Offer } from './challenges.js';
import { readyClaim, type ReadyClaim } from './claims.js';
import { orAborted, type Environment } from './environment.js';
import type { HeldCard, Journal } from './journal.js';
import { activate, refreshState } from './obtain.js';
import type { ClaimRecord } from './records.js';
import { createTurns } from './turns.js';
import type { Vendors } from './vendors.js';

/** Chooses the card that pays and reserves its units. */
export interface Purse {
  /**
   * Reserves units and makes the claim, durably; the caller is then at work on it. Calls for one vendor are served in the order in which they came; one that finds
   * all cards busy waits.
   *
   * @returns undefined if no card will do
   * @throws what `admit` throws; the signal's reason; the last error of a card that could not be made ready
   */
  acquire(want: Want): Promise<Acquired | undefined>;
}

export interface Want {
  /** The vendor's origin. */
  readonly origin: string;
  readonly protocol?: ProtocolName | undefined;
  /** The offer to pay with a card; undefined: not with this one. */
  readonly offerFor: (card: CardId) => Offer | undefined;
  /** Throws if so many units must not be spent. Called at the moment of reserving; `dismiss` takes it back. */
  readonly admit: (offer: Offer) => void;
  readonly dismiss: (units: number) => void;
  /** The rest of the claim's record. */
  readonly draft: (offer: Offer) => Omit<ClaimRecord, 'card' | 'end' | 'units' | 'nonce' | 'challenge'>;
  readonly signal?: AbortSignal | undefined;
}

export interface Acquired {
  readonly card: HeldCard;
  readonly offer: Offer;
  readonly record: ClaimRecord;
  readonly claim: ReadyClaim;
}

interface Reserved {
  readonly acquired: Acquired;
  /** When it is, the claim may be sent. */
  readonly durable: Promise<void>;
}

interface PurseContext extends Pick<Environment, 'random' | 'log'> {
  readonly journal: Journal;
  readonly vendors: Vendors;
}

type Choice =
  | { readonly choice: 'claim'; readonly card: HeldCard; readonly offer: Offer; readonly end: number }
  | { readonly choice: 'prepare'; readonly card: HeldCard }
  | { readonly choice: 'wait' }
  | { readonly choice: 'none' };

export function createPurse(context: PurseContext): Purse {
  const { journal, vendors, random, log } = context;
  const turns = createTurns();

  /** Cards that may pay, those in use first, then those that end first. */
  function usableCards({ origin, protocol }: Want): HeldCard[] {
    const now = vendors.now(origin);
    return journal
      .cards()
      .filter(({ record, refused }) => record.vendor === origin && !refused && now < record.expires)
      .filter(({ record }) => protocol === undefined || record.protocol === protocol)
      .sort(
        (a, b) =>
          Number(b.activated) - Number(a.activated) ||
          a.record.expires - b.record.expires ||
          freeUnits(a.account) - freeUnits(b.account),
      );
  }

  /** @param done cards that this call has made ready, or could not */
  function choose(want: Want, done: ReadonlySet<CardId>, failed: ReadonlySet<CardId>): Choice {
    let busy = false;
    for (const card of usableCards(want)) {
      const offer = want.offerFor(card.id);
      if (!offer || failed.has(card.id)) continue;
      // One card after the other: a fresh one is shown to the vendor only when those in use will not do.
      if (!card.activated && busy) break;
      const active = journal.claimsOn(card.id).some(([tag]) => journal.isActive(tag));
      if (card.stale && card.activated && !done.has(card.id)) {
        if (!active) return { choice: 'prepare', card };
        busy = true;
        continue;
      }
      const place = allocate(card.account, offer.units);
      if (typeof place === 'object') {
        if (!card.activated) return { choice: 'prepare', card };
        return { choice: 'claim', card, offer, end: place.end };
      }
      busy ||= place === 'wait' && active;
    }
    return { choice: busy ? 'wait' : 'none' };
  }

  async function serve(want: Want): Promise<Reserved | undefined> {
    const done = new Set<CardId>();
    const failed = new Set<CardId>();
    let failure: ImpulsError | undefined;
    for (;;) {
      want.signal?.throwIfAborted();
      const found = choose(want, done, failed);
      switch (found.choice) {
        case 'claim':
          return reserve(want, found.card, found.offer, found.end);
        case 'prepare':
          try {
            await (found.card.activated ? refreshState : activate)(context, found.card);
            done.add(found.card.id);
          } catch (error) {
            if (!isImpulsError(error)) throw error;
            log(`a card could not be made ready: ${error.message}`);
            failed.add(found.card.id);
            failure = error;
          }
          break;
        case 'wait':
          await orAborted(journal.nextChange(), want.signal);
          break;
        case 'none':
          if (failure) throw failure;
          return undefined;
      }
    }
  }

  function reserve(want: Want, card: HeldCard, offer: Offer, end: number): Reserved {
    const record: ClaimRecord = {
      card: card.id,
      end,
      units: offer.units,
      nonce: random(16),
      challenge: offer.challenge,
      ...want.draft(offer),
    };
    const claim = readyClaim(journal.secrets(card), card.record.protocol, record);
    want.admit(offer);
    const durable = journal.reserve(claim.tag, record);
    journal.begin(claim.tag);
    return { acquired: { card, offer, record, claim }, durable };
  }

  return {
    async acquire(want) {
      // The next one need not wait until the claim is durable.
      const reserved = await turns.take(want.origin, want.signal, () => serve(want));
      if (!reserved) return undefined;
      try {
        await reserved.durable;
        return reserved.acquired;
      } catch (error) {
        journal.end(reserved.acquired.claim.tag);
        want.dismiss(reserved.acquired.offer.units);
        throw error;
      }
    },
  };
}
