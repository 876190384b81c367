import { makeCard, makeClaim, stateAfter } from '../../src/testing/cards.js';
import { openSqliteLedger } from '../../src/node/sqlite.js';
import { openVendorFolder } from '../../src/node/vendor/folder.js';
import type { CardState } from '../../src/core/card-state.js';
import { HmacKey } from '../../src/core/hash.js';
import type { Ledger } from '../../src/server/index.js';
import { orderId } from '../../src/server/vouchers.js';

/** What a vendor's ledger holds after some weeks of business, written by the ledger itself. No server may run. */

const daySeconds = 86_400;
const routes = [
  ['/articles/*', 90],
  ['/forecast', 60],
  ['/impuls/keys/*', 30],
  ['/archive/*', 12],
] as const;

export interface History {
  readonly days: number;
  /** Vouchers sold a day, each for a card of 1,000 units; one more every other day is never redeemed. */
  readonly sales: number;
}

/** @param folder of a vendor that issues cards of 1,000 units */
export async function writeHistory(folder: string, { days, sales }: History): Promise<void> {
  const { document, ledgerPath } = await openVendorFolder(folder);
  const key = document.cards.find(({ denomination }) => denomination === 1000)!;
  const today = Math.floor(Date.now() / 1000 / daySeconds);
  const ledger = await openSqliteLedger({ path: ledgerPath });
  try {
    for (let day = today - days + 1; day <= today; day++) {
      const at = day * daySeconds;
      const count = sales + (day % 7 < 2 ? 2 : 0);
      await Promise.all(
        Array.from({ length: count }, (_, i) => liveOneCard(ledger, key.id, at, `${day}-${i}`)),
      );
      if (day % 2 === 0) await ledger.createOrders([orderOf(`${day}-unredeemed`)], at);
    }
  } finally {
    await ledger.close();
  }
}

/** A card whose units all came back, to be paid out to whoever brings the reference. */
export async function writeRefund(folder: string, reference: string, units: number): Promise<void> {
  const { document, keys, ledgerPath } = await openVendorFolder(folder);
  const keyId = document.cards.find(({ denomination }) => denomination === 1000)!.id;
  const at = Math.floor(Date.now() / 1000) - 3 * daySeconds;
  const ledger = await openSqliteLedger({ path: ledgerPath });
  try {
    const card = makeCard();
    await ledger.createOrders([orderOf('refund')], at);
    await ledger.serveOrder(orderOf('refund').id, 'refund', [], [{ key: keyId, units: 1000 }], at);
    await ledger.openCard({ ...card.entry, keyId }, card.state, at);
    const claim = makeClaim(card, units, units, { acceptedAt: at, challengeExpires: at });
    const next = stateAfter(card, card.state, claim)!;
    const order = orderId(new HmacKey(keys.voucher), reference);
    await ledger.credit(card.id, 0, next, claim, { order, purpose: 'refund' });
  } finally {
    await ledger.close();
  }
}

function orderOf(name: string) {
  return { id: `history-${name}`, items: [{ denomination: 1000, count: 1 }] };
}

/** Sold, issued, activated, and spent for the most part. */
async function liveOneCard(ledger: Ledger, keyId: string, at: number, name: string): Promise<void> {
  const order = orderOf(name);
  await ledger.createOrders([order], at);
  await ledger.serveOrder(order.id, name, [], [{ key: keyId, units: 1000 }], at);
  const card = makeCard();
  const entry = { ...card.entry, keyId };
  await ledger.openCard(entry, card.state, at);
  let state: CardState = card.state;
  let version = 0;
  for (let round = 0; round < 4; round++) {
    for (const [route, units] of routes) {
      const claim = makeClaim(card, state.top + units, units, {
        route,
        acceptedAt: at,
        challengeExpires: at,
      });
      state = stateAfter(card, state, claim)!;
      await ledger.accept(card.id, version++, state, claim);
    }
  }
}
