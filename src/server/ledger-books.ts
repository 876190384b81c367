import type { CreditPurpose, IssuedCard, Movement, MovementKind, OrderItem } from './ledger.js';

/** Sums of movements in memory, for ledgers. */

const daySeconds = 86_400;

/** What happened. */
export interface Posting {
  /** Unix seconds. */
  readonly at: number;
  readonly kind: MovementKind;
  readonly key: string;
  readonly route: string;
  readonly count: number;
  readonly units: number;
}

type Sum = { -readonly [Name in keyof Movement]: Movement[Name] };

export class Books {
  readonly #sums = new Map<string, Sum>();
  #last: Sum | undefined;

  constructor(movements: Iterable<Movement> = []) {
    this.add(movements);
  }

  add(movements: Iterable<Movement>): void {
    for (const { count, units, ...place } of movements) {
      const sum = this.#sumOf(place.day, place.kind, place.key, place.route);
      sum.count += count;
      sum.units += units;
    }
  }

  post({ at, kind, key, route, count, units }: Posting): void {
    const sum = this.#sumOf(Math.floor(at / daySeconds), kind, key, route);
    sum.count += count;
    sum.units += units;
  }

  /** All that is not 0, in the order of the contract. */
  list(): Movement[] {
    const moved = [...this.#sums.values()].filter(({ count, units }) => count !== 0 || units !== 0);
    return moved.map((sum) => ({ ...sum })).sort(compareMovements);
  }

  clear(): void {
    this.#sums.clear();
    this.#last = undefined;
  }

  #sumOf(day: number, kind: MovementKind, key: string, route: string): Sum {
    const last = this.#last;
    // Most movements are like the one before.
    if (last?.day === day && last.kind === kind && last.key === key && last.route === route) return last;
    const name = `${day} ${kind} ${key} ${route}`;
    let sum = this.#sums.get(name);
    if (!sum) {
      sum = { day, kind, key, route, count: 0, units: 0 };
      this.#sums.set(name, sum);
    }
    this.#last = sum;
    return sum;
  }
}

function compareMovements(a: Movement, b: Movement): number {
  return (
    a.day - b.day || compareText(a.kind, b.kind) || compareText(a.key, b.key) || compareText(a.route, b.route)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** What cards that are issued move, by key. */
export function postIssue(
  books: Books,
  kind: 'issued' | 'reissued',
  cards: readonly IssuedCard[],
  at: number,
): void {
  for (const { key, units } of cards) books.post({ at, kind, key, route: '', count: 1, units });
}

/** What moves when units leave a card for a credit. */
export const creditKinds: Readonly<Record<CreditPurpose, MovementKind>> = {
  exchange: 'exchanged',
  refund: 'refunded',
};

/** Units of all cards. */
export function unitsOf(items: readonly OrderItem[]): number {
  return items.reduce((sum, { denomination, count }) => sum + denomination * count, 0);
}

const maxRouteLength = 64;
const maxRoutes = 1000;

/** Classes of routes: a Set, or a table that answers as one. */
export interface RouteNames {
  readonly size: number;
  has(name: string): boolean;
  add(name: string): unknown;
}

/** The name under which a claim's route is kept. @param known the classes that there are; gains those that are new */
export function routeClass(known: RouteNames, route: string): string {
  if (route === '' || known.has(route)) return route;
  if (route.length > maxRouteLength || known.size >= maxRoutes) return '';
  known.add(route);
  return route;
}
