import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { openSqliteLedger } from '../../src/node/sqlite.js';
import type { Ledger } from '../../src/server/ledger.js';
import { ledgerCases, type LedgerHarness } from '../../src/testing/ledger-cases.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-mutation-'));
afterAll(() => rmSync(folder, { recursive: true }));

const paths = new WeakMap<Ledger, string>();
let files = 0;

async function openAt(path: string): Promise<Ledger> {
  // Small enough that cards are forgotten and read again, and that entries are folded in the middle of a case.
  const ledger = await openSqliteLedger({ path, maxCards: 3, maxUnfolded: 2 });
  paths.set(ledger, path);
  return ledger;
}

const harness: LedgerHarness = {
  capabilities: ['restart', 'exclusive'],
  open: () => openAt(join(folder, `${++files}.db`)),
  async reopen(ledger) {
    await ledger.close();
    return openAt(paths.get(ledger)!);
  },
};

describe('the ledger in SQLite', () => {
  for (const { name, needs, run } of ledgerCases()) {
    it.skipIf(needs && !harness.capabilities.includes(needs))(name, () => run(harness));
  }
});
