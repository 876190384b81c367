import { describe, expect, it } from 'vitest';
import { drawCourse, live } from './courses.js';
import { memoryPremises, sqlitePremises, type Premises } from './premises.js';
import { rest, steps, type Step } from './steps.js';
import { Town } from './town.js';

async function liveIn(premises: Premises, seed: number, course: readonly Step[]): Promise<void> {
  const town = new Town(premises, seed);
  await town.open();
  try {
    for (let which = 0; which < town.people.length; which++) {
      await steps.sell(town, { what: 'sell', which: 1, other: 0, trouble: 0 });
      await steps.redeem(town, { what: 'redeem', which, other: which + 1, trouble: 0 });
    }
    for (const step of course) {
      await steps[step.what](town, step);
      await town.check();
    }
    await rest(town);
    await town.check(true);
    expect(town.vendor.errors).toEqual([]);
  } finally {
    await town.close();
  }
}

describe.each([
  { name: 'in memory', open: memoryPremises, seeds: [1, 2, 3, 4, 5, 6] },
  { name: 'in SQLite', open: sqlitePremises, seeds: [11, 12, 13, 14, 15, 16] },
])('a life with a ledger $name', ({ open, seeds }) => {
  it.each(seeds)(
    'has every unit in exactly one place; books, ledger and wallets agree (seed %i)',
    (seed) => live(drawCourse(seed, 60), (course) => liveIn(open(), seed, course)),
    120_000,
  );
});
