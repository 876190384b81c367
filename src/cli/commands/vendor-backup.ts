import { ImpulsError } from '../../core/errors.js';
import { backUpVendor } from '../../node/vendor/backup.js';
import { formatBytes, plural } from '../amounts.js';
import { byteProgress } from '../byte-progress.js';
import { defineCommand } from '../command.js';

export const vendorBackup = defineCommand({
  name: 'vendor backup',
  summary: 'Copy a vendor, also while it serves: keys, ledger, content keys, settings',
  usage: '[folder] --out <new folder> [options]',
  options: {
    out: {
      type: 'string',
      short: 'o',
      value: '<folder>',
      help: 'Where the backup goes: a folder that is not there yet',
    },
    final: {
      type: 'boolean',
      help: 'Retire the vendor here for good, as when it moves: restored once, it goes on without quarantine',
    },
  },
  words: [0, 1],
  notes:
    'Secret: who has the backup can make cards. It holds what the vendor needs to go on, not the files that it sells.\nTry it with `impuls vendor restore <backup> --drill`.',
  examples: ['impuls vendor backup shop --out /mnt/safe/shop-2027-01-01'],
  async run({ terminal, values, positionals }) {
    if (values.out === undefined) {
      throw new ImpulsError('invalid-argument', 'impuls vendor backup: --out is missing', {
        hint: 'Say where the backup goes: --out <folder>.',
      });
    }
    const bar = terminal.bar();
    const manifest = await backUpVendor(positionals[0] ?? '.', values.out, {
      state: values.final ? 'final' : 'running',
      onProgress: byteProgress(bar),
    }).finally(() => bar.clear());
    if (terminal.json) {
      terminal.printJson({ backup: values.out, ...manifest });
      return;
    }
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    const what = `${plural(manifest.files.length, 'file')}, ${formatBytes(bytes)}`;
    terminal.print(
      `${terminal.paint.green('✓')} ${manifest.name}: ${what} in ${values.out}. Keep it secret.` +
        (values.final ? '\nThis folder is retired: the vendor goes on where the backup is restored.' : ''),
    );
  },
});
