import { Books, routeClass, type RouteNames } from '../../server/ledger-books.js';
import type { Movement, Totals } from '../../server/ledger.js';
import { createOrders, orderTables } from './office-orders.js';
import type { Row, Store } from './platform.js';
import type { CardMessages, ClaimCount, Errand, OfficeMessages, Sum } from './protocol.js';

/** The office: orders, the books, the quarantine, and which cards there are. No payment waits for it, but the first after a report. */

const tables = `
  CREATE TABLE IF NOT EXISTS cards (
    id TEXT PRIMARY KEY, key TEXT NOT NULL,
    -- The last report of it that is in the books, and the highest that is to come.
    applied INTEGER NOT NULL, expected INTEGER NOT NULL,
    -- The change of the quarantine that it was told of.
    told INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS cards_by_report ON cards (id) WHERE expected > applied;
  CREATE INDEX IF NOT EXISTS cards_by_told ON cards (told);
  CREATE TABLE IF NOT EXISTS books (
    day INTEGER, kind TEXT, key TEXT, route TEXT, count INTEGER NOT NULL, units INTEGER NOT NULL,
    PRIMARY KEY (day, kind, key, route)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS routes (name TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS quarantine (key TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
  INSERT OR IGNORE INTO meta VALUES ('told', 0);`;

/** How many cards are visited by one message, and how many of them at once. */
const visited = 400;
const atOnce = 40;

export function createOffice(
  store: Store,
  cardNamed: (ledger: string, id: string) => CardMessages,
): OfficeMessages {
  store.run(tables);
  store.run(orderTables);

  const isQuarantined = (key: string): boolean =>
    store.first('SELECT 1 AS found FROM quarantine WHERE key = ?', key) !== undefined;

  const routes: RouteNames = {
    has: (name: string) => store.first('SELECT 1 AS found FROM routes WHERE name = ?', name) !== undefined,
    add: (name: string) => store.run('INSERT INTO routes VALUES (?)', name),
    get size() {
      return store.first('SELECT COUNT(*) AS count FROM routes')!['count'] as number;
    },
  };

  function add(sums: Iterable<Sum>): void {
    for (const { day, kind, key, route, count, units } of sums) {
      store.run(
        `INSERT INTO books VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET count = count + excluded.count, units = units + excluded.units`,
        day,
        kind,
        key,
        route,
        count,
        units,
      );
    }
  }

  /** From now on each card is to be told what the quarantine is. */
  function changeQuarantine(work: () => void): void {
    store.transaction(() => {
      work();
      store.setMeta('told', (store.meta('told') as number) + 1);
    });
  }

  async function enter(
    card: string,
    { number, sums }: { number: number; sums: readonly Sum[] },
  ): Promise<number> {
    return store.transaction(() => {
      const row = store.first('SELECT applied FROM cards WHERE id = ?', card);
      const applied = row ? (row['applied'] as number) : 0;
      if (!row || number !== applied + 1) return applied;
      add(sums);
      store.run('UPDATE cards SET applied = ? WHERE id = ?', number, card);
      return number;
    });
  }

  /** What a visit does with one card. */
  async function run(errand: Errand, card: CardMessages, row: Row, told: number): Promise<void> {
    const id = row['id'] as string;
    if (errand.name === 'purge') return card.purge(errand.keysBefore, errand.claimsBefore);
    if (errand.name === 'hold') {
      await card.hold(isQuarantined(row['key'] as string));
      store.run('UPDATE cards SET told = ? WHERE id = ? AND told < ?', told, id, told);
      return;
    }
    const report = await card.report(row['applied'] as number);
    if (report) await enter(id, report);
  }

  return {
    ...createOrders(store, (books) => add(books.list())),

    async register(card, key) {
      if (isQuarantined(key)) return 'quarantined';
      store.run(
        `INSERT INTO cards VALUES (?, ?, 0, 1, ?) ON CONFLICT DO NOTHING`,
        card,
        key,
        store.meta('told'),
      );
      return 'registered';
    },

    async expect(card, number) {
      store.run('UPDATE cards SET expected = MAX(expected, ?) WHERE id = ?', number, card);
    },

    enter,

    async routeClass(route) {
      return routeClass(routes, route);
    },

    async isolate(keys) {
      changeQuarantine(() => {
        for (const key of keys) store.run('INSERT OR IGNORE INTO quarantine VALUES (?)', key);
        store.run('UPDATE orders SET isolated = 1 WHERE done = 0');
      });
    },

    async endIsolation() {
      changeQuarantine(() => {
        store.run('DELETE FROM quarantine');
        store.run('UPDATE orders SET isolated = 0 WHERE isolated = 1');
      });
    },

    async quarantined() {
      return store.run('SELECT key FROM quarantine ORDER BY key').map(({ key }) => key as string);
    },

    async visit(ledger, errand, after) {
      const told = store.meta('told') as number;
      const wanted = { gather: 'expected > applied', hold: `told < ${told}`, purge: 'true' }[errand.name];
      const query = `SELECT * FROM cards WHERE id > ? AND ${wanted} ORDER BY id LIMIT ${visited}`;
      const rows = store.run(query, after);
      for (let start = 0; start < rows.length; start += atOnce) {
        const some = rows.slice(start, start + atOnce);
        await Promise.all(some.map((row) => run(errand, cardNamed(ledger, row['id'] as string), row, told)));
      }
      return rows.at(-1)?.['id'] as string | undefined;
    },

    async readBooks() {
      const rows = store.run(`SELECT * FROM books WHERE kind NOT LIKE '#%'`);
      return new Books(rows as unknown as Movement[]).list();
    },

    async totals(): Promise<Totals> {
      const sum = (column: 'count' | 'units', ...kinds: readonly Sum['kind'][]): number => {
        const query = `SELECT COALESCE(SUM(${column}), 0) AS sum FROM books WHERE kind = ?`;
        return kinds.reduce((all, kind) => all + (store.first(query, kind)!['sum'] as number), 0);
      };
      const orders = (where: string): number =>
        store.first(`SELECT COUNT(*) AS count FROM orders WHERE ${where}`)!['count'] as number;
      const claims = (kind: ClaimCount): number => sum('count', kind);
      return {
        orders: orders('true'),
        ordersServed: orders(`kind = 'redeemed'`),
        cards: sum('count', 'opened'),
        units: sum('units', 'opened'),
        spent: sum('units', 'spent', 'exchanged', 'refunded'),
        claims: { settled: claims('#settled'), pending: claims('#pending'), released: claims('#released') },
      };
    },
  };
}
