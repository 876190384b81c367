import { mkdir, open, rename, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ImpulsError } from '../../core/errors.js';
import { syncFolder } from '../../node/file-folder.js';

/**
 * Where a download goes until it is whole: `<file>.<id>.part`. One that breaks off is taken up where it is the next time; the
 * id, that of the content's key, keeps apart what does not belong together.
 */
export interface PartFile {
  /** Bytes that are there from the last time. */
  readonly size: number;
  /** Writes a body from byte `start` on, then puts the file in its place. @throws ImpulsError `storage-failed`; what the body throws */
  fill(body: ReadableStream<Uint8Array>, start: number): Promise<void>;
}

export async function openPartFile(file: string, id: string): Promise<PartFile> {
  const part = `${file}.${id}.part`;
  const found = await stat(part).catch(() => undefined);
  const target = await stat(file).catch(() => undefined);
  // A pipe or a device is written as it is.
  const isPlace = target !== undefined && !target.isFile();
  return {
    size: isPlace ? 0 : (found?.size ?? 0),
    async fill(body, start) {
      await storing(file, () => mkdir(dirname(file), { recursive: true }));
      if (isPlace) {
        await write(file, file, 'w', body);
        return;
      }
      if (found) await storing(part, () => truncate(part, start));
      await write(file, part, 'a', body);
      await storing(file, () => rename(part, file));
      syncFolder(dirname(file));
    },
  };
}

async function write(
  file: string,
  path: string,
  flags: 'a' | 'w',
  body: ReadableStream<Uint8Array>,
): Promise<void> {
  const handle = await storing(file, () => open(path, flags));
  try {
    for await (const chunk of body) await storing(file, () => handle.appendFile(chunk));
    if (flags === 'a') await storing(file, () => handle.sync());
  } finally {
    await handle.close();
  }
}

async function storing<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new ImpulsError('storage-failed', `cannot write ${file}: ${(cause as Error).message}`, {
      cause,
      hint: 'Make room, and fetch it again: it goes on from there, and its key is not paid again.',
    });
  }
}
