import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ImpulsError } from '../../core/errors.js';
import { defineCommand } from '../command.js';
import {
  buildFile,
  formatBuild,
  pageFolder,
  pageNames,
  readPage,
  type PageFiles,
  type PageName,
} from '../serving/page-files.js';
import { pageHeaders } from '../serving/web-pages.js';
import { formatPairs } from '../table.js';

export const webExport = defineCommand({
  name: 'web export',
  summary: 'Write the wallet and the player page into a folder, to be hosted by you',
  usage: '<folder> [options]',
  options: {},
  words: [1, 1],
  notes:
    'A page pays at the vendor whose origin serves it, so host it there, in place of the one that `vendor serve` brings.\nSend the headers that headers.json names with every file.',
  examples: ['impuls web export pages'],
  async run({ terminal, positionals }) {
    const folder = resolve(positionals[0]!);
    await checkEmpty(folder);
    const exported: Array<{ page: PageName; hash: string; files: number }> = [];
    for (const name of pageNames) {
      const page = await requirePage(name);
      const files: ReadonlyMap<string, string | Uint8Array> = new Map<string, string | Uint8Array>([
        ...page.files,
        [buildFile, formatBuild(page)],
        ['headers.json', `${JSON.stringify(pageHeaders(name), null, 2)}\n`],
      ]);
      for (const [path, content] of files) {
        const file = join(folder, name, path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content);
      }
      exported.push({ page: name, hash: page.hash, files: page.files.size });
    }
    if (terminal.json) {
      terminal.printJson({ folder, pages: exported });
      return;
    }
    terminal.print(`${terminal.paint.green('✓')} The pages are in ${folder}\n`);
    terminal.print(
      formatPairs(
        exported.map(({ page, hash }) => [page, hash]),
        terminal.paint,
      ),
    );
  },
});

async function checkEmpty(folder: string): Promise<void> {
  const held = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new ImpulsError('invalid-argument', `${folder} cannot be written: ${(error as Error).message}`);
  });
  if (held.length > 0) {
    throw new ImpulsError('invalid-argument', `${folder} is not empty`, { hint: 'Name a new folder.' });
  }
}

/** @throws ImpulsError `invalid-argument` */
export async function requirePage(name: PageName): Promise<PageFiles> {
  const page = await readPage(pageFolder(name));
  if (!page) {
    throw new ImpulsError('invalid-argument', `the ${name} page is not built`, {
      hint: 'Run `npm run build` in the sources of impuls.',
    });
  }
  return page;
}
