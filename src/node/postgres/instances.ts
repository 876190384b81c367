import type { Database } from './database.js';

/**
 * This ledger among those that have the database open. It says that it lives in good time before its lease ends; only the
 * database looks at a clock. Once it was late it is gone, and another takes its place.
 */
export class Instance {
  readonly #database: Database;
  readonly #leaseSeconds: number;
  #id: number;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;

  private constructor(database: Database, leaseSeconds: number, id: number) {
    this.#database = database;
    this.#leaseSeconds = leaseSeconds;
    this.#id = id;
    this.#timer = setInterval(
      () => {
        this.#renewing ??= this.#renew()
          // The next one may find the database.
          .catch(() => {})
          .finally(() => (this.#renewing = undefined));
      },
      (leaseSeconds * 1000) / 4,
    );
    this.#timer.unref();
  }

  static async open(database: Database, leaseSeconds: number): Promise<Instance> {
    return new Instance(database, leaseSeconds, await register(database, leaseSeconds));
  }

  get id(): number {
    return this.#id;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
    await this.#database.query(`DELETE FROM ${this.#database.schema}.instances WHERE id = $1`, [this.#id]);
  }

  async #renew(): Promise<void> {
    const renewed = await this.#database.query(
      `UPDATE ${this.#database.schema}.instances SET until = now() + $2 * interval '1 second'
       WHERE id = $1 AND until > now() RETURNING id`,
      [this.#id, this.#leaseSeconds],
    );
    if (renewed.length === 0) this.#id = await register(this.#database, this.#leaseSeconds);
  }
}

async function register(database: Database, leaseSeconds: number): Promise<number> {
  const [row] = await database.query(
    `INSERT INTO ${database.schema}.instances (until) VALUES (now() + $1 * interval '1 second') RETURNING id`,
    [leaseSeconds],
  );
  return Number(row![0]);
}
