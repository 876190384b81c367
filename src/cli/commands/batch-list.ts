import { openVendorFolder } from '../../node/vendor/folder.js';
import { formatCount, formatDay } from '../amounts.js';
import { describeItems, lastSecond } from '../batches.js';
import { defineCommand } from '../command.js';
import { withBatches } from '../serving/batch-desk.js';
import { formatTable } from '../table.js';

export const batchList = defineCommand({
  name: 'batch list',
  summary: 'Show the batches of scratch cards, and what became of their codes',
  usage: '[folder] [options]',
  options: {},
  words: [0, 1],
  notes: 'Works beside a running `vendor serve`.',
  async run({ terminal, positionals }) {
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const batches = await withBatches(folder, (desk) => desk.readBatches());
    if (terminal.json) {
      terminal.printJson(batches);
      return;
    }
    if (batches.length === 0) {
      terminal.print('No batches yet: impuls batch create --count 100');
      return;
    }
    const { paint } = terminal;
    const now = Date.now() / 1000;
    const expiry = (batch: (typeof batches)[number]): string => {
      const day = formatDay(lastSecond(batch));
      return batch.expires <= now ? paint.red(day) : day;
    };
    const number = (head: string) => ({ head, align: 'right' }) as const;
    terminal.print(
      formatTable(
        [
          number('Batch'),
          { head: 'Good for' },
          ...['Printed', 'Active', 'Redeemed', 'Void'].map(number),
          { head: 'Until' },
          { head: 'Label' },
        ],
        batches.map((batch) => [
          String(batch.number),
          describeItems(batch),
          ...[batch.codes.printed, batch.codes.active, batch.codes.redeemed, batch.codes.void].map(
            formatCount,
          ),
          expiry(batch),
          batch.label,
        ]),
        paint,
      ),
    );
  },
});
