import type { Report, Sum } from './protocol.js';
import type { Store } from './platform.js';

/**
 * What moved on a card and is not in the books yet. It is written in the transaction of what moves, and reported under a number:
 * a report that was made stays as it is until the office has entered it, so that it is entered once, however often it is sent.
 *
 *   applied      the last report that the office is known to have
 *   open         the number under which what moves now is kept: applied + 1, or + 2 while a report is out
 *   expected     the highest number that the office knows of: only below it anything may move
 */
export const moveTables = `
  CREATE TABLE IF NOT EXISTS moves (
    number INTEGER, day INTEGER, kind TEXT, key TEXT, route TEXT, count INTEGER NOT NULL, units INTEGER NOT NULL,
    PRIMARY KEY (number, day, kind, key, route)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS numbers (applied INTEGER, open INTEGER, expected INTEGER);`;

const daySeconds = 86_400;

export interface Numbers {
  readonly applied: number;
  readonly open: number;
  readonly expected: number;
}

export function readNumbers(store: Store): Numbers {
  return store.first('SELECT * FROM numbers') as unknown as Numbers;
}

export function writeNumbers(store: Store, change: Partial<Numbers>): void {
  const { applied, open, expected } = { ...readNumbers(store), ...change };
  store.run('UPDATE numbers SET applied = ?, open = ?, expected = ?', applied, open, expected);
}

/** Of a card that is new: its first report is expected. */
export function insertNumbers(store: Store): void {
  store.run('INSERT INTO numbers VALUES (0, 1, 1)');
}

/** @param at Unix seconds; of a count of claims, whatever */
export function move(
  store: Store,
  {
    at,
    kind,
    key = '',
    route = '',
    count,
    units = 0,
  }: Pick<Sum, 'kind' | 'count'> & Partial<Pick<Sum, 'key' | 'route' | 'units'>> & { readonly at?: number },
): void {
  store.run(
    `INSERT INTO moves VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET count = count + excluded.count, units = units + excluded.units`,
    readNumbers(store).open,
    Math.floor((at ?? 0) / daySeconds),
    kind,
    key,
    route,
    count,
    units,
  );
}

/** @param applied the last report that is in the books @returns the next one, which is fixed from now on */
export function nextReport(store: Store, applied: number): Report {
  return store.transaction(() => {
    forget(store, applied);
    const { applied: last } = readNumbers(store);
    writeNumbers(store, { open: last + 2 });
    const sums = store.run(
      'SELECT day, kind, key, route, count, units FROM moves WHERE number = ?',
      last + 1,
    );
    return { number: last + 1, sums: sums as unknown as Sum[] };
  });
}

/** Lets go of what is in the books. */
export function forget(store: Store, applied: number): void {
  const numbers = readNumbers(store);
  if (applied <= numbers.applied) return;
  store.run('DELETE FROM moves WHERE number <= ?', applied);
  writeNumbers(store, { applied, open: Math.max(numbers.open, applied + 1) });
}

export function hasMoves(store: Store): boolean {
  return store.first('SELECT 1 AS found FROM moves LIMIT 1') !== undefined;
}
