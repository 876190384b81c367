import type { KeyCheck, KeyReport } from '../../client/index.js';
import { ImpulsError } from '../../core/errors.js';
import { defineCommand } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import {
  keyChecks,
  mirrorOption,
  openWalletIfAny,
  walletOption,
  withWallet,
  networkOption,
} from '../wallet-place.js';

const words: Readonly<Record<KeyCheck['outcome'], string>> = {
  same: 'the same',
  older: 'older, and followed honestly by what the vendor shows',
  newer: 'newer: the vendor shows a document that it has replaced',
  different: 'DIFFERENT',
  invalid: 'no key document of this vendor',
  unreachable: 'could not be had',
  none: 'nothing to compare with',
};

const verdicts: Readonly<Record<KeyReport['verdict'], string>> = {
  confirmed: 'Others see the same keys.',
  unconfirmed:
    'Nobody else has confirmed these keys. Name a copy that is not kept by the vendor with --mirror, or look over another\nnetwork.',
  contradicted:
    'The vendor shows you other keys than it shows others, or than it showed you. A vendor that gives a buyer a key of his\nown knows his cards by it, and so who reads what.',
};

export const checkKeysCommand = defineCommand({
  name: 'check-keys',
  summary: 'Compare the keys of a vendor with what others see of them',
  usage: '<vendor> [--mirror <url>]… [options]',
  options: { ...mirrorOption, ...walletOption, ...networkOption },
  words: [1, 1],
  notes:
    "Blind signatures hide which card you bought only as long as everybody's cards are signed with the same keys.\nSo the vendor's key document is compared with the one that this wallet pinned, and with copies on mirrors.\n`impuls redeem` does the same where mirrors are named, and buys nothing if one contradicts.",
  examples: ['impuls check-keys https://news.example --mirror https://mirror.example/news.json'],
  async run(call) {
    const { terminal, values, positionals } = call;
    const vendor = readVendor(positionals[0]!);
    const checks = await keyChecks(call, vendor, values.mirror);
    const report = await withWallet(openWalletIfAny(call), (wallet) => wallet.checkKeys(vendor, checks));
    if (terminal.json) terminal.printJson(report);
    else print(terminal, report);
    if (report.verdict === 'contradicted') return exitCodes.failure;
    const isAlone = report.checks.length > 1 && report.verdict === 'unconfirmed';
    return isAlone ? exitCodes.network : exitCodes.ok;
  },
});

function readVendor(text: string): string {
  if (URL.canParse(text)) return new URL(text).origin;
  throw new ImpulsError('invalid-argument', 'the vendor is not an address', {
    hint: 'Use: impuls check-keys https://news.example',
  });
}

function print({ paint, print }: Terminal, { vendor, digest, verdict, checks }: KeyReport): void {
  const mark = (outcome: KeyCheck['outcome']): string =>
    outcome === 'different' ? paint.red('✗') : outcome === 'same' ? paint.green('✓') : paint.dim('·');
  print(
    [
      `${vendor} shows ${digest}`,
      '',
      ...checks.flatMap(({ source, url, outcome, details }) => [
        `${mark(outcome)} ${source === 'pin' ? 'what this wallet pinned' : `${source} ${url}`}: ${words[outcome]}`,
        ...details.map((detail) => `    ${detail}`),
      ]),
      '',
      verdicts[verdict],
      ...(verdict === 'contradicted'
        ? [
            'Buy and activate nothing. Keep both documents (curl), look at them over another network, and ask the vendor and',
            'the keeper of the copy in public. Cards that are activated can be spent as before.',
          ]
        : []),
    ].join('\n'),
  );
}
