import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readManifest, type FoundItem, type FoundManifest } from '../../client/content.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { worthOf } from '../../core/key-document.js';
import { formatBytes, formatUnits, plural } from '../amounts.js';
import { formatTable } from '../table.js';
import type { KeyShop } from './key-shop.js';
import { unreachable } from './network.js';
import { fetchSealedFile, type OpenOptions } from './sealed-file.js';
import type { Terminal } from '../terminal.js';

/** A manifest of sealed files: shown, or its files fetched. */

export interface ManifestOptions extends OpenOptions {
  /** Paths of the files wanted; none: the only file, or all of them into a folder. */
  readonly wanted: readonly string[];
  /** `show` pays and fetches nothing. */
  readonly intent: 'fetch' | 'show';
}

export async function fetchManifest(url: URL, options: ManifestOptions): Promise<void> {
  const { terminal, shop, wanted, output } = options;
  const manifest = await readManifest(url.href, { fetch: options.fetch }).catch((error: unknown) => {
    const isDown = isImpulsError(error, 'network') && error.cause instanceof TypeError;
    throw isDown ? unreachable(url, error.cause) : error;
  });
  const folder = output !== undefined && (await isFolder(output)) ? output : undefined;
  const chosen = choose(manifest, wanted, url);
  const isClear = wanted.length > 0 || chosen.length === 1 || folder !== undefined;
  if (options.intent === 'show' || !isClear) {
    await show(terminal, shop, manifest, chosen);
    return;
  }
  if (chosen.length > 1 && folder === undefined) {
    throw new ImpulsError('invalid-argument', `${chosen.length} files go into a folder`, {
      hint: 'Name one that is there with -o, or end its name with /. Nothing was paid.',
    });
  }
  let left: number | undefined;
  for (const item of chosen) {
    const file = folder === undefined ? output : join(folder, ...item.path.split('/'));
    if (folder !== undefined) await makeFolder(dirname(file!));
    // --max is for all of them.
    const max = () => (left ??= options.max());
    const payment = await fetchSealedFile(new URL(item.url), { ...options, max, output: file });
    if (payment) left = max() - payment.units;
  }
}

function choose({ items }: FoundManifest, wanted: readonly string[], url: URL): readonly FoundItem[] {
  if (wanted.length === 0) return items;
  return wanted.map((path) => {
    const found = items.find((item) => item.path === path);
    if (found) return found;
    throw new ImpulsError('invalid-argument', `there is no ${path} in ${url.href}`, {
      hint: 'Leave --item out to see what there is. Nothing was paid.',
    });
  });
}

async function show(
  terminal: Terminal,
  shop: KeyShop,
  { vendor, unit }: FoundManifest,
  items: readonly FoundItem[],
): Promise<void> {
  const rows = await Promise.all(
    items.map(async (item) => ({ ...item, bought: (await shop.held(item.key)) !== undefined })),
  );
  const units = rows.reduce((sum, { price, bought }) => sum + (bought ? 0 : price), 0);
  if (terminal.json) {
    terminal.printJson({ vendor, units, items: rows });
    return;
  }
  const { paint } = terminal;
  const worth = (price: number) => (unit ? worthOf(price, unit) : '');
  terminal.print(
    formatTable(
      [
        { head: 'File' },
        { head: 'Size', align: 'right' },
        { head: 'Units', align: 'right' },
        { head: 'Worth', align: 'right' },
      ],
      rows.map(({ path, size, price, bought }) => [
        path,
        formatBytes(size),
        bought ? 'bought' : String(price),
        bought ? '' : worth(price),
      ]),
      paint,
    ),
  );
  const all = units === 0 ? 'nothing' : `${formatUnits(units)}${unit ? ` (${worth(units)})` : ''}`;
  terminal.print(`\n${plural(rows.length, 'file')} of ${vendor}: all for ${all}.`);
  terminal.print('One: --item <path>. All of them: -o <folder>/');
}

async function isFolder(path: string): Promise<boolean> {
  if (/[\\/]$/.test(path)) return true;
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw new ImpulsError('storage-failed', `cannot make the folder ${path}`, {
      cause,
      hint: 'Choose another -o.',
    });
  }
}
