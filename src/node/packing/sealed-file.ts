import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ChunkReader } from '../../core/chunk-reader.js';
import { parseContentKeyUrl, type ContentKeyUrl } from '../../core/content-key.js';
import { isImpulsError } from '../../core/errors.js';
import { keyIdText, openSealedBody, readSealHeader, sealBody, sizeOfSealed } from '../../core/seal.js';

/** Sealed files on the disk (docs/spec.md §9), read and written a record at a time. */

const readBytes = 262_144;

export interface SealFileOptions {
  /** 32 bytes, secret. */
  readonly key: Uint8Array;
  readonly keyUrl: string;
  /** Told of the bytes of each record. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Seals a file into one that is not there yet; on the disk when it resolves. @returns bytes of the opened file */
export async function sealFile(source: string, target: string, options: SealFileOptions): Promise<number> {
  const { key, keyUrl, onBytes = () => {}, signal } = options;
  let size = 0;
  async function* plaintext(): AsyncGenerator<Uint8Array> {
    for await (const chunk of createReadStream(source, { highWaterMark: readBytes })) {
      const bytes = chunk as Uint8Array;
      size += bytes.length;
      onBytes(bytes.length);
      yield bytes;
    }
  }
  const sealed = sealBody(key, plaintext(), { salt: new Uint8Array(randomBytes(16)), keyId: keyUrl });
  const to = createWriteStream(target, { flags: 'wx', mode: 0o644, flush: true });
  await pipeline(Readable.from(sealed, { highWaterMark: 4 }), to, signal ? { signal } : {});
  return size;
}

/** What a sealed file says of itself; undefined for anything else, and where nothing is. */
export interface SealedFileHead extends ContentKeyUrl {
  /** Bytes of the opened file. */
  readonly size: number;
}

export async function readSealedFileHead(path: string): Promise<SealedFileHead | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const chunks = new ChunkReader(createReadStream(path, { highWaterMark: 512 }));
  try {
    const header = await readSealHeader(chunks);
    return { ...parseContentKeyUrl(keyIdText(header)), size: sizeOfSealed(header, found.size) };
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  } finally {
    await chunks.close();
  }
}

/** Whether a sealed file opens to the very bytes of another one. @param key secret */
export async function holdsSame(sealed: string, plain: string, key: Uint8Array): Promise<boolean> {
  const expected = new ChunkReader(createReadStream(plain, { highWaterMark: readBytes }));
  try {
    const opened = openSealedBody(key, createReadStream(sealed, { highWaterMark: readBytes }));
    for await (const part of opened) {
      if (Buffer.compare(part, await expected.take(part.length)) !== 0) return false;
    }
    return await expected.ended();
  } catch (error) {
    if (isImpulsError(error, 'bad-seal')) return false;
    throw error;
  } finally {
    await expected.close();
  }
}
