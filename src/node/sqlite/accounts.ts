import type { CardId } from '../../core/card.js';
import type { CardState } from '../../core/card-state.js';
import type { ClaimRecord, StoredCard } from '../../server/ledger.js';
import type { Kind } from './schema.js';

/** A card in memory. */
export interface Account {
  readonly slot: number;
  card: StoredCard;
  /** Whether any claim of it is in the index. */
  indexed: boolean;
  /** Its first and last entry that is not folded, and how many there are. */
  first: Entry | undefined;
  last: Entry | undefined;
  unfolded: number;
}

export interface Claim {
  /** Of the journal row that accepted it. */
  readonly seq: number;
  record: ClaimRecord;
  /** As in the journal: a class of routes, or a credit. */
  readonly route: number;
  /** Of the journal row that settled it or gave it back; 0 while it is open. */
  resolvedBy: number;
  /** The `resolvedBy` that the index has; undefined while the claim is not in it. */
  indexedAs: number | undefined;
}

/** A row of the journal that is not folded into its card's row yet. */
export interface Entry {
  readonly seq: number;
  readonly kind: Kind;
  readonly account: Account;
  readonly claim: Claim;
  /** The claim after it. */
  readonly record: ClaimRecord;
  /** The card after it. */
  readonly state: CardState;
  readonly version: number;
  folded: boolean;
  /** The next entry of the same card, and of all. */
  nextOfCard: Entry | undefined;
  next: Entry | undefined;
}

export function createAccount(slot: number, card: StoredCard, indexed: boolean): Account {
  return { slot, card, indexed, first: undefined, last: undefined, unfolded: 0 };
}

/** The claim that `matches`, of those that the card's unfolded entries touch. They are few: see `cardBound`. */
export function findClaim(account: Account, matches: (claim: Claim) => boolean): Claim | undefined {
  for (let entry = account.first; entry; entry = entry.nextOfCard) {
    if (matches(entry.claim)) return entry.claim;
  }
  return undefined;
}

/** A card that has so many entries is folded in part, however young they are. */
export const cardBound = 256;

/**
 * The cards in memory. Those with entries to fold stay; of the others the least recently used leave when there are more
 * than `maxCards`.
 */
export class Accounts {
  readonly #maxCards: number;
  /** In the order of their last use. */
  readonly #idle = new Map<CardId, Account>();
  /** One iterator for all: a new one would step over every card that has left since the map was last packed. */
  #longestIdle = this.#idle.keys();
  readonly #pinned = new Map<CardId, Account>();
  #oldest: Entry | undefined;
  #newest: Entry | undefined;
  #unfolded = 0;

  constructor(maxCards: number) {
    this.#maxCards = maxCards;
  }

  get unfolded(): number {
    return this.#unfolded;
  }

  /** The oldest entry that is not folded. */
  get oldest(): Entry | undefined {
    while (this.#oldest?.folded) this.#oldest = this.#oldest.next;
    if (!this.#oldest) this.#newest = undefined;
    return this.#oldest;
  }

  find(id: CardId): Account | undefined {
    const pinned = this.#pinned.get(id);
    if (pinned) return pinned;
    const account = this.#idle.get(id);
    if (account) {
      this.#idle.delete(id);
      this.#idle.set(id, account);
    }
    return account;
  }

  /** Adds a card as the one just used. */
  add(account: Account): void {
    this.#idle.set(account.card.entry.id, account);
    this.#evict();
  }

  /** Keeps a card in memory until `unpin`. */
  pin(account: Account): void {
    const { id } = account.card.entry;
    this.#idle.delete(id);
    this.#pinned.set(id, account);
  }

  /** Lets go of a card that has nothing to fold. */
  unpin(account: Account): void {
    const { id } = account.card.entry;
    // After a failed commit another account may stand for the card.
    if (account.first || this.#pinned.get(id) !== account) return;
    this.#pinned.delete(id);
    this.add(account);
  }

  append(entry: Entry): void {
    const { account } = entry;
    if (account.last) account.last.nextOfCard = entry;
    else {
      account.first = entry;
      this.pin(account);
    }
    account.last = entry;
    account.unfolded++;
    if (this.#newest) this.#newest.next = entry;
    else this.#oldest = entry;
    this.#newest = entry;
    this.#unfolded++;
  }

  /** Takes the first entry of a card off: it is folded. */
  shift(account: Account): Entry | undefined {
    const entry = account.first;
    if (!entry) return undefined;
    entry.folded = true;
    account.first = entry.nextOfCard;
    if (!account.first) account.last = undefined;
    account.unfolded--;
    this.#unfolded--;
    return entry;
  }

  /** Forgets the cards that are pinned, and with them every entry. */
  dropPinned(): void {
    this.#pinned.clear();
    this.#oldest = undefined;
    this.#newest = undefined;
    this.#unfolded = 0;
  }

  #evict(): void {
    while (this.#idle.size > 0 && this.#idle.size + this.#pinned.size > this.#maxCards) {
      const { value, done } = this.#longestIdle.next();
      if (done) this.#longestIdle = this.#idle.keys();
      else this.#idle.delete(value);
    }
  }
}
