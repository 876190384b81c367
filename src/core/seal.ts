import { fromUtf8, Reader, utf8, Writer } from './bytes.js';
import { ChunkReader } from './chunk-reader.js';
import { ImpulsError } from './errors.js';
import { expand, hmac } from './hash.js';
import { limits } from './limits.js';

/**
 * Sealed bodies (docs/spec.md §7): the encrypted content coding `aes128gcm` of RFC 8188.
 *
 *   header = salt(16) ‖ u32(record size) ‖ u8(length of the key id) ‖ key id
 *   record = AES-128-GCM of content ‖ delimiter ‖ zeros; the delimiter is 2 in the last record and 1 in the others
 *
 * Both directions hold one record at a time, and read on only when their output is taken.
 */

const fixedBytes = 21;
const tagBytes = 16;
const delimiters = { last: 2, other: 1 } as const;

export interface SealOptions {
  /** 16 bytes, never used before with the same key. */
  readonly salt: Uint8Array;
  /** Bytes of a record, from 18 to 1 MiB; default 65,536. Each carries 17 bytes less of the body. */
  readonly recordBytes?: number;
  /**
   * `chunk`: each chunk of the source leaves at once, in records of its own that are padded, for a body that takes its time. An observer sees no
   * lengths below that of a record. Default: records are filled.
   */
  readonly flush?: 'chunk';
  /** Tells the reader which key it takes: at most 255 bytes, in clear. Default: empty. */
  readonly keyId?: Uint8Array | string;
}

/** What a sealed body says in clear before its records. */
export interface SealHeader {
  readonly salt: Uint8Array;
  /** Bytes of each record but the last, which may have fewer. */
  readonly recordBytes: number;
  readonly keyId: Uint8Array;
  /** Bytes of the header itself: the first record begins there. */
  readonly length: number;
}

/** The key of a sealed body, secret; or what finds it by the key id, asked once. */
export type SealKey = Uint8Array | ((keyId: string) => Promise<Uint8Array>);

/** Bytes of the body in each record but the last, where nothing is padded. */
export function contentOfRecord(recordBytes: number): number {
  return recordBytes - tagBytes - 1;
}

/** Bytes of a body that was sealed without padding. @param sealedBytes of header and records */
export function sizeOfSealed({ length, recordBytes }: SealHeader, sealedBytes: number): number {
  const records = Math.max(1, Math.ceil((sealedBytes - length) / recordBytes));
  return Math.max(0, sealedBytes - length - records * (tagBytes + 1));
}

/**
 * @param key the input keying material, secret
 * @param source the body in chunks of any length; also empty
 * @returns the header, and then one chunk a record
 * @throws ImpulsError `invalid-argument` for another salt, record size or key id, when the first chunk is asked for
 */
export async function* sealBody(
  key: Uint8Array,
  source: AsyncIterable<Uint8Array>,
  { salt, recordBytes = 65_536, flush, keyId = '' }: SealOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const id = typeof keyId === 'string' ? utf8(keyId) : keyId;
  if (salt.length !== 16 || !isRecordSize(recordBytes) || id.length > 255) {
    throw new ImpulsError(
      'invalid-argument',
      'the salt, the record size or the key id of a sealed body is out of range',
    );
  }
  const cipher = await recordCipher(key, salt);
  const chunks = new ChunkReader(source);
  try {
    yield new Writer(fixedBytes + id.length).raw(salt).u32(recordBytes).u8(id.length).raw(id).take();
    const buffer = new Uint8Array(contentOfRecord(recordBytes) + 1);
    const room = buffer.subarray(0, -1);
    if (flush) {
      yield* sealChunks(cipher, chunks, buffer);
      return;
    }
    let size = 0;
    for (let index = 0, last = false; !last; index++) {
      size += await chunks.fill(room.subarray(size));
      last = await chunks.ended();
      buffer[size] = last ? delimiters.last : delimiters.other;
      const sealing = cipher.seal(index, buffer.subarray(0, size + 1));
      // The platform has copied it. While it works, what is at hand of the next record takes its place.
      size = chunks.fillAtOnce(room);
      yield await sealing;
    }
  } finally {
    await chunks.close();
  }
}

/** Whatever is there fills a record, with zeros behind it; that nothing more comes is said by an empty one. */
async function* sealChunks(
  cipher: RecordCipher,
  chunks: ChunkReader,
  buffer: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let index = 0; ; index++) {
    if (await chunks.ended()) {
      yield await cipher.seal(index, Uint8Array.of(delimiters.last));
      return;
    }
    const size = chunks.fillAtOnce(buffer.subarray(0, -1));
    buffer[size] = delimiters.other;
    buffer.fill(0, size + 1);
    yield await cipher.seal(index, buffer);
  }
}

/**
 * @param key the input keying material, or what finds it by the header's key id
 * @param source what `sealBody` made, in chunks of any length
 * @returns the body, one chunk a record that is not empty; whatever was returned is authentic, but complete only when the
 *   generator ends without an error
 * @throws ImpulsError `bad-seal` for whatever was altered, cut or sealed with another key; errors of the source and of the
 *   function as they are
 */
export async function* openSealedBody(
  key: SealKey,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = new ChunkReader(source);
  try {
    const header = await readSealHeader(chunks);
    const raw = typeof key === 'function' ? await key(keyIdText(header)) : key;
    yield* openRecords(raw, header, chunks, 0);
  } finally {
    await chunks.close();
  }
}

/**
 * Opens a sealed body from one of its records on.
 *
 * @param key the input keying material, secret
 * @param header of the same body
 * @param source the sealed body from the first byte of record `from` on, which is `header.length + from * header.recordBytes`
 * @param from the number of a record, from 0
 * @returns as `openSealedBody`, from that record on
 * @throws ImpulsError `bad-seal`
 */
export async function* openSealedRecords(
  key: Uint8Array,
  header: SealHeader,
  source: AsyncIterable<Uint8Array>,
  from: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = new ChunkReader(source);
  try {
    yield* openRecords(key, header, chunks, from);
  } finally {
    await chunks.close();
  }
}

/** The key id of a header as text. @throws ImpulsError `bad-seal` if it is none */
export function keyIdText({ keyId }: SealHeader): string {
  try {
    return fromUtf8(keyId);
  } catch (cause) {
    throw badSeal('for a key that has no name', cause);
  }
}

/** The header, from what is left of a sealed body. @throws ImpulsError `bad-seal` */
export async function readSealHeader(chunks: ChunkReader): Promise<SealHeader> {
  const fixed = await chunks.take(fixedBytes);
  if (fixed.length < fixedBytes) throw badSeal('cut off');
  const reader = new Reader(fixed);
  const salt = reader.raw(16);
  const recordBytes = reader.u32();
  // Says what is wrong with it before more is read.
  if (!isRecordSize(recordBytes)) throw badSeal(`in records of ${recordBytes} bytes`);
  const idBytes = reader.u8();
  const keyId = await chunks.take(idBytes);
  if (keyId.length < idBytes) throw badSeal('cut off');
  return { salt, recordBytes, keyId, length: fixedBytes + idBytes };
}

async function* openRecords(
  key: Uint8Array,
  { salt, recordBytes }: SealHeader,
  chunks: ChunkReader,
  from: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const cipher = await recordCipher(key, salt);
  let buffer: Uint8Array | undefined;
  for (let index = from, last = false; !last; index++) {
    const whole = await chunks.view(recordBytes);
    buffer ??= whole ? undefined : new Uint8Array(recordBytes);
    const record = whole ?? buffer!.subarray(0, await chunks.fill(buffer!));
    const plaintext = await cipher.open(index, record);
    // What is not the last one is given out at once: the next may take its time.
    last = record.length < recordBytes || delimiterOf(plaintext) === delimiters.last;
    const content = unpad(plaintext, last ? delimiters.last : delimiters.other);
    if (last && !(await chunks.ended())) throw badSeal('cut off or extended');
    if (content.length > 0) yield content;
  }
}

function isRecordSize(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= limits.recordBytesMin && bytes <= limits.recordBytesMax;
}

type RecordCipher = Awaited<ReturnType<typeof recordCipher>>;

/** RFC 8188 §2.2, §2.3: the key of a body, and a nonce a record. */
async function recordCipher(key: Uint8Array, salt: Uint8Array) {
  const prk = hmac(salt, key);
  const raw = expand(prk, 'Content-Encoding: aes128gcm\0', 16);
  const base = expand(prk, 'Content-Encoding: nonce\0', 12);
  const aes = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);
  const algorithm = (index: number) => ({ name: 'AES-GCM', iv: recordNonce(base, index) }) as const;
  return {
    async seal(index: number, plaintext: Uint8Array): Promise<Uint8Array> {
      return new Uint8Array(await crypto.subtle.encrypt(algorithm(index), aes, plaintext));
    },
    async open(index: number, record: Uint8Array): Promise<Uint8Array> {
      if (record.length <= tagBytes) throw badSeal('cut off');
      try {
        return new Uint8Array(await crypto.subtle.decrypt(algorithm(index), aes, record));
      } catch (cause) {
        throw badSeal('altered, or sealed with another key', cause);
      }
    },
  };
}

/** The base XOR the number of the record. */
function recordNonce(base: Uint8Array, index: number): Uint8Array {
  const nonce = base.slice();
  for (let at = 11, rest = index; rest > 0; at--, rest = Math.floor(rest / 256)) nonce[at]! ^= rest % 256;
  return nonce;
}

function delimiterOf(plaintext: Uint8Array): number | undefined {
  return plaintext.findLast((byte) => byte !== 0);
}

/** Takes the padding off. A delimiter in the wrong place means that records were cut off or put behind the last. */
function unpad(plaintext: Uint8Array, delimiter: number): Uint8Array {
  let end = plaintext.length - 1;
  while (end >= 0 && plaintext[end] === 0) end--;
  if (plaintext[end] !== delimiter) throw badSeal('cut off or extended');
  return plaintext.subarray(0, end);
}

function badSeal(what: string, cause?: unknown): ImpulsError {
  return new ImpulsError('bad-seal', `the sealed body is ${what}`, {
    cause,
    hint: 'Fetch it again; what was paid for is not charged again.',
  });
}
