import type { CardId } from '../core/card.js';
import { ImpulsError } from '../core/errors.js';
import { createAccount, hold, type Account } from './allocate.js';
import { readCredit, type CreditRecord } from './credit-record.js';
import * as records from './records.js';
import type { AccountRecord, CardRecord, ClaimRecord, OrderRecord, VendorRecord } from './records.js';
import type { Payment } from './summary.js';

/** What a wallet's storage holds, read. */
export interface Book {
  /** Whether the storage says in which version it is written: a new one does not. */
  readonly versioned: boolean;
  readonly vendors: Map<string, VendorRecord>;
  readonly orders: Map<string, OrderRecord>;
  readonly credits: Map<string, CreditRecord>;
  readonly cards: Map<CardId, HeldCard>;
  /** By tag. Not settled yet. */
  readonly claims: Map<string, ClaimRecord>;
  /** By tag. Settled; what they paid for is not known to have arrived. */
  readonly kept: Map<string, ClaimRecord>;
  /** Oldest first. */
  readonly payments: Payment[];
  readonly nextPayment: number;
}

export interface HeldCard {
  readonly id: CardId;
  readonly record: CardRecord;
  readonly account: Account;
  readonly activated: boolean;
  readonly refused: boolean;
  /** The vendor is to be asked for the state. Before activation: it was begun. */
  readonly stale: boolean;
}

export function newCard(id: CardId, record: CardRecord): HeldCard {
  const account = createAccount(record.protocol, record.units);
  return { id, record, account, activated: false, refused: false, stale: false };
}

/**
 * Reads everything that a storage holds.
 *
 * @param before what was read earlier: records that stayed the same stay the same objects, and what derives from them need not be made again
 * @throws ImpulsError `storage-corrupt`, `unsupported`
 */
export function readBook(stored: ReadonlyMap<string, string>, before?: Book): Book {
  const format = stored.get(records.formatKey);
  if (format !== undefined && format !== records.formatVersion) {
    throw new ImpulsError('unsupported', 'the wallet was written by a later version', {
      hint: 'Open it with the version of impuls that wrote it.',
    });
  }
  const vendors = new Map<string, VendorRecord>();
  const orders = new Map<string, OrderRecord>();
  const credits = new Map<string, CreditRecord>();
  const cards = new Map<CardId, HeldCard>();
  const claims = new Map<string, ClaimRecord>();
  const kept = new Map<string, ClaimRecord>();
  const accounts = new Map<string, AccountRecord>();
  const payments: [number, Payment][] = [];
  for (const [key, text] of stored) {
    const [kind, name] = splitKey(key);
    const read = <T>(reader: Parameters<typeof records.parseRecord<T>>[2]): T =>
      records.parseRecord(key, text, reader);
    if (kind === 'vendor') vendors.set(name, sameVendor(read(records.readVendor), before?.vendors.get(name)));
    else if (kind === 'order') orders.set(name, read(records.readOrder));
    else if (kind === 'credit') credits.set(name, read(readCredit));
    // A card's id is made of its seed: under one id there is only ever one card.
    else if (kind === 'card')
      cards.set(name, newCard(name, before?.cards.get(name)?.record ?? read(records.readCard)));
    else if (kind === 'account') accounts.set(name, read(records.readAccount));
    else if (kind === 'claim') claims.set(name, read(records.readClaim));
    else if (kind === 'kept') kept.set(name, read(records.readClaim));
    else if (kind === 'payment') payments.push([Number(name), read(records.readPayment)]);
  }
  for (const [id, { activated, refused, stale, spent, top, free }] of accounts) {
    const card = cards.get(id);
    if (!card) throw corrupt('an account without its card');
    const account = { ...card.account, spent, top, free };
    cards.set(id, { ...card, activated, refused, stale, account });
  }
  for (const claim of claims.values()) {
    const card = cards.get(claim.card);
    if (!card) throw corrupt('a claim without its card');
    cards.set(card.id, { ...card, account: hold(card.account, claim) });
  }
  for (const claim of kept.values()) {
    if (!cards.has(claim.card)) throw corrupt('a delivery without its card');
  }
  payments.sort(([a], [b]) => a - b);
  return {
    versioned: format !== undefined,
    vendors,
    orders,
    credits,
    cards,
    claims,
    kept,
    payments: payments.map(([, payment]) => payment),
    nextPayment: (payments.at(-1)?.[0] ?? -1) + 1,
  };
}

export function corrupt(what: string): ImpulsError {
  return new ImpulsError('storage-corrupt', `the wallet holds ${what}`, {
    hint: 'Restore the wallet from a backup into a new storage, and keep this one.',
  });
}

function sameVendor(read: VendorRecord, before: VendorRecord | undefined): VendorRecord {
  return before?.document === read.document ? before : read;
}

function splitKey(key: string): [kind: string, name: string] {
  const at = key.indexOf(':');
  return at < 0 ? [key, ''] : [key.slice(0, at), key.slice(at + 1)];
}
