import { fromBase64url, toBase64url } from '../../core/base64url.js';
import { concat, fromUtf8, Reader, utf8, Writer } from '../../core/bytes.js';
import type { CardState, Gap } from '../../core/card-state.js';
import type { IdempotencyKey, OrderItem, StoredReply } from '../../server/ledger.js';

/** What the SQLite ledger keeps as bytes. Integers and fields as in docs/spec.md §1; decoders throw `malformed`. */

const writer = new Writer(4096);

/** u32 units, spent, top ‖ field tip ‖ u32 count of gaps ‖ (u32 from, to ‖ 32 bytes value) of each. Secret. */
export function encodeState(state: CardState): Uint8Array {
  writer.reset().u32(state.units).u32(state.spent).u32(state.top).field(state.tip).u32(state.gaps.length);
  for (const gap of state.gaps) writer.u32(gap.from).u32(gap.to).raw(gap.value);
  return writer.take();
}

export function decodeState(bytes: Uint8Array): CardState {
  const reader = readerOf(bytes);
  const [units, spent, top] = [reader.u32(), reader.u32(), reader.u32()];
  const tip = reader.field();
  const gaps = readMany(reader, (): Gap => ({ from: reader.u32(), to: reader.u32(), value: reader.raw(32) }));
  reader.end();
  return { units, spent, top, tip, gaps };
}

/** u32 status ‖ u32 count of headers ‖ (field name ‖ field value) of each ‖ field body. */
export function encodeReply(reply: StoredReply): Uint8Array {
  writer.reset().u32(reply.status).u32(reply.headers.length);
  for (const [name, value] of reply.headers) writer.field(utf8(name)).field(utf8(value));
  return writer.field(reply.body).take();
}

export function decodeReply(bytes: Uint8Array): StoredReply {
  const reader = readerOf(bytes);
  const status = reader.u32();
  const headers = readMany(reader, () => [fromUtf8(reader.field()), fromUtf8(reader.field())] as const);
  const body = reader.field();
  reader.end();
  return { status, headers, body };
}

/** 16 bytes name ‖ 16 bytes print. */
export function encodeIdempotency({ name, print }: IdempotencyKey): Uint8Array {
  return concat(encodeName(name), encodeName(print));
}

export function decodeIdempotency(bytes: Uint8Array): IdempotencyKey {
  const reader = readerOf(bytes);
  const [name, print] = [toBase64url(reader.raw(16)), toBase64url(reader.raw(16))];
  reader.end();
  return { name, print };
}

/** The name of an idempotency key, as it begins its bytes. */
export function encodeName(name: string): Uint8Array {
  return fromBase64url(name, 16);
}

/** u32 count ‖ (u32 denomination ‖ u32 count) of each. */
export function encodeItems(items: readonly OrderItem[]): Uint8Array {
  writer.reset().u32(items.length);
  for (const item of items) writer.u32(item.denomination).u32(item.count);
  return writer.take();
}

export function decodeItems(bytes: Uint8Array): OrderItem[] {
  const reader = readerOf(bytes);
  const items = readMany(reader, () => ({ denomination: reader.u32(), count: reader.u32() }));
  reader.end();
  return items;
}

/** u32 count ‖ field of each. */
export function encodeList(values: readonly Uint8Array[]): Uint8Array {
  writer.reset().u32(values.length);
  for (const value of values) writer.field(value);
  return writer.take();
}

export function decodeList(bytes: Uint8Array): Uint8Array[] {
  const reader = readerOf(bytes);
  const values = readMany(reader, () => reader.field());
  reader.end();
  return values;
}

/** Over a plain view: SQLite gives Buffers, whose `slice` does not copy. */
function readerOf(bytes: Uint8Array): Reader {
  return new Reader(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
}

/** Reads as many as a u32 says; a count that lies ends at the end of the bytes. */
function readMany<T>(reader: Reader, read: () => T): T[] {
  const values: T[] = [];
  for (let left = reader.u32(); left > 0; left--) values.push(read());
  return values;
}
