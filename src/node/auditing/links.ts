import { hash } from 'node:crypto';

/** Links kept: one in so many. */
const stride = 64;

/** The links of a `chain` card up to one that is known (docs/spec.md §3), by the platform's own SHA-256. */
export class Ladder {
  readonly #block = Buffer.alloc(55);
  /** kept[k] is w_{k · stride}. */
  readonly #kept: Uint8Array[] = [];
  #top: number;
  #tip: Uint8Array;

  /** @param salt 12 bytes @param tip w_top, 32 bytes */
  constructor(salt: Uint8Array, top: number, tip: Uint8Array) {
    this.#block.write('impuls1');
    this.#block.set(salt, 7);
    this.#walk(tip, top, 0);
    this.#top = top;
    this.#tip = tip;
  }

  get top(): number {
    return this.#top;
  }

  /** w_end. @param end from 0 to `top` */
  at(end: number): Uint8Array {
    const above = Math.ceil(end / stride);
    const kept = above * stride <= this.#top ? this.#kept[above] : undefined;
    return kept ? this.#walk(kept, above * stride, end) : this.#walk(this.#tip, this.#top, end);
  }

  /** Learns a higher link. False: it does not hash down to the highest that is known. @param end above `top` */
  raise(end: number, link: Uint8Array): boolean {
    if (!Buffer.from(this.#tip).equals(this.#walk(link, end, this.#top))) return false;
    this.#top = end;
    this.#tip = link;
    return true;
  }

  /** Keeps what it passes. */
  #walk(link: Uint8Array, from: number, to: number): Uint8Array {
    let current = link;
    for (let i = from; ; i--) {
      if (i % stride === 0) this.#kept[i / stride] ??= current;
      if (i <= to) return current;
      this.#block.writeUInt32BE(i, 19);
      this.#block.set(current, 23);
      current = hash('sha256', this.#block, 'buffer');
    }
  }
}
