import type { Database } from './database.js';
import { hasNoSecrets, hasSecrets } from './schema.js';
import { addToSums } from './sums.js';

/** Claims that one statement erases or deletes. */
const chunk = 1000;

/** See `Ledger.purge`. In many small transactions; any number of processes may do it at once. */
export async function purgeRecords(
  database: Database,
  keysBefore: number,
  claimsBefore: number,
): Promise<void> {
  await eachChunk((from) => deleteSome(database, hasSecrets, from, claimsBefore));
  await eachChunk((from) => deleteSome(database, hasNoSecrets, from, claimsBefore));
  await eachChunk((from) => eraseSome(database, from, keysBefore));
  // Ledgers that are gone: what they left pending is interrupted with or without their rows.
  await database.query(`DELETE FROM ${database.schema}.instances WHERE until < now() - interval '1 day'`);
}

interface Chunk {
  readonly found: number;
  /** Unix seconds: where the next one begins. */
  readonly last: number;
}

async function eachChunk(purge: (from: number) => Promise<Chunk>): Promise<void> {
  let from = 0;
  for (;;) {
    const { found, last } = await purge(from);
    if (found < chunk) return;
    from = last;
  }
}

async function deleteSome(database: Database, where: string, from: number, before: number): Promise<Chunk> {
  const { schema } = database;
  const [row] = await database.query(
    `WITH old AS (
      SELECT card, upto, tag, accepted_at FROM ${schema}.claims
      WHERE ${where} AND accepted_at >= $1 AND accepted_at < $2 AND challenge_expires < $2
      ORDER BY accepted_at LIMIT ${chunk}
    ), gone AS (
      DELETE FROM ${schema}.claims k USING old o WHERE k.card = o.card AND k.upto = o.upto AND k.tag = o.tag
      RETURNING k.status
    ), summed AS (${addToSums(
      schema,
      '0',
      `SELECT 0 AS day, CASE status WHEN 0 THEN '#pending' WHEN 1 THEN '#settled' ELSE '#released' END AS kind, '' AS key,
         0 AS route, -1 AS count, 0 AS units FROM gone`,
    )})
    SELECT count(*), max(accepted_at) FROM old`,
    [from, before],
  );
  return { found: Number(row![0]), last: Number(row![1]) };
}

async function eraseSome(database: Database, from: number, before: number): Promise<Chunk> {
  const { schema } = database;
  const [row] = await database.query(
    `WITH old AS (
      SELECT card, upto, tag, accepted_at FROM ${schema}.claims
      WHERE ${hasSecrets} AND accepted_at >= $1 AND accepted_at < $2 ORDER BY accepted_at LIMIT ${chunk}
    ), erased AS (
      UPDATE ${schema}.claims k SET key = NULL, name = NULL, print = NULL, reply = NULL
      FROM old o WHERE k.card = o.card AND k.upto = o.upto AND k.tag = o.tag
    )
    SELECT count(*), max(accepted_at) FROM old`,
    [from, before],
  );
  return { found: Number(row![0]), last: Number(row![1]) };
}
