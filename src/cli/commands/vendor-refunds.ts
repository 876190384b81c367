import { worthOf } from '../../core/key-document.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { formatCount, formatDay, formatUnits, plural } from '../amounts.js';
import { defineCommand } from '../command.js';
import { withRefunds } from '../serving/refund-desk.js';
import { formatTable } from '../table.js';

export const vendorRefunds = defineCommand({
  name: 'vendor refunds',
  summary: 'Show the refunds that are to be paid out, and with --all those that were',
  usage: '[folder] [options]',
  options: { all: { type: 'boolean', help: 'Also those that were paid out' } },
  words: [0, 1],
  notes:
    'The references are with those who hold them: the ledger knows their hashes only. Pay one out with\n`impuls vendor pay-refund`. Works beside a running `vendor serve`.',
  async run({ terminal, values, positionals }) {
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const all = await withRefunds(folder, (desk) => desk.readRefunds());
    const refunds = values.all ? all : all.filter(({ paid }) => paid === undefined);
    if (terminal.json) {
      terminal.printJson(refunds);
      return;
    }
    if (refunds.length === 0) {
      terminal.print('No refunds to pay out.');
      return;
    }
    const { unit } = folder.document;
    terminal.print(
      formatTable(
        [
          { head: 'Refund' },
          { head: 'Units', align: 'right' },
          { head: 'Worth', align: 'right' },
          { head: 'Since' },
          { head: 'Paid' },
        ],
        refunds.map(({ order, units, at, paid, held }) => [
          order.slice(0, 8),
          formatCount(units),
          worthOf(units, unit),
          formatDay(at),
          paid === undefined ? (held ? 'held' : '') : formatDay(paid),
        ]),
        terminal.paint,
      ),
    );
    if (values.all && refunds.every(({ paid }) => paid !== undefined)) return;
    const due = refunds.filter(({ paid }) => paid === undefined);
    const units = due.reduce((sum, refund) => sum + refund.units, 0);
    terminal.print(
      `\n${plural(due.length, 'refund')} to pay out: ${formatUnits(units)}, ${worthOf(units, unit)}`,
    );
  },
});
