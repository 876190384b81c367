import type { Wallet } from '../../client/index.js';
import { openBudget, type Budget, type BudgetStorage, type Caps } from './budget.js';

/** A wallet that is open only while somebody works with it, so that its owner can, too. */
export interface WalletSession {
  work<T>(task: (opened: Opened) => Promise<T>): Promise<T>;
}

export interface Opened {
  readonly wallet: Wallet;
  readonly budget: Budget;
}

export interface SessionOptions {
  /** Opens the wallet; it is closed when nothing is under way. */
  readonly open: () => Promise<Wallet>;
  readonly budget: BudgetStorage;
  readonly caps: Caps;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

export function createWalletSession({ open, budget, caps, clock }: SessionOptions): WalletSession {
  let current: Promise<Opened> | undefined;
  let closing: Promise<void> = Promise.resolve();
  let working = 0;

  async function begin(): Promise<Opened> {
    await closing;
    const wallet = await open();
    try {
      return { wallet, budget: await openBudget(budget, caps, clock) };
    } catch (error) {
      await wallet.close();
      throw error;
    }
  }

  return {
    async work(task) {
      working++;
      const opening = (current ??= begin());
      try {
        return await task(await opening);
      } finally {
        if (--working === 0) {
          current = undefined;
          closing = opening.then(
            ({ wallet }) => wallet.close(),
            () => {},
          );
          await closing;
        }
      }
    },
  };
}
