import { hash } from 'node:crypto';

/** The links of a `chain` card (docs/spec.md §3), by the platform's own SHA-256. */

const stride = 64;

/** Knows every link at or below one that is given. */
export interface Ladder {
  /** Of the highest link. */
  readonly top: number;
  /** w_end. @param end from 0 to `top` */
  at(end: number): Uint8Array;
}

/** @param salt 12 bytes @param tip w_top, 32 bytes */
export function createLadder(salt: Uint8Array, top: number, tip: Uint8Array): Ladder {
  const block = Buffer.alloc(55);
  block.write('impuls1');
  block.set(salt, 7);
  const walk = (link: Uint8Array, from: number, to: number): Uint8Array => {
    let current = link;
    for (let i = from; i > to; i--) {
      block.writeUInt32BE(i, 19);
      block.set(current, 23);
      current = hash('sha256', block, 'buffer');
    }
    return current;
  };
  // kept[k] is w_{min(k · stride, top)}
  const kept: Uint8Array[] = [];
  let [link, index] = [tip, top];
  for (let k = Math.ceil(top / stride); k >= 0; k--) {
    link = walk(link, index, Math.min(k * stride, top));
    index = Math.min(k * stride, top);
    kept[k] = link;
  }
  return {
    top,
    at(end) {
      const k = Math.ceil(end / stride);
      return walk(kept[k]!, Math.min(k * stride, top), end);
    },
  };
}
