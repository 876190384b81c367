import { isImpulsError } from '../core/errors.js';
import type { WalletStorage } from '../client/storage.js';
import { checkHolds, type StorageHarness } from './storage-harness.js';
import { sharedCases } from './storage-cases-shared.js';
import { check, checkSame, createChoices, type SuiteCase } from './suite.js';

/** The contract of `WalletStorage`, sentence by sentence. */
export function storageCases(): readonly SuiteCase<StorageHarness>[] {
  return [
    ...cases.map(({ run, ...rest }) => ({ ...rest, run: (harness: StorageHarness) => run(alone(harness)) })),
    ...sharedCases,
  ];
}

/** Storages that have the lease from the start, where there is one. */
function alone(harness: StorageHarness): StorageHarness {
  const leased = async (opening: Promise<WalletStorage>): Promise<WalletStorage> => {
    const storage = await opening;
    await storage.borrow?.();
    return storage;
  };
  return {
    ...harness,
    open: () => leased(harness.open()),
    reopen: (storage) => leased(harness.reopen(storage)),
  };
}

const cases: readonly SuiteCase<StorageHarness>[] = [
  {
    name: 'a new storage is empty',
    async run({ open, reopen }) {
      let storage = await open();
      await checkHolds(storage, {});
      storage = await reopen(storage);
      await checkHolds(storage, {});
      await storage.close();
    },
  },
  {
    name: 'what was written and not deleted is loaded, also after reopening',
    async run({ open, reopen }) {
      let storage = await open();
      await storage.write([
        ['a', '1'],
        ['b', '2'],
        ['c', '3'],
      ]);
      await storage.write([
        ['b', null],
        ['c', '4'],
        ['d', ''],
        ['missing', null],
      ]);
      for (let round = 0; round < 3; round++) {
        await checkHolds(storage, { a: '1', c: '4', d: '' });
        storage = await reopen(storage);
      }
      await storage.close();
    },
  },
  {
    name: 'any text is kept as it is: quotes, line ends, NUL, other scripts, the empty key',
    async run({ open, reopen }) {
      let storage = await open();
      const records = {
        '': 'empty',
        '"\\': '\n\r\u2028\0',
        'klucz ż': 'zażółć 🂡',
        ['x'.repeat(1000)]: 'y'.repeat(100_000),
      };
      await storage.write(Object.entries(records));
      storage = await reopen(storage);
      await checkHolds(storage, records);
      await storage.close();
    },
  },
  {
    name: 'changes apply in the order given, within a call and between calls that do not wait',
    async run({ open, reopen }) {
      let storage = await open();
      const writes = Array.from({ length: 50 }, (_, i) =>
        storage.write([
          ['last', 'x'],
          ['last', null],
          ['last', String(i)],
          [`key ${i}`, String(i)],
        ]),
      );
      await Promise.all(writes);
      for (let round = 0; round < 2; round++) {
        const records = await storage.load();
        checkSame([records.get('last'), records.size], ['49', 51], 'the last call wins');
        storage = await reopen(storage);
      }
      await storage.close();
    },
  },
  {
    name: 'what is loaded is a copy, and what is written is not held on to',
    async run({ open }) {
      const storage = await open();
      const changes: [string, string | null][] = [['a', '1']];
      const writing = storage.write(changes);
      changes[0] = ['b', '2'];
      await writing;
      (await storage.load()).clear();
      await checkHolds(storage, { a: '1' });
      await storage.close();
    },
  },
  {
    name: 'thousands of changes to few records leave those few records',
    async run({ open, reopen }) {
      let storage = await open();
      const choices = createChoices(7);
      const model = new Map<string, string>();
      for (let round = 0; round < 300; round++) {
        const changes = Array.from({ length: 1 + choices.below(20) }, () => {
          const value = choices.below(4) === 0 ? null : `${round} ${'.'.repeat(choices.below(200))}`;
          return [`key ${choices.below(30)}`, value] as const;
        });
        for (const [key, value] of changes) {
          if (value === null) model.delete(key);
          else model.set(key, value);
        }
        await storage.write(changes);
        if (round % 60 === 0) storage = await reopen(storage);
      }
      await checkHolds(storage, Object.fromEntries(model));
      storage = await reopen(storage);
      await checkHolds(storage, Object.fromEntries(model));
      await storage.close();
    },
  },
  {
    name: 'closing waits for what was written before',
    async run({ open, reopen }) {
      let storage = await open();
      const writing = storage.write([['a', '1']]);
      storage = await reopen(storage);
      await writing;
      await checkHolds(storage, { a: '1' });
      await storage.close();
    },
  },
  {
    name: 'a storage that is open cannot be opened a second time, and can after it is closed',
    needs: 'exclusive',
    async run({ open, reopen, openAgain }) {
      let storage = await open();
      const refused = await openAgain(storage).then(
        () => undefined,
        (error: unknown) => error,
      );
      check(isImpulsError(refused, 'storage-locked'), 'the second one is refused');
      check(refused.hint !== undefined, 'and told what to do');
      await storage.write([['a', '1']]);
      storage = await reopen(storage);
      await checkHolds(storage, { a: '1' });
      await storage.close();
    },
  },
];
