import { isImpulsError } from '../../core/errors.js';
import { openSqliteLedger } from '../../node/sqlite.js';
import type { VendorFolder } from '../../node/vendor/folder.js';
import type { ActivitySlot, FailureGauge, Ledger, Movement, Totals } from '../../server/index.js';
import { askAdmin } from '../serving/admin-socket.js';
import { askingDesk, askingOf, type BatchDesk } from '../serving/batch-desk.js';
import { askingRefunds, type RefundDesk } from '../serving/refund-desk.js';

/** What the dashboard does with a ledger. */
export type OperatorLedger = BatchDesk & RefundDesk & Pick<Ledger, 'totals' | 'readBooks' | 'quarantined'>;

/** What only a running server knows. */
export interface ServerHealth {
  /** Unix seconds. */
  readonly since: number;
  readonly failures: FailureGauge;
  readonly activity: readonly ActivitySlot[];
}

export interface Desk {
  readonly ledger: OperatorLedger;
  /** undefined if no server runs. */
  readonly health: ServerHealth | undefined;
}

/** Works with the ledger of a folder, by way of its server if one runs: that one owns it. */
export async function withDesk<T>(
  { path, ledgerPath }: VendorFolder,
  work: (desk: Desk) => Promise<T>,
): Promise<T> {
  const remote = await openRemote(path);
  if (remote) return work(remote);
  let ledger: Ledger;
  try {
    ledger = await openSqliteLedger({ path: ledgerPath });
  } catch (error) {
    // A server has just started.
    const started = isImpulsError(error, 'storage-locked') ? await openRemote(path) : undefined;
    if (!started) throw error;
    return work(started);
  }
  return work({ ledger, health: undefined }).finally(() => ledger.close());
}

async function openRemote(folder: string): Promise<Desk | undefined> {
  const health = (await askAdmin(folder, { do: 'health' })) as { readonly ok: ServerHealth } | undefined;
  if (!health) return undefined;
  const ask = askingOf(folder);
  const ledger: OperatorLedger = {
    ...askingDesk(ask),
    ...askingRefunds(ask),
    totals: async () => (await ask({ do: 'totals' })) as Totals,
    readBooks: async () => (await ask({ do: 'books' })) as Movement[],
    quarantined: async () => (await ask({ do: 'quarantined' })) as string[],
  };
  return { ledger, health: health.ok };
}
