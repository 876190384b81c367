import type { Payment } from 'impuls/client';
import { formatCount, formatSpan, formatUnits, plural } from './money.js';

/** How long what is left will last, judged by what was paid lately; nothing is promised where that is not known. */

const dayMs = 24 * 3_600_000;
/** Payments closer together than this are of one sitting, as of a film. */
const sittingMs = 90_000;
const leastOfSitting = 5;
/** How far back one looks. */
const lookBackMs = 14 * dayMs;
const leastDays = 3;

/**
 * @param left units
 * @param history payments to the same vendor, newest first
 * @param now Unix milliseconds
 * @returns a sentence; undefined if it is not known
 */
export function describeLasting(left: number, history: readonly Payment[], now: number): string | undefined {
  const recent = history.filter(({ time, units }) => units > 0 && time > now - lookBackMs);
  const [latest] = recent;
  if (left <= 0 || !latest) return undefined;
  const sitting = lastSitting(recent);
  if (sitting) return `Lasts about ${formatSpan(left / sitting)}, as you last used it.`;
  const first = recent.at(-1)!;
  const span = (now - first.time) / dayMs;
  if (span >= leastDays && recent.length >= 2 * leastDays) {
    const units = recent.reduce((sum, payment) => sum + payment.units, 0);
    return `Lasts about ${plural(Math.max(1, Math.round(left / (units / span))), 'day')}, as you use it.`;
  }
  const usual = usualPrice(recent);
  const times = Math.floor(left / usual);
  return times > 0 ? `Enough for ${formatCount(times)} more at ${formatUnits(usual)} each.` : undefined;
}

/** @returns units a second over the last sitting; undefined if the last payments were no such thing */
function lastSitting(recent: readonly Payment[]): number | undefined {
  let end = 1;
  while (end < recent.length && recent[end - 1]!.time - recent[end]!.time < sittingMs) end++;
  const sitting = recent.slice(0, end);
  const seconds = (sitting[0]!.time - sitting.at(-1)!.time) / 1000;
  if (sitting.length < leastOfSitting || seconds < 10) return undefined;
  // The payment that began it is for the time that follows: the last one's time is not over yet.
  const units = sitting.slice(1).reduce((sum, payment) => sum + payment.units, 0);
  return units / seconds;
}

/** The price that was paid most often; of several the latest. */
function usualPrice(recent: readonly Payment[]): number {
  const counts = new Map<number, number>();
  for (const { units } of recent) counts.set(units, (counts.get(units) ?? 0) + 1);
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
}
