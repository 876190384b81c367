/**
 * Arrays as PostgreSQL sends and takes them in binary (array_recv of its sources, in network byte order): i32 dimensions, 1 ‖
 * i32 whether any is null ‖ u32 type ‖ i32 length ‖ i32 lower bound, 1 ‖ (i32 length, or −1 for null ‖ bytes) of each. The
 * driver passes Buffers on as they are; as text each byte of a claim would be written and read as two letters.
 */

const types = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, text: 25 } as const;
const headerLength = 20;

/** @param length of all elements together */
function begin(type: number, count: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(headerLength + 4 * count + length);
  bytes.writeInt32BE(1, 0);
  bytes.writeInt32BE(1, 4);
  bytes.writeUInt32BE(type, 8);
  bytes.writeInt32BE(count, 12);
  bytes.writeInt32BE(1, 16);
  return bytes;
}

export function int8Array(values: readonly number[]): Buffer {
  const bytes = begin(types.int8, values.length, 8 * values.length);
  let at = headerLength;
  for (const value of values) {
    bytes.writeInt32BE(8, at);
    bytes.writeInt32BE(Math.floor(value / 0x1_0000_0000), at + 4);
    bytes.writeUInt32BE(value >>> 0, at + 8);
    at += 12;
  }
  return bytes;
}

export function int4Array(values: readonly number[]): Buffer {
  const bytes = begin(types.int4, values.length, 4 * values.length);
  let at = headerLength;
  for (const value of values) {
    bytes.writeInt32BE(4, at);
    bytes.writeInt32BE(value, at + 4);
    at += 8;
  }
  return bytes;
}

export function int2Array(values: readonly number[]): Buffer {
  const bytes = begin(types.int2, values.length, 2 * values.length);
  let at = headerLength;
  for (const value of values) {
    bytes.writeInt32BE(2, at);
    bytes.writeInt16BE(value, at + 4);
    at += 6;
  }
  return bytes;
}

export function boolArray(values: readonly boolean[]): Buffer {
  const bytes = begin(types.bool, values.length, values.length);
  let at = headerLength;
  for (const value of values) {
    bytes.writeInt32BE(1, at);
    bytes.writeUInt8(value ? 1 : 0, at + 4);
    at += 5;
  }
  return bytes;
}

export function textArray(values: ReadonlyArray<string | undefined>): Buffer {
  let length = 0;
  for (const value of values) if (value !== undefined) length += Buffer.byteLength(value);
  const bytes = begin(types.text, values.length, length);
  let at = headerLength;
  for (const value of values) {
    const written = value === undefined ? -1 : bytes.write(value, at + 4);
    bytes.writeInt32BE(written, at);
    at += 4 + Math.max(written, 0);
  }
  return bytes;
}

export function byteaArray(values: ReadonlyArray<Uint8Array | undefined>): Buffer {
  let length = 0;
  for (const value of values) length += value?.length ?? 0;
  const bytes = begin(types.bytea, values.length, length);
  let at = headerLength;
  for (const value of values) {
    bytes.writeInt32BE(value?.length ?? -1, at);
    if (value) bytes.set(value, at + 4);
    at += 4 + (value?.length ?? 0);
  }
  return bytes;
}
