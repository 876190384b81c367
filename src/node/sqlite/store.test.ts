import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeCard } from '../../testing/cards.js';
import { loadDriver } from './files.js';
import { openStore, type Store } from './store.js';
import type { LogSyncs } from './syncs.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-store-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;

/** A store whose syncs end when the test says so. */
async function openHeld(): Promise<{
  store: Store;
  syncs: Array<(error: Error | null) => void>;
  path: string;
}> {
  const syncs: Array<(error: Error | null) => void> = [];
  const held: LogSyncs = { sync: (done) => void syncs.push(done), syncNow: () => {}, close: () => {} };
  const path = join(folder, `${++files}.db`);
  return { store: openStore(await loadDriver(), path, 10, 10, () => held), syncs, path };
}

function openCard(store: Store): Promise<void> {
  const { entry, state } = makeCard();
  store.open(entry, state, 1_800_000_000);
  return store.written();
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the store of the SQLite ledger', () => {
  it('says that a change is durable once the log is synced, and commits what came meanwhile in one go', async () => {
    const { store, syncs } = await openHeld();
    const durable: string[] = [];
    const first = openCard(store).then(() => durable.push('first'));
    await turn();
    await turn();
    expect(syncs).toHaveLength(1);
    const others = ['second', 'third'].map((name) => openCard(store).then(() => durable.push(name)));
    await turn();
    expect(durable).toEqual([]);
    syncs[0]!(null);
    await first;
    expect(durable).toEqual(['first']);
    await turn();
    expect(syncs).toHaveLength(2);
    syncs[1]!(null);
    await Promise.all(others);
    expect(durable).toEqual(['first', 'second', 'third']);
    await store.close();
  });

  it('knows what is on its way to the disk until it is synced', async () => {
    const { store, syncs } = await openHeld();
    const { entry, state } = makeCard();
    store.open(entry, state, 1_800_000_000);
    await turn();
    expect(store.isWaitingCard(entry.id)).toBe(true);
    expect(store.isWaiting(1)).toBe(true);
    syncs[0]!(null);
    expect(store.isWaitingCard(entry.id)).toBe(false);
    expect(store.isWaiting(1)).toBe(false);
    await store.close();
  });

  it('tells an order as it was changed last, until that is synced', async () => {
    const { store, syncs } = await openHeld();
    const order = { id: 'o', items: [], state: 'active' } as const;
    store.change(order, () => {});
    expect(store.waitingOrder('o')).toBe(order);
    await turn();
    await turn();
    const later = { ...order, state: 'void' } as const;
    expect([store.waitingOrder('o'), store.waitingOrder('another')]).toEqual([order, undefined]);
    store.change(later, () => {});
    expect(store.waitingOrder('o')).toBe(later);
    syncs[0]!(null);
    expect(store.waitingOrder('o')).toBe(later);
    await turn();
    syncs[1]!(null);
    expect(store.waitingOrder('o')).toBeUndefined();
    await store.close();
  });

  it('makes all durable before it closes, and before a change of its own transaction', async () => {
    const { store } = await openHeld();
    const first = openCard(store);
    await turn();
    const second = openCard(store);
    store.isolate(['key']);
    await Promise.all([first, second]);
    const third = openCard(store);
    await store.close();
    await third;
  });

  it('syncs what it finds before it serves it: who wrote that may have been killed before', async () => {
    const path = join(folder, `${++files}.db`);
    const driver = await loadDriver();
    const calls: string[] = [];
    const syncs: LogSyncs = {
      sync: () => {},
      syncNow: () => void calls.push('sync'),
      close: () => void calls.push('close'),
    };
    const store = openStore(driver, path, 10, 10, () => syncs);
    expect(calls).toEqual(['sync']);
    await store.close();
    calls.length = 0;
    const failing: LogSyncs = {
      ...syncs,
      syncNow() {
        throw new Error('EIO');
      },
    };
    expect(() => openStore(driver, path, 10, 10, () => failing)).toThrow('EIO');
    expect(calls).toEqual(['close']);
  });

  it('refuses everything once a sync has failed: what is on the disk is not known then', async () => {
    const { store, syncs } = await openHeld();
    const first = openCard(store);
    await turn();
    const second = openCard(store);
    syncs[0]!(new Error('EIO'));
    await expect(first).rejects.toMatchObject({ code: 'storage-failed' });
    await expect(second).rejects.toMatchObject({ code: 'storage-failed' });
    expect(store.shut).toMatchObject({ code: 'storage-failed' });
    await store.close();
  });

  it('refuses everything, too, once a sync has failed that it waits for itself', async () => {
    let fails = false;
    const syncs: LogSyncs = {
      sync: () => {},
      syncNow() {
        if (fails) throw new Error('EIO');
      },
      close: () => {},
    };
    const store = openStore(await loadDriver(), join(folder, `${++files}.db`), 10, 10, () => syncs);
    const waiting = openCard(store);
    fails = true;
    expect(() => store.isolate(['key'])).toThrow(expect.objectContaining({ code: 'storage-failed' }));
    await expect(waiting).rejects.toMatchObject({ code: 'storage-failed' });
    expect(store.shut).toMatchObject({ code: 'storage-failed' });
    expect(() => store.isolate(['key'])).toThrow(store.shut);
    await store.close();
  });
});
