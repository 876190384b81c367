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
import type { Session } from './session.js';
import { createTurns } from './turns.js';
import type { Vendors } from './vendors.js';

/** Chooses the card that pays and reserves its units. */
export interface Purse {
  /**
   * Reserves units and makes the claim, durably; the caller is then at work on it. Calls for one vendor are served in the order in which they came; one that finds
   * all cards busy waits.
   *
   * @returns if no card will do: the last error of a card that could not be made ready, or undefined
   * @throws what `admit` throws; the signal's reason; what the storage throws
   */
  acquire(want: Want): Promise<Acquired | ImpulsError | undefined>;
  /**
   * The card that would be asked for so many units first. What asks for the price goes by its circuit, and it pays what was asked there.
   *
   * @param except cards that were tried
   */
  likely(who: Payer, units: number, except: ReadonlySet<CardId>): HeldCard | undefined;
}

/** Whose cards may pay whom. */
export interface Payer {
  /** The vendor's origin. */
  readonly origin: string;
  readonly protocol: ProtocolName | undefined;
  /** For how long after their end cards may pay. Default 0. */
  readonly graceSeconds?: number;
  /** At the level `unlinkable-sessions` only its cards pay, and such as none has taken. */
  readonly session: Session;
}

export interface Want extends Payer {
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

interface PurseContext extends Pick<Environment, 'random' | 'log' | 'clock' | 'privacy' | 'circuits'> {
  readonly journal: Journal;
  readonly vendors: Vendors;
}

type Choice =
  | { readonly choice: 'claim'; readonly card: HeldCard; readonly offer: Offer; readonly end: number }
  | { readonly choice: 'prepare'; readonly card: HeldCard }
  | { readonly choice: 'wait' }
  | { readonly choice: 'none' };

export function createPurse(context: PurseContext): Purse {
  const { journal, vendors, random, log, clock, privacy } = context;
  const turns = createTurns();
  const takers = new Map<CardId, Session>();

  /** At the level of sessions a card that was shown is for the session that showed it, which may be long over. */
  function isFree({ id, activated, stale }: HeldCard, session: Session): boolean {
    if (privacy !== 'unlinkable-sessions' || session.has(id)) return true;
    return !activated && !stale && !takers.has(id);
  }

  function take(id: CardId, session: Session): void {
    takers.set(id, session);
    session.add(id);
  }

  /** Cards that may pay, those in use first, then those that end first; of like ones any, not the one that was bought first. */
  function usableCards({ origin, protocol, session, graceSeconds = 0 }: Payer): HeldCard[] {
    const now = vendors.now(origin);
    return journal
      .cards()
      .filter(({ record, refused }) => record.vendor === origin && !refused)
      .filter(({ record }) => now < record.expires + graceSeconds)
      .filter(({ record }) => protocol === undefined || record.protocol === protocol)
      .filter((card) => (card.record.usableFrom ?? 0) <= clock() / 1000 && isFree(card, session))
      .sort(
        (a, b) =>
          Number(b.activated) - Number(a.activated) ||
          a.record.expires - b.record.expires ||
          freeUnits(a.account) - freeUnits(b.account) ||
          (a.id < b.id ? -1 : 1),
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

  async function serve(want: Want): Promise<Reserved | ImpulsError | undefined> {
    const done = new Set<CardId>();
    const failed = new Set<CardId>();
    let failure: ImpulsError | undefined;
    for (;;) {
      want.signal?.throwIfAborted();
      const found = choose(want, done, failed);
      if ('card' in found) take(found.card.id, want.session);
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
          return failure;
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
    likely(who, units, except) {
      const card = usableCards(who).find(({ id, account }) => !except.has(id) && freeUnits(account) >= units);
      if (card) take(card.id, who.session);
      return card;
    },

    async acquire(want) {
      // The next one need not wait until the claim is durable.
      const reserved = await turns.take(want.origin, want.signal, () => serve(want));
      if (!reserved || isImpulsError(reserved)) return reserved;
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
