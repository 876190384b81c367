import { ImpulsError } from '../core/errors.js';
import { openDatabase, resultOf, type IndexedDatabase } from './indexed-database.js';
import type { KeyLibrary } from './key-library.js';
import type { Lease, WalletStorage } from './storage.js';

export interface IndexedDbOptions {
  /** Pages of one origin that give the same name share what is stored. Default `impuls`. */
  readonly name?: string;
}

const records = 'records';
const meta = 'meta';
/** Under this key of `meta`: how many writes there were. It tells who had the lease before whether others wrote since. */
const generationKey = 'generation';

/**
 * A wallet's records in the browser's IndexedDB, shared by all pages of the origin, tabs and workers. What is written is on the disk
 * (`durability: 'strict'`) when `write` resolves. The lease is a Web Lock: a transaction would end with the first wait for
 * anything else.
 *
 * The records hold secrets, and every script of the origin can read them.
 *
 * @throws ImpulsError `unsupported` without IndexedDB or Web Locks (a page must come over https); `storage-failed`
 */
export async function openIndexedDbStorage({
  name = 'impuls',
}: IndexedDbOptions = {}): Promise<WalletStorage> {
  const { locks } = (globalThis as { readonly navigator?: { readonly locks?: LockManager } }).navigator ?? {};
  if (!locks) {
    throw new ImpulsError('unsupported', 'the browser has no Web Locks for this page', {
      hint: 'Open the page over https, in a recent browser.',
    });
  }
  const database = await openDatabase(name, [records, meta]);
  return createStorage(database, locks, `impuls wallet ${name}`);
}

function createStorage(database: IndexedDatabase, locks: LockManager, lockName: string): WalletStorage {
  const channel = new BroadcastChannel(lockName);
  const closing = new AbortController();
  let closed: Promise<void> | undefined;
  let holding: Lease | 'asked' | undefined;
  /** The generation when this storage had the lease last, its own writes counted in. */
  let seen: number | undefined;
  let wrote = false;
  let lastWrite = Promise.resolve();

  async function readGeneration(): Promise<number> {
    return toGeneration(await database.read(meta, (store) => resultOf<unknown>(store.get(generationKey))));
  }

  /** Resolves with the means to give the lock back. */
  function lock(): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const hold = (): Promise<void> => new Promise((release) => resolve(release));
      locks.request(lockName, { signal: closing.signal }, hold).catch((cause: unknown) => {
        reject(new ImpulsError('storage-failed', 'the lease of the wallet cannot be had', { cause }));
      });
    });
  }

  async function writeNow(changes: ReadonlyArray<readonly [string, string | null]>): Promise<void> {
    if (holding === undefined || holding === 'asked') throw unleased();
    let overtaken = false;
    const before = seen!;
    await database
      .write((store) => {
        const request: IDBRequest<unknown> = store(meta).get(generationKey);
        request.onsuccess = () => {
          overtaken = toGeneration(request.result) !== before;
          // Ends the transaction without any of its changes.
          if (overtaken) {
            request.transaction!.abort();
            return;
          }
          store(meta).put(before + 1, generationKey);
          for (const [key, value] of changes) {
            if (value === null) store(records).delete(key);
            else store(records).put(value, key);
          }
        };
      })
      .catch((error: unknown) => {
        throw overtaken ? unleased() : error;
      });
    seen = before + 1;
    wrote = true;
  }

  async function borrow(): Promise<Lease> {
    if (holding) throw new ImpulsError('storage-failed', 'the storage has its lease, or waits for it');
    holding = 'asked';
    try {
      const unlock = await lock();
      try {
        const generation = await readGeneration();
        if (closed) throw new ImpulsError('storage-failed', 'the storage was closed meanwhile');
        const changed = generation !== seen;
        seen = generation;
        const lease: Lease = { changed, wanted, release: () => giveBack(lease, unlock) };
        holding = lease;
        return lease;
      } catch (error) {
        unlock();
        throw error;
      }
    } catch (error) {
      holding = undefined;
      throw error;
    }
  }

  async function wanted(): Promise<boolean> {
    const { pending = [] } = await locks.query();
    return pending.some(({ name }) => name === lockName);
  }

  async function giveBack(lease: Lease, unlock: () => void): Promise<void> {
    await lastWrite;
    if (holding !== lease) return;
    if (wrote) channel.postMessage(null);
    wrote = false;
    holding = undefined;
    unlock();
  }

  async function close(): Promise<void> {
    closing.abort();
    if (holding && holding !== 'asked') await holding.release();
    await lastWrite;
    channel.close();
    database.close();
  }

  return {
    load: () =>
      database.read(records, async (store) => {
        const [keys, values] = await Promise.all([
          resultOf(store.getAllKeys()),
          resultOf<unknown[]>(store.getAll()),
        ]);
        return new Map(keys.map((key, i) => [toText(key), toText(values[i])]));
      }),
    write(changes) {
      const copy = [...changes];
      const writing = lastWrite.then(() => writeNow(copy));
      lastWrite = writing.catch(() => {});
      return writing;
    },
    borrow,
    watch(listener) {
      const heard = (): void => listener();
      channel.addEventListener('message', heard);
      return () => channel.removeEventListener('message', heard);
    },
    close: () => (closed ??= close()),
  };
}

function unleased(): ImpulsError {
  return new ImpulsError('storage-failed', 'the wallet was written to without the lease', {
    hint: 'Reload the page and recover the wallet.',
  });
}

function toGeneration(value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw corrupt();
}

function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  throw corrupt();
}

function corrupt(): ImpulsError {
  return new ImpulsError('storage-corrupt', 'the database holds what impuls did not write', {
    hint: 'Restore the wallet from a backup, in another browser profile.',
  });
}

const keys = 'keys';

/**
 * Bought keys in the browser's IndexedDB, each read when it is asked for. A key is on the disk when `put` resolves. They are
 * secret, and every script of the origin can read them.
 *
 * @throws ImpulsError `unsupported` without IndexedDB; `storage-failed`
 */
export async function openIndexedDbLibrary({ name = 'impuls' }: IndexedDbOptions = {}): Promise<
  KeyLibrary & { close(): void }
> {
  const database = await openDatabase(`${name}-keys`, [keys]);
  return {
    async get(url) {
      const key = await database.read(keys, (store) => resultOf<unknown>(store.get(url)));
      if (key !== undefined && !(key instanceof Uint8Array)) throw corrupt();
      return key;
    },
    put: (url, key) => database.write((store) => void store(keys).put(key.slice(), url)),
    close: () => database.close(),
  };
}
