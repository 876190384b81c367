import { fromBase64url } from '../core/base64url.js';
import { openActivation, type ActivationContext } from '../core/activation.js';
import { prepareMessage, verifySignature } from '../core/blind.js';
import { equalBytes } from '../core/bytes.js';
import { readOpening } from '../core/card.js';
import { ImpulsError } from '../core/errors.js';
import type { KeyDocument } from '../core/key-document.js';
import { revocationOf } from '../core/key-life.js';
import type { Ledger, StoredCard } from './ledger.js';
import { refuseHeldCard } from './restored.js';

/** Activating a card, docs/spec.md §5: the vendor meets it for the first time, and cannot tell whom it sold it to. */

export interface ActivationRequest extends ActivationContext {
  readonly sealed: Uint8Array;
}

export interface Activated {
  readonly card: StoredCard;
  /** The nonce to answer, 16 bytes. */
  readonly nonce: Uint8Array;
}

/**
 * @param secretKey the activation key's
 * @param now Unix seconds
 * @throws ImpulsError `bad-seal`, `malformed`, `bad-signature`, `key-retired`, `card-conflict`, `vendor-restored`
 */
export async function activate(
  document: KeyDocument,
  secretKey: Uint8Array,
  ledger: Ledger,
  request: ActivationRequest,
  now: number,
): Promise<Activated> {
  const key = document.cards.find(({ id }) => id === request.key);
  if (!key) throw new ImpulsError('key-retired', 'no issuing key of that id');
  const { opening, randomizer, signature, nonce } = await openActivation(secretKey, request, request.sealed);
  const { id, message, master, scheme, state } = readOpening(opening, key.denomination);
  if (!verifySignature(fromBase64url(key.n), prepareMessage(randomizer, message), signature)) {
    throw new ImpulsError('bad-signature', 'the card is not signed by that key', {
      hint: 'The card was issued under another key, by another vendor, or is damaged.',
    });
  }
  const known = await ledger.readCard(id);
  // What was never used can be exchanged as long as what was.
  if (!known && now >= key.expires + document.policy.grace) {
    throw new ImpulsError('card-expired', 'cards of that key have expired');
  }
  const { activateUntil = Infinity } = revocationOf(document, key.id) ?? {};
  if (!known && now >= activateUntil) {
    throw new ImpulsError(
      'key-retired',
      'that issuing key was stolen, and cards of it are activated no more',
      {
        hint: 'Ask the vendor for a card in exchange: it cannot tell yours from forged ones.',
      },
    );
  }
  const card =
    known ??
    (await ledger.openCard(
      {
        id,
        message,
        keyId: key.id,
        master,
        protocol: scheme.protocol,
        scheme: scheme.encode(),
        expires: key.expires,
      },
      state,
      now,
    ));
  if (!equalBytes(card.entry.message, message)) {
    throw new ImpulsError('card-conflict', 'another card has this id');
  }
  refuseHeldCard(card);
  return { card, nonce };
}
