import type { CreditPurpose } from '../../server/ledger.js';

/** The classes of routes of a SQLite ledger, by the numbers that its journal has for them. */

/** Instead of a route: the units went to a credit. */
export const creditRoutes: Readonly<Record<CreditPurpose, number>> = { exchange: -1, refund: -2 };

const maxNameLength = 64;
const maxRoutes = 1000;

export class Routes {
  readonly #numbers = new Map<string, number>([['', 0]]);
  readonly #names: string[] = [''];

  constructor(rows: Iterable<{ readonly id: number; readonly name: string }> = []) {
    for (const { id, name } of rows) this.#set(id, name);
  }

  /** Its number, 0 for none; undefined where it is to be added. */
  numberOf(name: string): number | undefined {
    const number = this.#numbers.get(name);
    if (number !== undefined) return number;
    return name.length > maxNameLength || this.#names.length > maxRoutes ? 0 : undefined;
  }

  /** @returns the number of a name that is new */
  add(name: string): number {
    const id = this.#names.length;
    this.#set(id, name);
    return id;
  }

  nameOf(number: number): string {
    return this.#names[number] ?? '';
  }

  #set(id: number, name: string): void {
    this.#numbers.set(name, id);
    this.#names[id] = name;
  }
}
