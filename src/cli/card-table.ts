import type { CardSummary } from '../client/index.js';
import { formatCount, formatDay } from './amounts.js';
import { formatTable } from './table.js';
import type { Terminal } from './terminal.js';

export function printCards(terminal: Terminal, cards: readonly CardSummary[]): void {
  const { paint } = terminal;
  const rows = cards.map((card) => [
    card.vendor.origin,
    card.id.slice(0, 8),
    card.generator ? `${card.protocol} ${card.generator}` : card.protocol,
    formatCount(card.units),
    formatCount(card.left),
    card.reserved === 0 ? '' : formatCount(card.reserved),
    card.worth,
    formatDay(card.expires),
    paintStatus(
      (card.usableFrom ?? 0) * 1000 > Date.now() && card.status === 'ready' ? 'resting' : card.status,
    ),
  ]);
  function paintStatus(status: CardSummary['status'] | 'resting'): string {
    if (status === 'active' || status === 'ready') return paint.green(status);
    return status === 'empty' || status === 'resting' ? paint.dim(status) : paint.red(status);
  }
  terminal.print(
    formatTable(
      [
        { head: 'Vendor' },
        { head: 'Card' },
        { head: 'Protocol' },
        { head: 'Bought', align: 'right' },
        { head: 'Left', align: 'right' },
        { head: 'Held', align: 'right' },
        { head: 'Worth', align: 'right' },
        { head: 'Expires' },
        { head: 'Status' },
      ],
      rows,
      paint,
    ),
  );
}
