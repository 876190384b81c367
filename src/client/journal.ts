import { deriveCard, type Card, type CardId } from '../core/card.js';
import { ImpulsError } from '../core/errors.js';
import type { CardReport } from '../core/receipt.js';
import {
  adopt,
  createAccount,
  hold,
  raiseTop,
  release,
  settle,
  type Account,
  type Freed,
} from './allocate.js';
import { createGroupWriter, type Change, type GroupWriter } from './group-writer.js';
import * as records from './records.js';
import type { AccountRecord, CardRecord, ClaimRecord, OrderRecord, VendorRecord } from './records.js';
import type { WalletStorage } from './storage.js';
import type { Payment } from './summary.js';

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
 *
 * It is sent only once its record is durable. A crash before that leaves units that nobody knows to be reserved; a crash after it
 * a record, which `recover` sends again.
 */

/** Payments kept. */
const maxPayments = 1000;

export interface HeldCard {
  readonly id: CardId;
  readonly record: CardRecord;
  readonly account: Account;
  readonly activated: boolean;
  readonly refused: boolean;
  /** The vendor is to be asked for the state. Before activation: it was begun. */
  readonly stale: boolean;
}

export class Journal {
  readonly #writer: GroupWriter;
  readonly #vendors = new Map<string, VendorRecord>();
  readonly #orders = new Map<string, OrderRecord>();
  readonly #cards = new Map<CardId, HeldCard>();
  readonly #claims = new Map<string, ClaimRecord>();
  /** Tags of claims that a call is at work on. */
  readonly #active = new Set<string>();
  readonly #derived = new WeakMap<CardRecord, Card>();
  /** Oldest first. */
  #payments: Payment[] = [];
  #nextPayment = 0;
  #watchers: (() => void)[] = [];

  /** @param stored everything that the storage holds @throws ImpulsError `storage-corrupt`, `unsupported` */
  constructor(storage: WalletStorage, stored: ReadonlyMap<string, string>) {
    this.#writer = createGroupWriter(storage);
    const format = stored.get(records.formatKey);
    if (format !== undefined && format !== records.formatVersion) {
      throw new ImpulsError('unsupported', 'the wallet was written by a later version', {
        hint: 'Open it with the version of impuls that wrote it.',
      });
    }
    const accounts = new Map<string, AccountRecord>();
    const payments: [number, Payment][] = [];
    for (const [key, text] of stored) {
      const [kind, name] = splitKey(key);
      const read = <T>(reader: Parameters<typeof records.parseRecord<T>>[2]): T =>
        records.parseRecord(key, text, reader);
      if (kind === 'vendor') this.#vendors.set(name, read(records.readVendor));
      else if (kind === 'order') this.#orders.set(name, read(records.readOrder));
      else if (kind === 'card') this.#cards.set(name, newCard(name, read(records.readCard)));
      else if (kind === 'account') accounts.set(name, read(records.readAccount));
      else if (kind === 'claim') this.#claims.set(name, read(records.readClaim));
      else if (kind === 'payment') payments.push([Number(name), read(records.readPayment)]);
    }
    for (const [id, { activated, refused, stale, spent, top, free }] of accounts) {
      const card = this.#cards.get(id);
      if (!card) throw corrupt('an account without its card');
      const account = { ...card.account, spent, top, free };
      this.#cards.set(id, { ...card, activated, refused, stale, account });
    }
    for (const claim of this.#claims.values()) {
      const card = this.#cards.get(claim.card);
      if (!card) throw corrupt('a claim without its card');
      this.#update(card, { account: hold(card.account, claim) });
    }
    payments.sort(([a], [b]) => a - b);
    this.#payments = payments.map(([, payment]) => payment);
    this.#nextPayment = (payments.at(-1)?.[0] ?? -1) + 1;
    if (format === undefined) void this.#write([[records.formatKey, records.formatVersion]]);
  }

  vendor(origin: string): VendorRecord | undefined {
    return this.#vendors.get(origin);
  }

  async pin(origin: string, vendor: VendorRecord): Promise<void> {
    this.#vendors.set(origin, vendor);
    await this.#write([[`vendor:${origin}`, records.formatVendor(vendor)]]);
  }

  orders(): [name: string, order: OrderRecord][] {
    return [...this.#orders];
  }

  order(name: string): OrderRecord | undefined {
    return this.#orders.get(name);
  }

  async putOrder(name: string, order: OrderRecord): Promise<void> {
    this.#orders.set(name, order);
    await this.#write([[`order:${name}`, records.formatOrder(order)]]);
  }

  /** The order is done: these are its cards. */
  async completeOrder(name: string, cards: readonly (readonly [CardId, CardRecord])[]): Promise<void> {
    this.#orders.delete(name);
    await this.#write([
      [`order:${name}`, null],
      ...cards.flatMap(([id, card]) => this.#insert(id, card, false)),
    ]);
  }

  cards(): HeldCard[] {
    return [...this.#cards.values()];
  }

  card(id: CardId): HeldCard | undefined {
    return this.#cards.get(id);
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

  async removeCard(id: CardId): Promise<void> {
    this.#cards.delete(id);
    await this.#write([
      [`card:${id}`, null],
      [`account:${id}`, null],
    ]);
    this.#notify();
  }

  /** Activation is about to be asked for. */
  async beginActivation(id: CardId): Promise<void> {
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
    const change = this.#update(card, { account, activated: true, refused: false, stale });
    this.#notify();
    await this.#write([change]);
  }

  claims(): [tag: string, claim: ClaimRecord][] {
    return [...this.#claims];
  }

  claim(tag: string): ClaimRecord | undefined {
    return this.#claims.get(tag);
  }

  claimsOn(id: CardId): [tag: string, claim: ClaimRecord][] {
    return [...this.#claims].filter(([, { card }]) => card === id);
  }

  /** Reserves what the claim asks for; it may be sent when this resolves. */
  reserve(tag: string, claim: ClaimRecord): Promise<void> {
    const card = this.#need(claim.card);
    this.#claims.set(tag, claim);
    this.#update(card, { account: hold(card.account, claim) });
    return this.#write([[`claim:${tag}`, records.formatClaim(claim)]]);
  }

  /** The claim is charged with `payment.units`. */
  settle(tag: string, payment: Payment, ask: boolean): Promise<void> {
    const claim = this.#close(tag);
    const card = this.#need(claim.card);
    const account = settle(card.account, claim, payment.units);
    const changes = [this.#update(card, { account, stale: card.stale || ask })];
    this.#payments.push(payment);
    changes.push([`payment:${this.#nextPayment}`, JSON.stringify(payment)]);
    const oldest = this.#nextPayment++ - maxPayments;
    if (this.#payments.length > maxPayments) {
      this.#payments.shift();
      changes.push([`payment:${oldest}`, null]);
    }
    this.#notify();
    return this.#write([[`claim:${tag}`, null], ...changes]);
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
    this.#notify();
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

  /** Resolves when any card, or any call at work on a claim, changes next. */
  nextChange(): Promise<void> {
    return new Promise((resolve) => this.#watchers.push(resolve));
  }

  /** Newest first. */
  payments(): Payment[] {
    return this.#payments.toReversed();
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  #need(id: CardId): HeldCard {
    const card = this.#cards.get(id);
    if (!card) throw new ImpulsError('card-unknown', 'the wallet holds no such card');
    return card;
  }

  #close(tag: string): ClaimRecord {
    const claim = this.#claims.get(tag);
    if (!claim) throw new ImpulsError('invalid-argument', 'the claim is closed already');
    this.#claims.delete(tag);
    return claim;
  }

  #insert(id: CardId, record: CardRecord, stale: boolean): Change[] {
    if (this.#cards.has(id)) return [];
    const change = this.#update(newCard(id, record), { stale });
    return [[`card:${id}`, records.formatCard(record)], change];
  }

  #update(card: HeldCard, changed: Partial<Omit<HeldCard, 'id' | 'record'>>): Change {
    const next = { ...card, ...changed };
    this.#cards.set(card.id, next);
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
    return this.#writer.write(changes);
  }
}

function newCard(id: CardId, record: CardRecord): HeldCard {
  const account = createAccount(record.protocol, record.units);
  return { id, record, account, activated: false, refused: false, stale: false };
}

function splitKey(key: string): [kind: string, name: string] {
  const at = key.indexOf(':');
  return at < 0 ? [key, ''] : [key.slice(0, at), key.slice(at + 1)];
}

function corrupt(what: string): ImpulsError {
  return new ImpulsError('storage-corrupt', `the wallet holds ${what}`, {
    hint: 'Restore the wallet from a backup into a new storage, and keep this one.',
  });
}
