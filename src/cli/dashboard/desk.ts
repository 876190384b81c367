import type { VendorFolder } from '../../node/vendor/folder.js';
import type { ActivitySlot, FailureGauge, Ledger, Movement, Totals } from '../../server/index.js';
import { askingDesk, type BatchDesk } from '../serving/batch-desk.js';
import { askEvery } from '../serving/admin-socket.js';
import { reachServer, withOwner } from '../serving/ledger-owner.js';
import { sumActivity, sumFailures } from '../serving/server-sums.js';
import { askingRefunds, type RefundDesk } from '../serving/refund-desk.js';

/** What the dashboard does with a ledger. */
export type OperatorLedger = BatchDesk & RefundDesk & Pick<Ledger, 'totals' | 'readBooks' | 'quarantined'>;

/** What only running servers know; of several on this host, added up. */
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
export function withDesk<T>(folder: VendorFolder, work: (desk: Desk) => Promise<T>): Promise<T> {
  const reach = async (): Promise<Desk | undefined> => {
    const told = (await askEvery(folder.path, { do: 'health' })) as ServerHealth[];
    return reachServer(folder, { do: 'quarantined' }, (ask) => remoteDesk(ask, told));
  };
  return withOwner<Desk, T>(folder, reach, (ledger) => ({ ledger, health: undefined }), work);
}

function remoteDesk(ask: (request: object) => Promise<unknown>, told: readonly ServerHealth[]): Desk {
  const ledger: OperatorLedger = {
    ...askingDesk(ask),
    ...askingRefunds(ask),
    totals: async () => (await ask({ do: 'totals' })) as Totals,
    readBooks: async () => (await ask({ do: 'books' })) as Movement[],
    quarantined: async () => (await ask({ do: 'quarantined' })) as string[],
  };
  const health =
    told.length === 0
      ? undefined
      : {
          since: Math.min(...told.map(({ since }) => since)),
          failures: sumFailures(told.map(({ failures }) => failures)),
          activity: sumActivity(told.map(({ activity }) => activity)),
        };
  return { ledger, health };
}
