import { fromBase64url, toBase64url } from '../core/base64url.js';
import type { KeyLibrary } from '../client/key-library.js';
import { fileKinds } from './file-log-lines.js';
import { openRecordsFile } from './records-file.js';

export interface FileLibrary extends KeyLibrary {
  close(): Promise<void>;
}

/**
 * Bought keys in one file, for one process at a time, readable for its owner only. A key is on the disk when its `put`
 * resolves.
 *
 * @throws ImpulsError `storage-locked` if it is open already, `storage-corrupt` if the file is not whole, which leaves it
 *   untouched, `storage-failed` if it cannot be read or written
 */
export async function openFileLibrary(path: string): Promise<FileLibrary> {
  const storage = await openRecordsFile(path, fileKinds.keys);
  const keys = await storage.load();
  return {
    async get(url) {
      const text = keys.get(url);
      return text === undefined ? undefined : fromBase64url(text);
    },
    async put(url, key) {
      const text = toBase64url(key);
      await storage.write([[url, text]]);
      keys.set(url, text);
    },
    close: () => storage.close(),
  };
}
