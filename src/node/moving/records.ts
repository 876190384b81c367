import { hash } from 'node:crypto';
import { toBase64url } from '../../core/base64url.js';
import type { CardId } from '../../core/card.js';
import type { Batch, ClaimRecord, CreditPurpose, Movement, StoredCard, Totals } from '../../server/ledger.js';
import type { HeldOrder } from '../../server/ledger-orders.js';
import { encodeReply, encodeState } from '../sqlite/codec.js';

/** What a ledger holds, one thing after the other, in no storage's own form: what moves from one to another. Secret. */

export type LedgerRecord =
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'order'; readonly order: HeldOrder }
  | { readonly kind: 'card'; readonly card: StoredCard }
  | {
      readonly kind: 'claim';
      readonly card: CardId;
      /** One that was pending is interrupted: its server is gone. */
      readonly claim: ClaimRecord;
      /** Of one whose units went to an order. */
      readonly credit?: CreditPurpose | undefined;
    }
  | { readonly kind: 'movement'; readonly movement: Movement }
  /** An issuing key whose cards are held. */
  | { readonly kind: 'quarantine'; readonly key: string }
  | { readonly kind: 'totals'; readonly totals: Totals };

export type RecordKind = LedgerRecord['kind'];

/** A ledger that nobody writes to, to be read from its beginning as often as wanted. */
export interface LedgerContents {
  /** Batches, orders, cards, claims by their time, movements, quarantine, totals: what another names comes before it. */
  read(): AsyncIterable<LedgerRecord>;
  /** How many records there are about. */
  readonly size: number;
}

/** What two ledgers that hold the same have in common. */
export interface Inventory {
  /** How many of each kind. */
  readonly counts: Readonly<Partial<Record<RecordKind, number>>>;
  /** 32 bytes of hex: of every byte of every record, in whatever order they came. It tells nothing of them. */
  readonly digest: string;
}

/** Takes the inventory of what passes. */
export class Inventorist {
  readonly #counts: Partial<Record<RecordKind, number>> = {};
  /** The sum of the SHA-256 of all records, as eight numbers of 32 bits each. */
  readonly #sums = new Uint32Array(8);

  add(record: LedgerRecord): void {
    this.#counts[record.kind] = (this.#counts[record.kind] ?? 0) + 1;
    const digest = hash('sha256', JSON.stringify(plainOf(record)), 'buffer');
    for (let i = 0; i < 8; i++) this.#sums[i] = this.#sums[i]! + digest.readUInt32BE(4 * i);
  }

  get inventory(): Inventory {
    const digest = [...this.#sums].map((sum) => sum.toString(16).padStart(8, '0')).join('');
    return { counts: { ...this.#counts }, digest };
  }
}

export function isSame(a: Inventory, b: Inventory): boolean {
  const kinds = new Set([...Object.keys(a.counts), ...Object.keys(b.counts)]) as ReadonlySet<RecordKind>;
  return a.digest === b.digest && [...kinds].every((kind) => (a.counts[kind] ?? 0) === (b.counts[kind] ?? 0));
}

/** All members of a record, in one order. */
function plainOf(record: LedgerRecord): unknown[] {
  switch (record.kind) {
    case 'batch': {
      const { number, label, items, created, expires, codes } = record.batch;
      const { printed, active, void: voided, redeemed } = codes;
      return ['batch', number, label, itemsOf(items), created, expires, printed, active, voided, redeemed];
    }
    case 'order': {
      const { id, items, state, stopped = false, isolated = false, code, credit, served } = record.order;
      return [
        'order',
        id,
        itemsOf(items),
        state,
        stopped,
        isolated,
        code ? [code.batch, code.serial] : null,
        credit ? [credit.purpose, credit.units, credit.at, credit.paid ?? null] : null,
        served ? [served.digest, served.signatures.map(toBase64url)] : null,
      ];
    }
    case 'card': {
      const { entry, state, version } = record.card;
      const { id, keyId, message, master, protocol, scheme, expires } = entry;
      const bytes = [message, master, scheme, encodeState(state)].map(toBase64url);
      return ['card', id, keyId, protocol, expires, version, ...bytes];
    }
    case 'claim': {
      const { tag, end, units, kept, proof, route, status, safe, acceptedAt, challengeExpires } =
        record.claim;
      const { key, idempotency, reply } = record.claim;
      return [
        'claim',
        record.card,
        [tag, end, units, kept, toBase64url(proof), route],
        status === 'pending' ? 'interrupted' : status,
        [safe, acceptedAt, challengeExpires, record.credit ?? null],
        key ? toBase64url(key) : null,
        idempotency ? [idempotency.name, idempotency.print] : null,
        reply ? toBase64url(encodeReply(reply)) : null,
      ];
    }
    case 'movement': {
      const { day, kind, key, route, count, units } = record.movement;
      return ['movement', day, kind, key, route, count, units];
    }
    case 'quarantine':
      return ['quarantine', record.key];
    case 'totals': {
      const { orders, ordersServed, cards, units, spent, claims } = record.totals;
      const { settled, pending, released } = claims;
      return ['totals', orders, ordersServed, cards, units, spent, settled, pending, released];
    }
  }
}

function itemsOf(items: HeldOrder['items']): number[][] {
  return items.map(({ denomination, count }) => [denomination, count]);
}
