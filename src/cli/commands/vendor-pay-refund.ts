import { ImpulsError } from '../../core/errors.js';
import { HmacKey } from '../../core/hash.js';
import { worthOf } from '../../core/key-document.js';
import { parseVoucherCode } from '../../core/voucher-code.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { orderId } from '../../server/vouchers.js';
import { formatDay, formatUnits } from '../amounts.js';
import { defineCommand } from '../command.js';
import { readAll } from '../input.js';
import { withRefunds } from '../serving/refund-desk.js';

export const vendorPayRefund = defineCommand({
  name: 'vendor pay-refund',
  summary: 'Write down that a refund is paid out, by the reference that its holder shows',
  usage: '<reference> [folder] [options]',
  options: { 'dry-run': { type: 'boolean', help: 'Say what it is worth, and write nothing down' } },
  words: [1, 2],
  notes:
    'Look it up with --dry-run, pay, then write it down: each reference is paid once. `-` in place of the reference\nreads it from the input. Works beside a running `vendor serve`.',
  examples: ['impuls vendor pay-refund K7Q2M-8ZJ4D-5R1TN-W3XQ9 shop --dry-run'],
  async run({ terminal, values, positionals, stdin }) {
    const [given = '', path = '.'] = positionals;
    const reference = parseVoucherCode(given === '-' ? (await readAll(stdin)).toString('utf8') : given);
    const folder = await openVendorFolder(path);
    const order = orderId(new HmacKey(folder.keys.voucher), reference);
    const { refund, outcome } = await withRefunds(folder, async (desk) => {
      const found = (await desk.readRefunds()).find((one) => one.order === order);
      if (!found) throw unknown();
      const now = Math.floor(Date.now() / 1000);
      if (values['dry-run']) return { refund: found, outcome: found.paid === undefined ? 'due' : 'repeated' };
      return { refund: found, outcome: await desk.payRefund(order, now) };
    });
    if (outcome === 'unknown') {
      throw new ImpulsError('vendor-restored', 'the refund is held since the ledger was restored', {
        hint: 'See `impuls vendor quarantine`.',
      });
    }
    const worth = worthOf(refund.units, folder.document.unit);
    if (outcome === 'repeated') {
      throw new ImpulsError('order-served', `this refund of ${worth} was paid out before`, {
        hint: `It was on ${formatDay(refund.paid!)}. Pay nothing.`,
      });
    }
    if (terminal.json) {
      terminal.printJson({ units: refund.units, worth, since: refund.at, paid: outcome === 'paid' });
      return;
    }
    terminal.print(
      outcome === 'paid'
        ? `${terminal.paint.green('✓')} Written down as paid out: ${formatUnits(refund.units)}, ${worth}.`
        : `To be paid out: ${formatUnits(refund.units)}, ${worth}, since ${formatDay(refund.at)}.`,
    );
  },
});

function unknown(): ImpulsError {
  return new ImpulsError('order-unknown', 'no refund has this reference', {
    hint: 'Compare it with what its holder shows; a voucher is no refund.',
  });
}
