import { isImpulsError } from 'impuls';
import { openSqliteLedger } from 'impuls/server/sqlite';

/** What the SQLite ledger says where its optional peer is not installed. */

try {
  await openSqliteLedger({ path: 'ledger.db' });
} catch (error) {
  if (!isImpulsError(error, 'storage-failed')) throw error;
  console.log(`${error.message} / ${error.hint}`);
}
