import { ChunkReader } from '../core/chunk-reader.js';
import { parseContentKeyUrl } from '../core/content-key.js';
import { ImpulsError } from '../core/errors.js';
import { mediaTypeOf } from '../core/media-types.js';
import {
  contentOfRecord,
  keyIdText,
  openSealedRecords,
  readSealHeader,
  sizeOfSealed,
  type SealHeader,
} from '../core/seal.js';
import { download, type DownloadOptions } from './download.js';
import type { KeyBuyer } from './key-buyer.js';
import type { KeyedPayment } from './summary.js';

/** What has come out of a sealed file so far. */
export interface OpenProgress {
  /** Bytes, those before the first record that was opened included. */
  readonly done: number;
  /** Of all of it, where the host tells. */
  readonly total: number | undefined;
}

export interface OpenFromOptions {
  /** The first byte wanted; the body begins with the record that holds it. Default 0. */
  readonly from?: number;
  readonly onProgress?: (progress: OpenProgress) => void;
}

/** The body of a sealed file, from one of its records on. */
export interface OpenedBody {
  /** Authentic as far as it goes; whole if it ends without an error. Errors with `bad-seal` and `network`. */
  readonly body: ReadableStream<Uint8Array>;
  /** The number of the body's first byte in the opened file: at most `from`. */
  readonly start: number;
}

/** A sealed file anywhere, of which the head was read. */
export interface SealedContent {
  readonly url: string;
  /** Where its key is sold. */
  readonly keyUrl: string;
  /** The media type of what is in it, told by its name. */
  readonly type: string;
  /** Bytes of what is in it, where the host tells. */
  readonly size: number | undefined;
  /** Once. @param key secret */
  open(key: Uint8Array, options?: OpenFromOptions): OpenedBody;
  /** Lets go of it, if it was not opened. */
  close(): Promise<void>;
}

/**
 * Reads the head of a sealed file, and no more until it is opened.
 *
 * @throws ImpulsError `bad-seal` for what is no sealed file, or names no content key; `network`; the signal's reason
 */
export async function readSealedUrl(url: string, options: DownloadOptions = {}): Promise<SealedContent> {
  let sealedBytes: number | undefined;
  const chunks = new ChunkReader(download(url, 0, options, ({ size }) => (sealedBytes = size)));
  const { header, keyUrl } = await readHead(chunks).catch(async (error: unknown) => {
    await chunks.close();
    throw error;
  });
  const size = sealedBytes === undefined ? undefined : sizeOfSealed(header, sealedBytes);
  return {
    url,
    keyUrl,
    size,
    type: mediaTypeOf(new URL(url).pathname.replace(/\.sealed$/, '')),
    open(key, { from = 0, onProgress } = {}) {
      const record = Math.floor(from / contentOfRecord(header.recordBytes));
      const start = record * contentOfRecord(header.recordBytes);
      const source = record === 0 ? chunks.rest() : restart(chunks, url, header, record, options);
      const opened = openSealedRecords(key, header, source, record);
      let done = start;
      const told = (bytes: number) => onProgress?.({ done: (done += bytes), total: size });
      return { start, body: streamOf(opened, told) };
    },
    close: () => chunks.close(),
  };
}

export interface OpenSealedOptions extends DownloadOptions {
  readonly buyer: KeyBuyer;
  readonly onProgress?: (progress: OpenProgress) => void;
}

export interface OpenedContent {
  /** Authentic as far as it goes; whole if it ends without an error. Errors with `bad-seal` and `network`. */
  readonly body: ReadableStream<Uint8Array>;
  /** The media type, told by the name of the file. */
  readonly type: string;
  /** Bytes, where the host tells. */
  readonly size: number | undefined;
  /** Absent: the key was in the library. */
  readonly payment?: KeyedPayment;
}

/**
 * Fetches a sealed file from any host, buys its key, and opens it as it is read: one record is in memory at a time, and a
 * download that breaks is taken up where it broke.
 *
 * @throws ImpulsError `bad-seal`, `network`; what `buy` throws, with nothing more than the head of the file read
 */
export async function openSealedUrl(
  url: string,
  { buyer, onProgress, ...options }: OpenSealedOptions,
): Promise<OpenedContent> {
  const content = await readSealedUrl(url, options);
  try {
    const { key, payment } = await buyer.buy(
      content.keyUrl,
      options.signal ? { signal: options.signal } : undefined,
    );
    const { body } = content.open(key, onProgress && { onProgress });
    return { body, type: content.type, size: content.size, ...(payment && { payment }) };
  } catch (error) {
    await content.close();
    throw error;
  }
}

async function readHead(chunks: ChunkReader): Promise<{ header: SealHeader; keyUrl: string }> {
  const header = await readSealHeader(chunks);
  try {
    return { header, keyUrl: parseContentKeyUrl(keyIdText(header)).href };
  } catch (cause) {
    throw new ImpulsError('bad-seal', 'it is no sealed file: it does not say where its key is sold', {
      cause,
      hint: 'Check the address.',
    });
  }
}

/** The sealed file from a record on, in place of what is left of it. */
async function* restart(
  chunks: ChunkReader,
  url: string,
  { length, recordBytes }: SealHeader,
  record: number,
  options: DownloadOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  await chunks.close();
  yield* download(url, length + record * recordBytes, options);
}

function streamOf(
  source: AsyncGenerator<Uint8Array, void, undefined>,
  told: (bytes: number) => void,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await source.next();
        if (done) {
          controller.close();
          return;
        }
        controller.enqueue(value);
        told(value.length);
      },
      async cancel() {
        await source.return();
      },
    },
    // Nothing is fetched ahead of what is read.
    { highWaterMark: 0 },
  );
}
