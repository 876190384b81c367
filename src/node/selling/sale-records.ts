import { marks, stateOfMarks, type SaleRecords } from '../../server/selling/sale-records.js';
import { openSharedFile, type FileKind } from '../sqlite/shared-file.js';

const kind: FileKind = {
  content: 'the records of sales',
  applicationId: 0x696d7073, // "imps"
  tables: `
    CREATE TABLE payments (
      payment TEXT PRIMARY KEY,
      "order" TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE marks (
      payment TEXT NOT NULL,
      cause TEXT NOT NULL,
      mark INTEGER NOT NULL,
      day INTEGER NOT NULL,
      PRIMARY KEY (payment, cause)
    ) WITHOUT ROWID;
  `,
};

/**
 * Opens the records at `path`, and makes them if nothing is there; the folder is not made. Needs the package `better-sqlite3`.
 *
 * @throws ImpulsError `storage-corrupt` for a file that is none of ours, which stays as it is; `storage-failed`
 */
export async function openSaleRecords(path: string): Promise<SaleRecords> {
  const { connection, attempt } = await openSharedFile(path, kind);
  const link = connection.prepare('INSERT OR IGNORE INTO payments (payment, "order") VALUES (?, ?)');
  const mark = connection.prepare(
    `INSERT INTO marks (payment, cause, mark, day) VALUES (?, ?, ?, ?)
     ON CONFLICT (payment, cause) DO UPDATE SET mark = excluded.mark, day = excluded.day WHERE excluded.mark > mark`,
  );
  const lift = connection.prepare(
    `UPDATE marks SET mark = ${marks.indexOf('lifted')} WHERE payment = ? AND mark = ${marks.indexOf('open')}`,
  );
  const order = connection
    .prepare<[string], string>('SELECT "order" FROM payments WHERE payment = ?')
    .pluck();
  const found = connection.prepare<[string], number>('SELECT mark FROM marks WHERE payment = ?').pluck();
  const payment = connection
    .prepare<[string], string>('SELECT payment FROM payments WHERE "order" = ?')
    .pluck();
  const listed = connection.prepare<[string, number], { payment: string; order: string }>(
    'SELECT payment, "order" FROM payments WHERE payment > ? ORDER BY payment LIMIT ?',
  );
  const forgetPayment = connection.prepare('DELETE FROM payments WHERE payment = ?');
  const forgetMarks = connection.prepare('DELETE FROM marks WHERE payment = ?');
  const forgetAll = connection.transaction((names: readonly string[]) => {
    for (const name of names) {
      forgetPayment.run(name);
      forgetMarks.run(name);
    }
  });
  const forgetStray = connection.prepare(
    'DELETE FROM marks WHERE day < ? AND payment NOT IN (SELECT payment FROM payments)',
  );

  return {
    link: async (name, id) => void attempt(() => link.run(name, id)),
    mark: async (name, cause, rank, day) =>
      void attempt(() => mark.run(name, cause, marks.indexOf(rank), day)),
    lift: async (name) => void attempt(() => lift.run(name)),
    read: async (name) =>
      attempt(() => ({
        order: order.get(name),
        state: stateOfMarks(new Set(found.all(name).map((rank) => marks[rank]!))),
      })),
    find: async (id) => attempt(() => payment.get(id)),
    list: async (after, count) => attempt(() => listed.all(after, count)),
    forget: async (names) => attempt(() => forgetAll.immediate(names)),
    forgetStray: async (before) => void attempt(() => forgetStray.run(before)),
    async close() {
      connection.close();
    },
  };
}
