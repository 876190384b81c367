import type { SkippedCard } from '../../client/index.js';
import { fromUtf8 } from '../../core/bytes.js';
import { plural } from '../amounts.js';
import { printCards } from '../card-table.js';
import { defineCommand } from '../command.js';
import { readFileOrInput } from '../input.js';
import { openOrMakeWallet, walletOption, withWallet, networkOption, delayOption } from '../wallet-place.js';

export const restore = defineCommand({
  name: 'restore',
  summary: 'Take the cards of a backup into the wallet',
  usage: '<file> [options]',
  options: { ...walletOption, ...networkOption, ...delayOption },
  words: [1, 1],
  notes:
    'Asks each vendor what is left. Cards that are in the wallet already stay as they are. `-` reads the input.',
  async run(call) {
    const { terminal, positionals } = call;
    const text = fromUtf8(await readFileOrInput(positionals[0]!, call.stdin));
    const bar = terminal.bar();
    const skipped: SkippedCard[] = [];
    const cards = await withWallet(openOrMakeWallet(call), (wallet) =>
      wallet
        .restore(text, {
          onProgress: ({ done, total }) => bar.update('asking what is left', done, total),
          onSkipped: (card) => skipped.push(card),
        })
        .finally(() => bar.clear()),
    );
    for (const vendor of new Set(skipped.map((card) => card.vendor))) {
      const ours = skipped.filter((card) => card.vendor === vendor);
      terminal.note(
        `${plural(ours.length, 'card')} of ${vendor} left out: it names their key no more, as of cards that have expired.`,
      );
    }
    if (terminal.json) {
      terminal.printJson(cards);
      return;
    }
    if (cards.length === 0) {
      terminal.print('Nothing new: all cards of the backup are in the wallet.');
      return;
    }
    terminal.print(`${terminal.paint.green('✓')} ${plural(cards.length, 'card')} restored.\n`);
    printCards(terminal, cards);
  },
});
