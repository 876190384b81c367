import { ImpulsError, isImpulsError } from '../../core/errors.js';
import type { Connections } from './connection.js';

/** How the PostgreSQL ledger speaks to its database, in a way that a pooler in transaction mode allows. */

export type Row = readonly unknown[];
export type Value = string | number | boolean | null | Buffer;

/** Says one statement. Resolves to its rows, whose values are in the order of its columns. */
export type Query = (text: string, values?: readonly Value[]) => Promise<Row[]>;

/** One statement after another may see more of what others did; a statement for itself is a transaction. */
export class Database {
  /** The name of the schema, quoted: it stands before every table, because a pooler forgets a search path. */
  readonly schema: string;
  readonly #connections: Connections;

  constructor(connections: Connections, schema: string) {
    this.#connections = connections;
    this.schema = `"${schema}"`;
  }

  /**
   * One statement, again when it was rolled back for the sake of others.
   *
   * @throws ImpulsError `storage-failed`; then it may or may not have taken effect, but for what `isRefused` says
   */
  readonly query: Query = (text, values) =>
    this.#persist(() => this.#connected((query) => query(text, values)));

  /** As `query`, for what only reads: it is said again when the connection was lost. */
  readonly read: Query = async (text, values) => {
    try {
      return await this.query(text, values);
    } catch (error) {
      if (sqlState(error) !== undefined) throw error;
      return this.query(text, values);
    }
  };

  /**
   * Statements that take effect together or not at all; from the beginning again when they were rolled back for the sake of
   * others.
   *
   * @param work undefined takes back what it did
   * @throws ImpulsError as `query`, and what `work` throws
   */
  async transaction<T>(work: (query: Query) => Promise<T | undefined>): Promise<T | undefined> {
    return this.#persist(() =>
      this.#connected(async (query, isLost) => {
        await query('BEGIN');
        try {
          const result = await work(query);
          await query(result === undefined ? 'ROLLBACK' : 'COMMIT');
          return result;
        } catch (error) {
          // Where the connection is lost, the database does it by itself.
          if (!isLost()) await query('ROLLBACK');
          throw error;
        }
      }),
    );
  }

  /** On a connection that is kept for others afterwards, unless it is lost. */
  async #connected<T>(work: (query: Query, isLost: () => boolean) => Promise<T>): Promise<T> {
    const client = await this.#connections.connect();
    let lost: Error | undefined;
    // It may break between two statements, when there is nobody else to hear of it.
    const lose = (error: Error): void => void (lost = error);
    client.on('error', lose);
    const query: Query = async (text, values = []) => {
      try {
        const config = { text, values: values as unknown[], rowMode: 'array' as const };
        return (await client.query(config)).rows;
      } catch (error) {
        if (!isSaid(error)) lost = error as Error;
        throw error;
      }
    };
    try {
      return await work(query, () => lost !== undefined);
    } finally {
      client.off('error', lose);
      if (lost) this.#connections.broken();
      client.release(lost);
    }
  }

  async #persist<T>(attempt: () => Promise<T>): Promise<T> {
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt();
      } catch (error) {
        if (!isRetried(error) || attempts === maxAttempts) throw storageError(error);
      }
    }
  }
}

const maxAttempts = 10;

/** Serialization failures and deadlocks: nothing was done. */
function isRetried(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01';
}

/** Whether the database said so on a connection that it goes on with: not that it shuts down (class 57P). */
function isSaid(error: unknown): boolean {
  return /^(?!57P|08)/.test(sqlState(error) ?? '57P');
}

/** Whether the database refused what was asked, so that nothing was done: a value that it cannot hold, or that is there. */
export function isRefused(error: unknown): boolean {
  return /^2[23]/.test(sqlState(error) ?? '');
}

/** The five characters with which PostgreSQL names an error; undefined for one that the database did not say. */
export function sqlState(error: unknown): string | undefined {
  const said = isImpulsError(error) ? error.cause : error;
  if (typeof said !== 'object' || said === null || !('code' in said)) return undefined;
  const { code } = said;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** @returns an `ImpulsError` as it is; anything else as `storage-failed` */
export function storageError(error: unknown): ImpulsError {
  if (isImpulsError(error)) return error;
  const why = error instanceof Error ? error.message : 'unknown reason';
  return new ImpulsError('storage-failed', `the database did not do it: ${why}`, { cause: error });
}
