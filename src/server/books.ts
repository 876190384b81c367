import type { IssuingKey, Policy } from '../core/key-document.js';
import type { Movement, MovementKind } from './ledger.js';

/**
 * What a vendor owes and what it earned, from the sums of its days. Pure; all units are whole numbers, and exact. Days are
 * counted since 1970, by UTC.
 */

export const movementKinds: readonly MovementKind[] = [
  'sold',
  'withdrawn',
  'issued',
  'reissued',
  'opened',
  'spent',
  'exchanged',
  'refunded',
  'paid-out',
];

/** What the books need: a key document, or one with the keys that it has dropped as well. */
export interface BookTerms {
  readonly cards: readonly Pick<IssuingKey, 'id' | 'denomination' | 'epoch' | 'expires'>[];
  readonly policy: Pick<Policy, 'grace'>;
}

export interface Sum {
  readonly count: number;
  readonly units: number;
}

/** An issuing key as the books know it. */
export interface BookKey {
  readonly key: string;
  readonly denomination: number;
  /** Absent for a key that the terms do not name: then it is over. */
  readonly epoch?: string;
  /** Unix seconds: its cards are spent before it. */
  readonly expires?: number;
  /** Unix seconds: until then what is left on its cards can be exchanged or refunded. */
  readonly ends?: number;
}

/** What is owed, in units. Their sum is `total`; `breakage` is owed no more. */
export interface Liability {
  /** The day at whose end it is owed. */
  readonly asOf: number;
  /** Sold, and not redeemed yet. */
  readonly vouchers: number;
  /** Left cards for a credit, and not issued again yet. */
  readonly credits: number;
  /** Issued, and not activated yet. */
  readonly unopened: number;
  /** On activated cards. */
  readonly cards: number;
  /** Left cards to be refunded, and not paid out yet. */
  readonly refunds: number;
  readonly total: number;
  /** What is left under keys whose grace has ended. */
  readonly breakage: number;
  /** Every key that has ever issued a card, by denomination and age. */
  readonly keys: readonly KeyLiability[];
}

export interface KeyLiability extends BookKey {
  /** `good`: its cards are spent. `grace`: they have expired, and can be exchanged. `over`: what is left is breakage. */
  readonly status: 'good' | 'grace' | 'over';
  readonly unopened: number;
  readonly cards: number;
}

/** `expired`: what was left when cards expired. `breakage`: what was left when their grace ended. */
export type ReportKind = MovementKind | 'expired' | 'breakage';

export const reportKinds: readonly ReportKind[] = [...movementKinds, 'expired', 'breakage'];

export type Sums = Readonly<Record<ReportKind, Sum>>;

export interface ReportEntry extends Omit<Movement, 'kind'> {
  /** Of what expired, `count` is how many of the cards were never activated. */
  readonly kind: ReportKind;
}

/** What happened in some days; every part is a sum of `entries`. */
export interface Report {
  /** The first and the last day. */
  readonly from: number;
  readonly to: number;
  readonly totals: Sums;
  /** By denomination and age, those that anything happened to. */
  readonly keys: readonly (BookKey & { readonly sums: Sums })[];
  /** Spent by class of the route, the most first. */
  readonly routes: readonly RouteSum[];
  /** Every day from `from` to `to`. */
  readonly days: readonly ReportDay[];
  readonly entries: readonly ReportEntry[];
}

export interface RouteSum extends Sum {
  readonly route: string;
}

export interface ReportDay {
  readonly day: number;
  readonly sums: Sums;
  readonly routes: readonly RouteSum[];
}

const daySeconds = 24 * 3600;
const keyless: ReadonlySet<MovementKind> = new Set<MovementKind>(['sold', 'withdrawn', 'paid-out']);

/** @param seconds Unix time @returns days since 1970, by UTC */
export function dayOf(seconds: number): number {
  return Math.floor(seconds / daySeconds);
}

/** What is owed at the end of the day `asOf`. */
export function computeLiability(movements: readonly Movement[], terms: BookTerms, asOf: number): Liability {
  const end = (asOf + 1) * daySeconds;
  const past = movements.filter(({ day }) => day <= asOf);
  const units = unitsOf(past);
  const keys = bookKeys(past, terms).map((key): KeyLiability => {
    const { unopened, cards } = leftUnder(past, key.key);
    return { ...key, status: statusAt(key, end), unopened, cards };
  });
  const owed = keys.filter(({ status }) => status !== 'over');
  const over = keys.filter(({ status }) => status === 'over');
  const vouchers = units('sold') - units('withdrawn') - units('issued');
  const credits = units('exchanged') - units('reissued');
  const refunds = units('refunded') - units('paid-out');
  const [unopened, cards] = [sumOf(owed, 'unopened'), sumOf(owed, 'cards')];
  return {
    asOf,
    vouchers,
    credits,
    unopened,
    cards,
    refunds,
    total: vouchers + credits + unopened + cards + refunds,
    breakage: sumOf(over, 'unopened') + sumOf(over, 'cards'),
    keys,
  };
}

/** What happened from the day `from` to the day `to`, both included. */
export function computeReport(
  movements: readonly Movement[],
  terms: BookTerms,
  from: number,
  to: number,
): Report {
  const keys = bookKeys(movements, terms);
  const ended = keys.flatMap((key) => endings(movements, key));
  const entries = [...movements, ...ended]
    .filter(({ day }) => from <= day && day <= to)
    .sort((a, b) => a.day - b.day || reportKinds.indexOf(a.kind) - reportKinds.indexOf(b.kind));
  const byDay = groupBy(entries, ({ day }) => day);
  const byKey = groupBy(entries, ({ key }) => key);
  const days = Array.from({ length: Math.max(0, to - from + 1) }, (_, i): ReportDay => {
    const ofDay = byDay.get(from + i) ?? [];
    return { day: from + i, sums: sumUp(ofDay), routes: routeSums(ofDay) };
  });
  return {
    from,
    to,
    totals: sumUp(entries),
    keys: keys
      .filter(({ key }) => byKey.has(key))
      .map((key) => ({ ...key, sums: sumUp(byKey.get(key.key)!) })),
    routes: routeSums(entries),
    days,
    entries,
  };
}

/** The keys that movements name, by denomination and age; those that the document has dropped come first. */
function bookKeys(movements: readonly Movement[], { cards, policy }: BookTerms): BookKey[] {
  const named = groupBy(
    movements.filter(({ kind }) => !keyless.has(kind)),
    ({ key }) => key,
  );
  const keys = [...named].map(([key, ofKey]): BookKey => {
    const entry = cards.find(({ id }) => id === key);
    if (!entry) return { key, denomination: denominationOf(ofKey) };
    const { denomination, epoch, expires } = entry;
    return { key, denomination, epoch, expires, ends: expires + policy.grace };
  });
  return keys.sort((a, b) => a.denomination - b.denomination || (a.ends ?? 0) - (b.ends ?? 0));
}

/** Of a key that is known from the books alone: whole cards are issued. 0 if none ever was. */
function denominationOf(movements: readonly Movement[]): number {
  const whole = movements.find(
    ({ kind, count }) => count > 0 && (kind === 'issued' || kind === 'reissued' || kind === 'opened'),
  );
  return whole ? whole.units / whole.count : 0;
}

function statusAt({ key, expires = 0, ends = 0 }: BookKey, seconds: number): KeyLiability['status'] {
  // Cards of before there were books, whose key nobody can tell.
  if (key === '') return 'good';
  if (seconds < expires) return 'good';
  return seconds < ends ? 'grace' : 'over';
}

/** What is left under a key, and how many of its cards were never activated. */
function leftUnder(
  movements: readonly Movement[],
  key: string,
): { readonly unopened: number; readonly cards: number; readonly count: number } {
  const ofKey = movements.filter((movement) => movement.key === key);
  const units = unitsOf(ofKey);
  const { issued, reissued, opened } = sumUp(ofKey);
  return {
    unopened: units('issued') + units('reissued') - units('opened'),
    cards: units('opened') - units('spent') - units('exchanged') - units('refunded'),
    count: issued.count + reissued.count - opened.count,
  };
}

/** What was left of a key when its cards expired, and when their grace ended, on the last day before. */
function endings(movements: readonly Movement[], { key, expires, ends }: BookKey): ReportEntry[] {
  const ending = (kind: 'expired' | 'breakage', seconds: number): ReportEntry => {
    const day = dayOf(seconds - 1);
    const { unopened, cards, count } = leftUnder(
      movements.filter((movement) => movement.day <= day),
      key,
    );
    return { day, kind, key, route: '', count, units: unopened + cards };
  };
  if (expires === undefined || ends === undefined) return [];
  return [ending('expired', expires), ending('breakage', ends)].filter(({ units }) => units > 0);
}

function sumUp(entries: readonly ReportEntry[]): Sums {
  const sums = Object.fromEntries(reportKinds.map((kind) => [kind, { count: 0, units: 0 }])) as Record<
    ReportKind,
    { count: number; units: number }
  >;
  for (const { kind, count, units } of entries) {
    sums[kind].count += count;
    sums[kind].units += units;
  }
  return sums;
}

function routeSums(entries: readonly ReportEntry[]): RouteSum[] {
  const byRoute = groupBy(
    entries.filter(({ kind }) => kind === 'spent'),
    ({ route }) => route,
  );
  return [...byRoute]
    .map(([route, spent]) => ({ route, ...sumUp(spent).spent }))
    .sort((a, b) => b.units - a.units || (a.route < b.route ? -1 : 1));
}

function unitsOf(movements: readonly Movement[]): (kind: MovementKind) => number {
  const sums = sumUp(movements);
  return (kind) => sums[kind].units;
}

function sumOf<K extends string>(items: readonly Readonly<Record<K, number>>[], name: K): number {
  return items.reduce((sum, item) => sum + item[name], 0);
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
