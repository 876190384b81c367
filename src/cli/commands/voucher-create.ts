import { formatVoucherCode } from '../../core/voucher-code.js';
import { openVendorFolder, type VendorFolder } from '../../node/vendor/folder.js';
import { createVendor, type OrderItem } from '../../server/index.js';
import { formatUnits, plural } from '../amounts.js';
import { defineCommand, wholeNumber } from '../command.js';
import { itemOf, itemOptions } from '../serving/items.js';
import { askLedger } from '../serving/ledger-owner.js';
import { checkVouchers } from '../serving/vouchers.js';

export const voucherCreate = defineCommand({
  name: 'voucher create',
  summary: 'Make voucher codes, to be sold or given away',
  usage: '[folder] [options]',
  options: {
    ...itemOptions,
    count: { type: 'string', value: '<count>', help: 'How many vouchers; default 1' },
  },
  words: [0, 1],
  notes:
    'Works beside a running `vendor serve`. A code is shown once: the vendor keeps a keyed hash of it only.',
  examples: [
    'impuls voucher create shop --units 1000',
    'impuls voucher create shop --units 100 --count 50 > codes.json',
  ],
  async run({ terminal, values, positionals }) {
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const now = Math.floor(Date.now() / 1000);
    const item = itemOf(folder.document, values, now);
    const items = [item];
    const count = wholeNumber(values.count ?? '1', '--count');
    checkVouchers(folder.document, items, count, now);
    const codes = (await create(folder, items, count)).map(formatVoucherCode);
    if (terminal.json) {
      terminal.printJson({ vendor: folder.document.origin, items, codes });
      return;
    }
    for (const code of codes) terminal.print(code);
    terminal.note(
      `\nEach is good for ${plural(item.count, 'card')} of ${formatUnits(item.denomination)}. They are shown this once.\n` +
        `Redeem one: impuls redeem ${folder.document.origin} ${codes[0]}`,
    );
  },
});

function create(
  folder: VendorFolder,
  items: readonly OrderItem[],
  count: number,
): Promise<readonly string[]> {
  const { document, keys } = folder;
  return askLedger(folder, { do: 'create-vouchers', items, count }, (ledger) =>
    createVendor({ document, keys, ledger }).createVouchers(items, count),
  );
}
