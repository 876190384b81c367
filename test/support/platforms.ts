import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * What `test/platforms` brings: other runtimes, workerd and a framework. They are large, so they are installed apart; where they are not there,
 * tests that need them are left out, unless the environment says `IMPULS_PLATFORMS=required`: then they fail.
 */

/** Where they are installed. */
export const platformsFolder = fileURLToPath(new URL('../platforms/', import.meta.url));

const isRequired = process.env['IMPULS_PLATFORMS'] === 'required';

/**
 * The path of a file in a package of `test/platforms`, such as `node22` and `bin/node`.
 *
 * @returns undefined if it is not installed, and need not be
 */
export function findPlatform(name: string, file = 'package.json'): string | undefined {
  const path = `${platformsFolder}node_modules/${name}/${file}`;
  if (existsSync(path)) return path;
  if (!isRequired) return undefined;
  throw new Error(`${name} is not installed; run: npm install --prefix test/platforms`);
}

/** Imports a package of `test/platforms` that is there. */
export async function importPlatform<T>(name: string): Promise<T> {
  const path = createRequire(`${platformsFolder}package.json`).resolve(name);
  return (await import(/* @vite-ignore */ pathToFileURL(path).href)) as T;
}
