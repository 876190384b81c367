import { stat } from 'node:fs/promises';
import { isImpulsError } from '../../core/errors.js';
import { exists } from '../../node/durable-file.js';
import { loadDriver, openReadOnly } from '../../node/sqlite/files.js';
import { migrations } from '../../node/sqlite/migrations.js';
import { applicationId, schemaVersion } from '../../node/sqlite/schema.js';
import type { VendorFolder } from '../../node/vendor/folder.js';
import { databaseOf } from '../../node/vendor/ledger.js';
import { formatBytes } from '../amounts.js';
import { fail, ok, warn, type Check } from './check.js';
import { checkDatabase } from './database-checks.js';

/** The ledger, as a file or in a database: it is only read, beside whoever has it open. */

/** A log that is not carried over grows for ever. */
const longLog = 512_000_000;

export async function checkLedger(folder: VendorFolder, now: number): Promise<Check[]> {
  const { ledgerPath } = folder;
  const address = await databaseOf(folder);
  if (address !== undefined) return checkDatabase(address, now);
  if (!(await exists(ledgerPath)))
    return [ok('ledger', 'none yet: the first `impuls vendor serve` makes it')];
  const driver = await loadDriver();
  let version: unknown;
  let sound: unknown;
  try {
    const reader = openReadOnly(driver, ledgerPath);
    try {
      if (reader.pragma('application_id', { simple: true }) !== applicationId)
        throw new Error('none of ours');
      version = reader.pragma('user_version', { simple: true });
      sound = reader.pragma('quick_check(1)', { simple: true });
    } finally {
      reader.close();
    }
  } catch (error) {
    if (isImpulsError(error, 'storage-failed')) throw error;
    return [
      fail(
        'ledger',
        'it is damaged, or none of ours',
        'Restore the vendor from a backup: impuls vendor restore.',
      ),
    ];
  }
  const found: Check[] = [];
  if (version === schemaVersion) found.push(ok('ledger', `format ${schemaVersion}`));
  else if (typeof version === 'number' && version in migrations) {
    const next = 'Make a backup first: impuls vendor backup.';
    found.push(warn('ledger', `format ${version}; the next start brings it up to ${schemaVersion}`, next));
  } else {
    const next = 'Run the version of impuls that wrote it, or a newer one.';
    found.push(fail('ledger', `format ${String(version)} is not known to this version`, next));
  }
  if (sound !== 'ok') {
    found.push(
      fail('ledger', 'its pages are damaged', 'Stop the server, and restore the vendor from a backup.'),
    );
  }
  const log = await stat(`${ledgerPath}-wal`).catch(() => undefined);
  if (log && log.size > longLog) {
    const next = 'See whether a program reads the ledger all the time, and end it.';
    found.push(warn('ledger', `its write-ahead log has ${formatBytes(log.size)}`, next));
  }
  return found;
}
