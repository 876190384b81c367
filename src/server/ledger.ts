import type { CardId } from '../core/card.js';
import type { CardState } from '../core/card-state.js';
import type { CreditPurpose } from '../core/credit.js';

export type { CreditPurpose };

/**
 * Where a vendor keeps what must survive: cards, claims, orders, and the books. A time `at` is Unix seconds.
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
 * 8. An order has a state. It goes from printed, which codes of batches begin with, to active, from either of them to void,
 *    and never back; one that was served stays as it is. Only an active one that is not held is served, and only for cards
 *    that hold as many units together as it has: any other is unknown to `serveOrder`, and of calls that serve and void it at
 *    once one wins.
 * 9. A credit is an order that claims fill with units. Its claims are settled from the beginning, so that nothing of them
 *    comes back. It is never voided. One for exchange is served as any order; one for refund is paid out, once.
 * 10. The books move with what moves, durable together with it, and no balance that they make is ever below 0: see `Movement`.
 * 11. Once its key is quarantined a card is held, and a card that is not known is not opened; an order that was not served or
 *    paid out by then is held too.
 * 12. A claim may have an idempotency key. It is found by it until it is released or a purge erases the key. A claim that has
 * one is accepted by version as any other: whoever looks for the key after reading the version accepts one claim of it.
 * 13. Objects that go in or come out are never changed by either side. `StoredCard.entry` keeps its identity as long as
 *    the card stays in memory, so that callers may hang derived keys on it.
 */
export interface Ledger {
  /**
   * Inserts a card at version 0, or returns the one of that id.
   *
   * @throws ImpulsError `vendor-restored` for a card that is not known, under a key that is quarantined
   */
  openCard(card: CardEntry, state: CardState, at: number): Promise<StoredCard>;
  readCard(id: CardId): Promise<StoredCard | undefined>;
  /**
   * The card as this process knew it last, of a ledger that others change as well: cheaper than `readCard`, and maybe behind it.
   * What is accepted by its version is right; who refuses something because of it reads the card first.
   */
  recallCard?(id: CardId): Promise<StoredCard | undefined>;

  /**
   * Moves a card to `next` and records the claim as it is: `pending`; or `released`, with `kept` 0, of which nothing but the
   * memory stays. False: `version` is not the card's any more.
   */
  accept(id: CardId, version: number, next: CardState, claim: ClaimRecord): Promise<boolean>;
  /**
   * Moves a card to `next` and records the claim, settled, and puts what it keeps to the credit of an order: one change. The
   * order comes to be with its first credit. The claim's `route` is not kept.
   */
  credit(
    id: CardId,
    version: number,
    next: CardState,
    claim: ClaimRecord,
    credit: CreditTo,
  ): Promise<Credited>;
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
  /** The claim of a card, not released, that has the idempotency key of this name. */
  findIdempotent(id: CardId, name: string): Promise<ClaimRecord | undefined>;
  /** A claim, not released, that holds any unit of `(from, end]` (`chain`), or the step `end` (`stream`: from = end − 1). */
  findHolder(id: CardId, from: number, end: number): Promise<ClaimRecord | undefined>;

  /** Adds orders, active; one whose id is there already is left as it is. */
  createOrders(orders: readonly Order[], at: number): Promise<void>;
  readOrder(id: string): Promise<StoredOrder | undefined>;
  /**
   * Marks an order served, once, with the digest of what was asked for and what was answered.
   *
   * @param cards what the signatures make
   */
  serveOrder(
    id: string,
    digest: string,
    signatures: readonly Uint8Array[],
    cards: readonly IssuedCard[],
    at: number,
  ): Promise<Served>;
  /**
   * Holds orders, frees them again, or voids them for good: those that are neither served, paid out nor void. Credits are not
   * voided. What a quarantine holds is not freed.
   *
   * @param ids each once
   * @returns how many changed
   */
  changeOrders(ids: readonly string[], state: 'held' | 'free' | 'void', at: number): Promise<number>;

  /** All credits for refund, by the time of their first claim. */
  readRefunds(): Promise<Refund[]>;
  /** Marks a refund paid out, once. `unknown`: there is none of that order, or it is held. */
  payRefund(order: string, at: number): Promise<'paid' | 'repeated' | 'unknown'>;

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
  changeCodes(batch: number, from: number, to: number, state: 'active' | 'void', at: number): Promise<number>;
  /** All batches by number. */
  readBatches(): Promise<Batch[]>;
  /** What the codes from `from` to `to`, both included, are, in as few runs as say it. Empty where there are none. */
  readCodes(batch: number, from: number, to: number): Promise<CodeRun[]>;

  /**
   * After a restore from a backup: what was spent and served since then is not known. Holds the cards of these issuing keys and
   * all orders that are neither served nor paid out. Keys that are quarantined already stay so.
   */
  quarantine(keys: readonly string[]): Promise<void>;
  /** The keys that are quarantined. */
  quarantined(): Promise<readonly string[]>;
  /** Frees what a quarantine holds: cards, and orders that nobody else holds. */
  liftQuarantine(): Promise<void>;

  /** All movements but those that are 0 by now, by day, kind, key and route. */
  readBooks(): Promise<Movement[]>;
  totals(): Promise<Totals>;
  /**
   * Erases the keys, idempotency keys and replies of claims accepted before `keysBefore`, and the records of claims accepted before `claimsBefore`
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
  /** Its key is quarantined: callers accept nothing. */
  readonly held?: true | undefined;
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
  /** The class of the route, for the books; at most 64 characters. What is longer, or beyond 1,000 classes, is kept as ''. */
  readonly route: string;
  readonly status: 'pending' | 'interrupted' | 'settled' | 'released';
  /** Whether the request's method is safe (RFC 9110 §9.2.1). */
  readonly safe: boolean;
  /** The payment key, 32 bytes, secret; absent once erased. */
  readonly key?: Uint8Array | undefined;
  /** Of an unsafe request that the client has named; absent once erased. */
  readonly idempotency?: IdempotencyKey | undefined;
  /** What an unsafe method answered, to be said again. */
  readonly reply?: StoredReply | undefined;
  /** Unix seconds. */
  readonly acceptedAt: number;
  /** Unix seconds. */
  readonly challengeExpires: number;
}

/** An `Idempotency-Key` and what it was used for. Both are keyed hashes: nothing of the request is kept. */
export interface IdempotencyKey {
  /** Of the key and the resource. base64url, 22 characters. */
  readonly name: string;
  /** Of the request. base64url, 22 characters. */
  readonly print: string;
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
  readonly state: OrderState;
  /** For now it is not served: `changeOrders` or a quarantine holds it. */
  readonly held?: true | undefined;
  /** Where it was printed; absent for an order that was made without a batch. */
  readonly code?: StoredCode | undefined;
  /** What claims put there, of an order that they fill; it has no items. */
  readonly credit?: StoredCredit | undefined;
  readonly served?: { readonly digest: string; readonly signatures: readonly Uint8Array[] } | undefined;
}

export type OrderState = 'printed' | 'active' | 'void';

/** The place of an order in a batch. */
export interface StoredCode {
  /** Of the batch. */
  readonly batch: number;
  /** From 1. No secret: it is printed beside the code. */
  readonly serial: number;
  /** That of the batch. */
  readonly expires: number;
}

/** A card that is signed. */
export interface IssuedCard {
  /** The id of the issuing key, base64url. */
  readonly key: string;
  readonly units: number;
}

/** Where a claim's units go. */
export interface CreditTo {
  /** The id of the order. */
  readonly order: string;
  readonly purpose: CreditPurpose;
}

/**
 * `stale`: `version` is not the card's any more. `closed`: there is an order of that id that takes no such credit: it is none of
 * that purpose, or was served or paid out. Both change nothing.
 */
export type Credited = 'credited' | 'stale' | 'closed';

export interface StoredCredit {
  readonly purpose: CreditPurpose;
  readonly units: number;
  /** When the first claim was accepted. */
  readonly at: number;
  /** When it was paid out. */
  readonly paid?: number | undefined;
}

/** A credit that is to be paid out, or was. */
export interface Refund {
  /** The id of the order. */
  readonly order: string;
  readonly units: number;
  /** When the first claim was accepted. */
  readonly at: number;
  readonly paid?: number | undefined;
  readonly held?: true | undefined;
}

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
  readonly codes: Readonly<Record<OrderState | 'redeemed', number>>;
}

/** The codes with the serials from `from` to `to`, both included. */
export interface CodeRun {
  readonly from: number;
  readonly to: number;
  readonly state: OrderState | 'redeemed';
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

/**
 * A sum over one day (UTC), in which no sale meets a payment: what was sold has no key of cards, and what was spent no order.
 * It follows for every day's end, in units, that none of these is below 0:
 *
 *   vouchers   sold − withdrawn − issued
 *   credits    exchanged − reissued
 *   unopened   issued + reissued − opened                       by key
 *   cards      opened − spent − exchanged − refunded            by key
 *   payable    refunded − paid-out
 */
export interface Movement {
  /** Days since 1970, UTC. */
  readonly day: number;
  readonly kind: MovementKind;
  /** The id of the issuing key, base64url; '' where the kind has none. */
  readonly key: string;
  /** The class of the route for `spent`, otherwise ''. */
  readonly route: string;
  readonly count: number;
  readonly units: number;
}

/**
 * `sold`: an order became good for cards: it was made, or its printed code activated. `withdrawn`: one that was good and not
 * served was voided. `issued`: cards signed for an order, by issuing key. `reissued`: the same for a credit. `opened`: cards
 * activated, by key. `spent`: what claims keep, by key and route, on the day on which they were accepted: what they give back
 * goes off that day, and a claim that is released is counted no more. `exchanged`, `refunded`: claims that put units to a credit,
 * by key. `paid-out`: refunds that were paid out.
 */
export type MovementKind =
  'sold' | 'withdrawn' | 'issued' | 'reissued' | 'opened' | 'spent' | 'exchanged' | 'refunded' | 'paid-out';
