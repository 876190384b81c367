import {
  confirmDelivery,
  createPayingFetch,
  openWallet,
  paymentOf,
  type PayingFetch,
  type Wallet,
} from '../../src/client/index.js';
import { openIndexedDbLibrary, openIndexedDbStorage } from '../../src/client/indexeddb.js';
import { isImpulsError } from '../../src/core/errors.js';
import { storageCases, type StorageHarness } from '../../src/testing/index.js';

/** Runs in a page of a browser: what a tab of a shop does, for a test to call. */

let names = 0;
const nameOf = new WeakMap<object, string>();

async function openNamed(name: string): ReturnType<typeof openIndexedDbStorage> {
  const storage = await openIndexedDbStorage({ name });
  nameOf.set(storage, name);
  return storage;
}

const harness: StorageHarness = {
  capabilities: ['restart', 'shared'],
  open: () => openNamed(`case ${++names}`),
  async reopen(storage) {
    await storage.close();
    return openNamed(nameOf.get(storage)!);
  },
  openAgain: (storage) => openNamed(nameOf.get(storage)!),
};

const library = openIndexedDbLibrary();
const limits = { perRequest: 50, total: 1000 };
let wallet: Wallet;
let pay: PayingFetch;
let payOnce: PayingFetch;
let full: Awaited<ReturnType<typeof openIndexedDbStorage>>;

/** A million characters that no database makes shorter. */
function noise(): string {
  const parts = Array.from({ length: 16 }, () => {
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    return Array.from(bytes, (byte) => String.fromCharCode(0x100 + byte)).join('');
  });
  return parts.join('');
}

const tab = {
  /** What went wrong, by the sentence that does not hold. */
  async runStorageCases(): Promise<Record<string, string>> {
    const failures: Record<string, string> = {};
    for (const { name, needs, run } of storageCases()) {
      if (needs && !harness.capabilities.includes(needs)) continue;
      await run(harness).catch((error: unknown) => (failures[name] = String(error)));
    }
    return failures;
  },

  /** The code of the error that opening a storage fails with. */
  async tryStorage(): Promise<{ code?: string; hint?: string | undefined }> {
    try {
      await (await openIndexedDbStorage()).close();
      return {};
    } catch (error) {
      return isImpulsError(error) ? { code: error.code, hint: error.hint } : { code: String(error) };
    }
  },

  /** Writes until the browser refuses. @returns the error, and whether nothing of what it refused is stored */
  async fill(): Promise<{ message: string; hint?: string | undefined; whole: boolean }> {
    full = await openIndexedDbStorage({ name: 'full' });
    await full.borrow!();
    let writes = 0;
    for (;;) {
      try {
        await full.write([
          [`a ${writes}`, noise()],
          [`b ${writes}`, noise()],
        ]);
        if (++writes === 100) throw new Error('there is always room');
      } catch (error) {
        if (!isImpulsError(error, 'storage-failed')) throw error;
        return { message: error.message, hint: error.hint, whole: (await full.load()).size === 2 * writes };
      }
    }
  },

  /** What is stored after one more write. */
  async writeOn(key: string, value: string): Promise<string | undefined> {
    await full.write([[key, value]]);
    return (await full.load()).get(key);
  },

  async open(): Promise<void> {
    wallet = await openWallet({ storage: await openIndexedDbStorage() });
    const delivered = async (url: string): Promise<boolean> => (await (await library).get(url)) !== undefined;
    pay = createPayingFetch({ wallet, limits });
    payOnce = createPayingFetch({ wallet, limits, redeliver: 'same-url', delivered });
  },

  async redeem(vendor: string, code: string, protocol: 'chain' | 'stream'): Promise<void> {
    await wallet.redeem(vendor, code, { protocol });
  },

  /** The references of the payments. */
  pay: (urls: readonly string[]): Promise<(string | undefined)[]> =>
    Promise.all(urls.map(async (url) => paymentOf(await pay(url))?.reference)),

  /** What a URL sells, from the library or bought. */
  async buy(url: string): Promise<string> {
    try {
      const response = await payOnce(url);
      const content = new Uint8Array(await response.arrayBuffer());
      await (await library).put(url, content);
      await confirmDelivery(response);
    } catch (error) {
      if (!isImpulsError(error, 'already-served')) throw error;
    }
    return new TextDecoder().decode(await (await library).get(url));
  },

  async recover(): Promise<number> {
    return (await wallet.recover()).claims.length;
  },

  state(): { left: number; reserved: number; payments: number } {
    const cards = wallet.cards();
    return {
      left: cards.reduce((sum, { left }) => sum + left, 0),
      reserved: cards.reduce((sum, { reserved }) => sum + reserved, 0),
      payments: wallet.history().length,
    };
  },

  /** Resolves when the wallet knows of so many payments. */
  payments: (count: number): Promise<void> =>
    new Promise((resolve) => {
      const stop = wallet.onChange(() => {
        if (wallet.history().length < count) return;
        stop();
        resolve();
      });
    }),

  close: (): Promise<void> => wallet.close(),
};

export type Tab = typeof tab;

(globalThis as { tab?: Tab }).tab = tab;
