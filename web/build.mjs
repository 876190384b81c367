/**
 * Builds the pages: `node web/build.mjs [name…]`.
 *
 *   web/<name>/index.html   a page, dist/web/<name>/: index.html, assets, build.json
 *   web/<name>/index.ts     a module for other people's pages, dist/web/<name>/<name>.js, and chunks that it loads later
 *
 * A page is put in its place as a whole, so that a server that runs never reads half of one. Without names, nothing is done if
 * nothing that pages are made of has changed since the last time.
 */
import { existsSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { buildFile, formatBuild, readPage } from '../dist/cli/serving/page-files.js';

const sources = fileURLToPath(new URL('.', import.meta.url));
const target = fileURLToPath(new URL('../dist/web', import.meta.url));

const asked = process.argv.slice(2);
const names = asked.length > 0 ? asked : await readdir(sources);
await mkdir(target, { recursive: true });
const mark = fileURLToPath(new URL('../.tsbuild/web.sha256', import.meta.url));
const inputs = await digestInputs();
if (asked.length === 0 && existsSync(join(target, 'wallet')) && (await readMark()) === inputs) process.exit();
for (const name of names) {
  const root = join(sources, name);
  if (existsSync(join(root, 'index.html'))) await buildInto(name, root, {});
  else if (existsSync(join(root, 'index.ts'))) {
    const lib = { entry: join(root, 'index.ts'), formats: ['es'], fileName: () => `${name}.js` };
    await buildInto(name, root, { lib });
  } else if (asked.length > 0) throw new Error(`web/${name} has neither index.html nor index.ts`);
}

if (asked.length === 0) await writeFile(mark, inputs);

function readMark() {
  return readFile(mark, 'utf8').catch(() => '');
}

/** Of all that the pages are made of: their sources, the package's modules, the versions of others. */
async function digestInputs() {
  const hash = createHash('sha256');
  const root = fileURLToPath(new URL('..', import.meta.url));
  const files = ['package-lock.json'];
  for (const folder of ['web', 'dist/core', 'dist/client', 'dist/server']) {
    const found = await readdir(join(root, folder), { recursive: true });
    files.push(...found.filter((name) => /\.\w+$/.test(name)).map((name) => join(folder, name)));
  }
  for (const file of files.sort()) hash.update(file).update(await readFile(join(root, file)));
  return hash.digest('hex');
}

async function buildInto(name, root, { lib }) {
  const made = join(target, `.${name}-${process.pid}`);
  try {
    await build({
      configFile: false,
      root,
      base: './',
      logLevel: 'warn',
      define: { 'process.env.NODE_ENV': '"production"' },
      oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
      build: {
        ...(lib && { lib }),
        outDir: made,
        emptyOutDir: true,
        target: 'es2022',
        assetsInlineLimit: 0,
        minify: true,
        modulePreload: { polyfill: false },
        license: { fileName: 'licenses.md' },
        reportCompressedSize: false,
        chunkSizeWarningLimit: 1000,
        rolldownOptions: {
          treeshake: { moduleSideEffects: [{ test: /\/web\//, sideEffects: true }] },
          ...(lib && { output: { chunkFileNames: '[name]-[hash].js', minify: true } }),
        },
      },
    });
    const page = await readPage(made);
    await writeFile(join(made, buildFile), formatBuild(page));
    const place = join(target, name);
    const old = `${made}.old`;
    if (existsSync(place)) await rename(place, old);
    await rename(made, place);
    await rm(old, { recursive: true, force: true });
    const bytes = [...page.files.values()].reduce((sum, { length }) => sum + length, 0);
    console.log(
      `${name} ${page.hash.slice(0, 12)}: ${page.files.size} files, ${Math.ceil(bytes / 1024)} KiB`,
    );
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}
