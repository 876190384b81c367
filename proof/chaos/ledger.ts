import { openSqliteLedger } from '../../src/node/sqlite.js';
import type { Ledger } from '../../src/server/index.js';

/** @param place a URL of PostgreSQL, or the path of a file for SQLite */
export async function openLedger(place: string): Promise<Ledger> {
  return openSqliteLedger({ path: place });
}
