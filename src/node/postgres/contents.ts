import type { CardId } from '../../core/card.js';
import type { Batch, CreditPurpose, Movement, MovementKind, Totals } from '../../server/ledger.js';
import type { LedgerContents, LedgerRecord } from '../moving/records.js';
import { decodeItems } from '../sqlite/codec.js';
import { creditRoutes } from '../sqlite/routes.js';
import type { Connections } from './connection.js';
import { storageError, type Database, type Query, type Row } from './database.js';
import { orderColumns, orderOf } from './orders.js';
import { bytesOf, cardColumns, cardOf, claimColumns, claimOf } from './rows.js';

/** Rows that are read at a time. */
const rowsAtOnce = 1000;

const purposes = new Map<number, CreditPurpose>([
  [creditRoutes.exchange, 'exchange'],
  [creditRoutes.refund, 'refund'],
]);

/** What the tables of a ledger hold, as it was when it was first asked for. */
export async function postgresContents(
  connections: Connections,
  { query, schema }: Database,
): Promise<LedgerContents> {
  const tables = ['batches', 'orders', 'cards', 'claims', 'sums', 'quarantine'];
  const counts = tables.map((table) => `(SELECT count(*) FROM ${schema}.${table})`).join(' + ');
  const size = 1 + Number((await query(`SELECT ${counts}`))[0]![0]);
  return { size, read: () => read(connections, schema) };
}

async function* read(
  connections: Connections,
  schema: string,
): AsyncGenerator<LedgerRecord, void, undefined> {
  const client = await connections.connect();
  const query: Query = async (text, values = []) => {
    const said = { text, values: values as unknown[], rowMode: 'array' as const };
    return (await client.query(said)).rows;
  };
  let broken: Error | undefined;
  try {
    await query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    yield* readAll(query, schema);
  } catch (error) {
    throw storageError(error);
  } finally {
    await query('ROLLBACK').catch((lost: unknown) => (broken = lost as Error));
    client.release(broken);
  }
}

async function* readAll(query: Query, schema: string): AsyncGenerator<LedgerRecord, void, undefined> {
  const sums = await readSums(query, schema);
  const batches = await query(
    `SELECT number, label, items, created, expires FROM ${schema}.batches ORDER BY number`,
  );
  for (const row of batches) yield { kind: 'batch', batch: batchOf(row, sums) };
  for await (const row of rowsOf(query, `${orderColumns(schema)} ORDER BY o.id`)) {
    yield { kind: 'order', order: orderOf(row) };
  }
  for await (const row of rowsOf(
    query,
    `SELECT ${cardColumns(schema)} FROM ${schema}.cards c ORDER BY c.id`,
  )) {
    yield { kind: 'card', card: cardOf(row, undefined) };
  }
  const names = new Map(
    (await query(`SELECT number, name FROM ${schema}.routes`)).map(([n, name]) => [Number(n), name]),
  );
  const routeOf = (number: number): string => (names.get(number) ?? '') as string;
  const claims = `SELECT ${claimColumns(schema)}, k.card FROM ${schema}.claims k ORDER BY k.accepted_at, k.card, k.upto, k.tag`;
  for await (const row of rowsOf(query, claims)) {
    const claim = claimOf(row, routeOf);
    yield { kind: 'claim', card: row[15] as CardId, claim, credit: purposes.get(Number(row[6])) };
  }
  for (const movement of sums.movements) yield { kind: 'movement', movement };
  for (const [key] of await query(`SELECT key FROM ${schema}.quarantine ORDER BY key`)) {
    yield { kind: 'quarantine', key: key as string };
  }
  yield { kind: 'totals', totals: totalsOf(sums) };
}

async function* rowsOf(query: Query, select: string): AsyncGenerator<Row, void, undefined> {
  await query(`DECLARE moved NO SCROLL CURSOR FOR ${select}`);
  for (;;) {
    const rows = await query(`FETCH ${rowsAtOnce} FROM moved`);
    yield* rows;
    if (rows.length < rowsAtOnce) break;
  }
  await query('CLOSE moved');
}

interface Sums {
  readonly movements: readonly Movement[];
  /** What is counted: by kind and key. */
  readonly counts: ReadonlyMap<string, number>;
}

async function readSums(query: Query, schema: string): Promise<Sums> {
  const rows = await query(`
    SELECT s.day, s.kind, s.key, coalesce(r.name, ''), sum(s.count)::bigint, sum(s.units)::bigint
    FROM ${schema}.sums s LEFT JOIN ${schema}.routes r ON r.number = s.route GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`);
  const movements: Movement[] = [];
  const counts = new Map<string, number>();
  for (const [day, kind, key, route, count, units] of rows as ReadonlyArray<readonly string[]>) {
    const sum = { count: Number(count), units: Number(units) };
    if (kind!.startsWith('#')) counts.set(`${kind} ${key}`, sum.count);
    else if (sum.count !== 0 || sum.units !== 0) {
      movements.push({ day: Number(day), kind: kind as MovementKind, key: key!, route: route!, ...sum });
    }
  }
  return { movements, counts };
}

function batchOf([number, label, items, created, expires]: Row, { counts }: Sums): Batch {
  const count = (kind: string): number => counts.get(`#${kind} ${String(number)}`) ?? 0;
  return {
    number: Number(number),
    label: label as string,
    items: decodeItems(bytesOf(items)),
    created: Number(created),
    expires: Number(expires),
    codes: {
      printed: count('printed'),
      active: count('active'),
      void: count('void'),
      redeemed: count('redeemed'),
    },
  };
}

function totalsOf({ movements, counts }: Sums): Totals {
  const count = (kind: string): number => counts.get(`#${kind} `) ?? 0;
  const of = (...kinds: MovementKind[]) => movements.filter(({ kind }) => kinds.includes(kind));
  const units = (some: readonly Movement[]): number => some.reduce((sum, one) => sum + one.units, 0);
  const opened = of('opened');
  return {
    orders: count('orders'),
    ordersServed: count('served'),
    cards: opened.reduce((sum, one) => sum + one.count, 0),
    units: units(opened),
    spent: units(of('spent', 'exchanged', 'refunded')),
    claims: { settled: count('settled'), pending: count('pending'), released: count('released') },
  };
}
