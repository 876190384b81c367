import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ImpulsError } from '../core/errors.js';
import type { WalletStorage } from '../client/storage.js';
import { syncFolder } from './file-folder.js';
import { lockFile } from './file-lock.js';
import type { FileKind } from './file-log-lines.js';
import { openLog } from './file-log.js';

/**
 * Records in one file, for one process of one machine. The file holds secrets: it and what lies beside it is readable for its
 * owner only. A folder that is missing is made.
 *
 * The file is a log of batches, written afresh when most of it is outdated. A batch is on the disk when its `write`
 * resolves; batches that wait at the same time go together.
 *
 * @throws ImpulsError `storage-locked` if it is open already, `storage-corrupt` if the file is not whole, which leaves it
 *   untouched, `storage-failed` if it cannot be read or written
 */
export async function openRecordsFile(path: string, kind: FileKind): Promise<WalletStorage> {
  const file = resolve(path);
  try {
    await makeFolder(dirname(file));
    const lock = await lockFile(file);
    try {
      const log = await openLog(file, kind);
      let closing: Promise<void> | undefined;
      return {
        load: async () => log.load(),
        write: async (changes) => log.write(changes),
        close: () => (closing ??= log.close().finally(() => lock.release())),
      };
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    throw fileError(error, kind, file);
  }
}

/** On the disk when it resolves. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made));
}

function fileError(cause: unknown, { called }: FileKind, file: string): unknown {
  const isSystem = cause instanceof Error && 'syscall' in cause;
  return isSystem ? new ImpulsError('storage-failed', `cannot open ${called} ${file}`, { cause }) : cause;
}
