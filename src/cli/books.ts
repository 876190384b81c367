import { ImpulsError } from '../core/errors.js';
import { worthOf, type Unit } from '../core/key-document.js';
import type { VendorFolder } from '../node/vendor/folder.js';
import { dayOf, type BookKey, type BookTerms, type Report, type ReportEntry } from '../server/index.js';
import { formatDay } from './amounts.js';
import { readDay } from './command.js';
import type { Paint } from './paint.js';

/** What the commands about the books share. Days are counted since 1970, by UTC. */

const daySeconds = 24 * 3600;

/** All keys that there ever were. */
export function bookTerms({ document, ended }: VendorFolder): BookTerms {
  return { cards: [...ended, ...document.cards], policy: document.policy };
}

/** @param text `2027-01-01` @throws ImpulsError `invalid-argument` */
export function bookDay(text: string, option: string): number {
  return dayOf(readDay(text, option));
}

/** The last of so many days that a report may have. */
const maxDays = 36_600;

/** @throws ImpulsError `invalid-argument` */
export function checkPeriod(from: number, to: number): void {
  if (from <= to && to - from < maxDays) return;
  throw new ImpulsError('invalid-argument', 'a report begins before it ends, and within a hundred years', {
    hint: 'Say --from 2027-01-01 --to 2027-12-31.',
  });
}

export function formatBookDay(day: number): string {
  return formatDay(day * daySeconds);
}

/** `1000 (2026-11)`, and the day from which on its cards are not spent. */
export function describeKey({
  denomination,
  epoch,
}: BookKey): readonly [denomination: string, epoch: string] {
  return [String(denomination), epoch ?? 'dropped'];
}

const csvColumns = [
  'day',
  'kind',
  'denomination',
  'epoch',
  'key',
  'route',
  'count',
  'units',
  'worth',
  'currency',
] as const;

/** The entries of a report as CSV (RFC 4180), one a line: sums of a day, so that a spreadsheet can add them up in any way. */
export function formatReportCsv(report: Report, unit: Unit): string {
  const keys = new Map(report.keys.map((key) => [key.key, key]));
  const line = ({ day, kind, key, route, count, units }: ReportEntry): string => {
    const [denomination = '', epoch = ''] = keys.has(key) ? describeKey(keys.get(key)!) : [];
    const [worth = '', currency = ''] = worthOf(units, unit).split(' ');
    const cells = [formatBookDay(day), kind, denomination, epoch, key, route];
    return [...cells, String(count), String(units), worth, currency].map(csvCell).join(',');
  };
  return [csvColumns.join(','), ...report.entries.map(line)].map((row) => `${row}\r\n`).join('');
}

/** A spreadsheet takes what begins like a formula for one. */
function csvCell(text: string): string {
  const safe = /^[=+@\t\r-]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const barWidth = 40;
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of text for a number; nothing is shown only where there is nothing. */
export function textBar(number: number, most: number, paint: Paint): string {
  if (number <= 0 || most <= 0) return '';
  const parts = Math.max(1, Math.round((8 * barWidth * number) / most));
  return paint.green('█'.repeat(Math.floor(parts / 8)) + eighths[parts % 8]!);
}
