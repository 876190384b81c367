import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { syncFolder } from '../file-folder.js';
import { Inventorist, isSame, type Inventory, type LedgerContents } from '../moving/records.js';
import { emptyPostgresLedger, fillPostgresLedger, isEmpty } from '../postgres/filling.js';
import { closeForGood, openAgain, openMovingDatabase, type MovingDatabase } from '../postgres/moving.js';
import { openPostgresLedger } from '../postgres.js';
import { openSqliteContents } from '../sqlite/contents.js';
import { loadDriver, lockLedger } from '../sqlite/files.js';
import { fillSqliteLedger } from '../sqlite/filling.js';
import { openVendorFolder, type VendorFolder } from './folder.js';
import { databaseOf, noteDatabase } from './ledger.js';
import { storing } from './store.js';

/**
 * A vendor's ledger moves from its file into a database, or back: whole, and compared to the last byte before `vendor.json` says where it
 * is. No server may run. Whoever is killed in the middle runs the same again.
 *
 * What is left behind cannot be opened by mistake: a file gets another name, and tables another version.
 */
export interface MoveOptions {
  /** Told how many records of about how many are copied, or compared. */
  readonly onProgress?: (step: MoveStep, done: number, total: number) => void;
}

export type MoveStep = 'copy' | 'compare';

/** What the file of a ledger is called that was moved. */
export const movedName = (ledgerPath: string): string => `${ledgerPath}.moved`;

/**
 * @param address of an empty database, or of the one into which this ledger was copied before
 * @throws ImpulsError `invalid-argument` where there is nothing to move or the database is not empty; `storage-locked` while a server runs;
 *   `storage-failed`, `storage-corrupt`
 */
export async function moveToDatabase(
  path: string,
  address: string,
  { onProgress = () => {} }: MoveOptions = {},
): Promise<Inventory> {
  const folder = await openVendorFolder(path);
  const { ledgerPath, settings } = folder;
  if (settings.database !== undefined) {
    throw new ImpulsError('invalid-argument', 'the ledger of this vendor is in a database already', {
      hint: `Move it to its file first: impuls vendor move ${folder.path} --to sqlite.`,
    });
  }
  if (!existsSync(ledgerPath)) {
    throw new ImpulsError('invalid-argument', 'this vendor has no ledger yet', {
      hint: 'Start it with the database at once: impuls vendor serve --database <database>.',
    });
  }
  const lock = lockLedger(await loadDriver(), ledgerPath);
  try {
    const contents = await openSqliteContents(ledgerPath);
    try {
      // Makes the tables, and finds out what the database is good for.
      await (await openPostgresLedger({ url: address })).close();
      const moving = await openMovingDatabase(address);
      try {
        return await copyInto(folder, contents, moving, address, onProgress);
      } finally {
        await moving.close();
      }
    } finally {
      contents.close();
    }
  } finally {
    lock.release();
  }
}

async function copyInto(
  folder: VendorFolder,
  contents: LedgerContents,
  moving: MovingDatabase,
  address: string,
  onProgress: NonNullable<MoveOptions['onProgress']>,
): Promise<Inventory> {
  const { database } = moving;
  const { size } = contents;
  const isFresh = await isEmpty(database.query, database.schema);
  if (isFresh) await fillPostgresLedger(database, contents, (done) => onProgress('copy', done, size));
  const before = await takeInventory(contents, (done) => onProgress('compare', done, 2 * size));
  const after = await takeInventory(await moving.contents(), (done) =>
    onProgress('compare', size + done, 2 * size),
  );
  if (!isSame(before, after)) {
    if (isFresh) await emptyPostgresLedger(database);
    throw isFresh ? notSame() : otherLedger();
  }
  await noteDatabase(folder.path, address);
  await storing(folder.path, async () => {
    for (const end of ['-wal', '-shm', '']) {
      const file = `${folder.ledgerPath}${end}`;
      if (existsSync(file)) await rename(file, `${movedName(folder.ledgerPath)}${end}`);
    }
    syncFolder(folder.path);
  });
  return before;
}

/**
 * The way back.
 *
 * @throws ImpulsError as `moveToDatabase`
 */
export async function moveToFile(
  path: string,
  { onProgress = () => {} }: MoveOptions = {},
): Promise<Inventory> {
  const folder = await openVendorFolder(path);
  const { ledgerPath } = folder;
  const address = await databaseOf(folder);
  if (address === undefined || folder.settings.database === undefined) {
    throw new ImpulsError('invalid-argument', 'the ledger of this vendor is in its file already', {
      hint: `See ${ledgerPath}.`,
    });
  }
  const lock = lockLedger(await loadDriver(), ledgerPath);
  try {
    const isClosed = await prepareTables(address);
    const moving = await openMovingDatabase(address);
    const { database } = moving;
    try {
      if (!isClosed) await closeForGood(database);
      return await copyOut(folder, await moving.contents(), onProgress).catch(async (error: unknown) => {
        // The vendor goes on where it was.
        await openAgain(database);
        throw error;
      });
    } finally {
      await moving.close();
    }
  } finally {
    lock.release();
  }
}

/** Brings the tables up to date. @returns whether they were closed for good before, by a move that was killed */
async function prepareTables(address: string): Promise<boolean> {
  try {
    await (await openPostgresLedger({ url: address })).close();
    return false;
  } catch (error) {
    if (isImpulsError(error, 'invalid-argument')) return true;
    throw error;
  }
}

async function copyOut(
  { path, ledgerPath }: VendorFolder,
  contents: LedgerContents,
  onProgress: NonNullable<MoveOptions['onProgress']>,
): Promise<Inventory> {
  const { size } = contents;
  const draft = `${ledgerPath}.moving`;
  await storing(dirname(draft), async () => {
    for (const end of ['', '-wal', '-shm']) await rm(`${draft}${end}`, { force: true });
  });
  // A move that was killed in its last step has made the file already.
  const isThere = existsSync(ledgerPath);
  if (!isThere) await fillSqliteLedger(draft, contents, (done) => onProgress('copy', done, size));
  const before = await takeInventory(contents, (done) => onProgress('compare', done, 2 * size));
  const file = await openSqliteContents(isThere ? ledgerPath : draft);
  const after = await takeInventory(file, (done) => onProgress('compare', size + done, 2 * size)).finally(
    () => file.close(),
  );
  if (!isSame(before, after)) throw isThere ? otherLedger() : notSame();
  if (!isThere) {
    await storing(path, async () => {
      await rename(draft, ledgerPath);
      for (const end of ['-wal', '-shm']) await rm(`${draft}${end}`, { force: true });
      syncFolder(path);
    });
  }
  await noteDatabase(path, undefined);
  return before;
}

async function takeInventory(
  contents: LedgerContents,
  onProgress: (done: number) => void,
): Promise<Inventory> {
  const inventorist = new Inventorist();
  let done = 0;
  for await (const record of contents.read()) {
    inventorist.add(record);
    if (++done % 1000 === 0) {
      onProgress(done);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  onProgress(done);
  return inventorist.inventory;
}

function notSame(): ImpulsError {
  return new ImpulsError('storage-failed', 'what arrived is not what was sent: nothing was changed', {
    hint: 'Run impuls doctor, then the command again. If it stays so, keep the ledger where it is.',
  });
}

function otherLedger(): ImpulsError {
  return new ImpulsError('invalid-argument', 'another ledger is there already', {
    hint: 'Name an empty database, or put the file away that is in its place.',
  });
}
