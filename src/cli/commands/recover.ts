import type { RecoveryReport } from '../../client/index.js';
import { formatCount, formatTime, plural } from '../amounts.js';
import { printCards } from '../card-table.js';
import { defineCommand } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { formatTable } from '../table.js';
import type { Terminal } from '../terminal.js';
import { openWalletIfAny, walletOption, withWallet, networkOption } from '../wallet-place.js';

export const recover = defineCommand({
  name: 'recover',
  summary: 'Finish what was interrupted: redemptions, activations, payments, exchanges, refunds',
  usage: '[options]',
  options: { ...walletOption, ...networkOption },
  words: [0, 0],
  notes: `Asks the vendors what became of every open payment. Nothing is charged twice. Exit code ${exitCodes.unsettled} if something is open still.`,
  async run(call) {
    const { terminal } = call;
    const bar = terminal.bar();
    const report = await withWallet(openWalletIfAny(call), (wallet) =>
      wallet
        .recover({ onProgress: ({ step, done, total }) => bar.update(step, done, total) })
        .finally(() => bar.clear()),
    );
    if (terminal.json) terminal.printJson(report);
    else show(terminal, report);
    const open = report.unfinished.length + report.claims.filter(({ result }) => result === 'unknown').length;
    if (open === 0) return exitCodes.ok;
    if (!terminal.json)
      terminal.note(`→ ${plural(open, 'thing')} still open: run it again when the vendor can be reached.`);
    return exitCodes.unsettled;
  },
});

function show(
  terminal: Terminal,
  { redeemed, unfinished, activated, claims, waiting }: RecoveryReport,
): void {
  if (redeemed.length + unfinished.length + activated.length + claims.length + waiting.length === 0) {
    terminal.print(`${terminal.paint.green('✓')} Nothing was open.`);
    return;
  }
  if (redeemed.length > 0) printCards(terminal, redeemed);
  for (const { vendor, reason } of unfinished)
    terminal.print(`What was begun with ${vendor} is not finished: ${reason}`);
  for (const { vendor, until } of waiting)
    terminal.print(
      `An exchange with ${vendor} waits until ${formatTime(until)}, so that the time says less.`,
    );
  if (activated.length > 0) terminal.print(`${plural(activated.length, 'card')} activated.`);
  if (claims.length === 0) return;
  terminal.print(
    formatTable(
      [
        { head: 'Request' },
        { head: 'Claimed', align: 'right' },
        { head: 'Charged', align: 'right' },
        { head: 'Result' },
        { head: 'Why' },
      ],
      claims.map(({ method, url, units, charged, result, reason }) => [
        `${method} ${url}`,
        formatCount(units),
        formatCount(charged),
        result,
        reason,
      ]),
      terminal.paint,
    ),
  );
}
