import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { toBase64url } from '../../core/base64url.js';
import { fromUtf8 } from '../../core/bytes.js';
import { ImpulsError } from '../../core/errors.js';
import { formatKeyDocument, parseKeyDocument } from '../../core/key-document.js';
import { formatManifest, manifestFile, type BackupFile, type BackupManifest } from '../backup-manifest.js';
import { exists, writeDurably } from '../durable-file.js';
import { syncFolder } from '../file-folder.js';
import { copySqlite, hashFile, syncFile } from '../sqlite/copy.js';
import { loadDriver, lockLedger } from '../sqlite/files.js';
import { parsePublished } from './files.js';
import { refuseDatabase } from './ledger.js';
import { parseVendorSettings } from './settings.js';
import { changeVendor, explaining, readVendor, retiredFile, storing, vendorFiles, written } from './store.js';

/**
 * A copy of a vendor folder that the vendor can be restored from: a folder with the same files and `manifest.json`.
 *
 * The ledger is copied before the keys: so every issuing key of a card in it is named in the document of the backup.
 */
export interface VendorBackupOptions {
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
  /**
   * `running`: works beside a server. `final`: the vendor is retired for good, and its folder cannot be served again; such a
   * backup is restored once without quarantine. Default `running`.
   */
  readonly state?: 'running' | 'final';
  /** Told which file, and how many of its bytes are copied. */
  readonly onProgress?: (file: string, done: number, total: number) => void;
}

/** Which files are SQLite's, and which are text. Files that a vendor does not have are passed over. */
export const databases: readonly string[] = [
  vendorFiles.ledger,
  vendorFiles.content,
  vendorFiles.saleRecords,
];
/** What everybody may read, in a vendor folder as well. */
const open: readonly string[] = [vendorFiles.settings, vendorFiles.document];

/** Permission bits of a file in a vendor folder. */
export function modeOf(name: string): number {
  return open.includes(name) ? 0o644 : 0o600;
}

/**
 * @param to the folder to be made; it is there whole or not at all
 * @throws ImpulsError `invalid-argument` if it is there already, or there is no vendor; `unsupported` for one whose ledger is in a
 *   database; `storage-locked` for a final one beside a server; `storage-corrupt`, `storage-failed`
 */
export async function backUpVendor(
  path: string,
  to: string,
  options: VendorBackupOptions = {},
): Promise<BackupManifest> {
  const [folder, target] = [resolve(path), resolve(to)];
  if (await exists(target)) {
    throw new ImpulsError('invalid-argument', `${target} is there already`, {
      hint: 'Name a new folder: a backup is never written over.',
    });
  }
  if (await exists(join(folder, vendorFiles.settings))) {
    const { settings } = await readVendor(folder, { ...(options.clock && { clock: options.clock }) });
    refuseDatabase(
      settings,
      'it is no backup without its ledger',
      'Back up the database, with pg_basebackup or pg_dump, and after it copy this folder; to come back: impuls vendor quarantine --hold.',
    );
  }
  return options.state === 'final' ? retire(folder, target, options) : copyVendor(folder, target, options);
}

/** The folder ends before its last copy is made: nothing can come after it. */
async function retire(folder: string, target: string, options: VendorBackupOptions): Promise<BackupManifest> {
  const lock = lockLedger(await loadDriver(), join(folder, vendorFiles.ledger));
  try {
    const retired = join(folder, retiredFile);
    if (!(await exists(retired))) {
      await changeVendor(folder, options, async () =>
        storing(folder, async () => {
          await rename(join(folder, vendorFiles.settings), retired);
          syncFolder(folder);
        }),
      );
    }
    return await copyVendor(folder, target, options);
  } finally {
    lock.release();
  }
}

async function copyVendor(
  folder: string,
  target: string,
  { clock = Date.now, state = 'running', onProgress = () => {} }: VendorBackupOptions,
): Promise<BackupManifest> {
  if (state === 'running') await readVendor(folder, { clock });
  const draft = `${target}.new`;
  return storing(target, async () => {
    await rm(draft, { recursive: true, force: true });
    await mkdir(dirname(target), { recursive: true });
    await mkdir(draft, { mode: 0o700 });
    try {
      for (const name of databases) {
        if (!(await exists(join(folder, name)))) continue;
        await copySqlite(join(folder, name), join(draft, name), (done, total) =>
          onProgress(name, done, total),
        );
      }
      const texts = await readTexts(folder);
      for (const [name, text] of texts) {
        await writeFile(join(draft, name), text, { mode: 0o600, flag: 'wx' });
        await syncFile(join(draft, name));
      }
      const manifest: BackupManifest = {
        ...(await describe(folder, texts)),
        created: Math.floor(clock() / 1000),
        state,
        files: await hashAll(draft, [...databases, ...texts.keys()], onProgress),
      };
      await writeDurably(join(draft, manifestFile), formatManifest(manifest), 0o600);
      await rename(draft, target);
      syncFolder(dirname(target));
      return manifest;
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      throw error;
    }
  });
}

/** All files of text, as they stood together: the document did not change while they were read. */
async function readTexts(folder: string): Promise<Map<string, Uint8Array>> {
  const names = Object.values<string>(vendorFiles).filter((name) => !databases.includes(name));
  for (;;) {
    const before = await readFile(join(folder, vendorFiles.document));
    const texts = new Map<string, Uint8Array>();
    for (const name of names) {
      const file = join(folder, name);
      if (await exists(file)) texts.set(name, await readFile(file));
      else if (name === vendorFiles.settings) texts.set(name, await readFile(join(folder, retiredFile)));
    }
    if (before.equals(await readFile(join(folder, vendorFiles.document)))) return texts;
  }
}

async function describe(
  folder: string,
  texts: ReadonlyMap<string, Uint8Array>,
): Promise<Pick<BackupManifest, 'origin' | 'name' | 'document'>> {
  const read = <T>(name: string, parse: (text: string) => T): Promise<T> =>
    explaining(async () => parse(fromUtf8(texts.get(name)!)), written(join(folder, name)));
  const { name } = await read(vendorFiles.settings, parseVendorSettings);
  const { document } = await read(vendorFiles.document, parsePublished);
  const { digest } = parseKeyDocument(formatKeyDocument(document));
  return { origin: document.origin, name, document: toBase64url(digest) };
}

async function hashAll(
  folder: string,
  names: readonly string[],
  onProgress: (file: string, done: number, total: number) => void,
): Promise<BackupFile[]> {
  const files: BackupFile[] = [];
  for (const name of names) {
    if (!(await exists(join(folder, name)))) continue;
    const hashed = await hashFile(join(folder, name), (done, total) => onProgress(name, done, total));
    files.push({ name, ...hashed });
  }
  return files;
}
