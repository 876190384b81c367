import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown, type Plugin } from 'rolldown';

/** Programs for other runtimes, made of tests and of the package as it is built. */

const root = fileURLToPath(new URL('../../', import.meta.url));
const dist = join(root, 'dist');

/** The built file of a source that a test imports; undefined for any other import. */
function builtFile(name: string, importer: string | undefined): string | undefined {
  if (!importer || !name.startsWith('.')) return undefined;
  const path = relative(join(root, 'src'), resolve(dirname(importer), name));
  return path.startsWith('..') || importer.startsWith(dist) ? undefined : join(dist, path);
}

/** One file with all that it needs. @returns its text */
export async function bundleWhole(input: string): Promise<string> {
  const plugin: Plugin = { name: 'built', resolveId: (name, importer) => builtFile(name, importer) };
  const external = [/^cloudflare:/];
  const bundle = await rolldown({ input, platform: 'neutral', cwd: root, external, plugins: [plugin] });
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
  await bundle.close();
  return output[0].code;
}

/**
 * A folder in which the package is installed by its name, and a program that imports it so.
 *
 * @returns the path of the program
 */
export async function installProgram(folder: string, input: string): Promise<string> {
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules/impuls'), 'dir');
  const plugin: Plugin = {
    name: 'installed',
    resolveId(name, importer) {
      if (name === 'impuls' || name.startsWith('impuls/')) return { id: name, external: true };
      const file = builtFile(name, importer);
      if (!file) return undefined;
      return { id: `./node_modules/impuls/dist/${relative(dist, file)}`, external: true };
    },
  };
  const bundle = await rolldown({ input, platform: 'neutral', cwd: root, plugins: [plugin] });
  const file = join(folder, 'program.mjs');
  await bundle.write({ format: 'esm', file, codeSplitting: false });
  await bundle.close();
  return file;
}
