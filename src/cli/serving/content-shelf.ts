import { existsSync } from 'node:fs';
import { openContentRegistry, type ContentRegistry } from '../../node/content-registry.js';
import type { ContentKeys } from '../../server/index.js';

/** The content keys of a vendor folder, from the moment at which the first is packed: also while the server runs. */
export interface ContentShelf extends ContentKeys {
  /** Whether anything has been packed. */
  readonly exists: boolean;
  count(): Promise<number>;
  close(): Promise<void>;
}

/** @param path of the registry, which may not be there yet */
export function createContentShelf(path: string): ContentShelf {
  let opening: Promise<ContentRegistry> | undefined;

  async function registry(): Promise<ContentRegistry | undefined> {
    if (!opening && !existsSync(path)) return undefined;
    opening ??= openContentRegistry(path);
    try {
      return await opening;
    } catch (error) {
      // What could not be opened now is tried again for the next one who asks.
      opening = undefined;
      throw error;
    }
  }

  return {
    get exists() {
      return opening !== undefined || existsSync(path);
    },
    find: async (id) => (await registry())?.find(id),
    count: async () => (await (await registry())?.count()) ?? 0,
    async close() {
      await (await opening?.catch(() => undefined))?.close();
    },
  };
}
