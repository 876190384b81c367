import { utf8 } from './bytes.js';
import { ImpulsError, malformed } from './errors.js';
import { sha256 } from './hash.js';

/**
 * Voucher codes (docs/spec.md §4.1): 18 random characters of Crockford base32, the first of them a letter, and two that check
 * them. A code is the secret of an order: whoever has it can redeem it.
 */

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const randomCharacters = 18;
const groupCharacters = 5;
/** Characters of a link or of a code with separators that are looked at. */
const maxInput = 2048;
/** Draws of the first character; each fails with 10 in 32. */
const maxDraws = 128;

/**
 * @param random cryptographically secure
 * @returns 20 characters without separators, secret
 * @throws ImpulsError `invalid-argument` if `random` repeats itself
 */
export function createVoucherCode(random: (length: number) => Uint8Array): string {
  let drawn = '';
  for (const byte of random(randomCharacters - 1)) drawn += alphabet[byte & 31]!;
  const body = drawLetter(random) + drawn;
  return body + checkCharacters(body);
}

/**
 * The code that a secret decides: the same bytes make the same code, for ever.
 *
 * @param seed 21 secret bytes that look random: 4 for the first character, then one for each that follows
 * @returns 20 characters without separators, secret
 */
export function deriveVoucherCode(seed: Uint8Array): string {
  const [a = 0, b = 0, c = 0, d = 0, ...rest] = seed;
  if (rest.length !== randomCharacters - 1) {
    throw new ImpulsError('invalid-argument', 'a code is derived from 21 bytes');
  }
  const first = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  const body = alphabet[10 + (first % 22)]! + rest.map((byte) => alphabet[byte & 31]!).join('');
  return body + checkCharacters(body);
}

/** For people to read: `K7Q2M-…`, four groups of five. @param code 20 characters */
export function formatVoucherCode(code: string): string {
  const groups: string[] = [];
  for (let at = 0; at < code.length; at += groupCharacters) groups.push(code.slice(at, at + groupCharacters));
  return groups.join('-');
}

/**
 * Reads what a person typed, or a link whose fragment it is. Case, spaces and dashes are ignored; O is read as 0, I and L as 1.
 * @returns 20 characters without separators
 * @throws ImpulsError `malformed`
 */
export function parseVoucherCode(input: string): string {
  if (input.length > maxInput) throw malformed('a voucher code has 20 characters');
  const typed = input.slice(input.lastIndexOf('#') + 1).replace(/[\s\p{Dash_Punctuation}]/gu, '');
  if (!/^[0-9A-Za-z]{20}$/.test(typed)) {
    throw new ImpulsError('malformed', 'a voucher code has 20 letters and digits', {
      hint: 'Type the whole code as it is printed; spaces and dashes do not matter.',
    });
  }
  const code = typed.toUpperCase().replaceAll('O', '0').replace(/[IL]/g, '1');
  const body = code.slice(0, randomCharacters);
  if (!/^[A-TV-Z][^U]*$/.test(code) || checkCharacters(body) !== code.slice(randomCharacters)) {
    throw new ImpulsError('malformed', 'the voucher code is mistyped', {
      hint: 'Compare it with the printed code; one character is wrong, or two have changed places.',
    });
  }
  return code;
}

/** The first of the code is a letter, so that no program takes it for a number. */
function drawLetter(random: (length: number) => Uint8Array): string {
  for (let draw = 0; draw < maxDraws; draw++) {
    const value = random(1)[0]! & 31;
    if (value >= 10) return alphabet[value]!;
  }
  throw new ImpulsError('invalid-argument', 'the source of randomness repeats itself');
}

/** The first 10 bits of a hash of the random characters. */
function checkCharacters(body: string): string {
  const digest = sha256(utf8(`impuls/1 voucher${body}`));
  const bits = (digest[0]! << 2) | (digest[1]! >> 6);
  return alphabet[bits >> 5]! + alphabet[bits & 31]!;
}
