import { toHex } from './bytes.js';
import { ImpulsError } from './errors.js';

/** The moduli of issuing keys, as key documents hold them: big-endian bytes without leading zeros. */

/** PSS with SHA-384 (RFC 8017 §9.1.1) has no room in less. */
const leastBytes = 2 * 48 + 3;

/** An RSA modulus. */
export interface Modulus {
  readonly value: bigint;
  /** Its exact length; `bytes` is that in bytes, rounded up. */
  readonly bits: number;
  readonly bytes: number;
}

/** @throws ImpulsError `bad-key` if it is even, starts with a zero byte or is too short for PSS with SHA-384 */
export function readModulus(n: Uint8Array): Modulus {
  const first = n[0] ?? 0;
  if (first === 0 || (n.at(-1)! & 1) === 0 || n.length < leastBytes) {
    throw new ImpulsError('bad-key', 'not an RSA modulus');
  }
  return { value: toInteger(n), bits: 8 * n.length - Math.clz32(first) + 24, bytes: n.length };
}

/** @param bits its exact length @throws ImpulsError `bad-key` for an even modulus or one of another length */
export function checkModulus(n: Uint8Array, bits = 3072): void {
  if (n.length !== Math.ceil(bits / 8) || readModulus(n).bits !== bits) {
    throw new ImpulsError('bad-key', `not an RSA modulus of ${bits} bits`);
  }
}

export function toInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes) || '0'}`);
}
