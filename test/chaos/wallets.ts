import { createPayingFetch, openWallet, type PayingFetch, type Wallet } from '../../src/client/index.js';
import { openFileStorage } from '../../src/node/file-storage.js';
import { make, type Outcome } from './calls.js';
import type { Call } from './shop.js';

/** A wallet in a file that does not wait for long. */
export async function openQuickWallet(path: string): Promise<Wallet> {
  return openWallet({
    storage: await openFileStorage(path),
    sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, Math.min(milliseconds, 20))),
  });
}

/** Makes calls; every second one gives up before a vendor can be started again. */
export function callWith(wallet: Wallet, origin: string): (call: Call) => Promise<Outcome> {
  const limits = { perRequest: 9, total: 10_000 };
  const payers = [4, 60].flatMap((attempts) => {
    const options = { wallet, limits, retry: { attempts, baseDelayMs: 5 } };
    return [createPayingFetch(options), createPayingFetch({ ...options, seal: 'prefer' })];
  });
  let made = 0;
  const choose = ({ seal }: Call): PayingFetch => payers[(made++ % 2) * 2 + Number(seal)]!;
  return (call) => make(choose(call), origin, call);
}
