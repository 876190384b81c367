import { resolve } from 'node:path';
import { ImpulsError } from '../../core/errors.js';
import type { IssuingKey, KeyDocument, Revocation } from '../../core/key-document.js';
import { revocationOf } from '../../core/key-life.js';
import { publishChange } from './files.js';
import { changeVendor, type StoreOptions } from './store.js';

/** The end of an issuing key before its time. What is to be done then stands in SECURITY.md. */

export interface RevocationRequest {
  /** Of the issuing key, or the beginning of it. */
  readonly id: string;
  readonly reason: Revocation['reason'];
  /** `leaked`: until when cards of it are activated for the first time, Unix seconds. Default: no longer. */
  readonly activateUntil?: number;
}

/**
 * Ends an issuing key at once. To do it again changes nothing; a lost key may turn out to have leaked, and the time until
 * which cards are activated may be moved.
 *
 * @throws ImpulsError `invalid-argument`; as `openVendorFolder`, but that the secret need not be there
 */
export async function revokeKey(
  path: string,
  request: RevocationRequest,
  options: StoreOptions = {},
): Promise<{ readonly document: KeyDocument; readonly key: IssuingKey; readonly revocation: Revocation }> {
  return changeVendor(resolve(path), options, async ({ now, state, save }) => {
    const { published } = state;
    const { document } = published;
    const key = findKey(document, request.id);
    const before = revocationOf(document, key.id);
    const revocation = worsen(before, key, request, now);
    if (JSON.stringify(revocation) === JSON.stringify(before)) return { document, key, revocation };
    const others = (document.revoked ?? []).filter(({ id }) => id !== key.id);
    const next = publishChange(published, { revoked: [...others, revocation] }, now);
    await save({ published: next });
    return { document: next.document, key, revocation };
  });
}

function worsen(
  before: Revocation | undefined,
  { id, expires }: IssuingKey,
  { reason, activateUntil }: RevocationRequest,
  now: number,
): Revocation {
  const time = before?.time ?? now;
  if (reason === 'lost') {
    if (before?.reason === 'leaked') {
      throw new ImpulsError('invalid-argument', `the key ${id} has leaked: that is not taken back`, {
        hint: 'Wallets would refuse the key document.',
      });
    }
    return { id, reason, time };
  }
  const until = activateUntil ?? before?.activateUntil ?? now;
  if (until < time || until > expires) {
    throw new ImpulsError(
      'invalid-argument',
      'cards are activated at least until the key ended, and not after they expire',
    );
  }
  return { id, reason, time, activateUntil: until };
}

function findKey({ cards }: KeyDocument, start: string): IssuingKey {
  const found = cards.filter(({ id }) => id.startsWith(start));
  if (found.length === 1 && start.length >= 4) return found[0]!;
  throw new ImpulsError(
    'invalid-argument',
    found.length > 1 ? `several issuing keys begin with ${start}` : `there is no issuing key ${start}`,
    { hint: 'See `impuls keys list`; the first four characters are enough if no other key has them.' },
  );
}
