import { chmodSync, closeSync, existsSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isContentId } from '../core/content-key.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { ContentKeys } from '../server/index.js';
import { syncFolder } from './file-folder.js';
import { loadDriver, type Connection, type Driver } from './sqlite/files.js';

/** A content key and what it costs. */
export interface ContentEntry {
  /** 16 random bytes, base64url: 22 characters. */
  readonly id: string;
  /** Secret: 32 bytes for a sealed file, 16 for AES-128. */
  readonly key: Uint8Array;
  /** Units, from 1 to 2^32 − 1. */
  readonly price: number;
  /** For the vendor's own lists; at most 200 characters. */
  readonly title: string;
  /** Unix seconds. */
  readonly created: number;
}

/** The content keys of a vendor, in one SQLite file. Any number of processes may have it open: packing works beside a server. */
export interface ContentRegistry extends ContentKeys {
  find(id: string): Promise<ContentEntry | undefined>;
  /**
   * All of them or none, durable when it resolves.
   *
   * @throws ImpulsError `invalid-argument` for an entry that is out of range, or an id that is there already
   */
  add(entries: readonly ContentEntry[]): Promise<void>;
  /**
   * Puts new prices on keys, all of them or none, durable when it resolves. An id that is not there is passed over.
   *
   * @throws ImpulsError `invalid-argument` for a price that is out of range
   */
  setPrices(changes: ReadonlyArray<Pick<ContentEntry, 'id' | 'price'>>): Promise<void>;
  /** All entries, in the order in which they were added. */
  list(): Promise<ContentEntry[]>;
  count(): Promise<number>;
  close(): Promise<void>;
}

interface Row {
  readonly id: string;
  readonly key: Buffer;
  readonly price: number;
  readonly title: string;
  readonly created: number;
}

/** "impc", in the header of every registry. */
const applicationId = 0x696d7063;
const schemaVersion = 1;
const schema = `
  CREATE TABLE keys (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    key BLOB NOT NULL,
    price INTEGER NOT NULL,
    title TEXT NOT NULL,
    created INTEGER NOT NULL
  );
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;
const keyLengths = [16, 32];
const maxTitle = 200;
/** How long a writer waits for another one. */
const patienceMs = 10_000;

/**
 * Opens the registry at `path`, and makes it if nothing is there; its folder is not made. Needs the package `better-sqlite3`.
 *
 * @throws ImpulsError `storage-corrupt` for a file that is none of ours, which stays as it is; `storage-failed`
 */
export async function openContentRegistry(path: string): Promise<ContentRegistry> {
  const driver = await loadDriver();
  const connection = connect(driver, resolve(path));
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw registryError(error);
    }
  };
  const selects = 'SELECT id, key, price, title, created FROM keys';
  const one = connection.prepare<[string], Row>(`${selects} WHERE id = ?`);
  const all = connection.prepare<[], Row>(`${selects} ORDER BY seq`);
  const counting = connection.prepare<[], number>('SELECT count(*) FROM keys').pluck();
  const insert = connection.prepare(
    'INSERT INTO keys (id, key, price, title, created) VALUES (?, ?, ?, ?, ?)',
  );
  const insertAll = connection.transaction((entries: readonly ContentEntry[]) => {
    for (const { id, key, price, title, created } of entries) insert.run(id, key, price, title, created);
  });

  const reprice = connection.prepare('UPDATE keys SET price = ? WHERE id = ?');
  const repriceAll = connection.transaction((changes: ReadonlyArray<Pick<ContentEntry, 'id' | 'price'>>) => {
    for (const { id, price } of changes) reprice.run(price, id);
  });

  return {
    async find(id) {
      const row = isContentId(id) ? attempt(() => one.get(id)) : undefined;
      return row && entryOf(row);
    },
    async add(entries) {
      entries.forEach(checkEntry);
      attempt(() => insertAll.immediate(entries));
    },
    async setPrices(changes) {
      if (!changes.every(({ price }) => isWhole(price, 1))) throw outOfRange();
      attempt(() => repriceAll.immediate(changes));
    },
    list: async () => attempt(() => all.all().map(entryOf)),
    count: async () => attempt(() => counting.get()!),
    async close() {
      connection.close();
    },
  };
}

function entryOf({ key, ...row }: Row): ContentEntry {
  return { ...row, key: new Uint8Array(key) };
}

function checkEntry({ id, key, price, title, created }: ContentEntry): void {
  const holds =
    isContentId(id) &&
    keyLengths.includes(key.length) &&
    isWhole(price, 1) &&
    title.length <= maxTitle &&
    isWhole(created, 0);
  if (!holds) throw outOfRange();
}

function outOfRange(): ImpulsError {
  return new ImpulsError('invalid-argument', 'an id, key, price or title of a content key is out of range');
}

function isWhole(value: number, least: number): boolean {
  return Number.isInteger(value) && value >= least && value <= limits.maxUint32;
}

function connect(driver: Driver, path: string): Connection {
  const isNew = createPrivate(path);
  let connection: Connection | undefined;
  try {
    connection = new driver(path, { fileMustExist: true, timeout: patienceMs });
    const isEmpty = checkFile(connection, path);
    connection.pragma('journal_mode = WAL');
    connection.pragma('synchronous = FULL');
    connection.pragma('secure_delete = ON');
    chmodSync(path, 0o600);
    if (isEmpty) install(connection);
    if (isNew) syncFolder(dirname(path));
    return connection;
  } catch (error) {
    connection?.close();
    throw registryError(error);
  }
}

/** Only reads. @returns whether the tables have to be made yet */
function checkFile(connection: Connection, path: string): boolean {
  if (countTables(connection) === 0) return true;
  if (connection.pragma('application_id', { simple: true }) !== applicationId) {
    throw corrupt(`${path} is not a registry of content keys`);
  }
  if (connection.pragma('user_version', { simple: true }) === schemaVersion) return false;
  throw new ImpulsError('storage-corrupt', `${path} is a registry of another format`, {
    hint: 'Run the version of impuls that wrote it, or a newer one.',
  });
}

/** Two processes may come at once: the second finds the tables of the first. */
function install(connection: Connection): void {
  connection
    .transaction(() => {
      if (countTables(connection) === 0) connection.exec(schema);
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

function corrupt(message: string, cause?: unknown): ImpulsError {
  return new ImpulsError('storage-corrupt', message, {
    hint: 'Put the file back from a backup of this folder; nothing was changed.',
    cause,
  });
}

function registryError(cause: unknown): unknown {
  if (isImpulsError(cause)) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  if (!code?.startsWith('SQLITE_')) return cause;
  if (code === 'SQLITE_CONSTRAINT_UNIQUE') {
    return new ImpulsError('invalid-argument', 'a content key of that id is registered already', { cause });
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return corrupt('the registry of content keys is damaged, or none of ours', cause);
  }
  const hint = code === 'SQLITE_FULL' ? { hint: 'Free some disk space.' } : {};
  return new ImpulsError('storage-failed', `the content keys could not be read or written: ${code}`, {
    ...hint,
    cause,
  });
}
