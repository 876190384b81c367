import { createHash } from 'node:crypto';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import type { PostgresClient } from '../postgres.js';
import type { Connections } from './connection.js';

/** How the PostgreSQL ledger speaks to its database, in a way that a pooler in transaction mode allows. */

export type Row = readonly unknown[];
export type Value = string | number | boolean | null | Buffer;

/** Says one statement. Resolves to its rows, whose values are in the order of its columns. */
export type Query = (text: string, values?: readonly Value[]) => Promise<Row[]>;

/** A connection of the caller's alone. */
interface Held {
  readonly client: PostgresClient;
  /** @param name under which the connection keeps the statement; undefined: it does not */
  readonly say: (text: string, values?: readonly Value[], name?: string) => Promise<Row[]>;
  readonly isLost: () => boolean;
}

/** One statement after another may see more of what others did; a statement for itself is a transaction. */
export class Database {
  /** The name of the schema, quoted: it stands before every table, because a pooler forgets a search path. */
  readonly schema: string;
  readonly #connections: Connections;
  /** Of statements that are said over and over. */
  readonly #names = new Map<string, string>();

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
    this.#persist(() => this.#connected(({ say }) => say(text, values)));

  /** As `query`, for one of the few that are said with every claim: the database parses and plans it once for each connection. */
  readonly repeat: Query = (text, values) =>
    this.#persist(() =>
      this.#connected(async (held) =>
        held.say(text, values, (await isDirect(held)) ? this.#nameOf(text) : undefined),
      ),
    );

  /** As `query`, for what only reads: it is said again when the connection was lost. */
  readonly read: Query = (text, values) => again(() => this.query(text, values));

  /** As `repeat`, for what only reads. */
  readonly lookUp: Query = (text, values) => again(() => this.repeat(text, values));

  /**
   * Statements that take effect together or not at all; from the beginning again when they were rolled back for the sake of
   * others.
   *
   * @param work undefined takes back what it did
   * @throws ImpulsError as `query`, and what `work` throws
   */
  async transaction<T>(work: (query: Query) => Promise<T | undefined>): Promise<T | undefined> {
    return this.#persist(() =>
      this.#connected(async ({ say, isLost }) => {
        await say('BEGIN');
        try {
          const result = await work(say);
          await say(result === undefined ? 'ROLLBACK' : 'COMMIT');
          return result;
        } catch (error) {
          // Where the connection is lost, the database does it by itself.
          if (!isLost()) await say('ROLLBACK');
          throw error;
        }
      }),
    );
  }

  /** On a connection that is kept for others afterwards, unless it is lost. */
  async #connected<T>(work: (held: Held) => Promise<T>): Promise<T> {
    const client = await this.#connections.connect();
    let lost: Error | undefined;
    // It may break between two statements, when there is nobody else to hear of it.
    const lose = (error: Error): void => void (lost = error);
    client.on('error', lose);
    const say: Held['say'] = async (text, values = [], name) => {
      try {
        const statement = { text, values: values as unknown[], rowMode: 'array' as const };
        return (await client.query(name === undefined ? statement : { ...statement, name })).rows;
      } catch (error) {
        if (!isSaid(error)) lost = error as Error;
        throw error;
      }
    };
    try {
      return await work({ client, say, isLost: () => lost !== undefined });
    } finally {
      client.off('error', lose);
      if (lost) this.#connections.broken();
      client.release(lost);
    }
  }

  /** Another text has another name: the connections may be shared with other ledgers. */
  #nameOf(text: string): string {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `impuls_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
      this.#names.set(text, name);
    }
    return name;
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

const direct = new WeakMap<PostgresClient, boolean>();

/**
 * Whether a connection leads to one process of the database. A pooler gives each transaction to another, which does not know the
 * statements of the one before; it numbers its connections by itself.
 */
async function isDirect({ client, say }: Held): Promise<boolean> {
  let known = direct.get(client);
  if (known === undefined) {
    const [row] = await say('SELECT pg_backend_pid()');
    known = row?.[0] === client.processID;
    direct.set(client, known);
  }
  return known;
}

async function again(ask: () => Promise<Row[]>): Promise<Row[]> {
  try {
    return await ask();
  } catch (error) {
    if (sqlState(error) !== undefined) throw error;
    return ask();
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
