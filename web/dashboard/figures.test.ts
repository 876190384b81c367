import type { ActivitySlot, Movement } from 'impuls/server';
import { describe, expect, it } from 'vitest';
import { computeFigures, countActivity, plotTrouble } from './figures.js';

const today = 20_000;
const key = {
  id: 'k',
  n: '',
  denomination: 1000,
  epoch: '2024-10',
  notBefore: 0,
  notAfter: today * 86_400,
  expires: (today + 100) * 86_400,
};
const terms = { cards: [key], policy: { grace: 86_400, retention: 86_400 } };

function moved(day: number, kind: Movement['kind'], units: number, route = ''): Movement {
  const isOfSale = kind === 'sold' || kind === 'withdrawn';
  return { day, kind, key: isOfSale ? '' : 'k', route, count: 1, units };
}

describe('the figures of the overview', () => {
  it('are spent by route and day, the greatest first, and the small ones together', () => {
    const movements = Array.from({ length: 8 }, (_, i) => moved(today, 'spent', 100 - i, `/route-${i}`));
    const { byRoute } = computeFigures(movements, terms, today, 3);
    expect(byRoute.times).toEqual([today - 2, today - 1, today].map((day) => day * 86_400));
    expect(byRoute.lines.map(({ label, values }) => [label, values[2]])).toEqual([
      ['/route-0', 100],
      ['/route-1', 99],
      ['/route-2', 98],
      ['/route-3', 97],
      ['/route-4', 96],
      ['Others', 95 + 94 + 93],
    ]);
  });

  it('are summed by weeks over a year, and lose nothing', () => {
    const movements = Array.from({ length: 365 }, (_, i) => moved(today - 364 + i, 'sold', 10));
    const { traded, owed } = computeFigures(movements, terms, today, 365);
    expect(traded.step).toBe(7 * 86_400);
    expect(traded.times).toHaveLength(53);
    const sold = traded.lines[0]!.values;
    expect(sold.reduce((sum, units) => sum + units, 0)).toBe(3650);
    expect(sold.at(-1)).toBe(70);
    expect(owed.times.length).toBeLessThanOrEqual(60);
    expect(owed.times.at(-1)).toBe(today * 86_400);
    expect(owed.lines.find(({ label }) => label === 'Vouchers not redeemed')!.values.at(-1)).toBe(3650);
  });

  it('are compared with the time before only where the books go back that far', () => {
    const late = [moved(today - 9, 'sold', 5)];
    expect(computeFigures(late, terms, today, 7).before).toBeUndefined();
    const whole = [moved(today - 13, 'sold', 5), ...late];
    expect(computeFigures(whole, terms, today, 7).before!.totals.sold.units).toBe(10);
    expect(computeFigures([], terms, today, 7).before).toBeUndefined();
  });
});

describe('what was refused', () => {
  const now = 1_800_000_000;

  it('is summed by half hours over two days, what was answered well left out', () => {
    const slots: ActivitySlot[] = [
      { start: now - 49 * 3600, counts: { forged: 99 } },
      { start: now - 600, counts: { accepted: 50, repeated: 1, redeemed: 2, conflict: 3, forged: 1 } },
      { start: now, counts: { 'wrong-code': 4, throttled: 5, 'redemption-failed': 6, unknown: 7 } },
    ];
    const { times, lines } = plotTrouble(slots, now);
    expect(times).toHaveLength(96);
    const sums = lines.map(({ label, values }) => [label, values.reduce((sum, count) => sum + count, 0)]);
    expect(sums).toEqual([
      ['Claims refused', 11],
      ['Wrong codes', 4],
      ['Guessing stopped', 5],
      ['Redemptions failed', 6],
    ]);
  });

  it('is counted by its kind, the most first', () => {
    const slots: ActivitySlot[] = [
      { start: now, counts: { forged: 1, accepted: 5 } },
      { start: now + 300, counts: { forged: 6 } },
    ];
    expect(countActivity(slots)).toEqual([
      ['forged', 7],
      ['accepted', 5],
    ]);
  });
});
