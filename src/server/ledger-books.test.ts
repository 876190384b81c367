import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Books, routeClass } from './ledger-books.js';
import type { Movement } from './ledger.js';

const day = 86_400;

const spent = { kind: 'spent', key: 'k', route: '/a', count: 1, units: 5 } as const;

/** Few places, so that many movements meet in one. */
const movement = fc.record({
  day: fc.integer({ min: 0, max: 2 }),
  kind: fc.constantFrom('opened', 'spent' as const),
  key: fc.constantFrom('', 'k', 'l'),
  route: fc.constantFrom('', '/a', '/b'),
  count: fc.integer({ min: -2, max: 2 }),
  units: fc.integer({ min: -9, max: 9 }),
}) as fc.Arbitrary<Movement>;

describe('books', () => {
  it('sum what happens on one day, UTC, and begin a new sum with the next', () => {
    const books = new Books();
    for (const at of [7 * day, 8 * day - 1, 8 * day]) books.post({ at, ...spent });
    expect(books.list()).toEqual([
      { day: 7, ...spent, count: 2, units: 10 },
      { day: 8, ...spent },
    ]);
  });

  it('begin with the movements that they are given, and add others to them', () => {
    const books = new Books([{ day: 7, ...spent }]);
    books.add([
      { day: 7, ...spent, count: 3, units: 4 },
      { day: 7, ...spent, route: '/b' },
    ]);
    books.post({ at: 7 * day, ...spent });
    expect(books.list()).toEqual([
      { day: 7, ...spent, count: 5, units: 14 },
      { day: 7, ...spent, route: '/b' },
    ]);
  });

  it('leave out what came to nothing, and keep what only its count or only its units moved', () => {
    const none = { day: 7, ...spent, count: 0, units: 0 };
    const movements = [
      { ...none, key: 'only a count', count: -1 },
      { ...none, key: 'only units', units: 3 },
    ];
    const books = new Books([none, ...movements, { day: 7, ...spent }]);
    books.add([{ day: 7, ...spent, count: -1, units: -5 }]);
    expect(books.list()).toEqual(movements);
  });

  it('begin at nothing again once they are cleared', () => {
    const books = new Books([{ day: 7, ...spent }]);
    books.clear();
    expect(books.list()).toEqual([]);
    books.post({ at: 7 * day, ...spent });
    expect(books.list()).toEqual([{ day: 7, ...spent }]);
  });

  it('say what they hold as a copy, which later movements leave alone', () => {
    const books = new Books([{ day: 7, ...spent }]);
    const said = books.list();
    books.post({ at: 7 * day, ...spent });
    expect(said).toEqual([{ day: 7, ...spent }]);
  });

  it('say the same whatever the order in which movements came and however they were split', () => {
    fc.assert(
      fc.property(fc.array(movement), fc.nat(), (movements, at) => {
        const books = new Books(movements.slice(at).toReversed());
        for (const { day: on, ...rest } of movements.slice(0, at)) books.post({ at: on * day, ...rest });
        expect(books.list()).toEqual(new Books(movements).list());
      }),
    );
  });

  it('are listed by day, then by kind, key and route', () => {
    fc.assert(
      fc.property(fc.array(movement), (movements) => {
        const places = new Books(movements).list().map((one) => [one.day, one.kind, one.key, one.route]);
        const names = places.map((place) => place.join('\0'));
        expect(names).toEqual([...new Set(names)].sort());
      }),
    );
  });
});

describe('the class of a route', () => {
  it('is made when it first comes, up to a thousand of at most 64 characters; what is beyond has none', () => {
    const known = new Set(Array.from({ length: 998 }, (_, i) => `/${i}`));
    const longest = 'r'.repeat(64);
    expect(routeClass(known, '')).toBe('');
    expect(routeClass(known, `${longest}r`)).toBe('');
    expect(routeClass(known, longest)).toBe(longest);
    expect(routeClass(known, '/last')).toBe('/last');
    expect(known.size).toBe(1000);
    expect(routeClass(known, '/beyond')).toBe('');
    expect(routeClass(known, '/1')).toBe('/1');
    expect(known.size).toBe(1000);
  });
});
