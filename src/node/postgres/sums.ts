import { Books, type Posting } from '../../server/ledger-books.js';
import type { Movement, MovementKind, Totals } from '../../server/ledger.js';
import type { Database, Query } from './database.js';
import type { Routes } from './routes.js';

/** What the table `sums` counts: the books by day, and under day 0 the kinds whose names begin with '#'. */

/** Shards of what is written in transactions, and of what is written by groups. */
const [slowShards, groupShards] = [8, 56];

/** The shard of one lane of an instance. */
export function shardOf(instance: number, lane: number, lanes: number): number {
  return slowShards + ((instance * lanes + lane) % groupShards);
}

/**
 * The statement that adds to sums.
 *
 * @param rows a query that gives day, kind, key, route, count, units
 */
export function addToSums(schema: string, shard: string, rows: string): string {
  return `
    INSERT INTO ${schema}.sums AS t (shard, day, kind, key, route, count, units)
    SELECT ${shard}, day, kind, key, route, sum(count)::bigint, sum(units)::bigint FROM (${rows}) moved
    GROUP BY day, kind, key, route ORDER BY day, kind, key, route
    ON CONFLICT (shard, day, kind, key, route) DO UPDATE SET count = t.count + excluded.count, units = t.units + excluded.units`;
}

const daySeconds = 86_400;

/** What a transaction adds, all with its last statement: nobody waits long for the rows. */
export class Tally {
  readonly #rows: Array<[day: number, kind: string, key: string, count: number, units: number]> = [];

  post({ at, kind, key, count, units }: Omit<Posting, 'route'>): void {
    this.#rows.push([Math.floor(at / daySeconds), kind, key, count, units]);
  }

  /** @param kind with its '#' */
  count(kind: string, by: number, key = ''): void {
    if (by !== 0) this.#rows.push([0, kind, key, by, 0]);
  }

  async write(query: Query, { schema }: Database): Promise<void> {
    if (this.#rows.length === 0) return;
    const shard = Math.floor(Math.random() * slowShards);
    const column = (at: number): string => JSON.stringify(this.#rows.map((row) => row[at]));
    const values = ['bigint', 'text', 'text', 'bigint', 'bigint']
      .map((type, i) => `ARRAY(SELECT e::${type} FROM jsonb_array_elements_text($${i + 1}::jsonb) e)`)
      .join(', ');
    const rows = `SELECT day, kind, key, 0 AS route, count, units FROM unnest(${values}) AS r (day, kind, key, count, units)`;
    await query(addToSums(schema, String(shard), rows), [0, 1, 2, 3, 4].map(column));
  }
}

export async function readBooks(database: Database, routes: Routes): Promise<Movement[]> {
  const rows = await database.read(`
    SELECT day, kind, key, route, sum(count)::bigint, sum(units)::bigint FROM ${database.schema}.sums
    WHERE kind NOT LIKE '#%' GROUP BY day, kind, key, route`);
  await routes.load(rows.map((row) => Number(row[3])));
  return new Books(
    rows.map(([day, kind, key, route, count, units]) => ({
      day: Number(day),
      kind: kind as MovementKind,
      key: key as string,
      route: routes.nameOf(Number(route)),
      count: Number(count),
      units: Number(units),
    })),
  ).list();
}

export async function readTotals(database: Database): Promise<Totals> {
  const rows = await database.read(`
    SELECT kind, sum(count)::bigint, sum(units)::bigint FROM ${database.schema}.sums GROUP BY kind`);
  const sums = new Map(
    rows.map(([kind, count, units]) => [kind as string, [Number(count), Number(units)] as const]),
  );
  const count = (kind: string): number => sums.get(kind)?.[0] ?? 0;
  const units = (kind: string): number => sums.get(kind)?.[1] ?? 0;
  return {
    orders: count('#orders'),
    ordersServed: count('#served'),
    cards: count('opened'),
    units: units('opened'),
    spent: units('spent') + units('exchanged') + units('refunded'),
    claims: { settled: count('#settled'), pending: count('#pending'), released: count('#released') },
  };
}
