import { createHash } from 'node:crypto';

/**
 * The journal as a chain of hashes, a link for the rows of each commit (docs/adr/0011-books-and-chain.md). Keys and replies are
 * not in it: they are erased, and the links stay.
 */

/** What of a row is hashed, in this order. */
export interface ChainedRow {
  readonly seq: number;
  readonly slot: number;
  readonly kind: number;
  readonly claim: number;
  readonly end: number | null;
  readonly units: number | null;
  readonly kept: number;
  readonly safe: number | null;
  readonly at: number;
  readonly challenge_expires: number;
  readonly route: number;
  readonly tag: string | null;
  readonly proof: Uint8Array | null;
}

/** Before the first group: 32 bytes of 0. */
export const firstLink: Uint8Array = new Uint8Array(32);

const label = Buffer.from('impuls/1 journal');
const headBytes = label.length + 32;
/** Eleven integers and two lengths. */
const fixedBytes = 11 * 8 + 2 * 4;

/** Hashes groups of rows, one after the other. */
export class Linker {
  #buffer = Buffer.alloc(1 << 16);
  #view = viewOf(this.#buffer);
  #length = headBytes;

  /** Forgets the rows that were added since the last link. */
  begin(): void {
    this.#length = headBytes;
  }

  add(row: ChainedRow): void {
    const tag = row.tag ?? '';
    this.#reserve(fixedBytes + 3 * tag.length + (row.proof?.length ?? 0));
    this.#integer(row.seq);
    this.#integer(row.slot);
    this.#integer(row.kind);
    this.#integer(row.claim);
    this.#integer(row.end ?? 0);
    this.#integer(row.units ?? 0);
    this.#integer(row.kept);
    this.#integer(row.safe ?? 0);
    this.#integer(row.at);
    this.#integer(row.challenge_expires);
    this.#integer(row.route);
    this.#text(tag);
    this.#bytes(row.proof);
  }

  /** The link of the rows that were added. @param before that of the group before, 32 bytes */
  link(before: Uint8Array): Uint8Array {
    label.copy(this.#buffer);
    this.#buffer.set(before, label.length);
    const hash = createHash('sha256').update(this.#buffer.subarray(0, this.#length)).digest();
    this.begin();
    return new Uint8Array(hash);
  }

  /** Eight bytes, two's complement. */
  #integer(value: number): void {
    this.#view.setInt32(this.#length, Math.floor(value / 0x1_0000_0000));
    this.#view.setUint32(this.#length + 4, value >>> 0);
    this.#length += 8;
  }

  #text(text: string): void {
    const written = this.#buffer.write(text, this.#length + 4);
    this.#view.setUint32(this.#length, written);
    this.#length += 4 + written;
  }

  #bytes(bytes: Uint8Array | null): void {
    const length = bytes?.length ?? 0;
    this.#view.setUint32(this.#length, length);
    if (bytes) this.#buffer.set(bytes, this.#length + 4);
    this.#length += 4 + length;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.alloc(2 * this.#buffer.length + bytes);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
    this.#view = viewOf(larger);
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}
