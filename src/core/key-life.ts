import { fromBase64url } from './base64url.js';
import type { IssuingKey, KeyDocument, Revocation } from './key-document.js';

/** What the keys of a document do at a time, docs/spec.md §2. Times are Unix seconds. */

/**
 * Whether a key issues cards.
 * @param revocation of that key
 */
export function isIssuing(
  key: Pick<IssuingKey, 'notBefore' | 'notAfter'>,
  atSeconds: number,
  revocation?: Revocation,
): boolean {
  return (
    key.notBefore <= atSeconds && atSeconds < Math.min(key.notAfter, revocation?.time ?? Number.MAX_VALUE)
  );
}

/** The keys that issue cards. */
export function issuingKeys(
  document: Pick<KeyDocument, 'cards' | 'revoked'>,
  atSeconds: number,
): IssuingKey[] {
  return document.cards.filter((key) => isIssuing(key, atSeconds, revocationOf(document, key.id)));
}

/** How many keys of one denomination may be live at a time. */
export const liveKeys = 2;

/** A denomination of which more keys are live at some time than may be. */
export function crowdedDenomination({
  cards,
  revoked,
}: Pick<KeyDocument, 'cards' | 'revoked'>): number | undefined {
  const ends = new Map(revoked?.map((entry) => [entry.id, entry]));
  const crowded = cards.find(({ denomination, notBefore }) => {
    const live = cards.filter(
      (key) => key.denomination === denomination && isIssuing(key, notBefore, ends.get(key.id)),
    );
    return live.length > liveKeys;
  });
  return crowded?.denomination;
}

export function revocationOf({ revoked }: Pick<KeyDocument, 'revoked'>, id: string): Revocation | undefined {
  return revoked?.find((entry) => entry.id === id);
}

/**
 * The keys, 32 bytes each, under which a statement of that time may be signed: it holds if it does under one of them.
 * @param atSeconds the time that the statement names
 */
export function statementKeysAt(
  { statement }: Pick<KeyDocument, 'statement'>,
  atSeconds: number,
): Uint8Array[] {
  const earlier = (statement.earlier ?? []).filter(({ until }) => atSeconds < until);
  return [...earlier, statement].map(({ key }) => fromBase64url(key, 32));
}
