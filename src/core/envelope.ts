import { x25519 } from '@noble/curves/ed25519.js';
import { AEAD_ChaCha20Poly1305, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from '@panva/hpke-noble';
import { CipherSuite } from 'hpke';
import { concat, utf8 } from './bytes.js';
import { ImpulsError } from './errors.js';
import { limits } from './limits.js';

/**
 * Envelopes to the vendor (docs/spec.md §4, §5): HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
 * ChaCha20-Poly1305, all in JavaScript, so that every platform opens what another sealed.
 */

/** What an envelope is bound to: it opens under the same two only. */
export interface EnvelopeContext {
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
}

const nothing = new Uint8Array(0);

/** Of a request to issue (docs/spec.md §4). */
export const issueContext: EnvelopeContext = { info: utf8('impuls/1 issue'), aad: nothing };

/** Of a question about an order (docs/spec.md §4). */
export const orderContext: EnvelopeContext = { info: utf8('impuls/1 order'), aad: nothing };

/** Of the order that units are put to (docs/spec.md §10). */
export const creditContext: EnvelopeContext = { info: utf8('impuls/1 credit'), aad: nothing };

/** Bytes that an envelope adds: the encapsulated key and the authentication tag. */
export const envelopeOverhead = 32 + 16;

const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_ChaCha20Poly1305);

/** A suite whose ephemeral keys are derived (RFC 9180 §7.1.3) from what `random` returns. */
function suiteWith(random: (length: number) => Uint8Array): CipherSuite {
  const kem = KEM_DHKEM_X25519_HKDF_SHA256();
  return new CipherSuite(
    () => ({ ...kem, GenerateKeyPair: (extractable) => kem.DeriveKeyPair(random(kem.Nsk), extractable) }),
    KDF_HKDF_SHA256,
    AEAD_ChaCha20Poly1305,
  );
}

/**
 * @param random cryptographically secure
 * @returns an X25519 key pair, 32 bytes each; `secretKey` is secret
 */
export async function generateEnvelopeKey(
  random: (length: number) => Uint8Array,
): Promise<{ publicKey: Uint8Array; secretKey: Uint8Array }> {
  const { publicKey, privateKey } = await suite.DeriveKeyPair(random(32), true);
  return {
    publicKey: await suite.SerializePublicKey(publicKey),
    secretKey: await suite.SerializePrivateKey(privateKey),
  };
}

/** @param secretKey 32 bytes, secret @returns 32 bytes @throws ImpulsError `bad-key` for another length */
export function envelopePublicKey(secretKey: Uint8Array): Uint8Array {
  checkKey(secretKey);
  return x25519.getPublicKey(secretKey);
}

/**
 * @param publicKey the vendor's, 32 bytes
 * @param random for the ephemeral key, cryptographically secure; default: that of the platform
 * @returns enc(32) ‖ ciphertext, `envelopeOverhead` bytes longer than the plaintext
 * @throws ImpulsError `bad-key` if nothing can be sealed to that key
 */
export async function sealEnvelope(
  publicKey: Uint8Array,
  context: EnvelopeContext,
  plaintext: Uint8Array,
  random?: (length: number) => Uint8Array,
): Promise<Uint8Array> {
  checkKey(publicKey);
  const sender = random ? suiteWith(random) : suite;
  const recipient = await sender.DeserializePublicKey(publicKey);
  try {
    const { encapsulatedSecret, ciphertext } = await sender.Seal(recipient, plaintext, context);
    return concat(encapsulatedSecret, ciphertext);
  } catch (cause) {
    throw new ImpulsError('bad-key', 'nothing can be sealed to this activation key', { cause });
  }
}

/**
 * @param secretKey 32 bytes, secret
 * @param sealed what `sealEnvelope` returned
 * @returns the plaintext
 * @throws ImpulsError `bad-seal` for anything else, `bad-key` for a secret key of another length
 */
export async function openEnvelope(
  secretKey: Uint8Array,
  context: EnvelopeContext,
  sealed: Uint8Array,
): Promise<Uint8Array> {
  checkKey(secretKey);
  if (sealed.length < envelopeOverhead || sealed.length > limits.endpointBytes) throw badEnvelope();
  const recipient = await suite.DeserializePrivateKey(secretKey, false);
  try {
    return await suite.Open(recipient, sealed.subarray(0, 32), sealed.subarray(32), context);
  } catch (cause) {
    throw badEnvelope(cause);
  }
}

function checkKey(key: Uint8Array): void {
  if (key.length !== 32) throw new ImpulsError('bad-key', 'an X25519 key has 32 bytes');
}

function badEnvelope(cause?: unknown): ImpulsError {
  return new ImpulsError('bad-seal', 'the envelope does not open', {
    cause,
    hint: 'Fetch the key document again: the activation key or the document may have changed.',
  });
}
