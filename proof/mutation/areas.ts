/** One part of the product, and the tests that are to notice any change of it. */
export interface Area {
  readonly name: string;
  readonly mutate: readonly string[];
  /**
   * Of quick tests in one process only: each is run for every change that it could notice, in this order until one does. Those that
   * wait come last.
   */
  readonly tests: readonly string[];
}

export const areas: readonly Area[] = [
  {
    name: 'core',
    mutate: ['src/core/claim.ts', 'src/core/spend.ts', 'src/core/chain.ts', 'src/core/stream.ts'],
    tests: ['src/core/{chain,claim,spend,stream}.test.ts', 'proof/mutation/vectors.suite.ts'],
  },
  {
    name: 'accept',
    mutate: ['src/server/accept.ts', 'src/server/undone.ts'],
    tests: ['src/server/accept.test.ts'],
  },
  {
    name: 'ledger',
    mutate: ['src/server/ledger-{memory,memory-batches,memory-orders,books,orders}.ts'],
    tests: ['src/server/ledger-{books,memory}.test.ts', 'proof/mutation/ledger.suite.ts'],
  },
  {
    name: 'sqlite',
    mutate: ['src/node/sqlite.ts', 'src/node/sqlite/{accounts,log,purge,recovery,store}.ts'],
    tests: [
      'src/node/sqlite/{accounts,store}.test.ts',
      'test/journal-chain.test.ts',
      'proof/mutation/sqlite.suite.ts',
      'src/node/sqlite.test.ts',
    ],
  },
  {
    name: 'wallet',
    mutate: ['src/client/{claims,journal,records}.ts'],
    tests: ['src/client/{claims,journal,records}.test.ts'],
  },
  {
    name: 'files',
    mutate: ['src/node/file-log.ts', 'src/node/file-log-lines.ts'],
    tests: ['src/node/file-log.test.ts'],
  },
];

/** @throws RangeError for an area that there is not */
export function areaOf(name: string): Area {
  const area = areas.find((one) => one.name === name);
  if (!area) throw new RangeError(`no area ${name}: there are ${areas.map((one) => one.name).join(', ')}`);
  return area;
}
