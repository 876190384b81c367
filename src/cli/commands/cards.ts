import { printCards } from '../card-table.js';
import { defineCommand } from '../command.js';
import { openWalletIfAny, walletOption, withWallet } from '../wallet-place.js';

export const cards = defineCommand({
  name: 'cards',
  summary: 'Show the cards of the wallet, and what is left on each',
  usage: '[options]',
  options: { ...walletOption },
  words: [0, 0],
  notes:
    'It asks nobody. `ready` is a card that no vendor has seen yet; `Held` are units of payments whose\noutcome is not known: `impuls recover` finds out.',
  async run(call) {
    await withWallet(openWalletIfAny(call), async (wallet) => {
      const { terminal } = call;
      const found = wallet.cards();
      if (terminal.json) terminal.printJson(found);
      else if (found.length > 0) printCards(terminal, found);
      else terminal.print('No cards yet. Redeem a voucher: impuls redeem <vendor> <code>');
    });
  },
});
