import { openVendorFolder } from '../../node/vendor/folder.js';
import { formatCount, formatDay } from '../amounts.js';
import { describeCodes, describeItems, findBatch, formatSerials, lastSecond, readRuns } from '../batches.js';
import { defineCommand } from '../command.js';
import { withBatches } from '../serving/batch-desk.js';
import { formatPairs, formatTable } from '../table.js';

/** More runs than this are not for people. */
const maxRows = 200;

export const batchShow = defineCommand({
  name: 'batch show',
  summary: 'Show one batch, serial by serial',
  usage: '<batch> [folder] [options]',
  options: {},
  words: [1, 2],
  notes: 'Works beside a running `vendor serve`.',
  examples: ['impuls batch show 1 shop'],
  async run({ terminal, positionals }) {
    const folder = await openVendorFolder(positionals[1] ?? '.');
    const { batch, runs } = await withBatches(folder, async (desk) => {
      const found = await findBatch(desk, positionals[0]!);
      return { batch: found, runs: await readRuns(desk, found) };
    });
    if (terminal.json) {
      terminal.printJson({ ...batch, serials: runs });
      return;
    }
    const { paint } = terminal;
    terminal.print(
      [
        formatPairs(
          [
            ['Batch', `${batch.number}${batch.label === '' ? '' : `, ${batch.label}`}`],
            ['Good for', describeItems(batch)],
            ['Made', formatDay(batch.created)],
            ['Until', formatDay(lastSecond(batch))],
            ['Codes', describeCodes(batch)],
          ],
          paint,
        ),
        '',
        formatTable(
          [{ head: 'Serials' }, { head: 'Codes', align: 'right' }, { head: 'State' }],
          runs
            .slice(0, maxRows)
            .map(({ from, to, state }) => [formatSerials([{ from, to }]), formatCount(to - from + 1), state]),
          paint,
        ),
      ].join('\n'),
    );
    if (runs.length > maxRows) terminal.note(`… and ${runs.length - maxRows} lines more: add --json.`);
  },
});
