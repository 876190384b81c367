import { openConnections } from './connection.js';
import { Database, sqlState } from './database.js';

/** What a database says of itself to who looks after it. */
export interface DatabaseLook {
  /** Of the ledger's tables; undefined where there are none, −1 where the ledger was moved elsewhere. */
  readonly version: number | undefined;
  /** Whether what is committed is synced, and whole after a power cut. */
  readonly synced: boolean;
  /** How many standbys hold a change before it counts: the names as they are set, or ''. */
  readonly standbys: string;
  /** Ledgers that have the tables open. */
  readonly servers: number;
  /** Seconds since 1970. */
  readonly clock: number;
}

/** Looks, and changes nothing. @throws ImpulsError `storage-failed` where it cannot be reached */
export async function lookAtDatabase(url: string): Promise<DatabaseLook> {
  const connections = await openConnections({ url, maxConnections: 1, timeoutSeconds: 10 });
  try {
    const database = new Database(connections, 'impuls');
    const [row] = await database.read(`
      SELECT current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'
          AND current_setting('synchronous_commit') <> 'off',
        current_setting('synchronous_standby_names'), extract(epoch FROM clock_timestamp())`);
    const [synced, standbys, clock] = row!;
    const common = { synced: synced === true, standbys: standbys as string, clock: Number(clock) };
    try {
      const [found] = await database.read(`
        SELECT (SELECT version FROM ${database.schema}.schema_version WHERE id = 1),
          (SELECT count(*) FROM ${database.schema}.instances WHERE until > now())`);
      return { ...common, version: Number(found![0]), servers: Number(found![1]) };
    } catch (error) {
      // No such table, no such schema.
      if (!['42P01', '3F000'].includes(sqlState(error) ?? '')) throw error;
      return { ...common, version: undefined, servers: 0 };
    }
  } finally {
    await connections.end();
  }
}
