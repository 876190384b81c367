import { ImpulsError } from '../../core/errors.js';
import { sqlState, type Database } from './database.js';
import { migrations, schemaVersion } from './schema.js';

/** The version of tables whose ledger goes on elsewhere. */
export const movedVersion = -1;

/** What those who open an empty database at once may hear from it: the other one was faster. */
const overtaken = ['23505', '42P06', '42P07', 'XX000'];

/**
 * Makes the tables, or brings those of an older version up to this one. Any number may do so at once.
 *
 * @throws ImpulsError `storage-corrupt` if they are of a newer version; `storage-failed`
 */
export async function migrate(database: Database, partitions: number): Promise<void> {
  const { schema } = database;
  if ((await versionOf(database)) === schemaVersion) return;
  await persist(async () => {
    if ((await versionOf(database)) !== undefined) return;
    await database.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await database.query(
      `CREATE TABLE IF NOT EXISTS ${schema}.schema_version (id integer PRIMARY KEY, version integer NOT NULL)`,
    );
    await database.query(`INSERT INTO ${schema}.schema_version VALUES (1, 0) ON CONFLICT DO NOTHING`);
  });
  await database.transaction(async (query) => {
    const [row] = await query(`SELECT version FROM ${schema}.schema_version WHERE id = 1 FOR UPDATE`);
    const version = Number(row?.[0]);
    refuseNewer(version);
    for (const migration of migrations.slice(version)) {
      for (const statement of migration(schema, partitions)) await query(statement);
    }
    await query(`UPDATE ${schema}.schema_version SET version = ${schemaVersion} WHERE id = 1`);
    return true;
  });
}

/** @returns undefined where there are no tables */
async function versionOf(database: Database): Promise<number | undefined> {
  try {
    const [row] = await database.read(`SELECT version FROM ${database.schema}.schema_version WHERE id = 1`);
    if (!row) return undefined;
    const version = Number(row[0]);
    refuseNewer(version);
    return version;
  } catch (error) {
    // No such table, no such schema.
    if (['42P01', '3F000'].includes(sqlState(error) ?? '')) return undefined;
    throw error;
  }
}

function refuseNewer(version: number): void {
  if (version === movedVersion) {
    throw new ImpulsError('invalid-argument', 'the ledger was moved out of this database', {
      hint: 'It goes on where it was moved to; what is here is what it was then.',
    });
  }
  if (version <= schemaVersion) return;
  throw new ImpulsError('storage-corrupt', `the ledger's tables are of version ${version}, which is newer`, {
    hint: 'Run the version of impuls that made them, or a newer one.',
  });
}

async function persist(attempt: () => Promise<void>): Promise<void> {
  for (let attempts = 1; ; attempts++) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (attempts === 5 || !overtaken.includes(sqlState(error) ?? '')) throw error;
    }
  }
}
