import type { Lease, WalletStorage } from '../../src/client/index.js';
import { ImpulsError } from '../../src/core/errors.js';

/** Records in memory that any number of storages share, as the tabs of a browser do. */
export interface SharedMemory {
  readonly records: Map<string, string>;
  /** How often the lease was given to another storage than before. */
  readonly rounds: number;
  open(): WalletStorage;
}

export function createSharedMemory(records = new Map<string, string>()): SharedMemory {
  const waiting: {
    readonly storage: WalletStorage;
    readonly grant: () => void;
    readonly refuse: (error: Error) => void;
  }[] = [];
  const listeners = new Map<WalletStorage, Set<() => void>>();
  let holder: WalletStorage | undefined;
  let last: WalletStorage | undefined;
  let version = 0;
  let rounds = 0;

  function grantNext(): void {
    const next = waiting.shift();
    holder = next?.storage;
    if (holder && holder !== last) rounds++;
    last = holder ?? last;
    next?.grant();
  }

  function open(): WalletStorage {
    let seen: number | undefined;
    let wrote = false;
    let writing = Promise.resolve();

    function need(): void {
      if (holder !== storage) throw new ImpulsError('storage-failed', 'used without the lease');
    }

    function release(): void {
      if (holder !== storage) return;
      seen = version;
      if (wrote) {
        for (const [other, heard] of listeners) if (other !== storage) for (const tell of heard) tell();
      }
      wrote = false;
      grantNext();
    }

    const storage: WalletStorage = {
      async load() {
        need();
        return new Map(records);
      },
      async write(changes) {
        const copy = [...changes];
        need();
        const turn = writing.then(() => new Promise<void>((resolve) => setImmediate(resolve)));
        writing = turn;
        await turn;
        need();
        for (const [key, value] of copy) {
          if (value === null) records.delete(key);
          else records.set(key, value);
        }
        wrote = true;
        version++;
      },
      async borrow(): Promise<Lease> {
        if (holder === storage || waiting.some((entry) => entry.storage === storage))
          throw new ImpulsError('storage-failed', 'it has the lease');
        await new Promise<void>((grant, refuse) => {
          waiting.push({ storage, grant, refuse });
          if (!holder) grantNext();
        });
        return {
          changed: seen !== version,
          wanted: async () => waiting.length > 0,
          release,
        };
      },
      watch(listener) {
        const heard = listeners.get(storage) ?? new Set();
        listeners.set(storage, heard.add(listener));
        return () => void heard.delete(listener);
      },
      async close() {
        const at = waiting.findIndex((entry) => entry.storage === storage);
        const [left] = at >= 0 ? waiting.splice(at, 1) : [];
        left?.refuse(new ImpulsError('storage-failed', 'it was closed'));
        await writing;
        listeners.delete(storage);
        release();
      },
    };
    return storage;
  }

  return {
    records,
    get rounds() {
      return rounds;
    },
    open,
  };
}
