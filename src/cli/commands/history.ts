import { formatCount, formatTime } from '../amounts.js';
import { defineCommand, wholeNumber } from '../command.js';
import { formatTable } from '../table.js';
import { openWalletIfAny, walletOption, withWallet } from '../wallet-place.js';

export const history = defineCommand({
  name: 'history',
  summary: 'Show the last payments',
  usage: '[options]',
  options: {
    last: {
      type: 'string',
      short: 'n',
      value: '<count>',
      help: 'How many; default 20 in a terminal, else all',
    },
    ...walletOption,
  },
  words: [0, 0],
  notes:
    'The wallet keeps the last 1,000. `Key` is the fingerprint of the key that the payment left: the vendor\nsees the same one.',
  async run(call) {
    await withWallet(openWalletIfAny(call), async (wallet) => {
      const { terminal, values } = call;
      const most =
        values.last === undefined ? (terminal.json ? 1000 : 20) : wholeNumber(values.last, '--last');
      const payments = wallet.history().slice(0, most);
      if (terminal.json) {
        terminal.printJson(payments);
        return;
      }
      if (payments.length === 0) {
        terminal.print('No payments yet.');
        return;
      }
      terminal.print(
        formatTable(
          [
            { head: 'Time' },
            { head: 'Units', align: 'right' },
            { head: 'Worth', align: 'right' },
            { head: 'Left', align: 'right' },
            { head: 'Key' },
            { head: 'Request' },
          ],
          payments.map((payment) => [
            formatTime(payment.time),
            formatCount(payment.units),
            payment.worth,
            payment.remaining === undefined ? '?' : formatCount(payment.remaining),
            payment.fingerprint,
            `${payment.method} ${payment.url}${payment.verdict === 'accepted' ? '' : ` (${payment.verdict})`}`,
          ]),
          terminal.paint,
        ),
      );
    });
  },
});
