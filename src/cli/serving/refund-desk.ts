import { fromBase64url } from '../../core/base64url.js';
import type { JsonObject } from '../../core/wire/canonical-json.js';
import { expectText } from '../../core/wire/json-members.js';
import type { VendorFolder } from '../../node/vendor/folder.js';
import type { Ledger, Refund } from '../../server/index.js';
import { reachServer, withOwner } from './ledger-owner.js';

/** What commands do with refunds. The references stay with the command: the ledger knows their hashes. */
export type RefundDesk = Pick<Ledger, 'readRefunds' | 'payRefund'>;

/** Works with the ledger of a folder, by way of its server if one runs: that one owns it. */
export function withRefunds<T>(folder: VendorFolder, work: (desk: RefundDesk) => Promise<T>): Promise<T> {
  const reach = () => reachServer(folder, { do: 'refunds' }, askingRefunds);
  return withOwner<RefundDesk, T>(folder, reach, (ledger) => ledger, work);
}

export function askingRefunds(ask: (request: object) => Promise<unknown>): RefundDesk {
  return {
    readRefunds: async () => (await ask({ do: 'refunds' })) as Refund[],
    // The server takes its own time.
    payRefund: async (order) =>
      (await ask({ do: 'pay-refund', order })) as Awaited<ReturnType<Ledger['payRefund']>>,
  };
}

/** @returns undefined for a request that is not about refunds */
export async function answerRefunds(
  ledger: RefundDesk,
  json: JsonObject,
  now: number,
): Promise<{ readonly result: unknown } | undefined> {
  switch (json['do']) {
    case 'refunds':
      return { result: await ledger.readRefunds() };
    case 'pay-refund': {
      const order = expectText(json['order'], 'order');
      fromBase64url(order, 32);
      return { result: await ledger.payRefund(order, now) };
    }
    default:
      return undefined;
  }
}
