import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteLedger } from '../../src/node/sqlite.js';
import { createMemoryLedger, type Ledger } from '../../src/server/index.js';

/** Where a vendor keeps its ledger, and what a stop of its process leaves of it. */
export interface Premises {
  open(): Promise<Ledger>;
  /** Another process opens it after this one was stopped in order, or killed. Absent where nothing would be left. */
  readonly reopen?: (ledger: Ledger, how: 'stopped' | 'killed') => Promise<Ledger>;
  /** A copy, as a backup makes it. @returns what puts it, once, in the place of the ledger that there is by then */
  readonly copy?: () => (ledger: Ledger) => Promise<Ledger>;
  remove(): void;
}

export function memoryPremises(): Premises {
  return { open: async () => createMemoryLedger(), remove() {} };
}

export function sqlitePremises(): Premises {
  const folder = mkdtempSync(join(tmpdir(), 'impuls-life-'));
  let count = 0;
  let path = join(folder, '0.db');
  const open = (): Promise<Ledger> => openSqliteLedger({ path, maxUnfolded: 50 });
  /** The files as they are at this moment: a kill leaves them so. */
  const copyFiles = (): string => {
    const next = join(folder, `${++count}.db`);
    for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, next + end);
    return next;
  };
  return {
    open,
    async reopen(ledger, how) {
      const next = how === 'killed' ? copyFiles() : path;
      await ledger.close().catch(() => {});
      path = next;
      return open();
    },
    copy() {
      const kept = copyFiles();
      return async (ledger) => {
        await ledger.close();
        path = kept;
        return open();
      };
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
