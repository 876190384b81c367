import { textArray } from './arrays.js';
import type { Database } from './database.js';

/** Keys and orders that a restore from a backup has put aside. Cards are held by what stands here: their rows stay as they are. */
export class Quarantine {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async add(keys: readonly string[]): Promise<void> {
    const { schema } = this.#database;
    await this.#database.transaction(async (query) => {
      await query(
        `INSERT INTO ${schema}.quarantine (key) SELECT DISTINCT key FROM unnest($1::text[]) AS g (key) ON CONFLICT DO NOTHING`,
        [textArray(keys)],
      );
      await query(
        `UPDATE ${schema}.orders SET isolated = true
         WHERE digest IS NULL AND paid IS NULL AND state <> 2 AND NOT isolated`,
      );
      return true;
    });
  }

  async keys(): Promise<string[]> {
    const rows = await this.#database.read(
      `SELECT key FROM ${this.#database.schema}.quarantine ORDER BY key`,
    );
    return rows.map(([key]) => key as string);
  }

  async lift(): Promise<void> {
    const { schema } = this.#database;
    await this.#database.transaction(async (query) => {
      await query(`DELETE FROM ${schema}.quarantine`);
      await query(`UPDATE ${schema}.orders SET isolated = false WHERE isolated`);
      return true;
    });
  }
}
