import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat, writeFile } from 'node:fs/promises';
import { loadDriver, openReadOnly, storageError } from './files.js';

/** Told how many bytes of how many are done. */
export type ByteProgress = (done: number, total: number) => void;

/** Pages copied at a time: 4 MiB; in between the event loop turns. */
const pagesAtOnce = 1024;

/**
 * Copies a SQLite file beside whoever writes to it: as it was at one moment, with nothing that comes later. Writers do not wait.
 *
 * @param to is made, for the owner only, and on the disk when it resolves
 * @throws ImpulsError `storage-corrupt`, `storage-failed`
 */
export async function copySqlite(from: string, to: string, onProgress: ByteProgress): Promise<void> {
  const source = openReadOnly(await loadDriver(), from);
  try {
    await writeFile(to, '', { mode: 0o600, flag: 'wx' });
    const pageBytes = source.pragma('page_size', { simple: true }) as number;
    // The first read fixes the moment: without a transaction each commit of the writer would begin the copy anew.
    source.exec('BEGIN');
    source.pragma('schema_version');
    await source.backup(to, {
      progress({ totalPages, remainingPages }) {
        onProgress((totalPages - remainingPages) * pageBytes, totalPages * pageBytes);
        return pagesAtOnce;
      },
    });
    await syncFile(to);
  } catch (error) {
    throw storageError(error);
  } finally {
    source.close();
  }
}

/** SHA-256 of a file, in hex. */
export async function hashFile(
  path: string,
  onProgress: ByteProgress,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  const { size } = await stat(path);
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    onProgress(bytes, size);
  }
  return { bytes, sha256: hash.digest('hex') };
}

export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  await handle.sync().finally(() => handle.close());
}
