import { isImpulsError } from '../core/errors.js';
import type { Lease, WalletStorage } from '../client/storage.js';
import { checkHolds, type StorageHarness } from './storage-harness.js';
import { check, checkSame, type SuiteCase } from './suite.js';

function borrow(storage: WalletStorage): Promise<Lease> {
  check(storage.borrow !== undefined, 'a shared storage has a lease');
  return storage.borrow();
}

/** Resolves when a lease that was asked for is known to be wanted by others. */
async function untilWanted(lease: Lease): Promise<void> {
  while (!(await lease.wanted())) await new Promise((resolve) => setTimeout(resolve, 1));
}

async function openTwo({ open, openAgain }: StorageHarness): Promise<[WalletStorage, WalletStorage]> {
  const first = await open();
  return [first, await openAgain(first)];
}

/** What storages promise that are open more than once. */
export const sharedCases: readonly SuiteCase<StorageHarness>[] = [
  {
    name: 'a lease that is held lets nobody else in, and is not wanted while nobody waits',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const lease = await borrow(first);
      checkSame(await lease.wanted(), false, 'nobody waits');
      const order: string[] = [];
      const waiting = borrow(second).then((other) => {
        order.push('second');
        return other;
      });
      await untilWanted(lease);
      await first.write([['a', '1']]);
      order.push('first');
      await lease.release();
      await (await waiting).release();
      checkSame(order, ['first', 'second'], 'one after the other');
      await first.close();
      await second.close();
    },
  },
  {
    name: 'leases are given in the order in which they were asked for',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const third = await harness.openAgain(first);
      const lease = await borrow(first);
      const order: string[] = [];
      const use = async (storage: WalletStorage, name: string): Promise<void> => {
        const own = await borrow(storage);
        order.push(name);
        await own.release();
      };
      const others = [use(second, 'second')];
      await untilWanted(lease);
      others.push(use(third, 'third'));
      await lease.release();
      await Promise.all(others);
      checkSame(order, ['second', 'third'], 'the first to ask is the first to get it');
      for (const storage of [first, second, third]) await storage.close();
    },
  },
  {
    name: 'a lease says whether another one wrote since, and what that was is loaded',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const seen: boolean[] = [];
      const use = async (storage: WalletStorage, value?: string): Promise<void> => {
        const lease = await borrow(storage);
        seen.push(lease.changed);
        await storage.load();
        if (value !== undefined) await storage.write([['a', value]]);
        await lease.release();
      };
      await use(first, '1');
      await use(first);
      await use(second);
      await use(second, '2');
      await use(second);
      await use(first);
      await use(second);
      checkSame(seen, [true, false, true, false, false, true, false], 'changed by others only');
      const lease = await borrow(first);
      await checkHolds(first, { a: '2' });
      await lease.release();
      await first.close();
      await second.close();
    },
  },
  {
    name: 'a storage that is closed gives its lease back, with what it wrote',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const lease = await borrow(first);
      const waiting = borrow(second);
      await untilWanted(lease);
      const writing = first.write([['a', '1']]);
      await first.close();
      await writing;
      await waiting;
      await checkHolds(second, { a: '1' });
      await second.close();
    },
  },
  {
    name: 'a storage that is closed while it waits for the lease waits no longer',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const lease = await borrow(first);
      const waiting = borrow(second).then(
        () => undefined,
        (error: unknown) => error,
      );
      await untilWanted(lease);
      await second.close();
      check(isImpulsError(await waiting, 'storage-failed'), 'it is told');
      checkSame(await lease.wanted(), false, 'nobody waits');
      await lease.release();
      await first.close();
    },
  },
  {
    name: 'a write without the lease is refused, and changes nothing',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const lease = await borrow(first);
      const refused = await second.write([['a', '1']]).then(
        () => undefined,
        (error: unknown) => error,
      );
      check(isImpulsError(refused, 'storage-failed'), 'it is refused');
      await checkHolds(first, {});
      await lease.release();
      await first.close();
      await second.close();
    },
  },
  {
    name: 'who watches is told when another one wrote, and not of what it wrote itself',
    needs: 'shared',
    async run(harness) {
      const [first, second] = await openTwo(harness);
      const told: string[] = [];
      const heard = new Promise<void>((resolve) => {
        second.watch?.(() => {
          told.push('second');
          resolve();
        });
      });
      first.watch?.(() => void told.push('first'));
      const lease = await borrow(first);
      await first.write([['a', '1']]);
      await lease.release();
      await heard;
      checkSame(told, ['second'], 'the other one is told');
      await first.close();
      await second.close();
    },
  },
];
