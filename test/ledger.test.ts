import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { openPostgresLedger, type PostgresLedgerOptions } from '../src/node/postgres.js';
import { openSqliteLedger, type SqliteLedgerOptions } from '../src/node/sqlite.js';
import { createMemoryLedger } from '../src/server/ledger-memory.js';
import type { Ledger } from '../src/server/ledger.js';
import { ledgerCases, type LedgerHarness } from '../src/testing/index.js';
import { startPostgres } from './support/postgres.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-ledger-'));
const server = await startPostgres();
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.close();
});

const memory: LedgerHarness = {
  capabilities: [],
  open: async () => createMemoryLedger(),
  reopen: async (ledger) => ledger,
};

let files = 0;

function sqlite(options: Omit<SqliteLedgerOptions, 'path'>): LedgerHarness {
  const paths = new WeakMap<Ledger, string>();
  const openAt = async (path: string) => {
    const ledger = await openSqliteLedger({ ...options, path });
    paths.set(ledger, path);
    return ledger;
  };
  return {
    capabilities: ['restart', 'exclusive'],
    open: () => openAt(join(folder, `${++files}.db`)),
    async reopen(ledger) {
      await ledger.close();
      return openAt(paths.get(ledger)!);
    },
  };
}

/** Ledgers of one database, each in a schema of its own. */
function postgres(options: PostgresLedgerOptions): LedgerHarness {
  const schemas = new WeakMap<Ledger, string>();
  const openIn = async (schema: string) => {
    const ledger = await openPostgresLedger({ ...options, schema });
    schemas.set(ledger, schema);
    return ledger;
  };
  return {
    capabilities: ['restart', 'shared'],
    open: () => openIn(`ledger_${++files}`),
    openAgain: (ledger) => openIn(schemas.get(ledger)!),
    async reopen(ledger) {
      await ledger.close();
      return openIn(schemas.get(ledger)!);
    },
  };
}

const url = await server.createDatabase();

/** Not all of it with a database that is asked for everything: what takes long is done once. */
const ledgers: [name: string, harness: LedgerHarness, isRun?: (name: string) => boolean][] = [
  ['memory', memory],
  ['SQLite', sqlite({})],
  ['SQLite that folds early and forgets cards soon', sqlite({ maxCards: 3, maxUnfolded: 2 })],
  ['SQLite that folds at once', sqlite({ maxUnfolded: 0 })],
  ['PostgreSQL', postgres({ url, partitions: 2 }), (name) => !/seed [23]/.test(name)],
  [
    'PostgreSQL that forgets cards soon',
    postgres({ url, maxCards: 3, partitions: 1 }),
    (name) => /seed 2|two ledgers/.test(name),
  ],
];

describe.each(ledgers)('the ledger in %s', (_, harness, isRun = () => true) => {
  for (const { name, needs, run } of ledgerCases()) {
    if (!isRun(name)) continue;
    it.skipIf(needs && !harness.capabilities.includes(needs))(name, () => run(harness));
  }
});
