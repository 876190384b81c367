import CliTable3 from 'cli-table3';
import type { Paint } from './paint.js';

export interface Column {
  readonly head: string;
  readonly align?: 'left' | 'right';
}

const light = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** A table of text without frames, so that a line can be copied. */
export function formatTable(
  columns: readonly Column[],
  rows: ReadonlyArray<readonly string[]>,
  paint: Paint,
): string {
  const table = new CliTable3({
    chars: light,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
    colAligns: columns.map(({ align = 'left' }) => align),
  });
  table.push(
    columns.map(({ head }) => paint.bold(head)),
    ...rows.map((row) => [...row]),
  );
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Names and values, one a line. */
export function formatPairs(
  pairs: ReadonlyArray<readonly [name: string, value: string]>,
  paint: Paint,
): string {
  const longest = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${paint.dim(name.padEnd(longest))}  ${value}`).join('\n');
}
