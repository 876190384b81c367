import type { Refund, RefundOptions } from '../../client/index.js';
import { ImpulsError } from '../../core/errors.js';
import { formatCount, formatTime, formatUnits } from '../amounts.js';
import { defineCommand } from '../command.js';
import { findCards, givingSteps, printPlan, readVendor } from '../giving.js';
import { formatTable } from '../table.js';
import type { Terminal } from '../terminal.js';
import { networkOption, openWalletIfAny, walletOption, withWallet } from '../wallet-place.js';

export const refund = defineCommand({
  name: 'refund',
  summary: 'Give what is left on cards back, against a reference that the vendor pays out',
  usage: '<vendor> [options] | --list | --forget <reference>',
  options: {
    card: {
      type: 'string',
      value: '<id>',
      multiple: true,
      help: 'A card that gives, by the start of its id; several times. Default: all of the vendor',
    },
    list: { type: 'boolean', help: 'Show the references that the wallet remembers' },
    forget: { type: 'string', value: '<reference>', help: 'Forget a reference, when it is paid out' },
    'dry-run': { type: 'boolean', help: 'Show what would be done, and do nothing' },
    ...walletOption,
    ...networkOption,
  },
  words: [0, 1],
  notes:
    'Whoever shows the reference to the vendor gets the money: give it to nobody else. Cards can be refunded as\nlong as they are good and in the time of grace after it. Whatever is interrupted is finished by `impuls recover`.',
  examples: ['impuls refund https://news.example', 'impuls refund --list'],
  async run(call) {
    const { terminal, values, positionals } = call;
    await withWallet(openWalletIfAny(call), async (wallet) => {
      if (values.forget !== undefined) {
        await wallet.forgetRefund(values.forget);
        if (!terminal.json) terminal.print(`${terminal.paint.green('✓')} Forgotten.`);
        return;
      }
      if (values.list) {
        const refunds = await wallet.refunds();
        if (terminal.json) terminal.printJson(refunds);
        else printRefunds(terminal, refunds);
        return;
      }
      if (positionals[0] === undefined) {
        throw new ImpulsError('invalid-argument', 'there is no vendor', {
          hint: 'Use: impuls refund https://news.example, or --list.',
        });
      }
      const vendor = readVendor(positionals[0]);
      const options: RefundOptions = {
        ...(values.card && { cards: findCards(wallet, vendor, values.card) }),
      };
      if (values['dry-run']) {
        const plan = await wallet.planRefund(vendor, options);
        if (terminal.json) terminal.printJson(plan);
        else printPlan(terminal, plan);
        return;
      }
      const bar = terminal.bar();
      const made = await wallet
        .refund(vendor, {
          ...options,
          onProgress: ({ step, done, total }) => bar.update(givingSteps[step], done, total),
        })
        .finally(() => bar.clear());
      if (terminal.json) {
        terminal.printJson(made);
        return;
      }
      const { paint } = terminal;
      terminal.print(
        [
          `${paint.green('✓')} ${formatUnits(made.units)} given back, worth ${made.worth}.`,
          '',
          `  ${made.reference}`,
          '',
          `Show this reference to ${vendor}: who has it is paid. The wallet remembers it: impuls refund --list`,
        ].join('\n'),
      );
    });
  },
});

function printRefunds(terminal: Terminal, refunds: readonly Refund[]): void {
  if (refunds.length === 0) {
    terminal.print('No refunds.');
    return;
  }
  terminal.print(
    formatTable(
      [
        { head: 'Reference' },
        { head: 'Vendor' },
        { head: 'Units', align: 'right' },
        { head: 'Worth', align: 'right' },
        { head: 'Since' },
        { head: '' },
      ],
      refunds.map(({ reference, vendor, units, worth, time, isComplete }) => [
        reference,
        vendor,
        formatCount(units),
        worth,
        formatTime(time),
        isComplete ? '' : 'not finished: impuls recover',
      ]),
      terminal.paint,
    ),
  );
}
