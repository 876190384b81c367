import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemorySaleRecords, marks, type SaleRecords } from '../../server/selling/sale-records.js';
import { openSaleRecords } from './sale-records.js';

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'impuls-sales-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const kinds: ReadonlyArray<readonly [string, () => Promise<SaleRecords>]> = [
  ['in memory', async () => createMemorySaleRecords()],
  ['in SQLite', () => openSaleRecords(join(folder, `sales-${++files}.db`))],
];

describe.each(kinds)('records of sales %s', (_, open) => {
  it('keep the first order of a payment', async () => {
    const records = await open();
    expect(await records.read('p')).toEqual({ order: undefined, state: 'free' });
    await records.link('p', 'first');
    await records.link('p', 'second');
    expect(await records.read('p')).toEqual({ order: 'first', state: 'free' });
    expect([await records.find('first'), await records.find('second')]).toEqual(['p', undefined]);
    await records.close();
  });

  it('let a reason only rise, in whatever order it is told', async () => {
    const records = await open();
    const states = { open: 'held', lifted: 'free', final: 'void' } as const;
    for (const [i, first] of marks.entries()) {
      for (const [j, second] of marks.entries()) {
        const payment = `${first} ${second}`;
        await records.mark(payment, 'a', first, 1);
        await records.mark(payment, 'a', second, 1);
        expect((await records.read(payment)).state).toBe(states[marks[Math.max(i, j)]!]);
      }
    }
    await records.close();
  });

  it('hold while any reason is open, and void once one is final', async () => {
    const records = await open();
    await records.mark('p', 'a', 'open', 1);
    await records.mark('p', 'b', 'open', 1);
    await records.mark('p', 'a', 'lifted', 1);
    expect((await records.read('p')).state).toBe('held');
    await records.lift('p');
    expect((await records.read('p')).state).toBe('free');
    await records.mark('p', 'b', 'open', 1);
    expect((await records.read('p')).state).toBe('free');
    await records.mark('p', 'c', 'final', 1);
    await records.lift('p');
    expect((await records.read('p')).state).toBe('void');
    await records.close();
  });

  it('forget payments, and old reasons against those of others', async () => {
    const records = await open();
    await records.link('a', '1');
    await records.link('b', '2');
    await records.link('c', '3');
    for (const payment of ['a', 'b', 'stranger']) await records.mark(payment, 'x', 'open', 10);
    await records.mark('late', 'x', 'open', 11);
    expect(await records.list('', 2)).toEqual([
      { payment: 'a', order: '1' },
      { payment: 'b', order: '2' },
    ]);
    expect(await records.list('b', 2)).toEqual([{ payment: 'c', order: '3' }]);
    await records.forget(['a', 'none']);
    await records.forgetStray(11);
    const states = await Promise.all(['a', 'b', 'stranger', 'late'].map((payment) => records.read(payment)));
    expect(states).toEqual([
      { order: undefined, state: 'free' },
      { order: '2', state: 'held' },
      { order: undefined, state: 'free' },
      { order: undefined, state: 'held' },
    ]);
    await records.close();
  });
});

describe('the file of records', () => {
  it('is for its owner only, and is read again', async () => {
    const path = join(folder, 'again.db');
    const records = await openSaleRecords(path);
    await records.link('p', 'o');
    await records.mark('p', 'a', 'open', 1);
    const others = await openSaleRecords(path);
    expect(await others.read('p')).toEqual({ order: 'o', state: 'held' });
    for (const end of ['', '-wal']) expect((await stat(path + end)).mode & 0o777).toBe(0o600);
    await others.close();
    await records.close();
  });

  it('is refused where it is none of ours', async () => {
    const path = join(folder, 'other.db');
    await writeFile(path, 'this is no database, but long enough to be looked at as one');
    await expect(openSaleRecords(path)).rejects.toMatchObject({ code: 'storage-corrupt' });
    await expect(openSaleRecords(join(folder, 'none', 'sales.db'))).rejects.toMatchObject({
      code: 'storage-failed',
    });
  });
});
