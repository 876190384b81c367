import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { toBase64url } from '../../core/base64url.js';
import { contentKeyUrl } from '../../core/content-key.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import type { Unit } from '../../core/key-document.js';
import { formatManifest, manifestName, parseManifest, type ContentItem } from '../../core/manifest.js';
import { mediaTypeOf } from '../../core/media-types.js';
import type { ContentEntry, ContentRegistry } from '../content-registry.js';
import { exists, writeDurably } from '../durable-file.js';
import { syncFolder } from '../file-folder.js';
import { holdsSame, readSealedFileHead, sealFile } from './sealed-file.js';
import { findSourceFiles, type SourceFile } from './source-files.js';

export interface PackProgress {
  /** The file that is at work, as the manifest calls it. */
  readonly path: string;
  /** Bytes of all files. */
  readonly done: number;
  readonly total: number;
}

export interface PackFilesOptions {
  /** A file, or a folder with all below it. */
  readonly source: string;
  /** The folder for any static host. Made if it is missing. */
  readonly out: string;
  /** Whose keys they are. */
  readonly vendor: { readonly origin: string; readonly unit: Unit };
  readonly registry: Pick<ContentRegistry, 'find' | 'add' | 'setPrices'>;
  /** Units for the key of a file, at least 1. @param path as in the manifest */
  readonly priceOf: (path: string) => number;
  /** What becomes of a file in `out` that is another than the one to be written. Default `refuse`. */
  readonly existing?: 'refuse' | 'replace';
  readonly onProgress?: (progress: PackProgress) => void;
  readonly signal?: AbortSignal;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
  /** @returns that many random bytes. Default: the system's. */
  readonly random?: (length: number) => Uint8Array;
}

export interface PackedItem extends ContentItem {
  /** `kept`: it was there already, with the same content; its key is the same. */
  readonly state: 'sealed' | 'kept';
}

export interface PackedFiles {
  /** Absolute. */
  readonly manifest: string;
  /** What was packed now; the manifest lists what was packed before too. */
  readonly items: readonly PackedItem[];
}

/** A file and what becomes of it. */
interface Job {
  readonly source: SourceFile;
  readonly target: string;
  readonly item: ContentItem;
  /** Secret; absent: the sealed file stays as it is. */
  readonly key?: Uint8Array;
}

/**
 * Seals files, each under a key of its own that is put up for sale first, and lists them in a manifest. A file that is in
 * `out` already with the same content stays as it is and keeps its key. Nothing in `out` is ever half written: if it fails,
 * what was there before is there still.
 *
 * @throws ImpulsError `invalid-argument` for a source or a price that does not do, and for a file of `out` that would be
 *   replaced; `storage-failed`; the signal's reason
 */
export async function packFiles(options: PackFilesOptions): Promise<PackedFiles> {
  const { vendor, registry, existing = 'refuse', onProgress = () => {}, signal } = options;
  const { clock = Date.now, random = (length: number) => new Uint8Array(randomBytes(length)) } = options;
  const out = resolve(options.out);
  const manifest = join(out, manifestName);
  const before = await readListed(manifest, vendor.origin, existing);
  const files = await findSourceFiles(options.source);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const tell = (path: string, bytes: number) => onProgress({ path, total, done: (done += bytes) });

  const jobs: Job[] = [];
  for (const source of files) {
    signal?.throwIfAborted();
    jobs.push(await plan(source));
    if (!jobs.at(-1)!.key) tell(source.path, source.size);
  }
  const listed = (items: readonly ContentItem[]): string => {
    const paths = new Set(items.map(({ path }) => path));
    const all = [...before.filter(({ path }) => !paths.has(path)), ...items];
    return formatManifest({
      vendor: vendor.origin,
      unit: vendor.unit,
      items: all.sort((a, b) => (a.path < b.path ? -1 : 1)),
    });
  };
  // Finds what cannot be listed before anything is done.
  naming(() => listed(jobs.map(({ item }) => item)));
  await register(jobs);
  const items = await seal(jobs);
  await writing(manifest, () => writeDurably(manifest, listed(items), 0o644));
  return { manifest, items };

  async function plan(source: SourceFile): Promise<Job> {
    const sealed = `${source.path}.sealed`;
    const target = join(out, ...sealed.split('/'));
    const price = options.priceOf(source.path);
    const base = { path: source.path, sealed, type: mediaTypeOf(source.path), size: source.size, price };
    const head = await readSealedFileHead(target);
    const entry = head?.origin === vendor.origin ? await registry.find(head.id) : undefined;
    if (head && entry && head.size === source.size && (await holdsSame(target, source.file, entry.key))) {
      return { source, target, item: { ...base, key: head.href } };
    }
    if (existing === 'refuse' && (await exists(target))) throw occupied(target);
    const id = toBase64url(random(16));
    return { source, target, item: { ...base, key: contentKeyUrl(vendor.origin, id) }, key: random(32) };
  }

  /** Before a byte that is sealed with them is written. */
  async function register(all: readonly Job[]): Promise<void> {
    const created = Math.floor(clock() / 1000);
    const added: ContentEntry[] = [];
    const kept: Array<{ id: string; price: number }> = [];
    for (const { item, key } of all) {
      const id = item.key.slice(item.key.lastIndexOf('/') + 1);
      if (key) added.push({ id, key, price: item.price, title: item.path.slice(-200), created });
      else kept.push({ id, price: item.price });
    }
    if (added.length > 0) await registry.add(added);
    if (kept.length > 0) await registry.setPrices(kept);
  }

  async function seal(all: readonly Job[]): Promise<PackedItem[]> {
    const drafts = new Map<string, string>();
    try {
      const items: PackedItem[] = [];
      for (const { source, target, item, key } of all) {
        if (!key) {
          items.push({ ...item, state: 'kept' });
          continue;
        }
        const draft = join(dirname(target), `.${basename(target)}.${process.pid}.new`);
        drafts.set(draft, target);
        const size = await writing(target, async () => {
          await mkdir(dirname(target), { recursive: true });
          await rm(draft, { force: true });
          const onBytes = (bytes: number) => tell(source.path, bytes);
          return sealFile(source.file, draft, { key, keyUrl: item.key, onBytes, signal });
        });
        items.push({ ...item, size, state: 'sealed' });
      }
      for (const [draft, target] of drafts) await writing(target, () => rename(draft, target));
      for (const folder of new Set([...drafts.values()].map(dirname))) syncFolder(folder);
      return items;
    } catch (error) {
      for (const draft of drafts.keys()) await rm(draft, { force: true });
      throw error;
    }
  }
}

/** What a manifest lists that was written before, as far as it is there still. */
async function readListed(
  manifest: string,
  origin: string,
  existing: 'refuse' | 'replace',
): Promise<ContentItem[]> {
  if (!(await exists(manifest))) return [];
  try {
    const { vendor, items } = parseManifest(await readFile(manifest));
    if (vendor !== origin) throw new ImpulsError('malformed', `its keys are sold by ${vendor}`);
    const there = await Promise.all(items.map(({ sealed }) => exists(join(dirname(manifest), sealed))));
    return items.filter((_, i) => there[i]);
  } catch (cause) {
    if (!isImpulsError(cause)) throw cause;
    if (existing === 'replace') return [];
    throw new ImpulsError('invalid-argument', `${manifest} is in the way: ${cause.message}`, {
      cause,
      hint: 'Choose another folder, or replace it (--force).',
    });
  }
}

function occupied(target: string): ImpulsError {
  return new ImpulsError('invalid-argument', `${target} is there already, with other content`, {
    hint: 'Choose another folder, or replace it (--force): the new file gets a new key.',
  });
}

function naming<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!isImpulsError(cause)) throw cause;
    throw new ImpulsError('invalid-argument', `these files cannot be listed: ${cause.message}`, {
      cause,
      hint: 'Name them otherwise, or pack fewer at once.',
    });
  }
}

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
    throw new ImpulsError('storage-failed', `cannot write ${path}: ${cause.message}`, {
      cause,
      hint: 'Check that the disk has room and that the folder is yours.',
    });
  }
}
