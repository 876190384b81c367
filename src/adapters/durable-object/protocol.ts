import type { CardState } from '../../core/card-state.js';
import type {
  CardEntry,
  ClaimRecord,
  Credited,
  CreditTo,
  Ledger,
  MovementKind,
  StoredCard,
  StoredReply,
} from '../../server/ledger.js';

/**
 * What goes between the objects of a ledger: a worker asks the card or the office; a card asks the office; the office asks cards. Each
 * message that changes something may come twice, and changes it once.
 */

/** A sum that moved on a card. The kinds that begin with `#` are of no books: they count claims. */
export interface Sum {
  readonly day: number;
  readonly kind: MovementKind | ClaimCount;
  readonly key: string;
  readonly route: string;
  readonly count: number;
  readonly units: number;
}

export type ClaimCount = '#settled' | '#pending' | '#released';

/** What moved on a card since its last report. They are numbered from 1 without gaps, and a number never means anything else. */
export interface Report {
  readonly number: number;
  readonly sums: readonly Sum[];
}

/** What a card asks the office to put to an order. */
export interface CreditRequest {
  readonly card: string;
  readonly key: string;
  readonly tag: string;
  readonly to: CreditTo;
  readonly units: number;
  /** Unix seconds. */
  readonly at: number;
}

/** One card: its state, its claims, and what it has not reported yet. */
export interface CardMessages {
  open(ledger: string, entry: CardEntry, state: CardState, at: number): Promise<StoredCard | 'quarantined'>;
  read(): Promise<StoredCard | undefined>;
  accept(version: number, next: CardState, claim: ClaimRecord, session: string): Promise<boolean>;
  credit(version: number, next: CardState, claim: ClaimRecord, to: CreditTo): Promise<Credited>;
  settle(tag: string, reply: StoredReply | undefined): Promise<void>;
  giveBack(version: number, next: CardState, tag: string, kept: number): Promise<boolean>;
  findClaim(tag: string): Promise<ClaimRecord | undefined>;
  findIdempotent(name: string): Promise<ClaimRecord | undefined>;
  findHolder(from: number, end: number): Promise<ClaimRecord | undefined>;
  /** What was accepted by a ledger that is closed now is not at work any more. */
  interrupt(session: string): Promise<void>;
  purge(keysBefore: number, claimsBefore: number): Promise<void>;
  hold(held: boolean): Promise<void>;
  /** @param applied the last report that the office has @returns the next one; undefined if there is no card */
  report(applied: number): Promise<Report | undefined>;
}

/** What the ledger asks of orders and batches, as it asks it. */
export type OrderMethod =
  | 'createOrders'
  | 'readOrder'
  | 'serveOrder'
  | 'changeOrders'
  | 'readRefunds'
  | 'payRefund'
  | 'createBatch'
  | 'addCodes'
  | 'changeCodes'
  | 'readBatches'
  | 'readCodes';

/** The one for all that is not of one card: orders, batches, quarantine, books, and which cards there are. */
export interface OfficeMessages extends Pick<Ledger, OrderMethod | 'quarantined' | 'readBooks' | 'totals'> {
  register(card: string, key: string): Promise<'registered' | 'quarantined'>;
  /** The card will have a report of this number. */
  expect(card: string, number: number): Promise<void>;
  /** @returns the last report that is in the books */
  enter(card: string, report: Report): Promise<number>;
  credit(request: CreditRequest): Promise<'credited' | 'closed'>;
  /** The name under which the books know a class of routes. */
  routeClass(route: string): Promise<string>;
  isolate(keys: readonly string[]): Promise<void>;
  endIsolation(): Promise<void>;
  /**
   * Does something with some of the cards, those whose ids come after `after`.
   *
   * @returns the last of them; undefined if there are none
   */
  visit(ledger: string, errand: Errand, after: string): Promise<string | undefined>;
}

/** `gather`: enters what the cards have not reported. `hold`: tells them whether they are held. */
export type Errand =
  | { readonly name: 'gather' | 'hold' }
  | { readonly name: 'purge'; readonly keysBefore: number; readonly claimsBefore: number };

export type Role = 'card' | 'office';
export type MessagesOf<R extends Role> = R extends 'card' ? CardMessages : OfficeMessages;

/** What both ends know of an object: the names that say which one it is. */
export const officeOf = (ledger: string): string => `${ledger} office`;
export const cardOf = (ledger: string, id: string): string => `${ledger} card ${id}`;
