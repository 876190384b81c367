import type { WalletStorage } from '../../src/client/index.js';
import { ImpulsError } from '../../src/core/errors.js';
import type { Faults } from './faults.js';
import type { Life } from './life.js';

/** Where a wallet keeps its records, over all its lives. What is being written when it dies is there afterwards, or is not. */
export interface WalletDisk {
  readonly records: ReadonlyMap<string, string>;
  open(life: Life): WalletStorage;
}

export type RecordChange = readonly [key: string, value: string | null];

export interface WalletDiskFlaws {
  /** Says that something is durable before it is. */
  readonly acknowledgesEarly?: true;
  /** Shows a process that opens it no claims that are open. */
  readonly hidesClaims?: true;
}

/** @param written hears of changes once they are durable */
export function createWalletDisk(
  name: string,
  faults: Faults,
  written: (changes: readonly RecordChange[]) => void,
  flaws: WalletDiskFlaws = {},
): WalletDisk {
  const records = new Map<string, string>();
  let writes = 0;

  function apply(changes: readonly RecordChange[]): void {
    for (const [key, value] of changes) {
      if (value === null) records.delete(key);
      else records.set(key, value);
    }
    written(changes);
  }

  return {
    records,
    open(life) {
      /** Not durable yet, oldest first. */
      let open: { readonly place: string; readonly changes: readonly RecordChange[] }[] = [];
      life.onEnd(() => {
        for (const { place, changes } of open) {
          if (faults.draw(`survives ${place}`, 2) === 0) break;
          apply(changes);
        }
        open = [];
      });
      return {
        load: () =>
          life.step(1, () => {
            const held = [...records];
            return new Map(flaws.hidesClaims ? held.filter(([key]) => !key.startsWith('claim:')) : held);
          }),
        write(changes) {
          const place = `${name} write ${writes++}`;
          if (faults.strikes('wallet killed', `before ${place}`)) life.end();
          const one = { place, changes: [...changes] };
          if (life.alive) open.push(one);
          const done = life.step(1 + faults.draw(place, 6), () => {
            open = open.filter((other) => other !== one);
            const fails = faults.strikes('wallet disk failed', place);
            if (!fails || faults.draw(`survives ${place}`, 2) === 0) apply(one.changes);
            if (fails) throw new ImpulsError('storage-failed', 'the disk is full');
            if (faults.strikes('wallet killed', `after ${place}`)) life.end();
          });
          return flaws.acknowledgesEarly ? Promise.resolve() : done;
        },
        close: async () => {},
      };
    },
  };
}
