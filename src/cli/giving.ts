import type { CardSummary, ExchangePlan, Progress, Wallet } from '../client/index.js';
import { ImpulsError } from '../core/errors.js';
import { formatCount, formatUnits } from './amounts.js';
import { steps } from './commands/redeem.js';
import { formatTable } from './table.js';
import type { Terminal } from './terminal.js';

/** What exchanges and refunds have in common. */

export const givingSteps: Readonly<Record<Progress['step'], string>> = {
  ...steps,
  order: 'asking what was given',
  deposit: 'giving units back',
  wait: 'seconds of waiting, so that the time says less',
};

/** @throws ImpulsError `invalid-argument` */
export function readVendor(text = ''): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url.origin;
  throw new ImpulsError('invalid-argument', 'the vendor is not an address', {
    hint: 'Write it as in https://news.example; `impuls cards` shows whose cards there are.',
  });
}

/** Cards by the beginnings of their ids. @throws ImpulsError `card-unknown` */
export function findCards(wallet: Wallet, vendor: string, starts: readonly string[]): string[] {
  const own = wallet.cards().filter((card: CardSummary) => card.vendor.origin === vendor);
  return starts.map((start) => {
    const found = own.filter(({ id }) => id.startsWith(start));
    if (found.length === 1) return found[0]!.id;
    throw new ImpulsError('card-unknown', `${found.length} cards of ${vendor} begin with "${start}"`, {
      hint: 'See `impuls cards`.',
    });
  });
}

export function printPlan(terminal: Terminal, { takes, units, worth, into, links }: ExchangePlan): void {
  terminal.print(
    formatTable(
      [{ head: 'Card' }, { head: 'Gives', align: 'right' }, { head: 'Keeps', align: 'right' }],
      takes.map((take) => [take.card.slice(0, 8), formatCount(take.units), formatCount(take.left)]),
      terminal.paint,
    ),
  );
  const becomes = into.length === 0 ? '' : ` → cards of ${into.map(formatCount).join(' + ')}`;
  terminal.print(`\n${formatUnits(units)}, ${worth}${becomes}`);
  if (links.length > 0) terminal.print(`\nWhat the vendor could still see:`);
  for (const link of links) terminal.print(`  - ${link}`);
  terminal.print(`\nNothing was done.`);
}
