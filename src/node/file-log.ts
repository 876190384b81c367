import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ImpulsError } from '../core/errors.js';
import { syncFolder } from './file-folder.js';
import {
  applyChanges,
  formatLine,
  formatLog,
  parseLog,
  type Change,
  type FileKind,
  type LogEnd,
} from './file-log-lines.js';

/** A log smaller than this is not worth writing afresh. Bytes. */
const leastCompacted = 65_536;
/** It is written afresh when it has grown to so many times what its records need. */
const growth = 4;

interface Waiting {
  readonly changes: readonly Change[];
  readonly resolve: () => void;
  readonly reject: (error: ImpulsError) => void;
}

/** The log must be locked. @throws ImpulsError `storage-corrupt`; what the system throws */
export async function openLog(path: string, kind: FileKind): Promise<FileLog> {
  await rm(draftOf(path), { force: true });
  const bytes = await readFile(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!bytes) {
    const fresh = await writeDraft(path, kind, new Map());
    await putInPlace(path, fresh);
    return new FileLog(path, kind, fresh.handle, new Map(), fresh.end);
  }
  const { records, end } = parseLog(kind, bytes);
  const handle = await open(path, 'r+');
  const log = new FileLog(path, kind, handle, records, end);
  try {
    await handle.chmod(0o600);
    if (end.size < bytes.length) await cut(handle, end.size);
    // What a process wrote that was killed may not be on the disk yet, nor that the file is called so.
    else await handle.datasync();
    syncFolder(dirname(path));
    await log.compact();
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}

export class FileLog {
  readonly #path: string;
  readonly #kind: FileKind;
  readonly #records: Map<string, string>;
  #handle: FileHandle;
  #end: LogEnd;
  /** Bytes at which the log is written afresh. */
  #compactAt: number;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #shut: ImpulsError | undefined;

  constructor(path: string, kind: FileKind, handle: FileHandle, records: Map<string, string>, end: LogEnd) {
    this.#path = path;
    this.#kind = kind;
    this.#handle = handle;
    this.#records = records;
    this.#end = end;
    this.#compactAt = Math.max(leastCompacted, growth * formatLog(kind, records).end.size);
  }

  load(): Map<string, string> {
    if (this.#shut) throw this.#shut;
    return new Map(this.#records);
  }

  write(changes: readonly Change[]): Promise<void> {
    if (this.#shut) return Promise.reject(this.#shut);
    const copy = changes.map(([key, value]): Change => [key, value]);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes: copy, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Writes the log afresh if most of it is outdated. */
  async compact(): Promise<void> {
    if (this.#end.size < this.#compactAt) return;
    let fresh: Fresh;
    try {
      fresh = await writeDraft(this.#path, this.#kind, this.#records);
    } catch {
      // The log as it is serves on, only longer.
      this.#compactAt = 2 * this.#end.size;
      return;
    }
    await putInPlace(this.#path, fresh);
    await this.#handle.close();
    this.#handle = fresh.handle;
    this.#end = fresh.end;
    this.#compactAt = Math.max(leastCompacted, growth * fresh.end.size);
  }

  async close(): Promise<void> {
    const last = this.#flushing;
    this.#shut ??= new ImpulsError('storage-failed', `${this.#kind.called} is closed`);
    await last;
    await this.#handle.close();
  }

  async #flush(): Promise<void> {
    // What is written in the same turn goes together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      const changes = group.flatMap((waiting) => waiting.changes);
      const failure = await this.#append(changes);
      for (const { resolve, reject } of group) {
        if (failure) reject(failure);
        else resolve();
      }
      if (!failure) await this.compact().catch((cause: unknown) => this.#fail(cause));
    }
    this.#flushing = undefined;
  }

  /** One line: so that of a group all is there or nothing. */
  async #append(changes: readonly Change[]): Promise<ImpulsError | undefined> {
    if (changes.length === 0) return undefined;
    const { line, end } = formatLine(this.#end, changes);
    try {
      await writeAll(this.#handle, line, this.#end.size);
      await this.#handle.datasync();
    } catch (cause) {
      const hint = 'See that the disk has space left.';
      const failure = new ImpulsError('storage-failed', `${this.#kind.called} could not be written`, {
        hint,
        cause,
      });
      await cut(this.#handle, this.#end.size).catch((worse: unknown) => this.#fail(worse));
      return failure;
    }
    this.#end = end;
    applyChanges(this.#records, changes);
    return undefined;
  }

  /** What is on the disk is not known any more: refuses everything from now on. */
  #fail(cause: unknown): void {
    const hint = `Open ${this.#kind.called} again when its disk is well.`;
    this.#shut = new ImpulsError('storage-failed', `${this.#kind.called} could not be written`, {
      hint,
      cause,
    });
    for (const { reject } of this.#waiting) reject(this.#shut);
    this.#waiting = [];
  }
}

/** A log under another name, whole and on the disk. */
interface Fresh {
  readonly handle: FileHandle;
  readonly end: LogEnd;
}

async function writeDraft(
  path: string,
  kind: FileKind,
  records: ReadonlyMap<string, string>,
): Promise<Fresh> {
  const { log, end } = formatLog(kind, records);
  const draft = draftOf(path);
  const handle = await open(draft, 'w', 0o600);
  try {
    await writeAll(handle, log, 0);
    await handle.sync();
    return { handle, end };
  } catch (error) {
    await handle.close();
    await rm(draft, { force: true });
    throw error;
  }
}

async function putInPlace(path: string, fresh: Fresh): Promise<void> {
  try {
    await rename(draftOf(path), path);
    syncFolder(dirname(path));
  } catch (error) {
    await fresh.handle.close();
    throw error;
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await handle.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}

async function cut(handle: FileHandle, size: number): Promise<void> {
  await handle.truncate(size);
  await handle.datasync();
}

function draftOf(path: string): string {
  return `${path}.new`;
}
