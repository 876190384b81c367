import type { WalletStorage } from '../client/storage.js';
import { fileKinds } from './file-log-lines.js';
import { openRecordsFile } from './records-file.js';

export { openFileLibrary, type FileLibrary } from './key-library.js';

/**
 * A wallet's records in one file, for one process of one machine. The file holds secrets: it and what lies beside it is
 * readable for its owner only. A folder that is missing is made.
 *
 * @throws ImpulsError `storage-locked` if it is open already, `storage-corrupt` if the file is not whole, which leaves it
 *   untouched, `storage-failed` if it cannot be read or written
 */
export async function openFileStorage(path: string): Promise<WalletStorage> {
  return openRecordsFile(path, fileKinds.wallet);
}
