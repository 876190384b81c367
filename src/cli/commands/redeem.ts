import { ImpulsError } from '../../core/errors.js';
import { generators, type GeneratorName } from '../../core/generators.js';
import { protocols, type CardKind, type ProtocolName } from '../../core/protocol.js';
import { parseVoucherCode } from '../../core/voucher-code.js';
import type { Progress } from '../../client/index.js';
import { formatUnits, plural } from '../amounts.js';
import { printCards } from '../card-table.js';
import { defineCommand } from '../command.js';
import { readAll } from '../input.js';
import {
  keyChecks,
  mirrorOption,
  openOrMakeWallet,
  walletOption,
  withWallet,
  networkOption,
  delayOption,
} from '../wallet-place.js';
import type { Input } from '../terminal.js';

export const steps: Readonly<Record<Progress['step'], string>> = {
  document: 'reading the key document',
  order: 'asking what the voucher is good for',
  blind: 'blinding cards',
  issue: 'having them signed',
  verify: 'checking signatures',
  activate: 'activating',
  claim: 'asking about payments',
  deposit: 'giving units',
  wait: 'waiting',
};

export const redeem = defineCommand({
  name: 'redeem',
  summary: 'Turn a voucher into cards',
  usage: '<vendor> <code> | <link#code> [options]',
  options: {
    protocol: { type: 'string', value: 'chain|stream', help: 'How the cards pay; default chain' },
    generator: { type: 'string', value: 'chacha20|hmac-drbg', help: 'For stream only; default chacha20' },
    ...mirrorOption,
    ...walletOption,
    ...networkOption,
    ...delayOption,
  },
  words: [1, 2],
  notes:
    'The cards are signed blind: the vendor cannot tell later which sale a card came from. `-` in place of the\ncode reads it from the input, so that it stays out of the history of your shell.',
  examples: [
    'impuls redeem https://news.example K7Q2M-8ZJ4D-5R1TN-W3XQ9',
    'impuls redeem https://news.example/card#K7Q2M8ZJ4D5R1TNW3XQ9 --protocol stream',
  ],
  async run(call) {
    const { terminal, values, positionals } = call;
    const kind = readKind(values.protocol, values.generator);
    const { vendor, code } = await readVoucher(positionals, call.stdin);
    const bar = terminal.bar();
    const checks = await keyChecks(call, vendor, values.mirror);
    const cards = await withWallet(openOrMakeWallet(call, { keyChecks: checks }), (wallet) =>
      wallet
        .redeem(vendor, code, {
          ...kind,
          onProgress: ({ step, done, total }) => bar.update(steps[step], done, total),
        })
        .finally(() => bar.clear()),
    );
    if (terminal.json) {
      terminal.printJson(cards);
      return;
    }
    const units = cards.reduce((sum, card) => sum + card.units, 0);
    const worth = cards.length === 1 ? `, worth ${cards[0]!.worth}` : '';
    terminal.print(
      `${terminal.paint.green('✓')} ${plural(cards.length, 'card')} with ${formatUnits(units)}${worth}.\n`,
    );
    printCards(terminal, cards);
    terminal.print(`\nBack it up now: impuls backup -o cards.backup`);
  },
});

export function readKind(protocol = 'chain', generator: string | undefined): CardKind {
  if (!Object.hasOwn(protocols, protocol)) throw unknown('--protocol', protocol, Object.keys(protocols));
  if (generator === undefined) return { protocol: protocol as ProtocolName };
  if (!Object.hasOwn(generators, generator)) throw unknown('--generator', generator, Object.keys(generators));
  if (protocol !== 'stream') {
    throw new ImpulsError('invalid-argument', '--generator is for --protocol stream', {
      hint: `Add --protocol stream, or leave --generator out.`,
    });
  }
  return { protocol, generator: generator as GeneratorName };
}

function unknown(option: string, value: string, known: readonly string[]): ImpulsError {
  return new ImpulsError('invalid-argument', `${option} has no "${value}"`, {
    hint: `Say ${known.join(' or ')}.`,
  });
}

async function readVoucher(
  [place = '', given]: readonly string[],
  stdin: Input,
): Promise<{ readonly vendor: string; readonly code: string }> {
  const url = URL.canParse(place) ? new URL(place) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ImpulsError('invalid-argument', 'the vendor is not an address', {
      hint: 'Use: impuls redeem https://news.example K7Q2M-…, or the whole link of the voucher.',
    });
  }
  const text = given === '-' ? (await readAll(stdin)).toString('utf8').trim() : (given ?? url.hash.slice(1));
  if (text === '') {
    throw new ImpulsError('invalid-argument', 'there is no voucher code', {
      hint: `Use: impuls redeem ${url.origin} <code>`,
    });
  }
  return { vendor: url.origin, code: parseVoucherCode(decodeURIComponent(text)) };
}
