import { equalBytes, Writer } from './bytes.js';
import type { Spending } from './card-state.js';
import { expand, HmacKey } from './hash.js';
import { protocols, type ProtocolName } from './protocol.js';

/** A claim: its transcript, its tag and the key that it leaves (docs/spec.md §6.1). */
export interface Claim extends Spending {
  /** 16 bytes. */
  readonly card: Uint8Array;
  readonly protocol: ProtocolName;
  /** 16 random bytes. */
  readonly nonce: Uint8Array;
}

/** The request that a claim pays for, and no other. */
export interface ClaimedRequest {
  /** Upper case. */
  readonly method: string;
  /** Origin of the key document, path and query; no fragment. */
  readonly target: string;
  /** Declared headers: lower-case names in order, an absent one with the empty value. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** SHA-256 of the body; absent for a request without one. */
  readonly digest?: Uint8Array | undefined;
  readonly challengeId: string;
  /** Whether the reply's body is to be sealed. */
  readonly seal?: 'aes128gcm' | undefined;
}

const writer = new Writer(1024);
const keyWriter = new Writer(64);
const empty = new Uint8Array(0);

/** @param auth the card's key for tags @returns 16 bytes */
export function computeTag(auth: HmacKey, request: ClaimedRequest, claim: Claim): Uint8Array {
  return auth.mac(transcript(request, claim), 16);
}

/** In constant time. */
export function verifyTag(auth: HmacKey, request: ClaimedRequest, claim: Claim, tag: Uint8Array): boolean {
  return equalBytes(computeTag(auth, request, claim), tag);
}

/** Valid until the next one. */
function transcript(request: ClaimedRequest, claim: Claim): Uint8Array {
  writer
    .reset()
    .label('impuls/1 tag')
    .text('pay')
    .text(request.method)
    .text(request.target)
    .u32(request.headers.length);
  for (const [name, value] of request.headers) writer.text(name).text(value);
  writer
    .field(request.digest ?? empty)
    .text(request.challengeId)
    .text(request.seal ?? '');
  writer.raw(claim.card).u8(protocols[claim.protocol].id).u32(claim.end).u32(claim.units).raw(claim.nonce);
  writer.field(claim.proof);
  return writer.bytes();
}

/**
 * K: the key that a payment leaves with both sides, and nobody else. Secret, 32 bytes.
 *
 * @param pay the card's key for payment keys
 * @param ikm chain: w_end; stream: the output of step `end`. 32 bytes, secret
 */
export function derivePaymentKey(
  pay: HmacKey,
  ikm: Uint8Array,
  { units, nonce }: Pick<Claim, 'units' | 'nonce'>,
): Uint8Array {
  return pay.mac(keyWriter.reset().raw(ikm).u32(units).raw(nonce).bytes());
}

/** The input keying material of a sealed body (RFC 8188 §2.1). 32 bytes, secret. */
export function deriveSealKey(paymentKey: Uint8Array): Uint8Array {
  return expand(paymentKey, 'impuls/1 seal', 32);
}

/** The public name of a payment, which shows nothing of its card. 12 bytes. */
export function deriveReference(paymentKey: Uint8Array | HmacKey): Uint8Array {
  return keyOf(paymentKey).expand('impuls/1 reference', 12);
}

/** A payment key, ready to be used more than once. */
export function keyOf(paymentKey: Uint8Array | HmacKey): HmacKey {
  return paymentKey instanceof HmacKey ? paymentKey : new HmacKey(paymentKey);
}

/** For two people to see that both sides hold the same key. 4 bytes, public. */
export function deriveFingerprint(paymentKey: Uint8Array): Uint8Array {
  return expand(paymentKey, 'impuls/1 fingerprint', 4);
}
