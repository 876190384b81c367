import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { ImpulsError } from '../src/core/errors.js';
import { openConnections } from '../src/node/postgres/connection.js';
import { Database } from '../src/node/postgres/database.js';
import { openPostgresLedger } from '../src/node/postgres.js';
import {
  acceptClaim,
  at,
  makeCard,
  makeClaim,
  makeOrder,
  openCard,
  stateAfter,
} from '../src/testing/cards.js';
import { ledgerCases, type LedgerHarness } from '../src/testing/index.js';
import type { Ledger } from '../src/server/ledger.js';
import { freePort } from './support/ports.js';
import { startPostgres } from './support/postgres.js';

const server = await startPostgres();
const url = await server.createDatabase();
const closing: Array<() => Promise<void> | void> = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  await server.close();
});

const partitions = 1;
const databaseOf = (of: string): string => new URL(of).pathname.slice(1);

/** Everything that an error or a ledger shows of itself. */
const shown = (value: unknown): string => inspect(value, { depth: 20, showHidden: true }) + String(value);

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('opening a PostgreSQL ledger', () => {
  it('makes its tables once, however many do so at once', async () => {
    const ledgers = await Promise.all(
      Array.from({ length: 8 }, () => openPostgresLedger({ url, schema: 'at_once', partitions })),
    );
    const card = await openCard(ledgers[0]!);
    for (const ledger of ledgers) expect((await ledger.readCard(card.id))?.state.units).toBe(1000);
    await Promise.all(ledgers.map((ledger) => ledger.close()));
  });

  it('is refused to tables of a newer version, which stay as they are', async () => {
    const schema = 'newer';
    await (await openPostgresLedger({ url, schema, partitions })).close();
    await server.query(`UPDATE ${schema}.schema_version SET version = 99`, databaseOf(url));
    const refused = { code: 'storage-corrupt', hint: expect.stringContaining('newer') };
    await expect(openPostgresLedger({ url, schema, partitions })).rejects.toMatchObject(refused);
  });

  it('is refused by a database that does not sync what it commits', async () => {
    const careless = `${url}?options=-c%20synchronous_commit%3Doff`;
    await expect(openPostgresLedger({ url: careless })).rejects.toMatchObject({ code: 'storage-failed' });
  });

  it('wants a place, a schema and partitions that can be', async () => {
    for (const options of [
      {},
      { url, schema: 'a"; DROP' },
      { url, schema: '' },
      { url, partitions: 0 },
      { url, partitions: 1.5 },
      { url: 'postgres://[' },
    ]) {
      await expect(openPostgresLedger(options)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
  });

  it('never shows the password of its URL', async () => {
    const secret = 'c0rrect-horse';
    const port = await freePort();
    for (const place of [
      `127.0.0.1:${port}/x`,
      `127.0.0.1:99999999/x`,
      `[/x`,
      `127.0.0.1:${server.port}/none`,
    ]) {
      const error = await failureOf(openPostgresLedger({ url: `postgres://me:${secret}@${place}` }));
      expect(error).toMatchObject({ name: 'ImpulsError' });
      expect(shown(error)).not.toContain(secret);
    }
    const named = new URL(url);
    named.password = secret;
    const ledger = await openPostgresLedger({ url: named.href, schema: 'secrets', partitions });
    expect(shown(ledger)).not.toContain(secret);
    await ledger.close();
  });

  it('takes connections of the caller, and leaves them open', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    const ledger = await openPostgresLedger({ pool, schema: 'given', partitions });
    await openCard(ledger);
    await ledger.close();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });
});

describe('a PostgreSQL ledger', () => {
  it('rejects a claim that the database cannot hold, and none of those that came with it', async () => {
    const ledger = await openPostgresLedger({ url, schema: 'refusals', partitions });
    const cards = await Promise.all(Array.from({ length: 5 }, () => openCard(ledger)));
    const results = await Promise.allSettled(
      cards.map((card, i) => {
        const claim = makeClaim(card, 1, 1);
        const next = stateAfter(card, card.state, claim)!;
        return ledger.accept(card.id, 0, next, i === 2 ? { ...claim, tag: 'nul \0' } : claim);
      }),
    );
    expect(results.map(({ status }) => status)).toEqual(
      cards.map((_, i) => (i === 2 ? 'rejected' : 'fulfilled')),
    );
    expect((await ledger.readCard(cards[2]!.id))?.version).toBe(0);
    expect((await ledger.totals()).claims.pending).toBe(4);
    await ledger.close();
  });

  it('has a connection keep what is said with every claim, as the database then plans it once', async () => {
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    const ledger = await openPostgresLedger({ pool, schema: 'kept', partitions });
    const card = await openCard(ledger);
    for (const end of [1, 2, 3]) await acceptClaim(ledger, card, end, 1);
    const kept = await pool.query<{ name: string; uses: number }>(
      'SELECT name, (generic_plans + custom_plans)::int AS uses FROM pg_prepared_statements',
    );
    expect(kept.rows.map(({ uses }) => uses)).toEqual([3, 3]);
    for (const { name } of kept.rows) expect(name).toMatch(/^impuls_[0-9a-f]{32}$/);
    await ledger.close();
    await pool.end();
  });

  it('goes on after a transaction that broke off in between, on the connection that it had', async () => {
    const connections = await openConnections({ url, maxConnections: 1 });
    const database = new Database(connections, 'public');
    await database.query('CREATE TABLE broken (n integer)');
    const fault = new ImpulsError('malformed', 'a row that no ledger writes');
    const broken = database.transaction(async (query) => {
      await query('INSERT INTO broken VALUES (1)');
      throw fault;
    });
    await expect(broken).rejects.toBe(fault);
    const undone = database.transaction(async (query) => {
      await query('INSERT INTO broken VALUES (2)');
      return undefined;
    });
    await expect(undone).resolves.toBeUndefined();
    expect(await database.read('SELECT n FROM broken')).toEqual([]);
    await database.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
    await connections.end();
  });

  it('rejects a transaction whose connection breaks between two statements, and nothing else comes of it', async () => {
    const connections = await openConnections({ url, maxConnections: 2 });
    const database = new Database(connections, 'public');
    const broken = database.transaction(async (query) => {
      const [row] = await query('SELECT pg_backend_pid()');
      await database.query('SELECT pg_terminate_backend($1)', [Number(row![0])]);
      // Until the end of the connection has come.
      for (let turn = 0; turn < 100; turn++) await database.query('SELECT 1');
      await query('SELECT 1');
      return true;
    });
    await expect(broken).rejects.toMatchObject({ code: 'storage-failed' });
    expect(await database.read('SELECT 1')).toEqual([[1]]);
    await connections.end();
  });

  it('keeps of a card its newest state and no other', async () => {
    const schema = 'newest';
    const ledger = await openPostgresLedger({ url, schema, partitions });
    const card = await openCard(ledger);
    for (let end = 1; end <= 5; end++) await acceptClaim(ledger, card, end, 1);
    const [row] = await server.query(`SELECT count(*) FROM ${schema}.cards`, databaseOf(url));
    expect(row).toEqual({ count: '1' });
    await ledger.close();
  });

  it('takes another number when its lease ran out unseen, and what it had pending is interrupted', async () => {
    const schema = 'leases';
    const ledger = await openPostgresLedger({ url, schema, partitions, leaseSeconds: 1 });
    const card = await openCard(ledger);
    const late = await acceptClaim(ledger, card, 1, 1);
    await server.query(`UPDATE ${schema}.instances SET until = now() - interval '1 hour'`, databaseOf(url));
    expect((await ledger.findClaim(card.id, late.tag))?.status).toBe('interrupted');
    // The ledger finds out when it renews its lease.
    let instances: unknown[] = [];
    while (instances.length < 2) {
      instances = await server.query(`SELECT id FROM ${schema}.instances`, databaseOf(url));
    }
    const fresh = await acceptClaim(ledger, card, 2, 1);
    expect((await ledger.findClaim(card.id, fresh.tag))?.status).toBe('pending');
    expect((await ledger.findClaim(card.id, late.tag))?.status).toBe('interrupted');
    await ledger.close();
  });

  it('rejects while the database is away, and goes on when it is back', async () => {
    const ledger = await openPostgresLedger({ url, schema: 'away', partitions });
    const card = await openCard(ledger);
    await server.stop('immediate');
    const claim = makeClaim(card, 1, 1);
    const next = stateAfter(card, card.state, claim)!;
    const failed = { code: 'storage-failed' };
    await expect(ledger.accept(card.id, 0, next, claim)).rejects.toMatchObject(failed);
    await expect(ledger.readCard(card.id)).rejects.toMatchObject(failed);
    await expect(ledger.createOrders([makeOrder()], at)).rejects.toMatchObject(failed);
    await server.start();
    expect((await ledger.readCard(card.id))?.version).toBe(0);
    expect(await ledger.accept(card.id, 0, next, claim)).toBe(true);
    await ledger.close();
  });

  it('finds among the hosts of its URL the one that it can write to, and again when that is lost', async () => {
    const [port, database] = [await freePort(), databaseOf(url)];
    const several = `postgres://postgres@127.0.0.1:${port},127.0.0.1:${server.port}/${database}`;
    const ledger = await openPostgresLedger({ url: several, schema: 'hosts', partitions });
    const card = await openCard(ledger);
    await server.stop('immediate');
    await expect(ledger.readCard(card.id)).rejects.toMatchObject({ code: 'storage-failed' });
    await server.start();
    expect((await ledger.readCard(card.id))?.version).toBe(0);
    await acceptClaim(ledger, card, 1, 1);
    await ledger.close();
    const nowhere = several.replace(String(server.port), String(port));
    await expect(openPostgresLedger({ url: nowhere })).rejects.toMatchObject({ code: 'storage-failed' });
  });

  it('recalls cards as it knew them last', async () => {
    const [first, second] = [
      await openPostgresLedger({ url, schema: 'recalled', partitions }),
      await openPostgresLedger({ url, schema: 'recalled', partitions }),
    ];
    const card = makeCard();
    expect(await first.recallCard!(card.id)).toBeUndefined();
    await first.openCard(card.entry, card.state, at);
    await acceptClaim(second, card, 1, 1);
    expect((await first.recallCard!(card.id))?.version).toBe(0);
    expect((await first.readCard(card.id))?.version).toBe(1);
    expect((await first.recallCard!(card.id))?.version).toBe(1);
    await first.close();
    await second.close();
  });
});

const pooler = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].find(existsSync);

/** PgBouncer in transaction mode, with three connections to the server for everybody. */
async function startPooler(program: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'impuls-pooler-'));
  const port = await freePort();
  const config = join(folder, 'pgbouncer.ini');
  writeFileSync(
    config,
    `[databases]
     * = host=127.0.0.1 port=${server.port} user=postgres
     [pgbouncer]
     listen_addr = 127.0.0.1
     listen_port = ${port}
     unix_socket_dir =
     auth_type = any
     pool_mode = transaction
     default_pool_size = 3
     max_client_conn = 200`.replaceAll(/^ +/gm, ''),
    { mode: 0o644 },
  );
  // It refuses to be run by root.
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child: ChildProcess = spawn(
    'sh',
    ['-c', `chmod 755 ${folder}; exec "$@"`, 'sh', program, ...user, config],
    {
      stdio: 'ignore',
    },
  );
  closing.push(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  const pooled = `postgres://postgres@127.0.0.1:${port}/${databaseOf(url)}`;
  for (let attempts = 0; ; attempts++) {
    const client = new pg.Client({ connectionString: pooled });
    try {
      await client.connect();
      await client.end();
      return pooled;
    } catch (error) {
      if (attempts === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe.skipIf(pooler === undefined)(
  'a PostgreSQL ledger behind PgBouncer in transaction mode',
  async () => {
    const pooled = pooler === undefined ? '' : await startPooler(pooler);
    let schemas = 0;
    const names = new WeakMap<Ledger, string>();
    const openIn = async (schema: string): Promise<Ledger> => {
      const ledger = await openPostgresLedger({ url: pooled, schema, partitions });
      names.set(ledger, schema);
      return ledger;
    };
    const harness: LedgerHarness = {
      capabilities: ['restart', 'shared'],
      open: () => openIn(`pooled_${++schemas}`),
      openAgain: (ledger) => openIn(names.get(ledger)!),
      async reopen(ledger) {
        await ledger.close();
        return openIn(names.get(ledger)!);
      },
    };
    for (const { name, run } of ledgerCases().filter(
      ({ needs }) => needs === 'shared' || needs === 'restart',
    )) {
      it(name, () => run(harness));
    }
  },
);
