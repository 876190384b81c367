import type { ExchangeDelay, ExchangeOptions, Wallet } from '../../client/index.js';
import { ImpulsError } from '../../core/errors.js';
import { formatUnits, plural } from '../amounts.js';
import { printCards } from '../card-table.js';
import { defineCommand, wholeNumber } from '../command.js';
import { findCards, givingSteps, printPlan, readVendor } from '../giving.js';
import {
  delayOption,
  keyChecks,
  mirrorOption,
  networkOption,
  openWalletIfAny,
  walletOption,
  withWallet,
} from '../wallet-place.js';
import { readKind } from './redeem.js';

export const exchange = defineCommand({
  name: 'exchange',
  summary: 'Turn what is left on cards into new ones that no message links to them',
  usage: '<vendor> [options]',
  options: {
    card: {
      type: 'string',
      value: '<id>',
      multiple: true,
      help: 'A card that gives, by the start of its id; several times. Default: all that were used or have ended',
    },
    into: {
      type: 'string',
      value: '<units,…>',
      help: 'The new cards. Default: the largest that the units make',
    },
    protocol: {
      type: 'string',
      value: 'chain|stream',
      help: 'How the new cards pay; default as the old ones',
    },
    generator: {
      type: 'string',
      value: 'chacha20|hmac-drbg',
      help: 'For --protocol stream; default chacha20',
    },
    wait: {
      type: 'string',
      value: '<seconds>',
      help: 'Order the new cards at a random time, this much later at most; default 120, and 0 for at once',
    },
    'dry-run': { type: 'boolean', help: 'Show what would be done, and do nothing' },
    ...mirrorOption,
    ...walletOption,
    ...networkOption,
    ...delayOption,
  },
  words: [1, 1],
  notes:
    'Units that make no whole card stay where they are. The vendor signs the new cards blind; by the amount and the\ntime it might still guess, so the wallet waits, and a longer --wait hides more. Whatever is interrupted is\nfinished by `impuls recover`.',
  examples: [
    'impuls exchange https://news.example --dry-run',
    'impuls exchange https://news.example --card 3fK2a --into 100,100 --wait 3600',
  ],
  async run(call) {
    const { terminal, values } = call;
    const vendor = readVendor(call.positionals[0]);
    const checks = await keyChecks(call, vendor, values.mirror);
    await withWallet(openWalletIfAny(call, { keyChecks: checks }), async (wallet: Wallet) => {
      const options: ExchangeOptions = {
        ...(values.card && { cards: findCards(wallet, vendor, values.card) }),
        ...(values.into !== undefined && { into: readUnits(values.into) }),
        ...(values.protocol !== undefined && readKind(values.protocol, values.generator)),
      };
      if (values.generator !== undefined && values.protocol === undefined) {
        throw new ImpulsError('invalid-argument', '--generator is for --protocol stream');
      }
      if (values['dry-run']) {
        const plan = await wallet.planExchange(vendor, options);
        if (terminal.json) terminal.printJson(plan);
        else printPlan(terminal, plan);
        return;
      }
      const bar = terminal.bar();
      const cards = await wallet
        .exchange(vendor, {
          ...options,
          delay: readDelay(values.wait),
          onProgress: ({ step, done, total }) => bar.update(givingSteps[step], done, total),
        })
        .finally(() => bar.clear());
      if (terminal.json) {
        terminal.printJson(cards);
        return;
      }
      const units = cards.reduce((sum, card) => sum + card.units, 0);
      terminal.print(
        `${terminal.paint.green('✓')} ${plural(cards.length, 'new card')} with ${formatUnits(units)}.\n`,
      );
      printCards(terminal, cards);
      terminal.print(`\nBack them up now: impuls backup -o cards.backup`);
    });
  },
});

function readUnits(text: string): number[] {
  return text.split(',').map((units) => wholeNumber(units.trim(), 'the units of a card', 1));
}

/** At least a sixth of it, so that it is never next to nothing. */
function readDelay(text = '120'): ExchangeDelay | 'none' {
  const mostMs = wholeNumber(text, '--wait', 0, 7 * 86_400) * 1000;
  return mostMs === 0 ? 'none' : { leastMs: Math.round(mostMs / 6), mostMs };
}
