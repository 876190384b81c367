import type { Movement } from '../../src/server/index.js';
export type { Movement };

/** What the books say is left of everything, all days together: see `Movement`. */
export function balancesOf(books: readonly Movement[]): [name: string, units: number][] {
  const sum = (kind: Movement['kind'], key?: string): number =>
    books
      .filter((one) => one.kind === kind && (key === undefined || one.key === key))
      .reduce((units, one) => units + one.units, 0);
  const keys = [...new Set(books.map(({ key }) => key).filter((key) => key !== ''))];
  return [
    ['vouchers', sum('sold') - sum('withdrawn') - sum('issued')],
    ['credits', sum('exchanged') - sum('reissued')],
    ['payable', sum('refunded') - sum('paid-out')],
    ...keys.flatMap((key): [string, number][] => [
      [`unopened ${key}`, sum('issued', key) + sum('reissued', key) - sum('opened', key)],
      [`cards ${key}`, sum('opened', key) - sum('spent', key) - sum('exchanged', key) - sum('refunded', key)],
    ]),
  ];
}
