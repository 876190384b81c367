import type pg from 'pg';
import { ImpulsError } from '../../core/errors.js';
import type { PostgresLedgerOptions } from '../postgres.js';

/** Connections, and how to let go of them. */
export interface Pool {
  readonly pool: pg.Pool;
  end(): Promise<void>;
}

/** @throws ImpulsError `invalid-argument`; `storage-failed` when the optional peer is not installed */
export async function openPool(options: PostgresLedgerOptions): Promise<Pool> {
  // Of a connection that is lost while nobody uses it; whoever uses one is told.
  const ignore = (): void => {};
  const { url, pool: given } = options;
  if (given) {
    given.on('error', ignore);
    return { pool: given, end: async () => void given.off('error', ignore) };
  }
  if (url === undefined)
    throw new ImpulsError('invalid-argument', 'a PostgreSQL ledger needs a url or a pool');
  const driver = await loadDriver();
  const { maxConnections: max = 10, timeoutSeconds = 30 } = options;
  const timeout = timeoutSeconds * 1000;
  const pool = new driver.Pool({
    ...connectionOf(driver, url),
    max,
    connectionTimeoutMillis: timeout,
    query_timeout: timeout,
    keepAlive: true,
    application_name: 'impuls',
  });
  pool.on('error', ignore);
  return { pool, end: () => pool.end() };
}

/** The parts of a URL: the driver would keep it whole, with its password, where an inspector shows it. */
function connectionOf(driver: typeof pg, url: string): pg.PoolConfig {
  try {
    const { user, password, host, port, database, ssl } = new driver.Client({ connectionString: url });
    return { user, password, host, port, database, ssl };
  } catch {
    // Its error would hold the URL.
    throw new ImpulsError('invalid-argument', 'that is no URL of a PostgreSQL database', {
      hint: 'Write postgres://user:password@host:port/database.',
    });
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
