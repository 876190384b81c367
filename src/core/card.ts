import { toBase64url } from './base64url.js';
import { concat, Reader, utf8 } from './bytes.js';
import type { CardState } from './card-state.js';
import { ImpulsError, malformed } from './errors.js';
import { expand, HmacKey, sha256 } from './hash.js';
import { protocolById, protocols, type CardKind, type Scheme, type Source } from './protocol.js';

/** A card and all that derives from its seed (docs/spec.md §3). */

/** The name of a card at its vendor: 16 bytes as base64url, 22 characters. A pseudonym: it shows nothing of the sale. */
export type CardId = string;

/** The three keys of a card that client and vendor share. Secret. */
export interface CardKeys {
  /** Tags of claims and of requests for the state. */
  readonly auth: HmacKey;
  /** Payment keys. */
  readonly pay: HmacKey;
  /** States that the vendor reports. */
  readonly state: HmacKey;
}

/** @param master M, 32 bytes, secret */
export function deriveKeys(master: Uint8Array): CardKeys {
  const key = new HmacKey(master);
  return {
    auth: new HmacKey(key.expand('impuls/1 auth', 32)),
    pay: new HmacKey(key.expand('impuls/1 pay', 32)),
    state: new HmacKey(key.expand('impuls/1 state', 32)),
  };
}

/** The wallet's side of a card. Secret, but for `id` and `message`. */
export interface Card {
  readonly id: CardId;
  /** m: what the vendor signs blind. 32 bytes. */
  readonly message: Uint8Array;
  /** What activation shows. 66 to 82 bytes. */
  readonly opening: Uint8Array;
  readonly keys: CardKeys;
  readonly source: Source;
}

/**
 * @param seed 32 random bytes, secret
 * @param units the denomination; the length of the chain for `chain`
 * @throws ImpulsError `invalid-argument` for a seed of another length or units that the protocol cannot hold
 */
export function deriveCard(seed: Uint8Array, kind: CardKind, units: number): Card {
  if (seed.length !== 32) throw new ImpulsError('invalid-argument', 'a seed is 32 bytes');
  const protocol = protocols[kind.protocol];
  const master = expand(seed, 'impuls/1 master', 32);
  const source = protocol.derive(seed, units, kind.generator ?? 'chacha20');
  const opening = concat(Uint8Array.of(protocol.id), source.opening, master);
  const message = cardMessage(opening);
  return { id: cardId(message), message, opening, keys: deriveKeys(master), source };
}

/** What a vendor learns from an opening. */
export interface OpenedCard {
  readonly id: CardId;
  readonly message: Uint8Array;
  /** M, 32 bytes, secret. */
  readonly master: Uint8Array;
  readonly scheme: Scheme;
  readonly state: CardState;
}

/**
 * @param units what the issuing key says that the card holds
 * @throws ImpulsError `malformed`
 */
export function readOpening(opening: Uint8Array, units: number): OpenedCard {
  const reader = new Reader(opening);
  const protocol = protocolById(reader.u8());
  if (units > protocol.maxUnits) throw malformed(`a ${protocol.name} card cannot hold ${units} units`);
  const { scheme, tip } = protocol.readScheme(reader);
  const master = reader.raw(32);
  reader.end();
  const message = cardMessage(opening);
  return { id: cardId(message), message, master, scheme, state: { units, spent: 0, top: 0, tip, gaps: [] } };
}

function cardMessage(opening: Uint8Array): Uint8Array {
  return sha256(concat(utf8('impuls/1 card'), opening));
}

/** @param message m, 32 bytes */
export function cardId(message: Uint8Array): CardId {
  return toBase64url(sha256(concat(utf8('impuls/1 card id'), message)).subarray(0, 16));
}
