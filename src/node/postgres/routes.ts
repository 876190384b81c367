import type { Database } from './database.js';

const maxNameLength = 64;
const maxRoutes = 1000;

/** The classes of routes by their numbers. A number, once given, stays. */
export class Routes {
  readonly #database: Database;
  readonly #numbers = new Map<string, number>([['', 0]]);
  /** Those below 0 stand for credits: see `creditRoutes`. */
  readonly #names = new Map<number, string>([
    [0, ''],
    [-1, ''],
    [-2, ''],
  ]);
  #full = false;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Undefined where `add` has to be asked. */
  numberOf(name: string): number | undefined {
    const number = this.#numbers.get(name);
    return number === undefined && (this.#full || name.length > maxNameLength) ? 0 : number;
  }

  /** @returns its number; 0 if there are too many */
  async add(name: string): Promise<number> {
    const { schema } = this.#database;
    while (this.numberOf(name) === undefined) {
      // Two at once want the same number: one of them tries again.
      await this.#database.query(
        `INSERT INTO ${schema}.routes (number, name)
         SELECT n, $1 FROM (SELECT coalesce(max(number), 0) + 1 AS n FROM ${schema}.routes) next WHERE n <= ${maxRoutes}
         ON CONFLICT DO NOTHING`,
        [name],
      );
      await this.#read();
      this.#full = this.#numbers.size > maxRoutes;
    }
    return this.numberOf(name)!;
  }

  nameOf(number: number): string {
    return this.#names.get(number) ?? '';
  }

  /** Makes the names of these numbers known. */
  async load(numbers: readonly number[]): Promise<void> {
    if (numbers.some((number) => !this.#names.has(number))) await this.#read();
  }

  async #read(): Promise<void> {
    const rows = await this.#database.read(`SELECT number, name FROM ${this.#database.schema}.routes`);
    for (const [number, name] of rows) {
      this.#numbers.set(name as string, Number(number));
      this.#names.set(Number(number), name as string);
    }
  }
}
