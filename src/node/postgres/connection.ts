import type pg from 'pg';
import { ImpulsError } from '../../core/errors.js';
import type { PostgresClient, PostgresLedgerOptions, PostgresPool } from '../postgres.js';

/** Connections to the database, on whichever of its hosts it can be written to. */
export interface Connections {
  /** A connection for the caller alone, until its `release`. */
  connect(): Promise<PostgresClient>;
  /** Notes that a connection broke, or was silent for too long: the next one may be to another host. */
  broken(): void;
  end(): Promise<void>;
}

/** @throws ImpulsError `invalid-argument`; `storage-failed` when the optional peer is not installed */
export async function openConnections(options: PostgresLedgerOptions): Promise<Connections> {
  const { url, pool } = options;
  if (pool) return shareConnections(pool);
  if (url === undefined)
    throw new ImpulsError('invalid-argument', 'a PostgreSQL ledger needs a url or a pool');
  const driver = await loadDriver();
  const { maxConnections: max = 10, timeoutSeconds = 30 } = options;
  const timeout = timeoutSeconds * 1000;
  const hosts = new Hosts(driver, url);
  const made = new driver.Pool({
    Client: hosts.client(),
    max,
    connectionTimeoutMillis: timeout,
    query_timeout: timeout,
    keepAlive: true,
    // Where an address leads to another server by now, whoever waits for the old one's answer hears nothing until it asks.
    keepAliveInitialDelayMillis: 3000,
    fallback_application_name: 'impuls',
    ...(hosts.count > 1 ? { verify: refuseStandby } : {}),
  });
  made.on('error', ignore);
  return {
    async connect() {
      for (let attempts = 1; ; attempts++) {
        try {
          return await made.connect();
        } catch (error) {
          hosts.next();
          if (attempts === hosts.count) throw error;
        }
      }
    },
    broken: () => hosts.next(),
    end: () => made.end(),
  };
}

function shareConnections(pool: PostgresPool): Connections {
  pool.on('error', ignore);
  return { connect: () => pool.connect(), broken: ignore, end: async () => void pool.off('error', ignore) };
}

/** Of a connection that is lost while nobody uses it: whoever uses one is told. */
function ignore(): void {}

function refuseStandby(client: pg.PoolClient, done: (error?: Error) => void): void {
  client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby').then(
    ({ rows }) => {
      if (rows[0]?.standby) done(new ImpulsError('storage-failed', 'that host of the database is a standby'));
      else done();
    },
    (error: unknown) => done(error as Error),
  );
}

/** The hosts that a URL names, `postgres://user@one:5432,two:5432/database`: one is tried after the other. */
class Hosts {
  readonly #driver: typeof pg;
  readonly #urls: readonly string[];
  #current = 0;

  constructor(driver: typeof pg, url: string) {
    this.#driver = driver;
    const [, before, hosts, after] = /^([a-z]+:\/\/(?:[^@/?]*@)?)([^/?]*)(.*)$/s.exec(url) ?? [];
    this.#urls = hosts?.includes(',') ? hosts.split(',').map((host) => `${before}${host}${after}`) : [url];
    try {
      for (const connectionString of this.#urls) new driver.Client({ connectionString });
    } catch {
      // Its error would hold the URL.
      throw new ImpulsError('invalid-argument', 'that is no URL of a PostgreSQL database', {
        hint: 'Write postgres://user:password@host:port/database.',
      });
    }
  }

  get count(): number {
    return this.#urls.length;
  }

  next(): void {
    this.#current = (this.#current + 1) % this.#urls.length;
  }

  /** A client that knows the URL by itself: in the options of a pool an inspector would show it. */
  client(): new (config?: pg.ClientConfig) => pg.Client {
    const urlNow = (): string => this.#urls[this.#current]!;
    return class extends this.#driver.Client {
      constructor(config?: pg.ClientConfig) {
        super({ ...config, connectionString: urlNow() });
        this.on('error', ignore);
      }
    };
  }
}

async function loadDriver(): Promise<typeof pg> {
  try {
    return (await import('pg')).default;
  } catch (cause) {
    throw new ImpulsError('storage-failed', 'the PostgreSQL ledger needs the package pg', {
      hint: 'Run npm install pg.',
      cause,
    });
  }
}
