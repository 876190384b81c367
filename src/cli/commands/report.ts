import { ImpulsError } from '../../core/errors.js';
import { worthOf } from '../../core/key-document.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { computeReport, dayOf, type Report, type ReportKind } from '../../server/index.js';
import { formatCount } from '../amounts.js';
import {
  bookDay,
  bookTerms,
  checkPeriod,
  describeKey,
  formatBookDay,
  formatReportCsv,
  textBar,
} from '../books.js';
import { defineCommand } from '../command.js';
import type { Paint } from '../paint.js';
import { readMovements } from '../serving/book-desk.js';
import { formatTable } from '../table.js';

/** Days of a report without a beginning. */
const defaultDays = 30;
/** More days than this are not for people. */
const maxBars = 62;

export const report = defineCommand({
  name: 'report',
  summary: 'Show what was sold, spent and left over, by day, kind of card and route',
  usage: '[folder] [options]',
  options: {
    from: { type: 'string', value: '<day>', help: `The first day; default: ${defaultDays} days in all` },
    to: { type: 'string', value: '<day>', help: 'The last day; default: today' },
    csv: { type: 'boolean', help: 'Write CSV: a line for each kind of thing, day, key and route' },
  },
  words: [0, 1],
  notes:
    'Days are those of UTC. No line tells which sale a payment came from: the vendor does not know. "Expired" is what was\nleft when cards expired, "breakage" what was still left when the time to exchange them was over; both are sums of a\nkey. Works beside a running `vendor serve`.',
  examples: ['impuls report shop', 'impuls report shop --from 2027-01-01 --to 2027-12-31 --csv > books.csv'],
  async run({ terminal, values, positionals }) {
    if (values.csv && values.json) {
      throw new ImpulsError('invalid-argument', 'a report is CSV or JSON', { hint: 'Say one of the two.' });
    }
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const to = values.to === undefined ? dayOf(Date.now() / 1000) : bookDay(values.to, '--to');
    const from = values.from === undefined ? to - defaultDays + 1 : bookDay(values.from, '--from');
    checkPeriod(from, to);
    const made = computeReport(await readMovements(folder), bookTerms(folder), from, to);
    const { name, origin, unit } = folder.document;
    if (values.csv) {
      await terminal.write(Buffer.from(formatReportCsv(made, unit)));
      return;
    }
    if (terminal.json) {
      terminal.printJson(toJson(made, { vendor: origin, unit }));
      return;
    }
    const { paint } = terminal;
    const worth = (units: number): string => worthOf(units, unit);
    terminal.print(
      [
        `${paint.bold(name)} from ${formatBookDay(from)} to ${formatBookDay(to)}`,
        totalsTable(made, worth, paint),
        ...(made.keys.length > 0 ? [keyTable(made, paint)] : []),
        ...(made.routes.length > 0 ? [routeTable(made, worth, paint), dayBars(made, paint)] : []),
      ].join('\n\n'),
    );
    if (made.days.length > maxBars) terminal.note(`Only the last ${maxBars} days are drawn: add --csv.`);
  },
});

function toJson({ from, to, days, entries, ...made }: Report, head: object): object {
  const dated = <T extends { readonly day: number }>(items: readonly T[]) =>
    items.map((item) => ({ ...item, day: formatBookDay(item.day) }));
  const period = { from: formatBookDay(from), to: formatBookDay(to) };
  return { ...head, ...period, ...made, days: dated(days), entries: dated(entries) };
}

const number = (head: string) => ({ head, align: 'right' }) as const;

function totalsTable({ totals }: Report, worth: (units: number) => string, paint: Paint): string {
  const rows: ReadonlyArray<readonly [what: string, kind: ReportKind]> = [
    ['Sold', 'sold'],
    ['Voided before it was redeemed', 'withdrawn'],
    ['Issued on cards', 'issued'],
    ['Activated', 'opened'],
    ['Spent', 'spent'],
    ['Exchanged', 'exchanged'],
    ['Issued again in exchange', 'reissued'],
    ['Returned for a refund', 'refunded'],
    ['Refunds paid out', 'paid-out'],
    ['Expired', 'expired'],
    ['Breakage', 'breakage'],
  ];
  return formatTable(
    [{ head: '' }, number('Count'), number('Units'), number('Worth')],
    rows.map(([what, kind]) => {
      const { count, units } = totals[kind];
      return [what, formatCount(count), formatCount(units), worth(units)];
    }),
    paint,
  );
}

function keyTable({ keys }: Report, paint: Paint): string {
  const kinds: readonly ReportKind[] = [
    'issued',
    'reissued',
    'opened',
    'spent',
    'exchanged',
    'refunded',
    'expired',
    'breakage',
  ];
  return formatTable(
    [number('Denomination'), { head: 'Epoch' }, ...kinds.map((kind) => number(capital(kind)))],
    keys.map((key) => [...describeKey(key), ...kinds.map((kind) => formatCount(key.sums[kind].units))]),
    paint,
  );
}

function routeTable({ routes }: Report, worth: (units: number) => string, paint: Paint): string {
  return formatTable(
    [{ head: 'Route' }, number('Payments'), number('Units'), number('Worth')],
    routes.map(({ route, count, units }) => [
      route || '(no name)',
      formatCount(count),
      formatCount(units),
      worth(units),
    ]),
    paint,
  );
}

function dayBars({ days }: Report, paint: Paint): string {
  const shown = days.slice(-maxBars);
  const most = Math.max(...shown.map(({ sums }) => sums.spent.units));
  return formatTable(
    [{ head: 'Day' }, number('Spent'), { head: '' }],
    shown.map(({ day, sums }) => [
      formatBookDay(day),
      formatCount(sums.spent.units),
      textBar(sums.spent.units, most, paint),
    ]),
    paint,
  );
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
