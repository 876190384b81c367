/**
 * Where a wallet keeps its records: a small map of text to text. The contract, which `impuls/testing` checks:
 *
 * 1. `load` returns everything that was ever written and not deleted since.
 * 2. `write` applies all of its changes or none, in the order of the calls, and they are durable when it resolves.
 * 3. One wallet at a time: opening a storage that another process holds fails with `storage-locked`.
 *    With `borrow` any number at a time: each loads and writes only while it holds the lease.
 * 4. What cannot be read back whole is refused with `storage-corrupt` and left untouched.
 * 5. Of all storages on the same records one holds the lease, in the order in which they asked. A process that ends, and a
 *    storage that is closed, gives it back.
 */
export interface WalletStorage {
  load(): Promise<Map<string, string>>;
  /** null deletes. */
  write(changes: ReadonlyArray<readonly [key: string, value: string | null]>): Promise<void>;
  close(): Promise<void>;
  /** Waits for the lease. For one that has it, or waits for it already, it is the caller's mistake. @throws ImpulsError `storage-failed` */
  borrow?(): Promise<Lease>;
  /** Has the listener told when another one may have written. @returns what ends that */
  watch?(listener: () => void): () => void;
}

/** The right to load and to write, for one of those that share a storage. */
export interface Lease {
  /** Whether another one wrote since this storage had the lease last; true the first time. */
  readonly changed: boolean;
  /** Whether another one waits for it. */
  wanted(): Promise<boolean>;
  /** Gives it back, once. What was written is durable before. */
  release(): void | Promise<void>;
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
