import { lookAtDatabase } from '../../node/postgres/looking.js';
import { movedVersion } from '../../node/postgres/migrate.js';
import { schemaVersion } from '../../node/postgres/schema.js';
import { withoutPassword } from '../../node/vendor/settings.js';
import { plural } from '../amounts.js';
import { fail, ok, warn, type Check } from './check.js';

/** A ledger in PostgreSQL: it is only looked at, beside whoever has it open. */

/** Seconds that the clocks of a vendor's hosts may be apart. */
const maxDrift = 60;

/** @param address may hold a password @param now Unix seconds */
export async function checkDatabase(address: string, now: number): Promise<Check[]> {
  const where = withoutPassword(address);
  const { version, synced, standbys, servers, clock } = await lookAtDatabase(address);
  const found: Check[] = [];
  if (version === undefined) found.push(ok('ledger', `none yet at ${where}: the first server makes it`));
  else if (version === movedVersion) {
    const next = 'It goes on where it was moved to: see "database" in vendor.json and IMPULS_DATABASE.';
    found.push(fail('ledger', `it was moved out of ${where}`, next));
  } else if (version > schemaVersion) {
    const next = 'Run the version of impuls that made it, or a newer one.';
    found.push(fail('ledger', `version ${version} at ${where} is not known to this version`, next));
  } else {
    found.push(
      ok(
        'ledger',
        `version ${version} at ${where}, ${servers === 1 ? '1 process' : `${servers} processes`} on it`,
      ),
    );
  }
  if (!synced) {
    const next = 'Turn fsync, full_page_writes and synchronous_commit on: a power cut would forget payments.';
    found.push(fail('database', 'it says that it has written what it has not', next));
  }
  found.push(
    standbys === ''
      ? warn(
          'standby',
          'no standby holds a change before it counts',
          'Where the machine of the database is lost, payments are: set synchronous_standby_names.',
        )
      : ok('standby', standbys),
  );
  const drift = Math.round(now - clock);
  if (Math.abs(drift) > maxDrift) {
    const next = 'Have both keep their time by NTP.';
    found.push(warn('database', `its clock is ${plural(Math.abs(drift), 'second')} from the one here`, next));
  }
  return found;
}
