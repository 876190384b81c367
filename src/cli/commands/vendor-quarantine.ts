import { resolve } from 'node:path';
import { ImpulsError } from '../../core/errors.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { holdVendor } from '../../node/vendor/hold.js';
import { formatDay, plural } from '../amounts.js';
import { defineCommand } from '../command.js';
import { readFileOrInput } from '../input.js';
import { askEvery } from '../serving/admin-socket.js';
import { askQuarantine } from '../serving/quarantine-desk.js';
import { formatTable } from '../table.js';
import type { Input, Terminal } from '../terminal.js';

export const vendorQuarantine = defineCommand({
  name: 'vendor quarantine',
  summary: 'Show what is held since the vendor was restored from a backup; free it, or hold it',
  usage: '[folder] [options]',
  options: {
    lift: {
      type: 'boolean',
      help: 'Free all cards and vouchers that are held: what was spent after the backup can be spent once more',
    },
    hold: {
      type: 'boolean',
      help: 'The database was put back from a backup: hold all that is in it, and make new keys. No server may run',
    },
    document: {
      type: 'string',
      value: '<file>',
      help: 'With --hold: the last key document that was served, as from a mirror, if it is newer than the folder',
    },
  },
  words: [0, 1],
  notes:
    'A restored ledger does not know what happened after its backup. What to decide:\n\n  Lift it, if what can be spent twice at most is worth less than the trouble: what was spent, and what was sold and\n  redeemed, between the backup and the loss. All wallets work again at once, and no card has lost a unit.\n\n  Keep it, and give the holders of old cards other ones some other way: held cards stay held until they expire.\n\nVouchers that were made after the backup are not known any more: make others. Works beside a running server.\n\n`impuls vendor restore` holds by itself what it restores. A ledger in PostgreSQL comes back in its own way: then stop\nall servers, say --hold, and start them.',
  examples: ['impuls vendor quarantine shop --hold', 'impuls vendor quarantine shop --lift'],
  async run({ terminal, values, positionals, stdin }) {
    if (values.hold) {
      await hold(terminal, positionals[0] ?? '.', values.document, stdin);
      return;
    }
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

async function hold(
  terminal: Terminal,
  path: string,
  document: string | undefined,
  stdin: Input,
): Promise<void> {
  if ((await askEvery(resolve(path), { do: 'health' })).length > 0) {
    throw new ImpulsError('storage-locked', `a server runs on ${path}`, {
      hint: 'Stop all servers of this vendor, here and elsewhere, and run the command again.',
    });
  }
  const latest = document === undefined ? undefined : await readFileOrInput(document, stdin);
  const bar = terminal.bar();
  const { before, issuing } = await holdVendor(path, {
    ...(latest && { latest }),
    onProgress: (done, total) => bar.update('making keys', done, total),
  }).finally(() => bar.clear());
  if (terminal.json) {
    terminal.printJson({
      held: before,
      issuing: issuing.map(({ id, denomination }) => ({ id, denomination })),
    });
    return;
  }
  terminal.print(
    `${terminal.paint.green('✓')} Cards of ${plural(before.length, 'key')} and all vouchers are held; ${plural(issuing.length, 'new key')}.\n` +
      'Copy this folder to all hosts, start their servers, and read what to decide: impuls help vendor quarantine',
  );
}
