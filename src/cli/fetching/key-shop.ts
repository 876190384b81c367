import { createKeyBuyer, type BoughtKey, type KeyLibrary } from '../../client/content.js';
import { createSession, type Wallet } from '../../client/index.js';
import { isImpulsError } from '../../core/errors.js';
import type { ProtocolName } from '../../core/protocol.js';
import { exists } from '../../node/durable-file.js';
import { openFileLibrary, type FileLibrary } from '../../node/key-library.js';
import { networkFailure, unreachable } from './network.js';

/** Content keys: from the library beside the wallet, or else from their vendor. Both files are open no longer than that takes. */
export interface KeyShop {
  /** The key, if it was bought before. */
  held(url: string): Promise<Uint8Array | undefined>;
  /** @param max units @throws ImpulsError as `KeyBuyer.buy` */
  buy(url: string, max: number): Promise<BoughtKey>;
}

export interface KeyShopOptions {
  readonly libraryFile: string;
  /** Opens the wallet, works with it and closes it. */
  readonly withWallet: <T>(work: (wallet: Wallet) => Promise<T>) => Promise<T>;
  readonly protocol: ProtocolName | undefined;
}

/** How long another program may have the library open, and how often it is tried: each needs it for a moment. */
const patienceMs = 5000;
const tryEveryMs = 25;

export function createKeyShop({ libraryFile, withWallet, protocol }: KeyShopOptions): KeyShop {
  const library: KeyLibrary = {
    // Leaves no file behind where none was.
    get: async (url) =>
      (await exists(libraryFile)) ? withLibrary(libraryFile, (open) => open.get(url)) : undefined,
    put: (url, key) => withLibrary(libraryFile, (open) => open.put(url, key)),
  };
  const session = createSession();
  return {
    held: (url) => library.get(url),
    buy: (url, max) =>
      withWallet(async (wallet) => {
        const limits = { perRequest: max, total: max };
        const buyer = createKeyBuyer({ wallet, limits, library, session, ...(protocol && { protocol }) });
        return buyer.buy(url).catch((error: unknown) => {
          throw networkFailure(error, (cause) => unreachable(new URL(url), cause));
        });
      }),
  };
}

async function withLibrary<T>(file: string, work: (library: FileLibrary) => Promise<T>): Promise<T> {
  const library = await openPatiently(file);
  try {
    return await work(library);
  } finally {
    await library.close();
  }
}

async function openPatiently(file: string): Promise<FileLibrary> {
  for (let waited = 0; ; waited += tryEveryMs) {
    try {
      return await openFileLibrary(file);
    } catch (error) {
      if (!isImpulsError(error, 'storage-locked') || waited >= patienceMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, tryEveryMs));
  }
}
