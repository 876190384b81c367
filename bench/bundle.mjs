/** What a page has to load to pay: the size of a bundle, minified and gzipped, as a bundler makes it from the built package. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const entry = `
export { protocols } from 'impuls';
export * from 'impuls/wire';
export { createPayingFetch, openWallet } from 'impuls/client';
`;

/**
 * @returns bytes: `start` is loaded before the first payment, with chain, stream, wire, wallet and paying fetch; `later` in
 *   further chunks when a card is got, restored or activated.
 */
export async function measureBundle() {
  const name = 'impuls-entry';
  const bundle = await rolldown({
    input: name,
    platform: 'browser',
    // As in a page: nobody imports the entry, so that what it shares with later chunks may lie in it.
    preserveEntrySignatures: 'allow-extension',
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    plugins: [
      {
        name,
        resolveId: (id) => (id === name ? fileURLToPath(new URL(`../${name}.js`, import.meta.url)) : null),
        load: (id) => (id.endsWith(`/${name}.js`) ? entry : null),
      },
    ],
  });
  try {
    const { output } = await bundle.generate({ format: 'es', minify: true });
    const chunks = new Map(output.map((chunk) => [chunk.fileName, chunk]));
    const first = output.find(({ isEntry }) => isEntry);
    const start = new Set([first.fileName]);
    for (const file of start) for (const other of chunks.get(file).imports) start.add(other);
    const sizeOf = (wanted) =>
      output
        .filter(({ fileName }) => start.has(fileName) === wanted)
        .reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);
    return { start: sizeOf(true), later: sizeOf(false) };
  } finally {
    await bundle.close();
  }
}

export const run = measureBundle;
