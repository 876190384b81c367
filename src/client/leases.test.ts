import { describe, expect, it } from 'vitest';
import { ImpulsError } from '../core/errors.js';
import { createUse } from './leases.js';
import { createMemoryStorage, type Lease, type WalletStorage } from './storage.js';

/** A storage whose leases the test grants, and what is done to it, in order. */
function harness() {
  const done: string[] = [];
  const asked: ((lease: Partial<Lease>) => void)[] = [];
  const refused: ((error: Error) => void)[] = [];
  let wanted = false;
  const storage: WalletStorage = {
    ...createMemoryStorage(),
    borrow() {
      done.push('ask');
      return new Promise((resolve, reject) => {
        refused.push(reject);
        asked.push((lease) =>
          resolve({
            changed: false,
            wanted: async () => wanted,
            release: () => void done.push('release'),
            ...lease,
          }),
        );
      });
    },
  };
  const journal = {
    load: async () => void done.push('load'),
    flush: async () => void done.push('flush'),
  };
  const logged: string[] = [];
  const use = createUse(storage, journal, (message) => logged.push(message));
  const grant = (lease: Partial<Lease> = {}): void => asked.shift()!(lease);
  return {
    done,
    journal,
    logged,
    use,
    grant,
    refuse: (error: Error) => refused.at(-1)!(error),
    want: (is: boolean) => void (wanted = is),
    step: (name: string) => async () => void done.push(name),
  };
}

/** A task that ends when the test says so. */
function openTask(): { readonly task: () => Promise<string>; readonly end: (result: string) => void } {
  let end!: (result: string) => void;
  const result = new Promise<string>((resolve) => (end = resolve));
  return { task: () => result, end };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('tasks on a shared storage', () => {
  it('run within a lease that is released when the last one ended and all is written', async () => {
    const { use, grant, done, step } = harness();
    const first = openTask();
    const tasks = [use(first.task), use(step('second'))];
    expect(done).toEqual(['ask']);
    grant();
    await tasks[1];
    await use(step('third'));
    expect(done).toEqual(['ask', 'load', 'second', 'third']);
    first.end('one');
    expect(await tasks[0]).toBe('one');
    await settled();
    expect(done).toEqual(['ask', 'load', 'second', 'third', 'flush', 'release']);
  });

  it('load first where another one wrote, and the first time', async () => {
    const { use, grant, done, step } = harness();
    for (const changed of [false, false, true, false]) {
      const task = use(step('task'));
      await settled();
      grant({ changed });
      await task;
      await settled();
    }
    const round = ['ask', 'task', 'flush', 'release'];
    const loading = ['ask', 'load', 'task', 'flush', 'release'];
    expect(done).toEqual([...loading, ...round, ...loading, ...round]);
  });

  it('wait while another one wants the lease, until it went round', async () => {
    const { use, grant, done, step, want } = harness();
    const first = openTask();
    const running = use(first.task);
    grant();
    await settled();
    want(true);
    const late = [use(step('a')), use(step('b'))];
    await settled();
    expect(done).toEqual(['ask', 'load']);
    first.end('');
    await running;
    await settled();
    expect(done).toEqual(['ask', 'load', 'flush', 'release', 'ask']);
    grant();
    await Promise.all(late);
    await settled();
    expect(done.slice(5)).toEqual(['a', 'b', 'flush', 'release']);
  });

  it('join while the last writes are under way, if nobody wants the lease', async () => {
    const { use, grant, done, step, journal } = harness();
    let written!: () => void;
    journal.flush = () => new Promise<undefined>((resolve) => (written = () => resolve(undefined)));
    const running = use(step('first'));
    grant();
    await running;
    await settled();
    const second = openTask();
    const late = use(second.task);
    await settled();
    written();
    await settled();
    expect(done).toEqual(['ask', 'load', 'first']);
    second.end('');
    await late;
    await settled();
    written();
    await settled();
    expect(done).toEqual(['ask', 'load', 'first', 'release']);
  });

  it('fail alone: the lease goes back after one that throws', async () => {
    const { use, grant, done } = harness();
    const failing = use(async () => {
      throw new ImpulsError('no-card', 'none');
    });
    grant();
    await expect(failing).rejects.toMatchObject({ code: 'no-card' });
    await settled();
    expect(done).toEqual(['ask', 'load', 'flush', 'release']);
  });

  it('fail where the lease or the records cannot be had, and the next one tries anew', async () => {
    const { use, grant, done, journal, refuse, step } = harness();
    const failing = [use(step('a')), use(step('b'))];
    refuse(new ImpulsError('storage-failed', 'gone'));
    for (const task of failing) await expect(task).rejects.toMatchObject({ code: 'storage-failed' });
    await settled();
    journal.load = async () => {
      throw new ImpulsError('storage-corrupt', 'torn');
    };
    const unreadable = use(step('c'));
    await settled();
    grant();
    grant();
    await expect(unreadable).rejects.toMatchObject({ code: 'storage-corrupt' });
    await settled();
    journal.load = async () => void done.push('load');
    const task = use(step('d'));
    await settled();
    grant();
    await task;
    await settled();
    expect(done).toEqual(['ask', 'flush', 'ask', 'release', 'flush', 'ask', 'load', 'd', 'flush', 'release']);
  });

  it('need not wait for a lease when they are aborted, and hold up nobody', async () => {
    const { use, grant, done, step } = harness();
    const abort = new AbortController();
    const aborted = use(step('never'), abort.signal);
    const other = use(step('other'));
    abort.abort(new DOMException('enough', 'AbortError'));
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    grant();
    await other;
    await settled();
    expect(done).toEqual(['ask', 'load', 'other', 'flush', 'release']);
  });

  it('are not held up by a failing write or a lease that nobody takes back; the log hears of it', async () => {
    const { use, grant, journal, logged, step, done } = harness();
    journal.flush = () => Promise.reject(new ImpulsError('storage-failed', 'full'));
    const task = use(step('a'));
    grant({ release: () => Promise.reject(new ImpulsError('storage-failed', 'gone')) });
    await task;
    await settled();
    expect(logged).toHaveLength(2);
    const next = use(step('b'));
    await settled();
    grant();
    await next;
    // What was written is not known any more but from the storage.
    expect(done).toEqual(['ask', 'load', 'a', 'ask', 'load', 'b']);
  });
});

it('tasks on a storage that is not shared run as they come', async () => {
  const use = createUse(createMemoryStorage(), { load: async () => {}, flush: async () => {} }, () => {});
  expect(await use(async () => 1)).toBe(1);
});
