import type { Database } from 'better-sqlite3';
import { Reader } from '../../core/bytes.js';
import { dayOf, type Movement } from '../../server/index.js';
import type { CardsReport } from './cards.js';
import { kindOf, wrong, type AuditRow } from './reader.js';

/** The books against what they are the sums of: the journal, the cards and the orders, to the unit. */

/** Sums by day, kind, key and route, in one word. */
export class Tally {
  readonly #sums = new Map<string, { count: number; units: number }>();

  add(day: number, kind: string, key: string, route: string, count: number, units: number): void {
    const name = [day, kind, key, route].join('\n');
    const sum = this.#sums.get(name) ?? { count: 0, units: 0 };
    sum.count += count;
    sum.units += units;
    this.#sums.set(name, sum);
  }

  *entries(): Generator<Movement> {
    for (const [name, { count, units }] of this.#sums) {
      const [day, kind, key, ...route] = name.split('\n') as [string, string, string, string];
      yield { day: Number(day), kind: kind as Movement['kind'], key, route: route.join('\n'), count, units };
    }
  }

  at({ day, kind, key, route }: Pick<Movement, 'day' | 'kind' | 'key' | 'route'>): {
    readonly count: number;
    readonly units: number;
  } {
    return this.#sums.get([day, kind, key, route].join('\n')) ?? { count: 0, units: 0 };
  }
}

/** What the rows of the journal move in the books. */
export interface Postings {
  add(row: AuditRow): void;
  /** Of all rows, and of those that are not in the table of books yet. */
  readonly all: Tally;
  readonly late: Tally;
}

/** @param bookedTo the last row whose movements are in the table of books */
export function createPostings(
  db: Database,
  bookedTo: number,
  acceptedOf: (row: AuditRow) => AuditRow | undefined,
): Postings {
  const keys = new Map(
    db
      .prepare<[], { readonly slot: number; readonly key_id: string }>('SELECT slot, key_id FROM cards')
      .all()
      .map(({ slot, key_id }) => [slot, key_id]),
  );
  const routes = new Map(
    db
      .prepare<[], { readonly id: number; readonly name: string }>('SELECT id, name FROM routes')
      .all()
      .map(({ id, name }) => [id, name]),
  );
  const [all, late] = [new Tally(), new Tally()];
  const post = (row: AuditRow, kind: string, count: number, units: number): void => {
    const where = `row ${row.seq} of the journal`;
    const key = keys.get(row.slot);
    const route = row.route > 0 ? routes.get(row.route) : '';
    if (key === undefined) throw wrong(where, 'its card is missing');
    if (route === undefined) throw wrong(where, 'its route is missing');
    for (const tally of row.seq > bookedTo ? [all, late] : [all]) {
      tally.add(dayOf(row.at), kind, key, route, count, units);
    }
  };
  return {
    all,
    late,
    add(row) {
      const { kind, kept, units, route } = row;
      const spending = route === -1 ? 'exchanged' : route === -2 ? 'refunded' : 'spent';
      if (kind === kindOf.open) post(row, 'opened', 1, units ?? 0);
      else if (kind === kindOf.accept) post(row, spending, kept === 0 ? 0 : 1, kept);
      else if (kind === kindOf.giveBack) {
        const accepted = acceptedOf(row);
        if (accepted) post(row, spending, kept === 0 ? -1 : 0, kept - accepted.kept);
      }
    },
  };
}

interface OrderSum {
  readonly items: Uint8Array;
  readonly served: number;
  readonly count: number;
}

interface CreditSum {
  readonly purpose: number;
  readonly served: number;
  readonly paid: number;
  readonly count: number;
  readonly units: number;
}

/** @throws ImpulsError `malformed` that names what does not agree */
export function checkBooks(
  db: Database,
  cards: CardsReport,
  { all, late }: Postings,
  wholeFrom: number,
): void {
  const table = db.prepare<[], Movement>('SELECT day, kind, key, route, count, units FROM books').all();
  const books = new Tally();
  for (const row of [...table, ...late.entries()]) {
    books.add(row.day, row.kind, row.key, row.route, row.count, row.units);
  }
  for (const row of books.entries()) {
    if (!kinds.has(row.kind)) throw wrong('the books', `they have a kind ${row.kind}`);
    if (row.units < 0 || row.count < 0) throw wrong(`the books of ${nameOf(row)}`, 'they are below 0');
  }
  const of = (kind: Movement['kind'], key?: string): { readonly count: number; readonly units: number } => {
    let [count, units] = [0, 0];
    for (const row of books.entries()) {
      if (row.kind !== kind || (key !== undefined && row.key !== key)) continue;
      count += row.count;
      units += row.units;
    }
    return { count, units };
  };
  const agree = (what: string, booked: number, found: number): void => {
    if (booked !== found) throw wrong('the books', `${what}: they say ${booked}, and there are ${found}`);
  };

  const keys = new Set([...cards.byKey.keys(), ...[...books.entries()].map(({ key }) => key)]);
  for (const key of keys) {
    const { count, units, spent } = cards.byKey.get(key) ?? { count: 0, units: 0, spent: 0 };
    if (key === '') continue;
    agree(`cards activated under the key ${key}`, of('opened', key).count, count);
    agree(`units activated under the key ${key}`, of('opened', key).units, units);
    const left = of('spent', key).units + of('exchanged', key).units + of('refunded', key).units;
    agree(`units spent under the key ${key}`, left, spent);
  }

  const orders = db
    .prepare<[], OrderSum>(
      `SELECT items, digest IS NOT NULL AS served, count(*) AS count FROM orders
       WHERE purpose IS NULL AND state = 1 GROUP BY 1, 2`,
    )
    .all()
    .map(({ items, served, count }) => ({ ...sumItems(items), served, count }));
  const served = orders.filter((order) => order.served === 1);
  const sum = <T>(list: readonly T[], of: (item: T) => number) => list.reduce((a, item) => a + of(item), 0);
  const [sold, withdrawn, issued] = [of('sold'), of('withdrawn'), of('issued')];
  agree(
    'orders that are good',
    sold.count - withdrawn.count,
    sum(orders, ({ count }) => count),
  );
  agree(
    'units of orders that are good',
    sold.units - withdrawn.units,
    sum(orders, (o) => o.count * o.units),
  );
  agree(
    'cards issued',
    issued.count,
    sum(served, (order) => order.count * order.cards),
  );
  agree(
    'units issued',
    issued.units,
    sum(served, (order) => order.count * order.units),
  );

  const credits = db
    .prepare<[], CreditSum>(
      `SELECT purpose, digest IS NOT NULL AS served, paid IS NOT NULL AS paid, count(*) AS count, sum(credit) AS units
       FROM orders WHERE purpose IS NOT NULL GROUP BY 1, 2, 3`,
    )
    .all();
  const credited = (test: (credit: CreditSum) => boolean) => sum(credits.filter(test), ({ units }) => units);
  agree(
    'units exchanged',
    of('exchanged').units,
    credited(({ purpose }) => purpose === 0),
  );
  agree(
    'units refunded',
    of('refunded').units,
    credited(({ purpose }) => purpose === 1),
  );
  agree(
    'units issued again',
    of('reissued').units,
    credited((c) => c.purpose === 0 && c.served === 1),
  );
  agree(
    'units paid out',
    of('paid-out').units,
    credited((c) => c.purpose === 1 && c.paid === 1),
  );

  for (const row of all.entries()) {
    const booked = books.at(row);
    if (booked.units < row.units || booked.count < row.count)
      throw wrong(`the books of ${nameOf(row)}`, lacks);
  }
  for (const row of books.entries()) {
    if (!ofJournal.has(row.kind) || row.day < wholeFrom) continue;
    const found = all.at(row);
    if (found.units !== row.units || found.count !== row.count) {
      throw wrong(`the books of ${nameOf(row)}`, 'they tell of more than the journal');
    }
  }
}

const lacks = 'they lack what the journal tells of';
const ofJournal: ReadonlySet<string> = new Set(['opened', 'spent', 'exchanged', 'refunded']);
const kinds: ReadonlySet<string> = new Set([
  ...ofJournal,
  'sold',
  'withdrawn',
  'issued',
  'reissued',
  'paid-out',
]);

function nameOf({ day, kind, key, route }: Movement): string {
  const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
  return [date, kind, key, route].filter((word) => word !== '').join(' ');
}

/** u32 count ‖ (u32 denomination ‖ u32 count) of each. */
function sumItems(bytes: Uint8Array): { readonly cards: number; readonly units: number } {
  const reader = new Reader(new Uint8Array(bytes));
  let [cards, units] = [0, 0];
  for (let left = reader.u32(); left > 0; left--) {
    const [denomination, count] = [reader.u32(), reader.u32()];
    cards += count;
    units += denomination * count;
  }
  reader.end();
  return { cards, units };
}
