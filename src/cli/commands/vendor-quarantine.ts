import { openVendorFolder } from '../../node/vendor/folder.js';
import { formatDay, plural } from '../amounts.js';
import { defineCommand } from '../command.js';
import { askQuarantine } from '../serving/quarantine-desk.js';
import { formatTable } from '../table.js';

export const vendorQuarantine = defineCommand({
  name: 'vendor quarantine',
  summary: 'Show what is held since the vendor was restored from a backup, or free it',
  usage: '[folder] [options]',
  options: {
    lift: {
      type: 'boolean',
      help: 'Free all cards and vouchers that are held: what was spent after the backup can be spent once more',
    },
  },
  words: [0, 1],
  notes:
    'A restored ledger does not know what happened after its backup. What to decide:\n\n  Lift it, if what can be spent twice at most is worth less than the trouble: what was spent, and what was sold and\n  redeemed, between the backup and the loss. All wallets work again at once, and no card has lost a unit.\n\n  Keep it, and give the holders of old cards other ones some other way: held cards stay held until they expire.\n\nVouchers that were made after the backup are not known any more: make others. Works beside a running server.',
  async run({ terminal, values, positionals }) {
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const held = await askQuarantine(folder, values.lift ? 'lift' : 'read');
    if (terminal.json) {
      terminal.printJson({
        vendor: folder.document.origin,
        held: values.lift ? [] : held,
        ...(values.lift && { lifted: held }),
      });
      return;
    }
    if (held.length === 0) {
      terminal.print('Nothing is held.');
      return;
    }
    const keys = new Map(folder.document.cards.map((key) => [key.id, key]));
    const said = values.lift
      ? `${terminal.paint.green('✓')} Cards of ${plural(held.length, 'key')} and all vouchers are free again.`
      : `Held: all vouchers from before the restore, and cards of ${plural(held.length, 'key')}.`;
    terminal.print(
      [
        said,
        '',
        formatTable(
          [{ head: 'Key' }, { head: 'Cards of', align: 'right' }, { head: 'Epoch' }, { head: 'Expire' }],
          held.map((id) => {
            const key = keys.get(id);
            return [id, String(key?.denomination ?? ''), key?.epoch ?? '', key ? formatDay(key.expires) : ''];
          }),
          terminal.paint,
        ),
        ...(values.lift ? [] : ['', 'What to decide: impuls help vendor quarantine']),
      ].join('\n'),
    );
  },
});
