import { evidenceToJson } from '../../core/evidence.js';
import { ImpulsError } from '../../core/errors.js';
import type { JsonObject } from '../../core/wire/canonical-json.js';
import { openVendorFolder } from '../../node/vendor/folder.js';
import { createEvidence } from '../../server/evidence.js';
import { defineCommand } from '../command.js';
import { askLedger } from '../serving/ledger-owner.js';

export const vendorEvidence = defineCommand({
  name: 'vendor evidence',
  summary: 'Write what shows how much of a chain card was presented, for a dispute',
  usage: '<card> [folder] [options]',
  options: {},
  words: [1, 2],
  notes:
    'The highest link of the card, and the opening that ties it to the card; `impuls inspect` checks it for anybody. The\nopening holds a secret that the card shares with the vendor: who has it, and recorded sealed answers that this card\npaid for, can open them. So show it to whom the holder of the card has agreed to. A `stream` card gives no evidence.',
  examples: [
    'impuls vendor evidence 3q2-7wAAAAAAAAAAAAAAAA shop > evidence.json',
    'impuls inspect evidence.json',
  ],
  async run({ terminal, positionals }) {
    const folder = await openVendorFolder(positionals[1] ?? '.');
    const card = positionals[0]!;
    if (!/^[\w-]{22}$/.test(card)) {
      throw new ImpulsError('invalid-argument', 'a card is named by 22 characters', {
        hint: 'The holder sees the name with: impuls cards --json',
      });
    }
    const found = await askLedger<JsonObject | null>(folder, { do: 'evidence', card }, async (ledger) => {
      const stored = await ledger.readCard(card);
      const shown = stored && createEvidence(folder.document.origin, stored);
      return shown ? evidenceToJson(shown) : null;
    });
    if (found === null) {
      throw new ImpulsError('card-unknown', 'of that card there is no link to show', {
        hint: 'It is not active here, nothing was spent of it yet, or it is a stream card.',
      });
    }
    terminal.printJson(found);
  },
});
