import type { CardId } from '../core/card.js';
import type { CreditPurpose } from '../core/credit.js';
import { malformed } from '../core/errors.js';
import type { CardKind } from '../core/protocol.js';
import type { JsonObject, JsonValue } from '../core/wire/canonical-json.js';
import { expectArray, expectText, expectUint32 } from '../core/wire/json-members.js';
import { kindOf, readKind } from './records.js';

/**
 * Units that go back to their vendor: an exchange until its cards are ordered, a refund until the wallet is told to forget it.
 * The kind is that of the new cards.
 */
export interface CreditRecord extends CardKind {
  /** The vendor's origin. */
  readonly vendor: string;
  /** Of the order that the units are put to, secret. */
  readonly code: string;
  readonly purpose: CreditPurpose;
  /** The cards that give, in this order. */
  readonly cards: readonly CardId[];
  /** Units to be put in all. */
  readonly units: number;
  /** Units that settled claims have put. */
  readonly paid: number;
  /** Units of each new card; none for a refund. */
  readonly into: readonly number[];
  /** Unix milliseconds. */
  readonly begun: number;
  /** Unix milliseconds: before, the cards are not ordered. Absent until all is put. */
  readonly due?: number | undefined;
}

/** @throws ImpulsError `malformed` */
export function readCredit(json: JsonObject): CreditRecord {
  const { purpose, due } = json;
  if (purpose !== 'exchange' && purpose !== 'refund') throw malformed('purpose does not fit');
  const texts = expectArray(json['cards'], 'cards').map((card) => expectText(card, 'a card'));
  return {
    ...readKind(json),
    vendor: expectText(json['vendor'], 'vendor'),
    code: expectText(json['code'], 'code'),
    purpose,
    cards: texts,
    units: expectUint32(json['units'], 'units'),
    paid: expectUint32(json['paid'], 'paid'),
    into: expectArray(json['into'], 'into').map((units) => expectUint32(units, 'into')),
    begun: moment(json['begun']),
    due: due === undefined ? undefined : moment(due),
  };
}

export function formatCredit(record: CreditRecord): string {
  return JSON.stringify({ ...record, ...kindOf(record) });
}

function moment(value: JsonValue | undefined): number {
  if (typeof value !== 'number') throw malformed('a time does not fit');
  return value;
}
