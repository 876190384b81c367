/**
 * SHA-256 (FIPS 180-4), HMAC (RFC 2104) and HKDF (RFC 5869) over one compression function.
 *
 * Each payment costs a dozen compressions, so these work on 32-bit words in buffers made once and take a keyed
 * state where the key stays the same. A general library allocates per call and is about five times slower here
 * (docs/adr/0002-own-sha-256.md); it stays in use for everything that is not done once a payment.
 */

const roundConstants = new Int32Array(64);
const initial = new Int32Array(8);
{
  // The first 32 bits of the fractional parts of the cube (square) roots of the first 64 (8) primes.
  let found = 0;
  for (let n = 2; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (!prime) continue;
    roundConstants[found] = Math.floor((Math.cbrt(n) % 1) * 2 ** 32);
    if (found < 8) initial[found] = Math.floor((Math.sqrt(n) % 1) * 2 ** 32);
    found++;
  }
}

/** The message schedule; its first 16 words are the block to compress. */
const schedule = new Int32Array(64);

/** Compresses the block in `schedule` into `state` (8 words). */
function compress(state: Int32Array): void {
  const w = schedule;
  const k = roundConstants;
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15]!;
    const y = w[i - 2]!;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (s0 + w[i - 7]! + s1 + w[i - 16]!) | 0;
  }
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  let f = state[5]!;
  let g = state[6]!;
  let h = state[7]!;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + (g ^ (e & (f ^ g))) + k[i]! + w[i]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) | (c & (a | b)))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = (state[0]! + a) | 0;
  state[1] = (state[1]! + b) | 0;
  state[2] = (state[2]! + c) | 0;
  state[3] = (state[3]! + d) | 0;
  state[4] = (state[4]! + e) | 0;
  state[5] = (state[5]! + f) | 0;
  state[6] = (state[6]! + g) | 0;
  state[7] = (state[7]! + h) | 0;
}

/** Loads one 64-byte block and compresses it. */
function compressBlock(state: Int32Array, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++, at += 4) {
    schedule[i] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  }
  compress(state);
}

/** `TypedArray.set` and `fill` cost more than the copy of eight words. */
function copyState(to: Int32Array, from: Int32Array): void {
  for (let i = 0; i < 8; i++) to[i] = from[i]!;
}

/**
 * Absorbs the rest of a message whose first `before` bytes (a multiple of 64) are already in `state`,
 * with the padding of FIPS 180-4 §5.1.1.
 */
function finish(state: Int32Array, message: Uint8Array, before: number): void {
  const { length } = message;
  const w = schedule;
  let at = 0;
  for (; at + 64 <= length; at += 64) compressBlock(state, message, at);
  let words = 0;
  for (; at + 4 <= length; at += 4) {
    w[words++] = (message[at]! << 24) | (message[at + 1]! << 16) | (message[at + 2]! << 8) | message[at + 3]!;
  }
  let shift = 24;
  let word = 0;
  for (; at < length; at++, shift -= 8) word |= message[at]! << shift;
  w[words++] = word | (0x80 << shift);
  if (words > 14) {
    while (words < 16) w[words++] = 0;
    compress(state);
    words = 0;
  }
  while (words < 14) w[words++] = 0;
  const bits = (before + length) * 8;
  w[14] = Math.floor(bits / 2 ** 32);
  w[15] = bits;
  compress(state);
}

function output(state: Int32Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = 0; i < length; i++) out[i] = state[i >> 2]! >>> (24 - 8 * (i & 3));
  return out;
}

const scratch = new Int32Array(8);

/** SHA-256 of a message of any length. @returns 32 bytes */
export function sha256(message: Uint8Array): Uint8Array {
  copyState(scratch, initial);
  finish(scratch, message, 0);
  return output(scratch, 32);
}

/** A key of at most 64 bytes, as the words of a block. Zero between uses. */
const keyWords = new Int32Array(16);

/** The state after the key's block under a pad of RFC 2104 §2. */
function compressPad(state: Int32Array, padding: number): void {
  for (let i = 0; i < 16; i++) schedule[i] = keyWords[i]! ^ padding;
  copyState(state, initial);
  compress(state);
}

/** A key of HMAC-SHA-256 with its two pads already compressed: a tag then costs two compressions less. Secret. */
export class HmacKey {
  readonly #inner = new Int32Array(8);
  readonly #outer = new Int32Array(8);

  /** @param key of any length; more than 64 bytes are hashed first (RFC 2104 §2) */
  constructor(key: Uint8Array) {
    this.rekey(key);
  }

  /** Takes another key, as if newly made: for keys that are used once. */
  rekey(key: Uint8Array): this {
    const short = key.length > 64 ? sha256(key) : key;
    const words = keyWords;
    for (let i = 0; i < short.length; i++) words[i >> 2]! |= short[i]! << (24 - 8 * (i & 3));
    compressPad(this.#inner, 0x3636_3636);
    compressPad(this.#outer, 0x5c5c_5c5c);
    for (let i = 0; i < 16; i++) words[i] = 0;
    return this;
  }

  /** HMAC-SHA-256, cut to its first `length` bytes (at most 32). */
  mac(message: Uint8Array, length = 32): Uint8Array {
    copyState(scratch, this.#inner);
    finish(scratch, message, 64);
    const w = schedule;
    copyState(w, scratch);
    w[8] = 0x8000_0000;
    for (let i = 9; i < 15; i++) w[i] = 0;
    w[15] = (64 + 32) * 8;
    copyState(scratch, this.#outer);
    compress(scratch);
    return output(scratch, length);
  }

  /** HKDF-Expand (RFC 5869 §2.3) with this as the pseudorandom key, one block. @param length at most 32 */
  expand(info: string | Uint8Array, length: number): Uint8Array {
    const block = typeof info === 'string' ? (labels.get(info) ?? rememberLabel(info)) : counted(info);
    return this.mac(block, length);
  }
}

/** The labels of the protocol as first blocks of HKDF: a small closed set. */
const labels = new Map<string, Uint8Array>();
function rememberLabel(label: string): Uint8Array {
  const block = counted(new TextEncoder().encode(label));
  labels.set(label, block);
  return block;
}

/** With the number of the first block behind it. */
function counted(info: Uint8Array): Uint8Array {
  const block = new Uint8Array(info.length + 1);
  block.set(info);
  block[info.length] = 1;
  return block;
}

export function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  return new HmacKey(key).mac(message);
}

/** HKDF-Expand (RFC 5869 §2.3), one block. @param length at most 32 @returns `length` bytes */
export function expand(key: Uint8Array, info: string | Uint8Array, length: number): Uint8Array {
  return new HmacKey(key).expand(info, length);
}

const linkTag = 0x696d_7075; // "impu"
const linkTail = 0x6c73_3100; // "ls1" and the first byte of the salt

/**
 * The one-way function of protocol `chain` (docs/spec.md §3), applied over and over:
 * `w_{i-1} = SHA-256("impuls1" ‖ salt ‖ u32(i) ‖ w_i)`, one compression of a block of 55 bytes.
 */
export class ChainHash {
  readonly #salt = new Uint8Array(12);
  readonly #words = new Int32Array(8);

  /** @param salt 12 bytes */
  constructor(salt: Uint8Array) {
    this.#salt.set(salt);
  }

  /** Walks from `link`, which is w_index, down `steps` links. @returns w_{index − steps}, 32 bytes */
  walk(link: Uint8Array, index: number, steps: number): Uint8Array {
    const words = this.#words;
    for (let i = 0; i < 8; i++) {
      words[i] = (link[4 * i]! << 24) | (link[4 * i + 1]! << 16) | (link[4 * i + 2]! << 8) | link[4 * i + 3]!;
    }
    for (const last = index - steps; index > last; index--) this.#step(index);
    return output(words, 32);
  }

  #step(index: number): void {
    const salt = this.#salt;
    const words = this.#words;
    const w = schedule;
    // Bytes 0–6 the tag, 7–18 the salt, 19–22 the index, 23–54 the link, 55 the padding bit.
    w[0] = linkTag;
    w[1] = linkTail | salt[0]!;
    w[2] = (salt[1]! << 24) | (salt[2]! << 16) | (salt[3]! << 8) | salt[4]!;
    w[3] = (salt[5]! << 24) | (salt[6]! << 16) | (salt[7]! << 8) | salt[8]!;
    w[4] = (salt[9]! << 24) | (salt[10]! << 16) | (salt[11]! << 8) | (index >>> 24);
    w[5] = (index << 8) | (words[0]! >>> 24);
    for (let i = 0; i < 7; i++) w[6 + i] = (words[i]! << 8) | (words[i + 1]! >>> 24);
    w[13] = (words[7]! << 8) | 0x80;
    w[14] = 0;
    w[15] = 55 * 8;
    copyState(words, initial);
    compress(words);
  }
}
