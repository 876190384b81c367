import type BetterSqlite3 from 'better-sqlite3';
import { chmodSync, closeSync, existsSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { syncFolder } from '../file-folder.js';
import { migrations } from './migrations.js';
import { applicationId, schema, schemaVersion } from './schema.js';

/** The files of a SQLite ledger: which driver opens them, who holds them, and whether they are ours. */

export type Driver = typeof BetterSqlite3;
export type Connection = BetterSqlite3.Database;

/** @throws ImpulsError `storage-failed` when the optional peer is not installed */
export async function loadDriver(): Promise<Driver> {
  try {
    return (await import('better-sqlite3')).default;
  } catch (cause) {
    throw new ImpulsError('storage-failed', 'the SQLite ledger needs the package better-sqlite3', {
      hint: 'Run npm install better-sqlite3.',
      cause,
    });
  }
}

export interface Lock {
  release(): void;
}

/**
 * Holds `<path>.lock` for this process until `release()`, or until the process dies: SQLite's own lock on an empty
 * database, which the operating system lets go of.
 *
 * @throws ImpulsError `storage-locked`
 */
export function lockLedger(driver: Driver, path: string): Lock {
  const file = `${path}.lock`;
  createPrivate(file);
  const connection = connect(driver, file, { timeout: 0 });
  try {
    // Nothing is ever written there: no journal beside it.
    connection.pragma('journal_mode = MEMORY');
    connection.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    connection.close();
    if (sqliteCode(error) !== 'SQLITE_BUSY') throw storageError(error);
    throw new ImpulsError('storage-locked', `another process has the ledger ${path} open`, {
      hint: 'Stop the other process, or give this one a ledger of its own: one process owns a SQLite ledger.',
    });
  }
  return { release: () => void connection.close() };
}

/**
 * Makes sure that a ledger of ours lies at `path`: makes one where nothing is, and brings one of an older format up to
 * this one. What is there is only read otherwise. The lock must be held: closing a file that SQLite has open would drop
 * SQLite's locks.
 *
 * @throws ImpulsError `storage-corrupt` if something else is there
 */
export function prepareFile(driver: Driver, path: string): void {
  if (!existsSync(path)) {
    const wal = `${path}-wal`;
    if (existsSync(wal) && statSync(wal).size > 0) throw corrupt(`${wal} is left of a ledger that is gone`);
    createLedger(driver, path);
    return;
  }
  const header = readHeader(path);
  const isSqlite = header.length === 100 && header.toString('latin1', 0, 16) === 'SQLite format 3\0';
  if (!isSqlite || header.readUInt32BE(68) !== applicationId) throw corrupt(`${path} is not a ledger`);
  const version = header.readUInt32BE(60);
  if (version in migrations) migrate(driver, path);
  else if (version !== schemaVersion) {
    throw new ImpulsError(
      'storage-corrupt',
      `${path} is a ledger of format ${version}, not ${schemaVersion}`,
      {
        hint: 'Run the version of impuls that wrote it, or a newer one.',
      },
    );
  }
}

/** In one transaction. The header says so once the log is carried over; until then this finds it done already. */
function migrate(driver: Driver, path: string): void {
  const reader = openReadOnly(driver, path);
  try {
    // What is damaged is left as it is.
    if (reader.pragma('quick_check(1)', { simple: true }) !== 'ok') throw corrupt('the ledger is damaged');
  } catch (error) {
    throw storageError(error);
  } finally {
    reader.close();
  }
  const connection = openForWriting(driver, path);
  try {
    connection.exec('BEGIN IMMEDIATE');
    let version = connection.pragma('user_version', { simple: true }) as number;
    for (; migrations[version] !== undefined; version++) migrations[version]!(connection);
    connection.pragma(`user_version = ${version}`);
    connection.exec('COMMIT');
    connection.pragma('wal_checkpoint(TRUNCATE)');
  } catch (error) {
    throw storageError(error);
  } finally {
    connection.close();
  }
}

/** Under another name first, so that what lies at `path` is whole. */
function createLedger(driver: Driver, path: string): void {
  const draft = `${path}.new`;
  for (const rest of ['', '-wal', '-shm', '-journal']) rmSync(`${draft}${rest}`, { force: true });
  createPrivate(draft);
  const connection = connect(driver, draft, {});
  try {
    connection.pragma('synchronous = FULL');
    connection.exec(`BEGIN; ${schema} COMMIT`);
    connection.pragma(`application_id = ${applicationId}`);
    connection.pragma(`user_version = ${schemaVersion}`);
    connection.pragma('journal_mode = WAL');
  } catch (error) {
    throw storageError(error);
  } finally {
    connection.close();
  }
  renameSync(draft, path);
  syncFolder(dirname(path));
}

export function openReadOnly(driver: Driver, path: string): Connection {
  return connect(driver, path, { readonly: true, fileMustExist: true, timeout: 0 });
}

/** For the one process that writes. Checkpoints happen when asked for, and so do syncs of the write-ahead log. */
export function openForWriting(driver: Driver, path: string): Connection {
  const connection = connect(driver, path, { fileMustExist: true, timeout: 1000 });
  try {
    connection.pragma('synchronous = NORMAL');
    connection.pragma('wal_autocheckpoint = 0');
    connection.pragma('cache_size = -65536');
    // Erased keys are overwritten in the file, not only unlinked.
    connection.pragma('secure_delete = ON');
    chmodSync(path, 0o600);
  } catch (error) {
    connection.close();
    throw storageError(error);
  }
  return connection;
}

function connect(driver: Driver, path: string, options: BetterSqlite3.Options): Connection {
  try {
    return new driver(path, options);
  } catch (cause) {
    if (sqliteCode(cause) !== undefined) throw storageError(cause);
    throw new ImpulsError('storage-failed', `cannot open ${path}`, {
      hint: 'See that npm was allowed to build better-sqlite3: "allowScripts" in package.json names it.',
      cause,
    });
  }
}

/** SQLite gives the files beside it the mode of the main file. An existing file is not opened, see `prepareFile`. */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (cause) {
    if (existsSync(path)) return;
    throw new ImpulsError('storage-failed', `cannot create ${path}`, {
      hint: 'See that its folder exists and can be written to.',
      cause,
    });
  }
}

function readHeader(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(100);
    return header.subarray(0, readSync(file, header, 0, 100, 0));
  } finally {
    closeSync(file);
  }
}

function corrupt(message: string, cause?: unknown): ImpulsError {
  return new ImpulsError('storage-corrupt', message, { hint: 'Restore the ledger from a backup.', cause });
}

/** What went wrong in SQLite, or in reading what it holds, as an error of ours. */
export function storageError(cause: unknown): ImpulsError {
  if (isImpulsError(cause) && cause.code !== 'malformed') return cause;
  const code = sqliteCode(cause);
  if (isImpulsError(cause) || code?.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return corrupt('the ledger is damaged', cause);
  }
  const hint = code === 'SQLITE_FULL' ? { hint: 'Free some disk space.' } : {};
  return new ImpulsError('storage-failed', `the ledger could not be read or written: ${code ?? 'unknown'}`, {
    ...hint,
    cause,
  });
}

function sqliteCode(error: unknown): string | undefined {
  const isSqlite = error instanceof Error && 'code' in error && typeof error.code === 'string';
  return isSqlite && (error.code as string).startsWith('SQLITE_') ? (error.code as string) : undefined;
}
