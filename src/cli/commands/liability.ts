import { worthOf } from '../../core/key-document.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { computeLiability, dayOf, type KeyLiability, type Liability } from '../../server/index.js';
import { formatCount, formatDay } from '../amounts.js';
import { bookDay, bookTerms, describeKey, formatBookDay } from '../books.js';
import { defineCommand } from '../command.js';
import type { Paint } from '../paint.js';
import { readMovements } from '../serving/book-desk.js';
import { formatTable } from '../table.js';

export const liability = defineCommand({
  name: 'liability',
  summary: 'Show what a vendor owes its customers, at the end of any day',
  usage: '[folder] [options]',
  options: {
    'as-of': { type: 'string', value: '<day>', help: 'At the end of this day, by UTC; default: today' },
  },
  words: [0, 1],
  notes:
    'Units that were sold and neither spent, paid out nor expired for good. What is left when the cards of a key have\nexpired, and the time to exchange them is over too, is breakage: it is owed no more. A payment that is returned\nlater lowers the day on which it was made. Works beside a running `vendor serve`.',
  examples: ['impuls liability shop', 'impuls liability shop --as-of 2027-12-31'],
  async run({ terminal, values, positionals }) {
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const asOf =
      values['as-of'] === undefined ? dayOf(Date.now() / 1000) : bookDay(values['as-of'], '--as-of');
    const owed = computeLiability(await readMovements(folder), bookTerms(folder), asOf);
    const { name, origin, unit } = folder.document;
    if (terminal.json) {
      const day = formatBookDay(asOf);
      terminal.printJson({ vendor: origin, unit, ...owed, asOf: day, worth: worthOf(owed.total, unit) });
      return;
    }
    const { paint } = terminal;
    terminal.print(
      [
        `${paint.bold(name)} owes at the end of ${formatBookDay(asOf)}`,
        '',
        balances(owed, (units) => worthOf(units, unit), paint),
        ...(owed.keys.length > 0 ? ['', keyTable(owed.keys, paint)] : []),
      ].join('\n'),
    );
  },
});

function balances(owed: Liability, worth: (units: number) => string, paint: Paint): string {
  const rows: ReadonlyArray<readonly [what: string, units: number]> = [
    ['Vouchers that are not redeemed', owed.vouchers],
    ['Cards that are not activated', owed.unopened],
    ['Cards', owed.cards],
    ['Left cards to be exchanged', owed.credits],
    ['Refunds to pay out', owed.refunds],
  ];
  const line = ([what, units]: readonly [string, number]): string[] => [
    what,
    formatCount(units),
    worth(units),
  ];
  const total = line(['Owed in all', owed.total]).map((cell) => paint.bold(cell));
  return formatTable(
    [{ head: '' }, { head: 'Units', align: 'right' }, { head: 'Worth', align: 'right' }],
    [...rows.map(line), total, line(['Breakage, owed no more', owed.breakage])],
    paint,
  ).trimStart();
}

function keyTable(keys: readonly KeyLiability[], paint: Paint): string {
  const number = (head: string) => ({ head, align: 'right' }) as const;
  const until = { good: 'expires', grace: 'exchanged until', over: 'over since' } as const;
  return formatTable(
    [number('Denomination'), { head: 'Epoch' }, number('Not activated'), number('On cards'), { head: '' }],
    keys.map((key) => {
      const { status, expires, ends, unopened, cards } = key;
      const time = status === 'good' ? expires : ends;
      const state = time === undefined ? 'over' : `${until[status]} ${formatDay(time)}`;
      return [...describeKey(key), formatCount(unopened), formatCount(cards), state];
    }),
    paint,
  );
}
