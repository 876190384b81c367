import {
  copyFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fromUtf8 } from '../../core/bytes.js';
import { ImpulsError } from '../../core/errors.js';
import type { IssuingKey, KeyDocument } from '../../core/key-document.js';
import type { Totals } from '../../server/index.js';
import { formatManifest, manifestFile, parseManifest, type BackupManifest } from '../backup-manifest.js';
import { writeDurably } from '../durable-file.js';
import { syncFolder } from '../file-folder.js';
import { hashFile, syncFile } from '../sqlite/copy.js';
import { openSqliteLedger } from '../sqlite.js';
import { modeOf } from './backup.js';
import { openVendorFolder, type InitVendorOptions } from './folder.js';
import { renewKeys } from './renewal.js';
import { explaining, storing, vendorFiles } from './store.js';

/**
 * A vendor from its backup.
 *
 * The ledger of a backup does not know what was spent, sold and redeemed after it. So its cards and orders are held, cards of its keys
 * that it does not know are never opened, and new keys take the place of the old: `Ledger.quarantine`, docs/spec.md §6.5.
 */
export interface RestoreOptions extends Pick<InitVendorOptions, 'clock' | 'random'> {
  /** The last key document that the vendor served, byte for byte, if it may be newer than the one in the backup. */
  readonly latest?: Uint8Array;
  /** Told of each file what is being done, and how far: bytes; for `keys` keys. */
  readonly onProgress?: (step: RestoreStep, done: number, total: number) => void;
}

export type RestoreStep = 'check' | 'copy' | 'keys';

export interface Restored {
  readonly manifest: BackupManifest;
  readonly document: KeyDocument;
  /** Of the ledger in the backup. */
  readonly totals: Totals;
  /** The issuing keys whose cards are held; none after a final backup. */
  readonly quarantined: readonly string[];
  /** The new issuing keys. */
  readonly issuing: readonly IssuingKey[];
}

/**
 * @param to the folder to be made, or an empty one; the vendor is there whole or not at all
 * @throws ImpulsError `invalid-argument` for an occupied folder; `storage-corrupt` for a backup that is damaged; `bad-document`
 *   for a `latest` that is none of its successors; `storage-failed`
 */
export async function restoreVendor(
  backup: string,
  to: string,
  options: RestoreOptions = {},
): Promise<Restored> {
  const target = resolve(to);
  await refuseOccupied(target);
  const draft = `${target}.restoring`;
  return storing(target, async () => {
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { recursive: true, mode: 0o700 });
    try {
      const restored = await restoreInto(resolve(backup), draft, options);
      // Before it can be served: of a final backup only one restore goes on without quarantine.
      if (restored.manifest.state === 'final') await spend(resolve(backup), restored.manifest);
      await rmdir(target).catch(() => {});
      await rename(draft, target);
      syncFolder(dirname(target));
      return restored;
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      throw error;
    }
  });
}

/**
 * Restores a backup to look whether it can be, and keeps nothing of it.
 *
 * @throws ImpulsError as `restoreVendor`
 */
export async function drillBackup(backup: string, options: RestoreOptions = {}): Promise<Restored> {
  const draft = await mkdtemp(join(tmpdir(), 'impuls-drill-'));
  try {
    return await storing(draft, () => restoreInto(resolve(backup), draft, options));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function restoreInto(backup: string, draft: string, options: RestoreOptions): Promise<Restored> {
  const { clock = Date.now, latest, random, onProgress = () => {} } = options;
  const manifest = await readManifest(backup);
  await copyChecked(backup, draft, manifest, onProgress);
  const { document } = await openVendorFolder(draft, { clock });
  if (document.origin !== manifest.origin) throw corrupt('its files are of another vendor');
  const ledger = await openSqliteLedger({ path: join(draft, vendorFiles.ledger) });
  try {
    const totals = await ledger.totals();
    if (manifest.state === 'final') return { manifest, document, totals, quarantined: [], issuing: [] };
    const renewal = await renewKeys(draft, latest, {
      clock,
      ...(random && { random }),
      onProgress: (done, total) => onProgress('keys', done, total),
    });
    await ledger.quarantine(renewal.before);
    // Destroys the secrets that nothing needs any more.
    const { document: renewed } = await openVendorFolder(draft, { clock });
    return { manifest, document: renewed, totals, quarantined: renewal.before, issuing: renewal.issuing };
  } finally {
    await ledger.close();
  }
}

/** @throws ImpulsError `invalid-argument` if there is no backup, `storage-corrupt` */
export async function readManifest(backup: string): Promise<BackupManifest> {
  const file = join(backup, manifestFile);
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new ImpulsError('invalid-argument', `there is no backup of a vendor in ${backup}`, {
      cause,
      hint: 'Name the folder that `impuls vendor backup` made: it holds manifest.json.',
    });
  });
  const manifest = await explaining(
    async () => parseManifest(fromUtf8(bytes)),
    (error) => (error.code === 'unsupported' ? error : corrupt(error.message, error)),
  );
  for (const { name } of manifest.files) {
    const known: readonly string[] = Object.values(vendorFiles);
    if (!known.includes(name)) throw corrupt(`${name} is no file of a vendor`);
  }
  return manifest;
}

/** What arrives in the draft is what was hashed. */
async function copyChecked(
  backup: string,
  draft: string,
  { files }: BackupManifest,
  onProgress: (step: RestoreStep, done: number, total: number) => void,
): Promise<void> {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const { name, bytes, sha256 } of files) {
    const [from, to] = [join(backup, name), join(draft, name)];
    const size = await stat(from).then(
      (found) => found.size,
      () => undefined,
    );
    if (size !== bytes) throw corrupt(size === undefined ? `${name} is missing` : `${name} was cut or grew`);
    onProgress('copy', done, total);
    await copyFile(from, to);
    await chmod(to, modeOf(name));
    const found = await hashFile(to, (read) => onProgress('check', done + read, total));
    if (found.sha256 !== sha256) throw corrupt(`${name} was altered`);
    await syncFile(to);
    done += bytes;
  }
}

async function spend(backup: string, manifest: BackupManifest): Promise<void> {
  const text = formatManifest({ ...manifest, state: 'restored' });
  await writeDurably(join(backup, manifestFile), text, 0o600);
}

async function refuseOccupied(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new ImpulsError('invalid-argument', `${folder} is no folder that can be used`, { cause: error });
  });
  if (names.length === 0) return;
  throw new ImpulsError('invalid-argument', `${folder} is not empty: ${names[0]} is there`, {
    hint: 'Restore into a new folder; move your articles there afterwards.',
  });
}

function corrupt(message: string, cause?: unknown): ImpulsError {
  return new ImpulsError('storage-corrupt', `the backup is damaged: ${message}`, {
    cause,
    hint: 'Take another copy of it, or an older backup.',
  });
}
