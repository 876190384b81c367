import { deriveCard, type Card, type CardId } from '../core/card.js';
import { ImpulsError } from '../core/errors.js';
import type { CardReport } from '../core/receipt.js';
import { adopt, hold, raiseTop, release, settle, type Account, type Freed } from './allocate.js';
import { corrupt, newCard, readBook, type Book, type HeldCard } from './book.js';
import { formatCredit, type CreditRecord } from './credit-record.js';
import { createGroupWriter, type Change, type GroupWriter } from './group-writer.js';
import * as records from './records.js';
import type { CardRecord, ClaimRecord, OrderRecord, VendorRecord } from './records.js';
import type { WalletStorage } from './storage.js';
import type { Payment } from './summary.js';

export type { HeldCard } from './book.js';

/**
 * What the wallet knows, in memory and in its storage. A claim's life:
 *
 *   reserve ──► written ──► sent, again and again, always the same
 *                                │
 *                 an answer that is authenticated
 *                                │
 *                ┌───────────────┴───────────────┐
 *             settled                          freed
 *      charged: a payment             not charged: its units are free,
 *      takes the record's place       and it is never sent again
 *                │
 *      with `keep` the record stays, under another name, until the delivery is confirmed
 *
 * It is sent only once its record is durable. A crash before that leaves units that nobody knows to be reserved; a crash after it
 * a record, which `recover` sends again.
 */

/** Payments kept. */
const maxPayments = 1000;

export class Journal {
  readonly #storage: WalletStorage;
  #writer: GroupWriter;
  #book: Book = readBook(new Map());
  /** Tags of claims that a call is at work on. */
  readonly #active = new Set<string>();
  readonly #derived = new WeakMap<CardRecord, Card>();
  #watchers: (() => void)[] = [];

  constructor(storage: WalletStorage) {
    this.#storage = storage;
    this.#writer = createGroupWriter(storage);
  }

  /** Takes over what the storage holds, while no call is at work. @throws ImpulsError `storage-corrupt`, `unsupported` */
  async load(): Promise<void> {
    this.#book = readBook(await this.#storage.load(), this.#book);
    this.#writer = createGroupWriter(this.#storage);
    if (!this.#book.versioned) void this.#write([[records.formatKey, records.formatVersion]]);
    this.#notify();
  }

  vendor(origin: string): VendorRecord | undefined {
    return this.#book.vendors.get(origin);
  }

  async pin(origin: string, vendor: VendorRecord): Promise<void> {
    this.#book.vendors.set(origin, vendor);
    await this.#write([[`vendor:${origin}`, records.formatVendor(vendor)]]);
  }

  orders(): [name: string, order: OrderRecord][] {
    return [...this.#book.orders];
  }

  order(name: string): OrderRecord | undefined {
    return this.#book.orders.get(name);
  }

  /** Of an exchange the order takes the place of the record of that name. */
  async putOrder(name: string, order: OrderRecord): Promise<void> {
    this.#book.orders.set(name, order);
    await this.#write([[`order:${name}`, records.formatOrder(order)], ...this.#putCredit(name)]);
  }

  /** The order is done: these are its cards. */
  async completeOrder(name: string, cards: readonly (readonly [CardId, CardRecord])[]): Promise<void> {
    this.#book.orders.delete(name);
    await this.#write([
      [`order:${name}`, null],
      ...cards.flatMap(([id, card]) => this.#insert(id, card, false)),
    ]);
  }

  credits(): [name: string, credit: CreditRecord][] {
    return [...this.#book.credits];
  }

  credit(name: string): CreditRecord | undefined {
    return this.#book.credits.get(name);
  }

  /** @param credit undefined: it is done with */
  async putCredit(name: string, credit: CreditRecord | undefined): Promise<void> {
    await this.#write(this.#putCredit(name, credit));
  }

  cards(): HeldCard[] {
    return [...this.#book.cards.values()];
  }

  card(id: CardId): HeldCard | undefined {
    return this.#book.cards.get(id);
  }

  /** What derives from the seed. Made once: a long chain takes a moment. @throws ImpulsError `storage-corrupt` */
  secrets({ id, record }: HeldCard): Card {
    let card = this.#derived.get(record);
    if (!card) {
      card = deriveCard(record.seed, record, record.units);
      if (card.id !== id) throw corrupt('a card whose seed is not its own');
      this.#derived.set(record, card);
    }
    return card;
  }

  /** Cards of a backup: what is left on them is for the vendor to say. */
  async addRestored(cards: readonly (readonly [CardId, CardRecord])[]): Promise<void> {
    await this.#write(cards.flatMap(([id, card]) => this.#insert(id, card, true)));
  }

  /** The card, and what it paid for that is not confirmed to have arrived. */
  async removeCard(id: CardId): Promise<void> {
    const { cards, kept } = this.#book;
    cards.delete(id);
    const tags = [...kept].filter(([, { card }]) => card === id).map(([tag]) => tag);
    for (const tag of tags) kept.delete(tag);
    await this.#write([
      ...tags.map((tag): Change => [`kept:${tag}`, null]),
      [`card:${id}`, null],
      [`account:${id}`, null],
    ]);
  }

  /** The vendor is to be asked for the state of the card before it pays again. Activation begins so, too. */
  async doubt(id: CardId): Promise<void> {
    const card = this.#need(id);
    if (card.stale) return;
    await this.#write([this.#update(card, { stale: true })]);
  }

  /**
   * Takes over the state that the vendor told. With claims in flight, or if the account is not any more what it was when the vendor
   * was asked, it will have to be asked again.
   */
  async adoptReport(id: CardId, report: CardReport, asked: Account): Promise<void> {
    const card = this.#need(id);
    const account =
      card.account === asked
        ? adopt(
            asked,
            report,
            this.claimsOn(id).map(([, claim]) => claim),
          )
        : raiseTop(card.account, report.top);
    const stale = card.account !== asked || account.unsettled > 0;
    await this.#write([this.#update(card, { account, activated: true, refused: false, stale })]);
  }

  claims(): [tag: string, claim: ClaimRecord][] {
    return [...this.#book.claims];
  }

  claim(tag: string): ClaimRecord | undefined {
    return this.#book.claims.get(tag);
  }

  claimsOn(id: CardId): [tag: string, claim: ClaimRecord][] {
    return [...this.#book.claims].filter(([, { card }]) => card === id);
  }

  /** Reserves what the claim asks for; it may be sent when this resolves. */
  reserve(tag: string, claim: ClaimRecord): Promise<void> {
    const card = this.#need(claim.card);
    this.#book.claims.set(tag, claim);
    this.#update(card, { account: hold(card.account, claim) });
    return this.#write([[`claim:${tag}`, records.formatClaim(claim)]]);
  }

  /** The claim is charged with `payment.units`. With `keep` its record stays until `endKept`. */
  settle(tag: string, payment: Payment, ask: boolean): Promise<void> {
    const claim = this.#close(tag);
    const card = this.#need(claim.card);
    const account = settle(card.account, claim, payment.units);
    const changes: Change[] = [[`claim:${tag}`, null]];
    if (claim.keep) {
      this.#book.kept.set(tag, claim);
      changes.push([`kept:${tag}`, records.formatClaim(claim)]);
    }
    changes.push(this.#update(card, { account, stale: card.stale || ask }));
    const credit = this.#book.credits.get(claim.credit ?? '');
    // What stays the holder's is no payment.
    if (credit)
      changes.push(...this.#putCredit(claim.credit!, { ...credit, paid: credit.paid + payment.units }));
    else changes.push(...this.#addPayment(payment));
    return this.#write(changes);
  }

  /** The claim's record will stay when it is settled. Durable when it resolves. */
  async keep(tag: string): Promise<void> {
    const claim = this.#book.claims.get(tag);
    if (!claim || claim.keep) return;
    const kept = { ...claim, keep: true as const };
    this.#book.claims.set(tag, kept);
    await this.#write([[`claim:${tag}`, records.formatClaim(kept)]]);
  }

  /** A settled claim whose delivery is not confirmed. */
  keptAt(url: string): [tag: string, claim: ClaimRecord] | undefined {
    return [...this.#book.kept].find(([, claim]) => claim.url === url);
  }

  /** An unsettled claim of a GET. One that a call is at work on only if it is to be kept: the answer to others is that call's own. */
  openAt(url: string): [tag: string, claim: ClaimRecord] | undefined {
    return [...this.#book.claims].find(
      ([tag, claim]) => claim.url === url && claim.method === 'GET' && (claim.keep || !this.#active.has(tag)),
    );
  }

  /** The delivery is confirmed, or there will be none. @param ask the vendor is to be asked for the state of the card */
  async endKept(tag: string, { ask = false } = {}): Promise<void> {
    const claim = this.#book.kept.get(tag);
    if (!claim) return;
    this.#book.kept.delete(tag);
    const changes: Change[] = [[`kept:${tag}`, null]];
    if (ask) changes.push(this.#update(this.#need(claim.card), { stale: true }));
    await this.#write(changes);
  }

  /** The claim is not charged and must never be sent again. @param top the vendor's, if it told */
  free(tag: string, how: Freed, { ask = false, refused = false, top = 0 } = {}): Promise<void> {
    const claim = this.#close(tag);
    const card = this.#need(claim.card);
    const account = raiseTop(release(card.account, claim, how), top);
    const change = this.#update(card, {
      account,
      stale: card.stale || ask,
      refused: card.refused || refused,
    });
    return this.#write([[`claim:${tag}`, null], change]);
  }

  /** Says that a call is at work on a claim. @returns false if another one is */
  begin(tag: string): boolean {
    if (this.#active.has(tag)) return false;
    this.#active.add(tag);
    return true;
  }

  end(tag: string): void {
    this.#active.delete(tag);
    this.#notify();
  }

  isActive(tag: string): boolean {
    return this.#active.has(tag);
  }

  /** Resolves when anything here, or any call at work on a claim, changes next. */
  nextChange(): Promise<void> {
    return new Promise((resolve) => this.#watchers.push(resolve));
  }

  /** Newest first. */
  payments(): Payment[] {
    return this.#book.payments.toReversed();
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  #need(id: CardId): HeldCard {
    const card = this.#book.cards.get(id);
    if (!card) throw new ImpulsError('card-unknown', 'the wallet holds no such card');
    return card;
  }

  #close(tag: string): ClaimRecord {
    const claim = this.#book.claims.get(tag);
    if (!claim) throw new ImpulsError('invalid-argument', 'the claim is closed already');
    this.#book.claims.delete(tag);
    return claim;
  }

  #putCredit(name: string, credit?: CreditRecord): Change[] {
    const { credits } = this.#book;
    if (credit) credits.set(name, credit);
    else if (!credits.delete(name)) return [];
    return [[`credit:${name}`, credit ? formatCredit(credit) : null]];
  }

  #addPayment(payment: Payment): Change[] {
    const { payments, nextPayment } = this.#book;
    payments.push(payment);
    this.#book = { ...this.#book, nextPayment: nextPayment + 1 };
    const changes: Change[] = [[`payment:${nextPayment}`, JSON.stringify(payment)]];
    if (payments.length > maxPayments) {
      payments.shift();
      changes.push([`payment:${nextPayment - maxPayments}`, null]);
    }
    return changes;
  }

  #insert(id: CardId, record: CardRecord, stale: boolean): Change[] {
    if (this.#book.cards.has(id)) return [];
    const change = this.#update(newCard(id, record), { stale });
    return [[`card:${id}`, records.formatCard(record)], change];
  }

  #update(card: HeldCard, changed: Partial<Omit<HeldCard, 'id' | 'record'>>): Change {
    const next = { ...card, ...changed };
    this.#book.cards.set(card.id, next);
    const { activated, refused, stale, account } = next;
    const { spent, top, free } = account;
    return [`account:${card.id}`, records.formatAccount({ activated, refused, stale, spent, top, free })];
  }

  #notify(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const wake of watchers) wake();
  }

  #write(changes: readonly Change[]): Promise<void> {
    this.#notify();
    return this.#writer.write(changes);
  }
}
