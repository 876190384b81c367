import type { CardId } from '../core/card.js';

/**
 * A stretch of use whose payments a vendor may connect with each other, at the level `unlinkable-sessions`. A card that it paid with is
 * for no other session. Its cards may be stored, to go on with it later.
 */
export interface Session {
  /** In the order in which they were taken. */
  cards(): CardId[];
  has(card: CardId): boolean;
  /** A wallet does that. */
  add(card: CardId): void;
}

/** @param cards of the session, if it is one that goes on */
export function createSession(cards: readonly CardId[] = []): Session {
  const taken = new Set(cards);
  return {
    cards: () => [...taken],
    has: (card) => taken.has(card),
    add: (card) => void taken.add(card),
  };
}
