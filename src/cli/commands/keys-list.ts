import { openVendorFolder } from '../../node/vendor/folder.js';
import { formatDay } from '../amounts.js';
import { defineCommand } from '../command.js';
import { listKeys, type KeyRow } from '../key-rows.js';
import { formatTable } from '../table.js';

export const keysList = defineCommand({
  name: 'keys list',
  summary: 'Show the keys of a vendor, and until when each is good',
  usage: '[folder]',
  options: {},
  words: [0, 1],
  notes:
    'A key that issues no more goes on to verify its cards until they expire. A secret is destroyed when nothing\nneeds it: of an activation key 7 days after it was replaced, of a statement key and of a revoked key at once.',
  async run({ terminal, positionals }) {
    const folder = await openVendorFolder(positionals[0] ?? '.');
    const rows = listKeys(folder, Math.floor(Date.now() / 1000));
    if (terminal.json) {
      terminal.printJson({ vendor: folder.document.origin, keys: rows });
      return;
    }
    terminal.print(
      formatTable(
        [
          { head: 'Key' },
          { head: 'For' },
          { head: 'Epoch' },
          { head: 'State' },
          { head: 'From' },
          { head: 'Until' },
          { head: 'Cards spent until' },
        ],
        rows.map((row) => [
          row.id,
          row.denomination === undefined ? row.kind : `cards of ${row.denomination}`,
          row.epoch ?? '',
          stateWords(row),
          dayOf(row.from),
          dayOf(row.until),
          dayOf(row.spent),
        ]),
        terminal.paint,
      ),
    );
  },
});

function stateWords({ state, reason, activated }: KeyRow): string {
  if (reason === 'leaked') return `leaked, activated until ${dayOf(activated)}`;
  return reason ?? state;
}

function dayOf(seconds: number | undefined): string {
  return seconds === undefined ? '' : formatDay(seconds);
}
