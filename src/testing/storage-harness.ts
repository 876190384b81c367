import type { WalletStorage } from '../client/storage.js';
import { checkSame, type Capability } from './suite.js';

/** How the cases get at the storage that they judge. */
export interface StorageHarness {
  readonly capabilities: readonly Capability[];
  /** A storage that holds nothing yet. */
  readonly open: () => Promise<WalletStorage>;
  /** Closes a storage and opens it again on the same data. */
  readonly reopen: (storage: WalletStorage) => Promise<WalletStorage>;
  /** Opens the data of a storage that is still open. Asked of those that are `exclusive` or `shared`. */
  readonly openAgain: (storage: WalletStorage) => Promise<WalletStorage>;
}

export async function checkHolds(storage: WalletStorage, records: Record<string, string>): Promise<void> {
  checkSame(Object.fromEntries(await storage.load()), records, 'what was written is what is loaded');
}
