import { malformed } from './errors.js';

/** RFC 4648 §5 without padding; only the canonical form decodes (unused bits zero). */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const codes = Uint8Array.from(alphabet, (character) => character.charCodeAt(0));
const values = new Int8Array(128).fill(-1);
codes.forEach((code, value) => (values[code] = value));

/** Lists to put characters in, by their number: a text is made at once, and not of pieces. */
const lists: number[][] = [];
/** That make 256 characters. */
const bytesAtOnce = 192;

export function toBase64url(bytes: Uint8Array): string {
  let out = '';
  for (let at = 0; at < bytes.length; at += bytesAtOnce) out += encode(bytes, at);
  return out;
}

function encode(bytes: Uint8Array, from: number): string {
  const end = Math.min(from + bytesAtOnce, bytes.length);
  const characters = Math.ceil(((end - from) * 4) / 3);
  const list = (lists[characters] ??= Array<number>(characters).fill(0));
  for (let i = from, at = 0; i < end; i += 3) {
    // Beyond the end there are zeros, whose characters are cut off.
    const bits = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    list[at++] = codes[bits >> 18]!;
    list[at++] = codes[(bits >> 12) & 63]!;
    if (at < characters) list[at++] = codes[(bits >> 6) & 63]!;
    if (at < characters) list[at++] = codes[bits & 63]!;
  }
  return String.fromCharCode.apply(null, list);
}

/**
 * @param length the number of bytes expected, if it is fixed
 * @throws ImpulsError `malformed` for padding, other characters, a non-canonical form or another length
 */
export function fromBase64url(text: string, length?: number): Uint8Array {
  const size = Math.floor((text.length * 3) / 4);
  if (text.length % 4 === 1 || (length !== undefined && size !== length))
    throw malformed('base64url of the wrong length');
  return bytesAt(text, 0, text.length);
}

/**
 * The bytes of the `characters` of a longer text that begin at `at`.
 *
 * @param characters within the text, and not 1 more than a multiple of 4
 * @throws ImpulsError `malformed` for other characters or a non-canonical form
 */
export function bytesAt(text: string, at: number, characters: number): Uint8Array {
  const out = new Uint8Array(Math.floor((characters * 3) / 4));
  const end = at + characters;
  // Below 0 once there was a character that is none of the alphabet.
  let bits = 0;
  let all = 0;
  let to = 0;
  for (; at + 3 < end; at += 4) {
    bits =
      (valueAt(text, at) << 18) |
      (valueAt(text, at + 1) << 12) |
      (valueAt(text, at + 2) << 6) |
      valueAt(text, at + 3);
    all |= bits;
    out[to++] = bits >> 16;
    out[to++] = bits >> 8;
    out[to++] = bits;
  }
  let unused = 0;
  if (at < end) {
    bits = (valueAt(text, at) << 18) | (valueAt(text, at + 1) << 12);
    if (at + 2 < end) bits |= valueAt(text, at + 2) << 6;
    all |= bits;
    out[to++] = bits >> 16;
    if (at + 2 < end) out[to++] = bits >> 8;
    unused = bits & (at + 2 < end ? 0xff : 0xffff);
  }
  if (all < 0 || unused !== 0) throw malformed('not canonical base64url');
  return out;
}

/** −1 for none of the alphabet. */
function valueAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 128 ? values[code]! : -1;
}
