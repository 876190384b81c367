/** Keys that were bought, by URL: what was paid for once is not paid again. Secret. */
export interface KeyLibrary {
  get(url: string): Promise<Uint8Array | undefined>;
  /** Durable when it resolves, where the library is. */
  put(url: string, key: Uint8Array): Promise<void>;
}

/** A library that forgets everything with the process. */
export function createMemoryLibrary(): KeyLibrary {
  const keys = new Map<string, Uint8Array>();
  return {
    get: async (url) => keys.get(url)?.slice(),
    async put(url, key) {
      keys.set(url, key.slice());
    },
  };
}
