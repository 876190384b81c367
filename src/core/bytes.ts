import { malformed } from './errors.js';

/** Integers are unsigned and big-endian; a field is its length as u32 and then its bytes (docs/spec.md §1). */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** @throws ImpulsError `malformed` if the bytes are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw malformed('not UTF-8', cause);
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Compares in a time that depends on the lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** Compares two ASCII strings in a time that depends on their lengths only. */
export function equalText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

export function toHex(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += byte.toString(16).padStart(2, '0');
  return out;
}

/** Appends to a buffer that grows. `bytes()` is a view, valid until the next write after `reset()`. */
export class Writer {
  #buffer: Uint8Array;
  #length = 0;
  /** The last one that was given out of this buffer. */
  #view: Uint8Array | undefined;

  constructor(capacity = 256) {
    this.#buffer = new Uint8Array(capacity);
  }

  reset(): this {
    this.#length = 0;
    return this;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#put32(this.#length, value);
    this.#length += 4;
    return this;
  }

  raw(bytes: Uint8Array): this {
    const { length } = bytes;
    this.#reserve(length);
    const buffer = this.#buffer;
    const at = this.#length;
    // A call of `set` costs more than copying the few bytes of most fields.
    if (length > 64) buffer.set(bytes, at);
    else for (let i = 0; i < length; i++) buffer[at + i] = bytes[i]!;
    this.#length = at + length;
    return this;
  }

  field(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** A label: ASCII, without a length. */
  label(label: string): this {
    this.#reserve(label.length);
    for (let i = 0; i < label.length; i++) this.#buffer[this.#length++] = label.charCodeAt(i);
    return this;
  }

  /** A field of UTF-8 text. */
  text(text: string): this {
    this.#reserve(4 + 3 * text.length);
    const start = this.#length + 4;
    let at = start;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        at = start + encoder.encodeInto(text, this.#buffer.subarray(start)).written;
        break;
      }
      this.#buffer[at++] = code;
    }
    this.#put32(this.#length, at - start);
    this.#length = at;
    return this;
  }

  bytes(): Uint8Array {
    // What is written over and over is often as long as before, and a view costs as much as all that is written.
    if (this.#view?.length !== this.#length) this.#view = this.#buffer.subarray(0, this.#length);
    return this.#view;
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  #put32(at: number, value: number): void {
    this.#buffer[at] = value >>> 24;
    this.#buffer[at + 1] = value >>> 16;
    this.#buffer[at + 2] = value >>> 8;
    this.#buffer[at + 3] = value;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    this.#view = undefined;
  }
}

/** Reads what a Writer wrote. Every method throws `malformed` where the bytes end too early; `end()` where they go on. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.raw(1)[0]!;
  }

  u32(): number {
    const b = this.raw(4);
    return ((b[0]! << 24) | (b[1]! << 16) | (b[2]! << 8) | b[3]!) >>> 0;
  }

  /** A copy of the next `length` bytes. */
  raw(length: number): Uint8Array {
    if (length > this.remaining) throw malformed('truncated');
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  field(): Uint8Array {
    return this.raw(this.u32());
  }

  end(): void {
    if (this.remaining !== 0) throw malformed('trailing bytes');
  }
}
