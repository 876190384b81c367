import { ImpulsError } from '../core/errors.js';

/** A database of the browser: object stores of values under keys that stand outside. */
export interface IndexedDatabase {
  /** Runs a task in one transaction: it asks for everything at once. @throws ImpulsError `storage-failed` */
  read<T>(store: string, task: (store: IDBObjectStore) => Promise<T>): Promise<T>;
  /**
   * Runs a task in one transaction over all stores, all of it or nothing. The task asks for everything at once, or in the
   * events of what it asked for.
   *
   * @returns when it is on the disk
   * @throws ImpulsError `storage-failed`
   */
  write(task: (store: (name: string) => IDBObjectStore) => void): Promise<void>;
  close(): void;
}

/**
 * Opens a database, or makes it.
 *
 * @throws ImpulsError `unsupported` where the browser has none, does not allow it, or holds one of a later version; `storage-failed`
 */
export async function openDatabase(name: string, stores: readonly string[]): Promise<IndexedDatabase> {
  const database = await openRequest(name, stores);
  // Who deletes the database, or makes a later version of it, need not wait for this page.
  database.onversionchange = () => database.close();
  return {
    async read(store, task) {
      try {
        const transaction = database.transaction(store, 'readonly');
        return await task(transaction.objectStore(store));
      } catch (cause) {
        throw failed('read', cause);
      }
    },
    async write(task) {
      try {
        const transaction = database.transaction(stores, 'readwrite', { durability: 'strict' });
        const done = completionOf(transaction);
        try {
          task((store) => transaction.objectStore(store));
        } catch (error) {
          transaction.abort();
          await done.catch(() => {});
          throw error;
        }
        await done;
      } catch (cause) {
        throw failed('written', cause);
      }
    },
    close: () => database.close(),
  };
}

function openRequest(name: string, stores: readonly string[]): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const factory = (globalThis as { readonly indexedDB?: IDBFactory }).indexedDB;
    if (!factory) throw unsupported('this browser has no IndexedDB');
    let request: IDBOpenDBRequest;
    try {
      request = factory.open(name, 1);
    } catch (cause) {
      throw unsupported('this browser does not let the page store anything', cause);
    }
    request.onupgradeneeded = () => {
      for (const store of stores) request.result.createObjectStore(store);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => {
      const { error } = request;
      if (error?.name === 'VersionError') {
        reject(
          new ImpulsError('unsupported', `the database ${name} is of a later version`, {
            hint: 'Reload the page, to get the version of impuls that wrote it.',
            cause: error,
          }),
        );
      } else if (error?.name === 'SecurityError') {
        reject(unsupported('this browser does not let the page store anything', error));
      } else {
        reject(failed('opened', error));
      }
    };
  });
}

export function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error!);
  });
}

function completionOf(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new DOMException('aborted', 'AbortError'));
  });
}

function unsupported(message: string, cause?: unknown): ImpulsError {
  return new ImpulsError('unsupported', message, {
    hint: 'Allow this site to store data, leave the private window, or use another browser.',
    cause,
  });
}

function failed(what: 'opened' | 'read' | 'written', cause: unknown): ImpulsError {
  if (cause instanceof ImpulsError) return cause;
  const name = cause instanceof DOMException ? cause.name : '';
  if (name === 'QuotaExceededError') {
    return new ImpulsError('storage-failed', 'the browser has no room left', {
      hint: 'Free space on this device, reload the page and recover the wallet.',
      cause,
    });
  }
  if (name === 'InvalidStateError') {
    return new ImpulsError('storage-failed', 'the database was closed, or deleted', {
      hint: 'Reload the page.',
      cause,
    });
  }
  return new ImpulsError('storage-failed', `the database could not be ${what}`, {
    hint: 'Reload the page and recover the wallet.',
    cause,
  });
}
