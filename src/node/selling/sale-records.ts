import { chmodSync, closeSync, existsSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { marks, stateOfMarks, type SaleRecords } from '../../server/selling/sale-records.js';
import { syncFolder } from '../file-folder.js';
import { loadDriver, type Connection, type Driver } from '../sqlite/files.js';

/** "imps", in the header of every such file. */
const applicationId = 0x696d7073;
const schemaVersion = 1;
const schema = `
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
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;
const patienceMs = 10_000;

/**
 * Opens the records at `path`, and makes them if nothing is there; the folder is not made. Needs the package `better-sqlite3`.
 *
 * @throws ImpulsError `storage-corrupt` for a file that is none of ours, which stays as it is; `storage-failed`
 */
export async function openSaleRecords(path: string): Promise<SaleRecords> {
  const driver = await loadDriver();
  const connection = attempt(() => connect(driver, resolve(path)));
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

function connect(driver: Driver, path: string): Connection {
  const isNew = createPrivate(path);
  const connection = new driver(path, { fileMustExist: true, timeout: patienceMs });
  try {
    const isEmpty = countTables(connection) === 0;
    if (!isEmpty && connection.pragma('application_id', { simple: true }) !== applicationId) {
      throw corrupt(`${path} holds no records of sales`);
    }
    if (!isEmpty && connection.pragma('user_version', { simple: true }) !== schemaVersion) {
      throw new ImpulsError('storage-corrupt', `${path} has another format`, {
        hint: 'Run the version of impuls that wrote it, or a newer one.',
      });
    }
    connection.pragma('journal_mode = WAL');
    connection.pragma('synchronous = FULL');
    connection.pragma('secure_delete = ON');
    chmodSync(path, 0o600);
    // Two processes may come at once: the second finds the tables of the first.
    connection
      .transaction(() => {
        if (countTables(connection) === 0) connection.exec(schema);
      })
      .immediate();
    if (isNew) syncFolder(dirname(path));
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function countTables(connection: Connection): number {
  return connection.prepare<[], number>('SELECT count(*) FROM sqlite_schema').pluck().get()!;
}

/** SQLite gives the files beside it the mode of the main file. @returns whether nothing was there */
function createPrivate(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return true;
  } catch (cause) {
    if (existsSync(path)) return false;
    throw new ImpulsError('storage-failed', `cannot create ${path}`, {
      hint: 'See that its folder exists and can be written to.',
      cause,
    });
  }
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (isImpulsError(cause) || !code.startsWith('SQLITE_')) throw cause;
    if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
      throw corrupt('the records of sales are damaged, or none of ours', cause);
    }
    throw new ImpulsError('storage-failed', `the records of sales could not be read or written: ${code}`, {
      cause,
    });
  }
}

function corrupt(message: string, cause?: unknown): ImpulsError {
  return new ImpulsError('storage-corrupt', message, {
    hint: 'Put the file back from a backup of this folder; nothing was changed.',
    cause,
  });
}
