/** The ChaCha20 block function (RFC 8439 §2.3) with a nonce of zeros and counter 0: all that protocol `stream` uses of it. */

/** `expand 32-byte k`, little-endian. */
const constants = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/** @param key 32 bytes, secret @returns 64 bytes, secret */
export function chacha20Block(key: Uint8Array): Uint8Array {
  const view = new DataView(key.buffer, key.byteOffset, 32);
  const first = new Uint32Array(16);
  first.set(constants);
  for (let i = 0; i < 8; i++) first[4 + i] = view.getUint32(4 * i, true);
  const words = first.slice();
  for (let round = 0; round < 10; round++) {
    mix(words, 0, 4, 8, 12);
    mix(words, 1, 5, 9, 13);
    mix(words, 2, 6, 10, 14);
    mix(words, 3, 7, 11, 15);
    mix(words, 0, 5, 10, 15);
    mix(words, 1, 6, 11, 12);
    mix(words, 2, 7, 8, 13);
    mix(words, 3, 4, 9, 14);
  }
  const block = new Uint8Array(64);
  const out = new DataView(block.buffer);
  for (let i = 0; i < 16; i++) out.setUint32(4 * i, words[i]! + first[i]!, true);
  return block;
}

/** The quarter round (RFC 8439 §2.1) on four of the words. */
function mix(words: Uint32Array, i: number, j: number, k: number, l: number): void {
  let a = words[i]! | 0;
  let b = words[j]! | 0;
  let c = words[k]! | 0;
  let d = words[l]! | 0;
  a = (a + b) | 0;
  d ^= a;
  d = (d << 16) | (d >>> 16);
  c = (c + d) | 0;
  b ^= c;
  b = (b << 12) | (b >>> 20);
  a = (a + b) | 0;
  d ^= a;
  d = (d << 8) | (d >>> 24);
  c = (c + d) | 0;
  b ^= c;
  b = (b << 7) | (b >>> 25);
  words[i] = a;
  words[j] = b;
  words[k] = c;
  words[l] = d;
}
