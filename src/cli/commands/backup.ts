import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseBackup } from '../../client/backup.js';
import { ImpulsError } from '../../core/errors.js';
import { plural } from '../amounts.js';
import { defineCommand } from '../command.js';
import { openWalletIfAny, walletOption, withWallet } from '../wallet-place.js';

export const backup = defineCommand({
  name: 'backup',
  summary: 'Write all cards as text, to be kept in a safe place',
  usage: '[-o <file>] [options]',
  options: {
    output: {
      type: 'string',
      short: 'o',
      value: '<file>',
      help: 'Write to a new file that only you can read',
    },
    ...walletOption,
  },
  words: [0, 0],
  notes:
    'Secret: who has the backup can spend the cards. It stays good while cards are used: what is left on them\nthe vendor knows, and `impuls restore` asks.',
  async run(call) {
    await withWallet(openWalletIfAny(call), async (wallet) => {
      const { terminal, values } = call;
      const text = await wallet.backup();
      const { cards, orders } = parseBackup(text);
      if (cards.length + orders.length === 0) {
        throw new ImpulsError('no-card', 'there is no card to back up', { hint: 'Redeem a voucher first.' });
      }
      const count = cards.length;
      if (values.output === undefined) {
        await terminal.write(Buffer.from(text.endsWith('\n') ? text : `${text}\n`));
        if (!terminal.json) terminal.note('Secret: who has this text can spend the cards.');
        return;
      }
      const file = resolve(values.output);
      await writeNew(file, text);
      if (terminal.json) terminal.printJson({ file, cards: count });
      else
        terminal.print(`${terminal.paint.green('✓')} ${plural(count, 'card')} in ${file}. Keep it secret.`);
    });
  },
});

async function writeNew(file: string, text: string): Promise<void> {
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      throw new ImpulsError('invalid-argument', `${file} is there already`, {
        hint: 'Choose another name: a backup is never written over.',
      });
    }
    throw new ImpulsError('storage-failed', `cannot write ${file}: ${message}`, { cause });
  }
}
