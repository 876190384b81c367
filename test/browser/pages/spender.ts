import { createPayingFetch } from 'impuls/client';
import { limitsUnder, readCaps } from '../../../web/common/caps.js';
import { openPageWallet } from '../../../web/common/page-wallet.js';

/** A page of the vendor that pays with the wallet of the wallet page, under the caps that are set there. */

const wallet = await openPageWallet();

async function spend(path: string, times = 1): Promise<string[]> {
  const limits = limitsUnder(readCaps(), wallet.history(), Date.now());
  const pay = createPayingFetch({ wallet, limits });
  return Promise.all(
    Array.from({ length: times }, async () => {
      try {
        return await (await pay(new URL(path, location.href))).text();
      } catch (error) {
        return `${(error as { code?: string }).code}: ${(error as Error).message}`;
      }
    }),
  );
}

Object.assign(globalThis, { spend });
document.title = 'ready';
