import { worthOf, type Unit } from '../../core/key-document.js';
import type { PackedFiles } from '../../node/packing/files.js';
import type { PackedFilm } from '../../node/packing/hls.js';
import { formatBytes, formatUnits, plural } from '../amounts.js';
import { formatPairs, formatTable } from '../table.js';
import type { Terminal } from '../terminal.js';

/** How many files are shown one by one. */
const mostShown = 20;

export function showFiles(terminal: Terminal, out: string, unit: Unit, packed: PackedFiles): void {
  const { items, manifest } = packed;
  if (terminal.json) {
    terminal.printJson({ out, manifest, items });
    return;
  }
  const { paint } = terminal;
  const kept = items.filter(({ state }) => state === 'kept').length;
  const bytes = items.reduce((sum, { size }) => sum + size, 0);
  const already = kept === 0 ? '' : `; ${kept} of them were there already`;
  terminal.print(`${paint.green('✓')} ${plural(items.length, 'file')}, ${formatBytes(bytes)}${already}.\n`);
  terminal.print(
    formatTable(
      [
        { head: 'File' },
        { head: 'Size', align: 'right' },
        { head: 'Units', align: 'right' },
        { head: 'Worth', align: 'right' },
      ],
      items
        .slice(0, mostShown)
        .map(({ sealed, size, price }) => [sealed, formatBytes(size), String(price), worthOf(price, unit)]),
      paint,
    ),
  );
  if (items.length > mostShown) terminal.print(paint.dim(`and ${items.length - mostShown} more`));
  terminal.print(
    [
      '',
      `Put ${out} on any host: it holds no plain file and no key. The vendor sells the keys.`,
      `Then: impuls fetch https://<host>/${items[0]!.sealed} --max ${items[0]!.price}`,
    ].join('\n'),
  );
}

export function showFilm(terminal: Terminal, out: string, unit: Unit, film: PackedFilm): void {
  if (terminal.json) {
    terminal.printJson({ out, ...film });
    return;
  }
  const { paint } = terminal;
  const { root, renditions, segments, keys, seconds, bytes, units } = film;
  terminal.print(
    [
      `${paint.green('✓')} A film of ${formatSeconds(seconds)}, ${formatBytes(bytes)}`,
      '',
      formatPairs(
        [
          ['Playlist', root],
          ['Segments', `${plural(segments, 'segment')} in ${plural(renditions, 'rendition')}`],
          ['Keys', plural(keys, 'key')],
          ['Costs', `${formatUnits(units)} (${worthOf(units, unit)}) from the beginning to the end`],
        ],
        paint,
      ),
      '',
      `Put ${out} on any host: it holds no plain segment and no key. The vendor sells the keys.`,
    ].join('\n'),
  );
}

function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  return minutes === 0 ? `${whole} s` : `${minutes} min ${whole % 60} s`;
}
