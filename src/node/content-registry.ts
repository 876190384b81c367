import { isContentId } from '../core/content-key.js';
import { ImpulsError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import type { ContentKeys } from '../server/index.js';
import { openSharedFile, type FileKind } from './sqlite/shared-file.js';

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

const kind: FileKind = {
  content: 'the content keys',
  applicationId: 0x696d7063, // "impc"
  tables: `
    CREATE TABLE keys (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      key BLOB NOT NULL,
      price INTEGER NOT NULL,
      title TEXT NOT NULL,
      created INTEGER NOT NULL
    );
  `,
};
const keyLengths = [16, 32];
const maxTitle = 200;

/**
 * Opens the registry at `path`, and makes it if nothing is there; its folder is not made. Needs the package `better-sqlite3`.
 *
 * @throws ImpulsError `storage-corrupt` for a file that is none of ours, which stays as it is; `storage-failed`
 */
export async function openContentRegistry(path: string): Promise<ContentRegistry> {
  const { connection, attempt } = await openSharedFile(path, kind);
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
