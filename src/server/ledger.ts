import type { CardId } from '../core/card.js';
import type { CardState } from '../core/card-state.js';

/**
 * Where a vendor keeps what must survive: cards, claims, orders.
 *
 * The contract, which `impuls/testing` checks for every implementation:
 *
 * 1. What resolves is durable. A promise that rejected may or may not have taken effect, and the ledger then answers
 *    from what is durable, never from what it hoped for. A ledger that cannot write rejects with `storage-failed`.
 * 2. A card is opened once. Opening it again changes nothing and returns what is there.
 * 3. A card moves from one version to the next. Of any number of calls that name the same version one wins and
 *    resolves to true; the others resolve to false and change nothing.
 * 4. A claim's record and the state that it makes become durable together or not at all.
 * 5. A claim is resolved once: settled or released. Resolving it again changes nothing, but for a reply that was missing.
 * 6. An order is served once. Serving it again with the same digest returns the first signatures; with another, nothing.
 * 7. What was pending when the ledger was last closed, or killed, is `interrupted` from then on.
 * 8. The codes of a batch are orders with a state. It goes from printed to active, from either of them to void, and never
 *    back; a code that was served stays as it is. Only an active one is served: one that is printed or void is unknown to
 *    `serveOrder`, and of calls that serve and void it at once one wins.
 * 9. Objects that go in or come out are never changed by either side. `StoredCard.entry` keeps its identity as long as
 *    the card stays in memory, so that callers may hang derived keys on it.
 */
export interface Ledger {
  /** Inserts a card at version 0, or returns the one of that id. */
  openCard(card: CardEntry, state: CardState): Promise<StoredCard>;
  readCard(id: CardId): Promise<StoredCard | undefined>;

  /** Moves a card to `next` and records the claim, pending. False: `version` is not the card's any more. */
  accept(id: CardId, version: number, next: CardState, claim: ClaimRecord): Promise<boolean>;
  /**
   * Settles a pending or interrupted claim as it stands; adds the reply to a settled one that has none. Callers need not
   * wait: a settlement lost in a crash leaves the claim `interrupted`.
   */
  settle(id: CardId, tag: string, reply?: StoredReply): Promise<void>;
  /**
   * Moves a card to `next` and keeps the lowest `kept` units of a claim: none releases it, some settles it.
   * False: `version` is not the card's any more, or the claim is resolved already.
   */
  giveBack(id: CardId, version: number, next: CardState, tag: string, kept: number): Promise<boolean>;

  /** The claim of this tag, whatever became of it. `end`, where the caller knows that of the claim, spares a search. */
  findClaim(id: CardId, tag: string, end?: number): Promise<ClaimRecord | undefined>;
  /** A claim, not released, that holds any unit of `(from, end]` (`chain`), or the step `end` (`stream`: from = end − 1). */
  findHolder(id: CardId, from: number, end: number): Promise<ClaimRecord | undefined>;

  /** Adds orders; one whose id is there already is left as it is. */
  createOrders(orders: readonly Order[]): Promise<void>;
  readOrder(id: string): Promise<StoredOrder | undefined>;
  /** Marks an order served, once, with the digest of what was asked for and what was answered. */
  serveOrder(id: string, digest: string, signatures: readonly Uint8Array[]): Promise<Served>;

  /** Adds a batch without codes. @returns its number, higher than any before */
  createBatch(terms: BatchTerms): Promise<number>;
  /**
   * Adds codes to a batch, printed, with the serials `first`, `first + 1`, …; all of them or none.
   * False: there is no such batch, `first` is not its next serial, or an id is there already.
   */
  addCodes(batch: number, first: number, orders: readonly Order['id'][]): Promise<boolean>;
  /**
   * Brings the codes with the serials from `from` to `to`, both included, to a state, as far as the contract lets them.
   *
   * @returns how many changed
   */
  changeCodes(batch: number, from: number, to: number, state: 'active' | 'void'): Promise<number>;
  /** All batches by number. */
  readBatches(): Promise<Batch[]>;
  /** What the codes from `from` to `to`, both included, are, in as few runs as say it. Empty where there are none. */
  readCodes(batch: number, from: number, to: number): Promise<CodeRun[]>;

  totals(): Promise<Totals>;
  /**
   * Erases the keys and replies of claims accepted before `keysBefore`, and the records of claims accepted before `claimsBefore`
   * whose challenge has expired by then. Unix seconds. The units stay held.
   */
  purge(keysBefore: number, claimsBefore: number): Promise<void>;
  /** Makes all durable and lets go of the storage. */
  close(): Promise<void>;
}

/** What of a card never changes. */
export interface CardEntry {
  readonly id: CardId;
  /** m, 32 bytes. */
  readonly message: Uint8Array;
  /** The id of the issuing key, base64url. */
  readonly keyId: string;
  /** M, 32 bytes, secret. */
  readonly master: Uint8Array;
  /** `chain` or `stream`, and what `Scheme.encode` wrote. */
  readonly protocol: 'chain' | 'stream';
  readonly scheme: Uint8Array;
  /** Unix seconds. */
  readonly expires: number;
}

export interface StoredCard {
  readonly entry: CardEntry;
  readonly state: CardState;
  /** Rises with every change of `state`. */
  readonly version: number;
}

export interface ClaimRecord {
  /** base64url, 22 characters. */
  readonly tag: string;
  readonly end: number;
  /** Units asked for. */
  readonly units: number;
  /** Units charged, the lowest of those; 0 once released. */
  readonly kept: number;
  readonly proof: Uint8Array;
  readonly status: 'pending' | 'interrupted' | 'settled' | 'released';
  /** Whether the request's method is safe (RFC 9110 §9.2.1). */
  readonly safe: boolean;
  /** The payment key, 32 bytes, secret; absent once erased. */
  readonly key?: Uint8Array | undefined;
  /** What an unsafe method answered, to be said again. */
  readonly reply?: StoredReply | undefined;
  /** Unix seconds. */
  readonly acceptedAt: number;
  /** Unix seconds. */
  readonly challengeExpires: number;
}

export interface StoredReply {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** The right to some cards. */
export interface Order {
  /** A keyed hash of the order's secret, base64url. */
  readonly id: string;
  readonly items: readonly OrderItem[];
}

export interface OrderItem {
  /** Units of each card. */
  readonly denomination: number;
  readonly count: number;
}

export interface StoredOrder extends Order {
  /** Where it was printed; absent for an order that was made without a batch. */
  readonly code?: StoredCode | undefined;
  readonly served?: { readonly digest: string; readonly signatures: readonly Uint8Array[] } | undefined;
}

/** The place of an order in a batch. */
export interface StoredCode {
  /** Of the batch. */
  readonly batch: number;
  /** From 1. No secret: it is printed beside the code. */
  readonly serial: number;
  readonly state: CodeState;
  /** That of the batch. */
  readonly expires: number;
}

export type CodeState = 'printed' | 'active' | 'void';

/** What the codes of a batch have in common. */
export interface BatchTerms {
  /** What the vendor calls it; may be empty. */
  readonly label: string;
  /** What each code is good for. */
  readonly items: readonly OrderItem[];
  /** Unix seconds. */
  readonly created: number;
  /** Unix seconds: from then on no code of it is redeemed. */
  readonly expires: number;
}

/** Codes that were printed together. */
export interface Batch extends BatchTerms {
  readonly number: number;
  /** How many there are of each kind; the highest serial is their sum. */
  readonly codes: Readonly<Record<CodeState | 'redeemed', number>>;
}

/** The codes with the serials from `from` to `to`, both included. */
export interface CodeRun {
  readonly from: number;
  readonly to: number;
  readonly state: CodeState | 'redeemed';
}

export type Served =
  | { readonly status: 'served' | 'repeated'; readonly signatures: readonly Uint8Array[] }
  | { readonly status: 'unknown' | 'different' };

/** Sums over everything that the ledger holds. */
export interface Totals {
  /** Codes of batches are among them, whatever their state. */
  readonly orders: number;
  readonly ordersServed: number;
  readonly cards: number;
  /** Units of all cards opened. */
  readonly units: number;
  /** Units held by claims. */
  readonly spent: number;
  /** Claims accepted, by what became of them. Those of safe methods stay pending: they count as served. */
  readonly claims: { readonly settled: number; readonly pending: number; readonly released: number };
}
