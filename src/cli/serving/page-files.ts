import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The pages that this package brings, as files. They are small, and read as a whole. */

/** By name: each is served under `/impuls/<name>/`. */
export const pageNames = ['wallet', 'player'] as const;
export type PageName = (typeof pageNames)[number];

export interface PageFiles {
  /** The files by path, `assets/index.js`, in the order of their paths; without `build.json`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** SHA-256 of each file in hex. */
  readonly hashes: ReadonlyMap<string, string>;
  /** Names the build: SHA-256 in hex of what `sha256sum` prints for the files, ordered by path. */
  readonly hash: string;
}

/** What `build.json` says beside the files. It is not one of them. */
export const buildFile = 'build.json';

export function formatBuild({ hash, hashes }: Pick<PageFiles, 'hash' | 'hashes'>): string {
  return `${JSON.stringify({ version: 1, hash, files: Object.fromEntries(hashes) }, null, 2)}\n`;
}

/** Where the built pages of this package lie. */
export function pageFolder(name: string): string {
  return fileURLToPath(new URL(`../../web/${name}`, import.meta.url));
}

/** @returns undefined if there is no such folder, as before the pages are built */
export async function readPage(folder: string): Promise<PageFiles | undefined> {
  let entries;
  try {
    entries = await readdir(folder, { recursive: true, withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => path.slice(folder.length + 1).replaceAll(sep, '/'))
    .filter((path) => path !== buildFile)
    .sort();
  const files = new Map<string, Uint8Array>();
  for (const path of paths) files.set(path, await readFile(join(folder, path)));
  return { files, ...hashFiles(files) };
}

/** @param files in the order of their paths */
export function hashFiles(files: ReadonlyMap<string, Uint8Array>): Pick<PageFiles, 'hash' | 'hashes'> {
  const hashes = new Map([...files].map(([path, bytes]) => [path, sha256(bytes)]));
  const lines = [...hashes].map(([path, hash]) => `${hash}  ${path}\n`);
  return { hashes, hash: sha256(lines.join('')) };
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
