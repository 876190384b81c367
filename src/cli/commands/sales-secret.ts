import { changeSales } from '../../node/selling/sales-file.js';
import { openVendorFolder, platformRandom } from '../../node/vendor/folder.js';
import { defineCommand } from '../command.js';
import { reloadSales } from '../serving/sales-setup.js';

export const salesSecret = defineCommand({
  name: 'sales secret',
  summary: 'Derive the codes of new sales from a new secret, as when sales.json has leaked',
  usage: '[folder] [options]',
  options: {},
  words: [0, 1],
  notes:
    'Codes that were sold stay good, and are found by the old secrets: void those that are in danger with\n`impuls sales order`. Back sales.json up afterwards. Works beside a running `vendor serve`.',
  async run({ terminal, positionals }) {
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const { secrets } = await changeSales(folder.path, (settings) => ({
      ...settings,
      secrets: [platformRandom(32), ...settings.secrets],
    }));
    const server = await reloadSales(terminal, folder.path);
    if (terminal.json) terminal.printJson({ secrets: secrets.length, server });
    else {
      terminal.print(
        `${terminal.paint.green('✓')} Codes of new sales come from a new secret. Back sales.json up: it holds the old ones, too.`,
      );
    }
  },
});
