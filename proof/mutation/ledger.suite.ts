import { describe, it } from 'vitest';
import { createMemoryLedger } from '../../src/server/ledger-memory.js';
import { ledgerCases } from '../../src/testing/ledger-cases.js';

describe('the ledger in memory', () => {
  const harness = {
    capabilities: [],
    open: async () => createMemoryLedger(),
    reopen: async <Ledger>(ledger: Ledger) => ledger,
  };
  for (const { name, needs, run } of ledgerCases()) it.skipIf(needs !== undefined)(name, () => run(harness));
});
