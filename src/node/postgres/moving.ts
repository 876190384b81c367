import { ImpulsError } from '../../core/errors.js';
import type { LedgerContents } from '../moving/records.js';
import { openConnections } from './connection.js';
import { postgresContents } from './contents.js';
import { Database } from './database.js';
import { movedVersion } from './migrate.js';
import { schemaVersion } from './schema.js';

/** The tables of a ledger on its way into them or out of them, while no server has them open. */
export interface MovingDatabase {
  readonly database: Database;
  contents(): Promise<LedgerContents>;
  close(): Promise<void>;
}

/** A statement that sorts all claims takes its time. */
const timeoutSeconds = 24 * 3600;

/** The tables must be there. @throws ImpulsError `storage-failed`, `storage-locked` where servers have them open */
export async function openMovingDatabase(url: string): Promise<MovingDatabase> {
  const connections = await openConnections({ url, timeoutSeconds });
  const database = new Database(connections, 'impuls');
  try {
    const [row] = await database.read(
      `SELECT count(*) FROM ${database.schema}.instances WHERE until > now()`,
    );
    if (Number(row![0]) > 0) throw serversRun(Number(row![0]));
    return {
      database,
      contents: () => postgresContents(connections, database),
      close: () => connections.end(),
    };
  } catch (error) {
    await connections.end();
    throw error;
  }
}

/** From now on nobody opens the tables. @throws ImpulsError `storage-locked` where a server has them open */
export async function closeForGood({ query, schema }: Database): Promise<void> {
  const rows = await query(
    `UPDATE ${schema}.schema_version SET version = $1
     WHERE id = 1 AND NOT EXISTS (SELECT 1 FROM ${schema}.instances WHERE until > now()) RETURNING id`,
    [movedVersion],
  );
  if (rows.length === 0) throw serversRun(1);
}

/** Takes `closeForGood` back. */
export async function openAgain({ query, schema }: Database): Promise<void> {
  await query(`UPDATE ${schema}.schema_version SET version = $1 WHERE id = 1`, [schemaVersion]);
}

function serversRun(count: number): ImpulsError {
  return new ImpulsError('storage-locked', `${count} other processes have the ledger open`, {
    hint: 'Stop all servers of this vendor, on every host. One that was killed counts for half a minute more.',
  });
}
