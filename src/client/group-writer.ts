import { ImpulsError, isImpulsError } from '../core/errors.js';
import type { WalletStorage } from './storage.js';

export type Change = readonly [key: string, value: string | null];

/** Writes to a storage, what is asked for at about the same time as one. */
export interface GroupWriter {
  /**
   * Resolves when the changes are durable. Changes are written in the order of the calls, those of one call together.
   *
   * @throws ImpulsError `storage-failed`. What is durable is then not known, so nothing is written any more:
   *   the wallet must be opened again.
   */
  write(changes: readonly Change[]): Promise<void>;
  /** Resolves when all that was asked for is durable. @throws ImpulsError `storage-failed` */
  flush(): Promise<void>;
}

export function createGroupWriter(storage: WalletStorage): GroupWriter {
  let waiting: Change[] = [];
  let group: Promise<void> | undefined;
  let last: Promise<void> = Promise.resolve();

  async function writeGroup(before: Promise<void>): Promise<void> {
    await before;
    const changes = waiting;
    waiting = [];
    group = undefined;
    try {
      await storage.write(changes);
    } catch (cause) {
      if (isImpulsError(cause, 'storage-failed')) throw cause;
      throw new ImpulsError('storage-failed', 'the wallet could not be written', {
        hint: 'Close the wallet, see to its storage, open it again and recover.',
        cause,
      });
    }
  }

  return {
    write(changes) {
      waiting.push(...changes);
      if (!group) {
        group = writeGroup(last);
        last = group;
        // Each caller hears of it; a group without a caller left is heard of by the next one.
        group.catch(() => {});
      }
      return group;
    },
    flush: () => last,
  };
}
