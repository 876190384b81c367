import { describe, expect, it } from 'vitest';
import { createGroupWriter, type Change } from './group-writer.js';
import { createMemoryStorage } from './storage.js';

function recording(fail: (group: number) => boolean = () => false) {
  const groups: (readonly Change[])[] = [];
  const storage = {
    ...createMemoryStorage(),
    write: async (changes: readonly Change[]) => {
      groups.push([...changes]);
      if (fail(groups.length)) throw new TypeError('disk full');
    },
  };
  return { groups, writer: createGroupWriter(storage) };
}

describe('a group writer', () => {
  it('writes what is asked for at once as one, in order, and the next group after it', async () => {
    const { groups, writer } = recording();
    const first = [writer.write([['a', '1']]), writer.write([['b', '2']]), writer.write([['a', null]])];
    await Promise.all(first);
    await writer.write([['c', '3']]);
    expect(groups).toEqual([
      [
        ['a', '1'],
        ['b', '2'],
        ['a', null],
      ],
      [['c', '3']],
    ]);
  });

  it('never has two groups under way', async () => {
    let running = 0;
    let most = 0;
    const writer = createGroupWriter({
      ...createMemoryStorage(),
      write: async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      },
    });
    const writes: Promise<void>[] = [];
    for (let i = 0; i < 20; i++) {
      writes.push(writer.write([[`${i}`, '']]));
      await Promise.resolve();
    }
    await Promise.all(writes);
    await writer.flush();
    expect(most).toBe(1);
  });

  it('writes nothing any more once a write has failed', async () => {
    const { groups, writer } = recording((group) => group === 2);
    await writer.write([['a', '1']]);
    await expect(writer.write([['b', '2']])).rejects.toMatchObject({ code: 'storage-failed' });
    await expect(writer.write([['c', '3']])).rejects.toMatchObject({ code: 'storage-failed' });
    await expect(writer.flush()).rejects.toMatchObject({ code: 'storage-failed' });
    expect(groups).toHaveLength(2);
  });
});
