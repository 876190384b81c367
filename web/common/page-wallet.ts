import { openWallet, type Wallet } from 'impuls/client';
import { openIndexedDbStorage } from 'impuls/client/indexeddb';

/** The name under which the pages of a vendor share one wallet. */
export const storageName = 'impuls';

/** The wallet of this origin: every page and every tab of it opens the same one. */
export async function openPageWallet(): Promise<Wallet> {
  return openWallet({ storage: await openIndexedDbStorage({ name: storageName }) });
}
