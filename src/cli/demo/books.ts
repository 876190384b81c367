import type { Wallet } from '../../client/index.js';
import type { Totals } from '../../server/index.js';

/** The last line of the demo: units as the wallet and the ledger count them. */
export interface Books {
  readonly bought: number;
  readonly spentByWallet: number;
  readonly spentByVendor: number;
  /** Units that the vendor charged beyond the price of what was bought. */
  readonly doubleCharges: number;
  /** Units that were bought, are not left in the wallet and were not charged. */
  readonly lostUnits: number;
}

export interface Sides {
  readonly wallet: Side;
  readonly vendor: Side;
}

interface Side {
  readonly bought: number;
  readonly spent: number;
  readonly left: number;
}

export function countSides(wallet: Wallet, totals: Totals): Sides {
  const cards = wallet.cards();
  const bought = sum(cards.map(({ units }) => units));
  const left = sum(cards.map((card) => card.left));
  const held = sum(cards.map(({ reserved }) => reserved));
  return {
    wallet: { bought, spent: bought - left - held, left },
    vendor: { bought: totals.units, spent: totals.spent, left: totals.units - totals.spent },
  };
}

/** @param prices of every request that was answered for money */
export function closeBooks({ wallet, vendor }: Sides, prices: Iterable<number>): Books {
  return {
    bought: wallet.bought,
    spentByWallet: wallet.spent,
    spentByVendor: vendor.spent,
    doubleCharges: vendor.spent - sum([...prices]),
    lostUnits: wallet.bought - wallet.left - vendor.spent,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
