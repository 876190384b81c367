import { equalBytes } from './bytes.js';
import { cardId, readOpening, type CardId } from './card.js';
import { isImpulsError, malformed } from './errors.js';
import { fromBase64url, toBase64url } from './base64url.js';
import { ChainHash } from './hash.js';
import type { KeyDocument } from './key-document.js';
import { statementKeysAt } from './key-life.js';
import { limits } from './limits.js';
import { verifyStatement, type StatementClaims } from './receipt.js';
import type { JsonObject, JsonValue } from './wire/canonical-json.js';
import { expectBytes, expectObject, expectText, expectUint32 } from './wire/json-members.js';
import { reportFromJson } from './wire/state-header.js';

/** What each side of a dispute can show to a third (docs/spec.md §7). */

/** What a vendor has signed of a card. */
export interface SignedStatement extends StatementClaims {
  readonly card: CardId;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** @throws ImpulsError `malformed` */
export function parseStatement(value: JsonValue): SignedStatement {
  const json = expectObject(value, 'the statement');
  const statement = expectObject(json['statement'], 'statement');
  const tip = fromBase64url(expectText(statement['tip'], 'tip'));
  if (tip.length !== 0 && tip.length !== 32) throw malformed('tip is not a link');
  return {
    card: toBase64url(expectBytes(statement['card'], 16, 'card')),
    origin: expectText(statement['origin'], 'origin'),
    message: expectBytes(statement['message'], 32, 'message'),
    time: expectUint32(statement['time'], 'time'),
    tip,
    report: reportFromJson(statement['state'] ?? null),
    signature: expectBytes(json['signature'], 64, 'signature'),
  };
}

/** Whether the vendor of a key document has signed a statement: with the key of the time that it names. */
export function verifySignedStatement(
  document: Pick<KeyDocument, 'origin' | 'statement'>,
  statement: SignedStatement,
): boolean {
  if (statement.origin !== document.origin || cardId(statement.message) !== statement.card) return false;
  return statementKeysAt(document, statement.time).some((key) =>
    verifyStatement(key, statement, statement.signature),
  );
}

/** A link of a `chain` card, and the opening that ties it to the card: shows that its holder has presented the unit `end`. */
export interface ChainEvidence {
  readonly origin: string;
  readonly card: CardId;
  /** From 1. */
  readonly end: number;
  /** w_end, 32 bytes. */
  readonly link: Uint8Array;
  /** Of a `chain` card, 77 bytes. Holds M: whoever has it can open what was sealed for payments of this card. */
  readonly opening: Uint8Array;
}

export function evidenceToJson({ origin, card, end, link, opening }: ChainEvidence): JsonObject {
  return {
    evidence: { card, end, link: toBase64url(link), opening: toBase64url(opening), origin },
  };
}

/** @throws ImpulsError `malformed` */
export function parseEvidence(value: JsonValue): ChainEvidence {
  const json = expectObject(expectObject(value, 'the evidence')['evidence'], 'evidence');
  const end = expectUint32(json['end'], 'end');
  if (end < 1 || end > limits.chainUnits) throw malformed(`end is not from 1 to ${limits.chainUnits}`);
  return {
    origin: expectText(json['origin'], 'origin'),
    card: toBase64url(expectBytes(json['card'], 16, 'card')),
    end,
    link: expectBytes(json['link'], 32, 'link'),
    opening: expectBytes(json['opening'], openingBytes, 'opening'),
  };
}

const openingBytes = 1 + 12 + 32 + 32;

/** Whether the opening is that of the card, and the link hashes down to its anchor. At most 2^20 hashes. */
export function verifyEvidence({ card, end, link, opening }: ChainEvidence): boolean {
  try {
    const { id, scheme, state } = readOpening(opening, end);
    if (id !== card || scheme.protocol !== 'chain') return false;
    return equalBytes(new ChainHash(scheme.encode()).walk(link, end, end), state.tip);
  } catch (error) {
    if (isImpulsError(error)) return false;
    throw error;
  }
}
