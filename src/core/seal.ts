import { concat, Reader, Writer } from './bytes.js';
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

const headerBytes = 21;
const tagBytes = 16;
const delimiters = { last: 2, other: 1 } as const;

export interface SealOptions {
  /** 16 bytes, never used before with the same key. */
  readonly salt: Uint8Array;
  /** Bytes of a record, from 18 to 1 MiB; default 65,536. Each carries 17 bytes less of the body. */
  readonly recordBytes?: number;
}

/**
 * @param key the input keying material, secret
 * @param source the body in chunks of any length; also empty
 * @returns the header, and then one chunk a record
 * @throws ImpulsError `invalid-argument` for another salt or record size, when the first chunk is asked for
 */
export async function* sealBody(
  key: Uint8Array,
  source: AsyncIterable<Uint8Array>,
  { salt, recordBytes = 65_536 }: SealOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (salt.length !== 16 || !isRecordSize(recordBytes)) {
    throw new ImpulsError('invalid-argument', 'the salt or the record size of a sealed body is out of range');
  }
  const cipher = await recordCipher(key, salt);
  const chunks = new ChunkReader(source);
  try {
    yield new Writer(headerBytes).raw(salt).u32(recordBytes).u8(0).take();
    for (let index = 0, last = false; !last; index++) {
      const content = await chunks.take(recordBytes - tagBytes - 1);
      last = await chunks.ended();
      yield await cipher.seal(
        index,
        concat(content, Uint8Array.of(last ? delimiters.last : delimiters.other)),
      );
    }
  } finally {
    await chunks.close();
  }
}

/**
 * @param key the input keying material, secret
 * @param source what `sealBody` made, in chunks of any length
 * @returns the body, one chunk a record that is not empty; whatever was returned is authentic, but complete only when the
 *   generator ends without an error
 * @throws ImpulsError `bad-seal` for whatever was altered, cut or sealed with another key; errors of the source as they are
 */
export async function* openSealedBody(
  key: Uint8Array,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = new ChunkReader(source);
  try {
    const { salt, recordBytes } = await readHeader(chunks);
    const cipher = await recordCipher(key, salt);
    for (let index = 0, last = false; !last; index++) {
      const record = await chunks.take(recordBytes);
      last = await chunks.ended();
      const content = unpad(await cipher.open(index, record), last ? delimiters.last : delimiters.other);
      if (content.length > 0) yield content;
    }
  } finally {
    await chunks.close();
  }
}

function isRecordSize(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= limits.recordBytesMin && bytes <= limits.recordBytesMax;
}

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
    hint: 'Send the same request again; what was paid for is served again without a charge.',
  });
}

async function readHeader(chunks: ChunkReader): Promise<{ salt: Uint8Array; recordBytes: number }> {
  const fixed = await chunks.take(headerBytes);
  if (fixed.length < headerBytes) throw badSeal('cut off');
  const reader = new Reader(fixed);
  const salt = reader.raw(16);
  const recordBytes = reader.u32();
  if (!isRecordSize(recordBytes)) throw badSeal(`in records of ${recordBytes} bytes`);
  const keyIdBytes = reader.u8();
  if ((await chunks.take(keyIdBytes)).length < keyIdBytes) throw badSeal('cut off');
  return { salt, recordBytes };
}

/** Takes so many bytes at a time from chunks of any length. */
class ChunkReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #done = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** A copy of the next `length` bytes; of fewer only where the source ends. */
  async take(length: number): Promise<Uint8Array> {
    await this.ended();
    const taken = new Writer(Math.min(length, this.#chunk.length));
    let missing = length;
    while (missing > 0 && !(await this.ended())) {
      const part = this.#chunk.subarray(0, missing);
      taken.raw(part);
      missing -= part.length;
      this.#chunk = this.#chunk.subarray(part.length);
    }
    return taken.bytes();
  }

  /** Whether no byte is left: waits for the next one. */
  async ended(): Promise<boolean> {
    while (this.#chunk.length === 0 && !this.#done) {
      const next = await this.#source.next();
      if (next.done) this.#done = true;
      else this.#chunk = next.value;
    }
    return this.#chunk.length === 0;
  }

  /** Tells a source that has not ended that nothing more is wanted of it. */
  async close(): Promise<void> {
    if (!this.#done) await this.#source.return?.();
  }
}
