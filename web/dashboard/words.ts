import { worthOf } from 'impuls';
import type { ActivityKind, Batch } from 'impuls/server';
import { formatCount, formatUnits, formatWorth } from '../common/money.js';
import type { Unit } from './api.js';

/** How the views say things. */

const activityWords: Readonly<Partial<Record<ActivityKind, string>>> = {
  accepted: 'Payments accepted',
  repeated: 'Payments served again',
  redeemed: 'Vouchers redeemed',
  'wrong-code': 'Wrong codes',
  throttled: 'Attempts stopped for guessing',
  'redemption-failed': 'Redemptions that failed otherwise',
  unknown: 'Claims of unknown cards',
  shed: 'Calls that came when there was too much to do',
  conflict: 'Claims of units that were taken',
  forged: 'Claims with a false proof',
  insufficient: 'Claims of too little',
  crowded: 'Claims that left too many gaps',
  mismatched: 'Claims for another request',
  expired: 'Claims after the end of card or offer',
  'already-claimed': 'Claims of units that are spent',
  'outcome-unknown': 'Claims cut off by a stop',
  'in-progress': 'Claims still being served',
  released: 'Claims that were given back',
};

export function nameActivity(kind: ActivityKind): string {
  return activityWords[kind] ?? `Claims refused: ${kind}`;
}

/** @param units may be below 0 */
export function worth(units: number, unit: Unit): string {
  const text = formatWorth(worthOf(Math.abs(units), unit));
  return units < 0 ? `−${text}` : text;
}

export function unitsAndWorth(units: number, unit: Unit): string {
  return `${formatUnits(units)}, ${worth(units, unit)}`;
}

export function goodFor({ items }: Pick<Batch, 'items'>): string {
  return items
    .map(({ denomination, count }) =>
      count === 1 ? formatUnits(denomination) : `${formatCount(count)} × ${formatUnits(denomination)}`,
    )
    .join(', ');
}

export function unitsOf({ items }: Pick<Batch, 'items'>): number {
  return items.reduce((sum, { denomination, count }) => sum + denomination * count, 0);
}

export function sizeOf({ codes }: Pick<Batch, 'codes'>): number {
  return codes.printed + codes.active + codes.redeemed + codes.void;
}

const days = new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeZone: 'UTC' });

/** The last day before a time, UTC. @param seconds Unix time at which something is over */
export function lastDay(seconds: number): string {
  return days.format((seconds - 1) * 1000);
}
