import { sha384 } from '@noble/hashes/sha2.js';
import { concat, equalBytes } from './bytes.js';
import { ImpulsError, malformed } from './errors.js';
import { readModulus, toInteger, type Modulus } from './modulus.js';

/**
 * RSABSSA-SHA384-PSS-Randomized (RFC 9474): the buyer's side, and what anyone verifies. The public exponent is always 65537;
 * a modulus is given as its big-endian bytes without leading zeros. Signing needs the private key and is not here.
 *
 * BigInt arithmetic takes a time that depends on its operands. It runs where the secrets are already: the vendor sees none of it
 * but the one blinded message.
 */

/** The public half of an issuing key. */
export interface BlindKey {
  readonly n: Uint8Array;
}

/** What RFC 9474 lets a variant choose. */
export interface PssVariant {
  /** Bytes of the PSS salt: 48, or 0 for the PSSZERO variants. */
  readonly saltBytes: number;
}

const randomized: PssVariant = { saltBytes: 48 };
const hashBytes = 48;

/** What a vendor checks before it signs. @throws ImpulsError `malformed` for 0, 1, n − 1, n and more, or another length */
export function checkBlinded(n: Uint8Array, blinded: Uint8Array): void {
  if (blinded.length !== n.length) throw malformed('a blinded message of the wrong length');
  const value = toInteger(blinded);
  if (value <= 1n || value >= toInteger(n) - 1n) throw malformed('a blinded message out of range');
}

/** PrepareRandomize (RFC 9474 §4.1). @param randomizer 32 bytes, secret until the card is activated */
export function prepareMessage(randomizer: Uint8Array, message: Uint8Array): Uint8Array {
  return concat(randomizer, message);
}

/**
 * Blind (RFC 9474 §4.2).
 * @param n the modulus, already checked
 * @param prepared what `prepareMessage` returned
 * @param random cryptographically secure; called for the salt (48 bytes) and for the blind (the length of n)
 * @returns `blinded` to be sent, and `inverse`, secret and needed to finalize; both as long as n
 * @throws ImpulsError `bad-key` if the modulus cannot be one, `invalid-argument` if `random` repeats itself
 */
export function blindMessage(
  n: Uint8Array,
  prepared: Uint8Array,
  random: (length: number) => Uint8Array,
): { blinded: Uint8Array; inverse: Uint8Array } {
  const salt = random(randomized.saltBytes);
  return blindWith(n, prepared, salt, drawBelow(readModulus(n), random));
}

/** Blind with all that is random given. @param blind r, in [1, n), secret */
export function blindWith(
  n: Uint8Array,
  prepared: Uint8Array,
  salt: Uint8Array,
  blind: bigint,
): { blinded: Uint8Array; inverse: Uint8Array } {
  const modulus = readModulus(n);
  // 1. encoded_msg = EMSA-PSS-ENCODE(msg, bit_len(n) - 1)
  // 3. m = bytes_to_int(encoded_msg)
  const m = toInteger(encodePss(prepared, modulus.bits - 1, salt));
  // 4. c = is_coprime(m, n)   6. inv = inverse_mod(r, n)
  // One inversion answers both: m·r is invertible only if m and r are, and 1/r = m · 1/(m·r).
  const inverse = (inverseModulo((m * blind) % modulus.value, modulus.value) * m) % modulus.value;
  // 7. x = RSAVP1(pk, r)
  const x = raise(blind, modulus.value);
  // 8. z = (m * x) mod n   9. blinded_msg = int_to_bytes(z, modulus_len)
  const z = (m * x) % modulus.value;
  return { blinded: toBytes(z, modulus.bytes), inverse: toBytes(inverse, modulus.bytes) };
}

/**
 * Finalize (RFC 9474 §4.4).
 * @param inverse what `blindMessage` returned, secret
 * @returns the signature of the prepared message, as long as n
 * @throws ImpulsError `bad-signature` if it does not verify
 */
export function finalizeSignature(
  n: Uint8Array,
  prepared: Uint8Array,
  blindSignature: Uint8Array,
  inverse: Uint8Array,
): Uint8Array {
  return finalizeVariant(n, prepared, blindSignature, inverse, randomized);
}

/** `finalizeSignature` for any variant of RFC 9474. */
export function finalizeVariant(
  n: Uint8Array,
  prepared: Uint8Array,
  blindSignature: Uint8Array,
  inverse: Uint8Array,
  variant: PssVariant,
): Uint8Array {
  const modulus = readModulus(n);
  // 1. If len(blind_sig) != modulus_len, raise "unexpected input size"
  if (blindSignature.length !== modulus.bytes) {
    throw new ImpulsError('bad-signature', 'a blind signature of the wrong length');
  }
  // 2. z = bytes_to_int(blind_sig)   3. s = (z * inv) mod n   4. sig = int_to_bytes(s, modulus_len)
  const s = (toInteger(blindSignature) * toInteger(inverse)) % modulus.value;
  const signature = toBytes(s, modulus.bytes);
  // 5. result = RSASSA-PSS-VERIFY(pk, msg, sig)
  if (!verifyVariant(n, prepared, signature, variant)) {
    throw new ImpulsError('bad-signature', 'the blind signature does not verify', {
      hint: 'Send the same order again; if that fails too, ask the vendor.',
    });
  }
  return signature;
}

/**
 * RSASSA-PSS-VERIFY (RFC 8017 §8.1.2) with SHA-384, MGF1-SHA-384 and a salt of 48 bytes.
 * @throws ImpulsError `bad-key` if the modulus cannot be one
 */
export function verifySignature(n: Uint8Array, prepared: Uint8Array, signature: Uint8Array): boolean {
  return verifyVariant(n, prepared, signature, randomized);
}

/** `verifySignature` for any variant of RFC 9474. */
export function verifyVariant(
  n: Uint8Array,
  prepared: Uint8Array,
  signature: Uint8Array,
  { saltBytes }: PssVariant,
): boolean {
  const modulus = readModulus(n);
  if (signature.length !== modulus.bytes) return false;
  const s = toInteger(signature);
  if (s >= modulus.value) return false;
  const m = raise(s, modulus.value);
  const bits = modulus.bits - 1;
  return m >> BigInt(bits) === 0n && verifyPss(prepared, toBytes(m, Math.ceil(bits / 8)), bits, saltBytes);
}

/**
 * The check at the end of BlindSign (RFC 9474 §4.3): a fault while signing would give the private key away, so a vendor sends
 * nothing before this holds. Both are as long as n.
 */
export function verifyBlindSignature(
  n: Uint8Array,
  blinded: Uint8Array,
  blindSignature: Uint8Array,
): boolean {
  const modulus = readModulus(n);
  if (blindSignature.length !== modulus.bytes) return false;
  const s = toInteger(blindSignature);
  return s < modulus.value && equalBytes(toBytes(raise(s, modulus.value), modulus.bytes), blinded);
}

/** EMSA-PSS-ENCODE (RFC 8017 §9.1.1). @param bits emBits: at most so many bits hold the result */
function encodePss(message: Uint8Array, bits: number, salt: Uint8Array): Uint8Array {
  const length = Math.ceil(bits / 8);
  // 5. M' = (0x)00 00 00 00 00 00 00 00 || mHash || salt   6. H = Hash(M')
  const h = sha384(concat(new Uint8Array(8), sha384(message), salt));
  // 7. – 8. DB = PS || 0x01 || salt
  const db = new Uint8Array(length - hashBytes - 1);
  db[db.length - salt.length - 1] = 0x01;
  db.set(salt, db.length - salt.length);
  // 9. – 10. maskedDB = DB \xor MGF(H, emLen - hLen - 1)
  maskMgf1(db, h);
  // 11. Set the leftmost 8emLen - emBits bits to zero.
  db[0]! &= 0xff >> (8 * length - bits);
  // 12. EM = maskedDB || H || 0xbc
  return concat(db, h, Uint8Array.of(0xbc));
}

/** EMSA-PSS-VERIFY (RFC 8017 §9.1.2). */
function verifyPss(message: Uint8Array, encoded: Uint8Array, bits: number, saltBytes: number): boolean {
  // 3. – 6.
  if (encoded.length < hashBytes + saltBytes + 2 || encoded.at(-1) !== 0xbc) return false;
  const db = encoded.slice(0, -hashBytes - 1);
  const h = encoded.subarray(db.length, -1);
  const unused = 8 * encoded.length - bits;
  if (db[0]! >> (8 - unused) !== 0) return false;
  // 7. – 9.
  maskMgf1(db, h);
  db[0]! &= 0xff >> unused;
  // 10. The leftmost bytes of DB are zero, then comes 0x01.
  const salt = db.subarray(db.length - saltBytes);
  const padding = new Uint8Array(db.length - saltBytes);
  padding[padding.length - 1] = 0x01;
  if (!equalBytes(db.subarray(0, padding.length), padding)) return false;
  // 11. – 14.
  return equalBytes(sha384(concat(new Uint8Array(8), sha384(message), salt)), h);
}

/** XORs MGF1-SHA-384 (RFC 8017 §B.2.1) of a seed onto the bytes. */
function maskMgf1(bytes: Uint8Array, seed: Uint8Array): void {
  const input = concat(seed, new Uint8Array(4));
  for (let at = 0, counter = 0; at < bytes.length; at += hashBytes, counter++) {
    input[input.length - 1] = counter;
    const mask = sha384(input);
    for (let i = 0; i < hashBytes && at + i < bytes.length; i++) bytes[at + i]! ^= mask[i]!;
  }
}

/** A uniform integer of [1, n) by rejection (RFC 9474 §4.2, step 5). */
function drawBelow(modulus: Modulus, random: (length: number) => Uint8Array): bigint {
  for (let attempt = 0; attempt < 128; attempt++) {
    const bytes = random(modulus.bytes).slice();
    bytes[0]! &= 0xff >> (8 * modulus.bytes - modulus.bits);
    const drawn = toInteger(bytes);
    if (drawn !== 0n && drawn < modulus.value) return drawn;
  }
  throw new ImpulsError('invalid-argument', 'the source of randomness repeats itself');
}

/** x^65537 mod n: RSAVP1 (RFC 8017 §5.2.2). */
function raise(x: bigint, n: bigint): bigint {
  let power = x;
  for (let i = 0; i < 16; i++) power = (power * power) % n;
  return (power * x) % n;
}

/** 1/x mod n by the extended Euclidean algorithm. @throws ImpulsError `bad-key` if there is none: n is then factored */
export function inverseModulo(x: bigint, n: bigint): bigint {
  let [r0, r1] = [n, x];
  let [t0, t1] = [0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1] = [r1, r0 - quotient * r1];
    [t0, t1] = [t1, t0 - quotient * t1];
  }
  if (r0 !== 1n) throw new ImpulsError('bad-key', 'the modulus has a known factor');
  return t0 < 0n ? t0 + n : t0;
}

/** @param length enough for the value */
function toBytes(value: bigint, length: number): Uint8Array {
  const hex = value.toString(16).padStart(2 * length, '0');
  const out = new Uint8Array(length);
  for (let i = 0; i < length; i++) out[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return out;
}
