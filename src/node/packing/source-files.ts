import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { ImpulsError } from '../../core/errors.js';

/** A file to be packed. */
export interface SourceFile {
  /** Below the folder that is packed, with `/`. */
  readonly path: string;
  /** Absolute. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
}

/**
 * A file, or the files of a folder and of those below it, by name; what begins with a dot is left out.
 *
 * @throws ImpulsError `invalid-argument` if there is nothing, or something that is no file
 */
export async function findSourceFiles(source: string): Promise<SourceFile[]> {
  const root = resolve(source);
  const found = await stat(root).catch((cause: unknown) => {
    throw new ImpulsError('invalid-argument', `there is no ${source}`, { cause });
  });
  const files = found.isDirectory() ? await filesBelow(root, root) : [await sourceFile(root, dirname(root))];
  if (files.length > 0) return files;
  throw new ImpulsError('invalid-argument', `there is no file in ${source}`);
}

async function filesBelow(root: string, folder: string): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) files.push(...(await filesBelow(root, path)));
    else files.push(await sourceFile(path, root));
  }
  return files;
}

async function sourceFile(file: string, root: string): Promise<SourceFile> {
  const found = await stat(file);
  if (!found.isFile()) {
    throw new ImpulsError('invalid-argument', `${file} is no file`, {
      hint: 'Pack a folder that holds files only.',
    });
  }
  return { path: relative(root, file).split(sep).join('/'), file, size: found.size };
}

/** Folders that must not lie in each other when files are packed. */
export interface PackedPlaces {
  readonly source: string;
  readonly out: string;
  /** The vendor's, with its secrets. */
  readonly vendor: string;
}

/**
 * The folder that the world gets holds neither what is sold nor the secrets of the vendor; and these are not for sale.
 *
 * @throws ImpulsError `invalid-argument`
 */
export async function checkPlaces({ source, out, vendor }: PackedPlaces): Promise<void> {
  const [from, to, shop] = await Promise.all([source, out, vendor].map(realPlace));
  const refuse = (message: string): ImpulsError =>
    new ImpulsError('invalid-argument', message, { hint: 'Choose another --out, beside both.' });
  if (isWithin(from!, to!)) throw refuse('what is packed lies in the folder for the sealed files');
  if (isWithin(to!, from!)) throw refuse('the folder for the sealed files lies in what is packed');
  if (isWithin(shop!, to!)) throw refuse('the vendor lies in the folder for the sealed files');
  if (isWithin(shop!, from!)) throw refuse('the vendor, with its secrets, lies in what is packed');
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Where a path leads, as far as it exists. */
async function realPlace(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(await realPlace(parent), basename(absolute));
  }
}
