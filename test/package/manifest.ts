import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The package as it is published: where it lies, and what its package.json says. */

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as Manifest;
}

export const manifest = readManifest(root);

/** What a stranger imports, by the name in "exports": `.` → `impuls`, `./wire` → `impuls/wire`. */
export const subpaths: ReadonlyMap<string, string> = new Map(
  Object.keys(manifest.exports)
    .filter((key) => !key.endsWith('.json'))
    .map((key) => [key, manifest.name + key.slice(1)]),
);
