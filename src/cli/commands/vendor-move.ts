import { ImpulsError } from '../../core/errors.js';
import { databaseOf, databaseVariable } from '../../node/vendor/ledger.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { moveToDatabase, moveToFile, movedName, type MoveStep } from '../../node/vendor/move.js';
import { checkDatabase, withoutPassword } from '../../node/vendor/settings.js';
import { formatCount, plural } from '../amounts.js';
import { defineCommand } from '../command.js';

const steps: Readonly<Record<MoveStep, string>> = { copy: 'copying', compare: 'comparing' };

export const vendorMove = defineCommand({
  name: 'vendor move',
  summary: 'Move the ledger of a vendor from its file to PostgreSQL, or back, with all that is in it',
  usage: '[folder] --to <postgres://…|sqlite>',
  options: {
    to: {
      type: 'string',
      value: '<where>',
      help: `An empty database, postgres://user@host/name, or "sqlite" for the way back; default: $${databaseVariable}`,
    },
  },
  words: [0, 1],
  notes:
    'Stop all servers of the vendor first. Everything is copied and then compared to the last byte; only then vendor.json\nsays where the ledger is now. What is left behind is kept under another name, so that no server opens it by mistake.\nIf it breaks off, run it again. A password is better said in IMPULS_DATABASE, with --to left out, than in the command.'.replaceAll(
      '\\\n',
      '\n',
    ),
  examples: [
    'impuls vendor move shop --to postgres://impuls@db.internal/impuls',
    'impuls vendor move shop --to sqlite',
  ],
  async run({ terminal, values, positionals, env }) {
    const path = positionals[0] ?? '.';
    const to = values.to ?? env[databaseVariable];
    if (to === undefined) {
      throw new ImpulsError('invalid-argument', 'impuls vendor move: --to is missing', {
        hint: 'Say where it goes: --to postgres://user@host/name, or --to sqlite.',
      });
    }
    if (to !== 'sqlite') checkDatabase(to);
    const folder = await openVendorFolder(path);
    const bar = terminal.bar();
    const options = {
      onProgress: (step: MoveStep, done: number, total: number): void =>
        bar.update(steps[step], done, Math.max(done, total)),
    };
    const from = to === 'sqlite' ? await databaseOf(folder) : folder.ledgerPath;
    const move = to === 'sqlite' ? moveToFile(path, options) : moveToDatabase(path, to, options);
    const { counts, digest } = await move.finally(() => bar.clear());
    const places = {
      from: withoutPassword(from ?? folder.ledgerPath),
      to: to === 'sqlite' ? folder.ledgerPath : withoutPassword(to),
    };
    if (terminal.json) {
      terminal.printJson({ ...places, counts, digest });
      return;
    }
    const { card = 0, claim = 0, order = 0 } = counts;
    terminal.print(
      [
        `${terminal.paint.green('✓')} Moved to ${places.to}: ${plural(card, 'card')}, ${plural(claim, 'claim')}, ${formatCount(order)} orders, and the books.`,
        `Both hold the same, ${digest.slice(0, 16)}….`,
        to === 'sqlite'
          ? 'The database stays as it is, and no server opens it any more.'
          : `The file is kept as ${movedName(folder.ledgerPath)}: it holds secrets, and knows nothing of what comes now.`,
        '',
        `Next: impuls vendor serve ${path}`,
      ].join('\n'),
    );
  },
});
