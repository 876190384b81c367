import { malformed } from './errors.js';

/** RFC 4648 §5 without padding; only the canonical form decodes (unused bits zero). */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const values = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) values[alphabet.charCodeAt(i)] = i;

/** Two characters for 12 bits: half as many strings to put together. */
const pairs = Array.from({ length: 4096 }, (_, bits) => alphabet[bits >> 6]! + alphabet[bits & 63]!);

export function toBase64url(bytes: Uint8Array): string {
  let out = '';
  let i = 0;
  for (; i + 2 < bytes.length; i += 3) {
    const middle = bytes[i + 1]!;
    out += pairs[(bytes[i]! << 4) | (middle >> 4)]! + pairs[((middle & 15) << 8) | bytes[i + 2]!]!;
  }
  if (i + 1 === bytes.length) {
    out += alphabet[bytes[i]! >> 2]! + alphabet[(bytes[i]! << 4) & 63]!;
  } else if (i + 2 === bytes.length) {
    const pair = (bytes[i]! << 8) | bytes[i + 1]!;
    out += alphabet[pair >> 10]! + alphabet[(pair >> 4) & 63]! + alphabet[(pair << 2) & 63]!;
  }
  return out;
}

/**
 * @param length the number of bytes expected, if it is fixed
 * @throws ImpulsError `malformed` for padding, other characters, a non-canonical form or another length
 */
export function fromBase64url(text: string, length?: number): Uint8Array {
  const size = Math.floor((text.length * 3) / 4);
  if (text.length % 4 === 1 || (length !== undefined && size !== length))
    throw malformed('base64url of the wrong length');
  const out = new Uint8Array(size);
  let invalid = 0;
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const value = code < 128 ? values[code]! : -1;
    invalid |= value;
    bits = (bits << 6) | (value & 63);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out[at++] = bits >> held;
    }
  }
  if (invalid < 0 || (bits & ((1 << held) - 1)) !== 0) throw malformed('not canonical base64url');
  return out;
}
