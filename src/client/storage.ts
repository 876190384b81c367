/**
 * Where a wallet keeps its records: a small map of text to text. The contract, which `impuls/testing` checks:
 *
 * 1. `load` returns everything that was ever written and not deleted since.
 * 2. `write` applies all of its changes or none, in the order of the calls, and they are durable when it resolves.
 * 3. One wallet at a time: opening a storage that another process holds fails with `storage-locked`.
 * 4. What cannot be read back whole is refused with `storage-corrupt` and left untouched.
 */
export interface WalletStorage {
  load(): Promise<Map<string, string>>;
  /** null deletes. */
  write(changes: ReadonlyArray<readonly [key: string, value: string | null]>): Promise<void>;
  close(): Promise<void>;
}

/** A storage that forgets everything with the process. `records` may be shared to open the same wallet again. */
export function createMemoryStorage(records: Map<string, string> = new Map()): WalletStorage {
  return {
    async load() {
      return new Map(records);
    },
    async write(changes) {
      for (const [key, value] of changes) {
        if (value === null) records.delete(key);
        else records.set(key, value);
      }
    },
    async close() {},
  };
}
