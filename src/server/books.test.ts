import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  computeLiability,
  computeReport,
  dayOf,
  movementKinds,
  reportKinds,
  type BookTerms,
} from './books.js';
import type { Movement, MovementKind } from './ledger.js';

const daySeconds = 24 * 3600;

/** Ten days of grace. */
const terms: BookTerms = {
  policy: { grace: 10 * daySeconds },
  cards: [
    cardKey('large', 1000, '2026-02', 130),
    cardKey('small', 100, '2026-01', 120),
    cardKey('next', 100, '2027-01', 500),
  ],
};

function cardKey(id: string, denomination: number, epoch: string, lastDay: number) {
  const expires = lastDay * daySeconds;
  return { id, denomination, epoch, expires };
}

function moved(
  day: number,
  kind: MovementKind,
  count: number,
  units: number,
  key = '',
  route = '',
): Movement {
  return { day, kind, key, route, count, units };
}

const life: readonly Movement[] = [
  moved(100, 'sold', 3, 300),
  moved(100, 'withdrawn', 1, 100),
  moved(101, 'issued', 1, 100, 'small'),
  moved(102, 'opened', 1, 100, 'small'),
  moved(103, 'spent', 5, 20, 'small', '/articles/*'),
  moved(104, 'spent', 2, 6, 'small', 'keys'),
  moved(105, 'refunded', 1, 4, 'small'),
  moved(106, 'paid-out', 1, 4),
  moved(122, 'exchanged', 1, 30, 'small'),
  moved(123, 'reissued', 0, 0, 'next'),
];

describe('what is owed', () => {
  it('stands where it is, day by day, until the grace of its key has ended', () => {
    const at = (day: number) => {
      const { vouchers, credits, unopened, cards, refunds, total, breakage } = computeLiability(
        life,
        terms,
        day,
      );
      return { vouchers, credits, unopened, cards, refunds, total, breakage };
    };
    const nothing = { vouchers: 0, credits: 0, unopened: 0, cards: 0, refunds: 0, total: 0, breakage: 0 };
    expect(at(99)).toEqual(nothing);
    expect(at(100)).toEqual({ ...nothing, vouchers: 200, total: 200 });
    expect(at(101)).toEqual({ ...nothing, vouchers: 100, unopened: 100, total: 200 });
    expect(at(102)).toEqual({ ...nothing, vouchers: 100, cards: 100, total: 200 });
    expect(at(105)).toEqual({ ...nothing, vouchers: 100, cards: 70, refunds: 4, total: 174 });
    expect(at(106)).toEqual({ ...nothing, vouchers: 100, cards: 70, total: 170 });
    expect(at(123)).toEqual({ ...nothing, vouchers: 100, cards: 40, credits: 30, total: 170 });
    expect(at(128)).toMatchObject({ cards: 40, breakage: 0 });
    expect(at(129)).toEqual({ ...nothing, vouchers: 100, credits: 30, total: 130, breakage: 40 });
  });

  it('names each key with its terms, and says whether its cards are good', () => {
    const status = (day: number) =>
      computeLiability(life, terms, day).keys.map(({ key, status }) => [key, status]);
    expect(status(118)).toEqual([['small', 'good']]);
    expect(status(119)).toEqual([['small', 'grace']]);
    expect(status(129)).toEqual([
      ['small', 'over'],
      ['next', 'good'],
    ]);
  });

  it('counts what is left under a key that the document has dropped as breakage', () => {
    const { breakage, cards, keys } = computeLiability(life, { ...terms, cards: [] }, 110);
    expect({ breakage, cards }).toEqual({ breakage: 70, cards: 0 });
    expect(keys).toEqual([{ key: 'small', denomination: 100, status: 'over', unopened: 0, cards: 70 }]);
  });
});

describe('a report', () => {
  it('tells what happened by day, by key and by route, and what expired with it', () => {
    const { totals, keys, routes, days } = computeReport(life, terms, 101, 130);
    expect(totals.sold).toEqual({ count: 0, units: 0 });
    expect(totals.spent).toEqual({ count: 7, units: 26 });
    expect(totals.expired).toEqual({ count: 0, units: 70 });
    expect(totals.breakage).toEqual({ count: 0, units: 40 });
    expect(keys.map(({ key, epoch, sums }) => [key, epoch, sums.spent.units])).toEqual([
      ['small', '2026-01', 26],
      ['next', '2027-01', 0],
    ]);
    expect(routes).toEqual([
      { route: '/articles/*', count: 5, units: 20 },
      { route: 'keys', count: 2, units: 6 },
    ]);
    expect(days.map(({ day }) => day)).toEqual(Array.from({ length: 30 }, (_, i) => 101 + i));
    expect(days[119 - 101]?.sums.expired.units).toBe(70);
    expect(days[129 - 101]?.sums.breakage.units).toBe(40);
  });

  it('has no entry that says which sale a payment came from', () => {
    for (const { kind, key, route } of computeReport(life, terms, 0, 1000).entries) {
      if (kind === 'sold' || kind === 'withdrawn' || kind === 'paid-out') expect(key + route).toBe('');
      if (route !== '') expect(kind).toBe('spent');
    }
  });

  it('of no days is empty', () => {
    expect(computeReport(life, terms, 104, 103)).toMatchObject({ days: [], keys: [], entries: [] });
  });
});

const anyMovement = fc
  .record({
    day: fc.integer({ min: 90, max: 150 }),
    kind: fc.constantFrom(...movementKinds),
    count: fc.nat(1000),
    units: fc.nat(1_000_000_000),
    id: fc.constantFrom('large', 'small', 'next', 'dropped'),
    route: fc.constantFrom('', '/a/*', 'keys'),
  })
  .map(({ id, kind, route, ...rest }): Movement => {
    const keyless = kind === 'sold' || kind === 'withdrawn' || kind === 'paid-out';
    return { ...rest, kind, key: keyless ? '' : id, route: kind === 'spent' ? route : '' };
  });

describe('for any movements', () => {
  it('what was sold is owed, spent, paid out, withdrawn or breakage, to the unit', () => {
    fc.assert(
      fc.property(fc.array(anyMovement), fc.integer({ min: 80, max: 160 }), (movements, asOf) => {
        const { total, breakage } = computeLiability(movements, terms, asOf);
        const units = (kind: MovementKind) =>
          movements
            .filter((movement) => movement.kind === kind && movement.day <= asOf)
            .reduce((sum, movement) => sum + movement.units, 0);
        const left = units('withdrawn') + units('spent') + units('paid-out');
        expect(total + breakage).toBe(units('sold') - left);
      }),
    );
  });

  it('reports of two periods add up to that of both, and days, keys and routes to the whole', () => {
    fc.assert(
      fc.property(fc.array(anyMovement), fc.integer({ min: 90, max: 149 }), (movements, middle) => {
        const whole = computeReport(movements, terms, 90, 150);
        const parts = [
          computeReport(movements, terms, 90, middle),
          computeReport(movements, terms, middle + 1, 150),
        ];
        const add = (sums: readonly number[]) => sums.reduce((a, b) => a + b, 0);
        for (const kind of reportKinds) {
          const { units } = whole.totals[kind];
          expect(add(parts.map(({ totals }) => totals[kind].units))).toBe(units);
          expect(add(whole.days.map(({ sums }) => sums[kind].units))).toBe(units);
          if (kind === 'sold' || kind === 'withdrawn' || kind === 'paid-out') continue;
          expect(add(whole.keys.map(({ sums }) => sums[kind].units))).toBe(units);
        }
        expect(add(whole.routes.map(({ units }) => units))).toBe(whole.totals.spent.units);
        expect(add(whole.days.flatMap(({ routes }) => routes.map(({ count }) => count)))).toBe(
          whole.totals.spent.count,
        );
      }),
    );
  });
});

describe('a day', () => {
  it('begins at midnight by UTC', () => {
    expect([0, daySeconds - 1, daySeconds].map(dayOf)).toEqual([0, 0, 1]);
  });
});
