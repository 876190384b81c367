/**
 * Runs a TypeScript program of this repository: `node tools/run-ts.mjs proof/hostile/main.ts --seed 7`. It is bundled with the
 * sources that it imports, packages stay outside, and what `process.argv` says is as if it were run itself.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @returns the path of the bundle, inside the repository so that it finds the packages */
export async function bundle(entry) {
  const name = relative(root, resolve(entry)).split(sep).join('-').replace(/\.ts$/, `-${process.pid}.mjs`);
  const folder = join(root, '.tsbuild', 'run');
  mkdirSync(folder, { recursive: true });
  const made = await rolldown({
    input: resolve(entry),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    logLevel: 'warn',
  });
  const file = join(folder, name);
  await made.write({ file, format: 'esm', sourcemap: true, codeSplitting: false });
  await made.close();
  return file;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , entry, ...rest] = process.argv;
  if (!entry) throw new Error('Say which program: node tools/run-ts.mjs proof/hostile/main.ts');
  const file = await bundle(entry);
  process.argv = [process.argv[0], file, ...rest];
  process.setSourceMapsEnabled(true);
  process.on('exit', () => [file, `${file}.map`].forEach((made) => rmSync(made, { force: true })));
  await import(pathToFileURL(file).href);
}
