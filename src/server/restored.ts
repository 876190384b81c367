import { ImpulsError } from '../core/errors.js';
import type { Ledger, StoredCard, StoredOrder } from './ledger.js';

/** What a vendor that was restored from a backup says of what it cannot know (docs/spec.md §6.5). */

function restored(what: string): ImpulsError {
  return new ImpulsError('vendor-restored', `the vendor was restored from a backup and holds this ${what}`, {
    hint: `Nothing is lost: keep the ${what}, and try again when the vendor has settled what became of it.`,
  });
}

/** @throws ImpulsError `vendor-restored` for a card that is held: its state here may be an old one */
export function refuseHeldCard({ held }: StoredCard): void {
  if (held) throw restored('card');
}

/** @throws ImpulsError `vendor-restored` for an order that would be served, but for the quarantine */
export async function refuseHeldOrder(
  ledger: Pick<Ledger, 'quarantined'>,
  order: StoredOrder | undefined,
  now: number,
): Promise<void> {
  if (!order?.held || order.served || order.state !== 'active' || now >= (order.code?.expires ?? Infinity))
    return;
  if ((await ledger.quarantined()).length > 0) throw restored('voucher');
}
