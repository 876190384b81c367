import { toBase64url } from './base64url.js';
import { ImpulsError } from './errors.js';
import type { KeyDocument, ReceivedDocument } from './key-document.js';
import { revocationOf } from './key-life.js';

/**
 * What a wallet asks of a document that is to take the place of the one it pinned (docs/spec.md §2).
 * @param heldKeyIds the issuing keys that the wallet still holds cards of
 * @throws ImpulsError `bad-document`
 */
export function checkSuccessor(
  pinned: ReceivedDocument,
  next: ReceivedDocument,
  heldKeyIds: readonly string[],
): void {
  const what = breachOf(pinned, next, heldKeyIds);
  if (what === undefined) return;
  throw new ImpulsError('bad-document', `the vendor's new key document ${what}`, {
    hint: 'Fetch it over another network and compare; buy and activate nothing until the vendor explains the change.',
  });
}

/** What a document does that an honest successor of the pinned one does not; undefined if it is one, or the same. */
export function breachOf(
  pinned: ReceivedDocument,
  next: ReceivedDocument,
  heldKeyIds: readonly string[],
): string | undefined {
  const digest = toBase64url(pinned.digest);
  if (toBase64url(next.digest) === digest) return undefined;
  const [old, fresh] = [pinned.document, next.document];
  if (fresh.origin !== old.origin) return `is of ${fresh.origin}, not of ${old.origin}`;
  if (!fresh.previous.includes(digest)) return 'does not name the one that it replaces';
  if (!beginsWith(fresh.previous, [...old.previous, digest]))
    return 'tells another past than the one that it replaces';
  for (const [id, entry] of pinned.entries) {
    const now = next.entries.get(id);
    if (now === undefined ? heldKeyIds.includes(id) : now !== entry) {
      return `drops or alters the key ${id}${heldKeyIds.includes(id) ? ', of which this wallet holds cards' : ''}`;
    }
  }
  const missing = heldKeyIds.find((id) => !pinned.entries.has(id));
  if (missing !== undefined) return `drops or alters the key ${missing}, of which this wallet holds cards`;
  return breachOfRevoked(old, fresh, next.entries) ?? breachOfStatement(old, fresh);
}

/** A revocation stands as long as its key is named, and gets only worse. */
function breachOfRevoked(
  old: KeyDocument,
  fresh: KeyDocument,
  entries: ReceivedDocument['entries'],
): string | undefined {
  for (const { id, reason, time } of old.revoked ?? []) {
    if (!entries.has(id)) continue;
    const now = revocationOf(fresh, id);
    if (now?.time !== time || (reason === 'leaked' && now.reason !== reason)) {
      return `takes back the revocation of the key ${id}`;
    }
  }
  return undefined;
}

/** Statements are evidence: the keys that they were signed with stay in the document. */
function breachOfStatement(
  { statement: old }: KeyDocument,
  { statement: fresh }: KeyDocument,
): string | undefined {
  const text = (list: KeyDocument['statement']['earlier'] = []): string[] =>
    list.map(({ key, until }) => `${key} ${until}`);
  const isReplaced = old.key !== fresh.key && !fresh.earlier?.some(({ key }) => key === old.key);
  return isReplaced || !beginsWith(text(fresh.earlier), text(old.earlier))
    ? 'drops a key that statements were signed with'
    : undefined;
}

function beginsWith(list: readonly string[], start: readonly string[]): boolean {
  return start.every((item, i) => list[i] === item);
}
