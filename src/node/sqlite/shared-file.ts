import { chmodSync, closeSync, existsSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { syncFolder } from '../file-folder.js';
import { loadDriver, type Connection, type Driver } from './files.js';

/** A small SQLite file beside the ledger that several processes may have open at once. */

export interface FileKind {
  /** What it holds, for messages: `the content keys`. */
  readonly content: string;
  /** Four letters as a number, in the header of every such file. */
  readonly applicationId: number;
  /** Its tables, in format 1. */
  readonly tables: string;
}

export interface SharedFile {
  readonly connection: Connection;
  /** @throws ImpulsError `storage-corrupt`, `storage-failed` for what SQLite throws */
  readonly attempt: <T>(work: () => T) => T;
}

const format = 1;
/** How long a writer waits for another one. */
const patienceMs = 10_000;

/**
 * Opens the file at `path`, and makes it if nothing is there; the folder is not made. Needs the package `better-sqlite3`.
 *
 * @throws ImpulsError `storage-corrupt` for a file that is none of ours, which stays as it is; `storage-failed`
 */
export async function openSharedFile(path: string, kind: FileKind): Promise<SharedFile> {
  const driver = await loadDriver();
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw fileError(error, kind);
    }
  };
  return { connection: attempt(() => connect(driver, resolve(path), kind)), attempt };
}

function connect(driver: Driver, path: string, kind: FileKind): Connection {
  const isNew = createPrivate(path);
  const connection = new driver(path, { fileMustExist: true, timeout: patienceMs });
  try {
    checkFile(connection, path, kind);
    connection.pragma('journal_mode = WAL');
    connection.pragma('synchronous = FULL');
    connection.pragma('secure_delete = ON');
    chmodSync(path, 0o600);
    install(connection, kind);
    if (isNew) syncFolder(dirname(path));
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Only reads. */
function checkFile(connection: Connection, path: string, { applicationId, content }: FileKind): void {
  if (countTables(connection) === 0) return;
  if (connection.pragma('application_id', { simple: true }) !== applicationId) {
    throw corrupt(`${path} does not hold ${content}`);
  }
  if (connection.pragma('user_version', { simple: true }) === format) return;
  throw new ImpulsError('storage-corrupt', `${path} has another format`, {
    hint: 'Run the version of impuls that wrote it, or a newer one.',
  });
}

/** Two processes may come at once: the second finds the tables of the first. */
function install(connection: Connection, { applicationId, tables }: FileKind): void {
  const header = `PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${format};`;
  connection
    .transaction(() => {
      if (countTables(connection) === 0) connection.exec(`${tables} ${header}`);
    })
    .immediate();
}

function countTables(connection: Connection): number {
  return connection.prepare<[], number>('SELECT count(*) FROM sqlite_schema').pluck().get()!;
}

/** SQLite gives the files beside it the mode of the main file. @returns whether nothing was there */
function createPrivate(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return true;
  } catch (cause) {
    if (existsSync(path)) return false;
    throw new ImpulsError('storage-failed', `cannot create ${path}`, {
      hint: 'See that its folder exists and can be written to.',
      cause,
    });
  }
}

function fileError(cause: unknown, { content }: FileKind): unknown {
  if (isImpulsError(cause)) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (!code.startsWith('SQLITE_')) return cause;
  if (code === 'SQLITE_CONSTRAINT_UNIQUE') {
    return new ImpulsError('invalid-argument', `${content} have one of that id already`, { cause });
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return corrupt(`the file of ${content} is damaged, or none of ours`, cause);
  }
  const hint = code === 'SQLITE_FULL' ? { hint: 'Free some disk space.' } : {};
  return new ImpulsError('storage-failed', `${content} could not be read or written: ${code}`, {
    ...hint,
    cause,
  });
}

function corrupt(message: string, cause?: unknown): ImpulsError {
  return new ImpulsError('storage-corrupt', message, {
    hint: 'Put the file back from a backup of this folder; nothing was changed.',
    cause,
  });
}
