import { ImpulsError } from '../../core/errors.js';
import { drillBackup, restoreVendor, type Restored, type RestoreStep } from '../../node/vendor/restore.js';
import { formatCount, formatTime, formatUnits, plural } from '../amounts.js';
import { byteProgress } from '../byte-progress.js';
import { defineCommand } from '../command.js';
import { readFileOrInput } from '../input.js';
import { formatPairs } from '../table.js';
import type { Terminal } from '../terminal.js';

const words: Readonly<Record<RestoreStep, string>> = {
  copy: 'copying',
  check: 'checking',
  keys: 'making keys',
};

export const vendorRestore = defineCommand({
  name: 'vendor restore',
  summary: 'Bring a vendor back from a backup, with its cards held until you lift the quarantine',
  usage: '<backup> [folder] [options]',
  options: {
    drill: {
      type: 'boolean',
      help: 'Only try it: restore it, open it, count what is in it, and keep nothing',
    },
    document: {
      type: 'string',
      value: '<file>',
      help: 'The last key document that it served, as from a mirror; needed if it is newer than the backup',
    },
  },
  words: [1, 2],
  notes:
    'The backup does not know what was spent, sold and redeemed after it. So all cards and vouchers that it knows are held,\ncards that were sold later are refused, and new issuing keys are made: cards bought from now on work at once. See\n`impuls vendor quarantine` for the rest. A backup made with --final is restored once as it was.',
  examples: [
    'impuls vendor restore /mnt/safe/shop-2027-01-01 --drill',
    'impuls vendor restore /mnt/safe/shop-2027-01-01 shop',
  ],
  async run({ terminal, values, positionals, stdin }) {
    const [backup = '', folder] = positionals;
    if (!values.drill === (folder === undefined)) {
      throw new ImpulsError('invalid-argument', 'say either a new folder for the vendor, or --drill', {
        hint: 'Use: impuls vendor restore <backup> <folder>.',
      });
    }
    const latest = values.document === undefined ? undefined : await readFileOrInput(values.document, stdin);
    const bar = terminal.bar();
    const bytes = byteProgress(bar);
    const options = {
      ...(latest && { latest }),
      onProgress: (step: RestoreStep, done: number, total: number): void =>
        step === 'keys' ? bar.update(words.keys, done, total) : bytes(words[step], done, total),
    };
    const work = folder === undefined ? drillBackup(backup, options) : restoreVendor(backup, folder, options);
    const restored = await work.finally(() => bar.clear());
    tell(terminal, restored, folder);
  },
});

function tell(terminal: Terminal, restored: Restored, folder: string | undefined): void {
  const { manifest, totals, quarantined, issuing } = restored;
  if (terminal.json) {
    const { origin, name, created, state } = manifest;
    terminal.printJson({
      ...(folder !== undefined && { folder }),
      backup: { origin, name, created, state },
      totals,
      quarantined,
      issuing: issuing.map(({ id, denomination }) => ({ id, denomination })),
    });
    return;
  }
  const { paint } = terminal;
  const done =
    folder === undefined ? 'The backup can be restored; nothing was kept' : `Restored into ${folder}`;
  terminal.print(
    [
      `${paint.green('✓')} ${done}.`,
      '',
      formatPairs(
        [
          ['Vendor', `${manifest.name}, ${manifest.origin}`],
          ['Backup of', formatTime(manifest.created * 1000)],
          ['Vouchers', `${formatCount(totals.orders)} made, ${formatCount(totals.ordersServed)} redeemed`],
          ['Cards', `${formatCount(totals.cards)} active, ${formatUnits(totals.units)}`],
          ['Spent', formatUnits(totals.spent)],
          ['Held', quarantined.length === 0 ? 'nothing' : `cards of ${plural(quarantined.length, 'key')}`],
        ],
        paint,
      ),
    ].join('\n'),
  );
  if (folder === undefined) return;
  if (quarantined.length === 0) {
    terminal.print(`\nNext: impuls vendor serve ${folder}`);
    return;
  }
  terminal.note(
    '\nIf keys were rotated or revoked, or the name was changed, after this backup, wallets refuse it: restore it again\nwith --document <the last document that was served>, as a mirror has it.',
  );
  terminal.print(
    `\nNext: impuls vendor serve ${folder}, and read what to decide: impuls help vendor quarantine`,
  );
}
