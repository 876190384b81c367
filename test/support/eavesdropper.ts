import { createHmac } from 'node:crypto';

/** What somebody who reads everything on the wire can try. Written from the specification, not with the code under test. */

type Bytes = Uint8Array;

const hmac = (key: Bytes, data: Bytes): Buffer => createHmac('sha256', key).update(data).digest();
/** HKDF-Expand of at most 32 bytes. */
const expand = (key: Bytes, label: string): Buffer => hmac(key, Buffer.from(`${label}\x01`));

/** Whether bytes stand in a text, as they are or written in any of the usual ways. */
export function contains(seen: Buffer, secret: Bytes): boolean {
  const bytes = Buffer.from(secret);
  return [
    bytes,
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('base64url'),
    bytes.toString('base64').replace(/=+$/, ''),
  ].some((form) => seen.includes(form));
}

/** Every value in what was seen: each word as it stands and decoded, and the words in what that gives. */
export function valuesOf(seen: Buffer, depth = 3): Map<string, Buffer> {
  const values = new Map<string, Buffer>();
  const add = (value: Buffer): void => void values.set(value.toString('hex'), value);
  for (const word of seen.toString('latin1').match(/[A-Za-z0-9_+/-]{8,}/g) ?? []) {
    add(Buffer.from(word, 'latin1'));
    const decoded = Buffer.from(word, 'base64url');
    add(decoded);
    if (depth > 1) for (const value of valuesOf(decoded, depth - 1).values()) add(value);
  }
  return values;
}

/** What a claim shows. */
export interface PublicClaim {
  readonly units: number;
  readonly nonce: Bytes;
}

/**
 * The seal keys of all payment keys that come out of the rules of docs/spec.md §3 and §6.1 when any known value stands for
 * the seed, for M, for P, for the ikm, for the payment key, or for the seal key itself.
 *
 * @returns in hex
 */
export function guessSealKeys(known: Iterable<Bytes>, { units, nonce }: PublicClaim): Set<string> {
  const values = [...known, new Uint8Array(0), new Uint8Array(32)];
  const inputs = values.filter(({ length }) => length === 0 || length === 16 || length === 32);
  const rest = Buffer.alloc(4 + nonce.length);
  rest.writeUInt32BE(units);
  rest.set(nonce, 4);
  const guesses = new Set<string>();
  const guess = (paymentKey: Bytes): void =>
    void guesses.add(expand(paymentKey, 'impuls/1 seal').toString('hex'));
  for (const value of values) {
    guesses.add(Buffer.from(value).toString('hex'));
    guess(value);
    const master = expand(value, 'impuls/1 master');
    for (const pay of [value, expand(value, 'impuls/1 pay'), expand(master, 'impuls/1 pay')]) {
      for (const ikm of inputs) guess(hmac(pay, Buffer.concat([ikm, rest])));
    }
  }
  return guesses;
}
