import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createMemoryStorage, type WalletStorage } from '../src/client/storage.js';
import { openFileStorage } from '../src/node/file-storage.js';
import { storageCases, type StorageHarness } from '../src/testing/index.js';
import { createSharedMemory, type SharedMemory } from './support/shared-memory.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-storage-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const newPath = () => join(folder, String(++files), 'wallet');

const memory: StorageHarness = {
  capabilities: [],
  open: async () => createMemoryStorage(),
  reopen: async (storage) => storage,
  openAgain: async (storage) => storage,
};

const memories = new WeakMap<WalletStorage, SharedMemory>();

function openIn(memory: SharedMemory): WalletStorage {
  const storage = memory.open();
  memories.set(storage, memory);
  return storage;
}

const sharedMemory: StorageHarness = {
  capabilities: ['shared'],
  open: async () => openIn(createSharedMemory()),
  async reopen(storage) {
    await storage.close();
    return openIn(memories.get(storage)!);
  },
  openAgain: async (storage) => openIn(memories.get(storage)!),
};

const paths = new WeakMap<WalletStorage, string>();

async function openAt(path: string): Promise<WalletStorage> {
  const storage = await openFileStorage(path);
  paths.set(storage, path);
  return storage;
}

const file: StorageHarness = {
  capabilities: ['restart', 'exclusive'],
  open: () => openAt(newPath()),
  async reopen(storage) {
    await storage.close();
    return openAt(paths.get(storage)!);
  },
  openAgain: (storage) => openAt(paths.get(storage)!),
};

describe.each([
  ['memory', memory],
  ['memory that is shared', sharedMemory],
  ['a file', file],
])('the storage in %s', (_, harness) => {
  for (const { name, needs, run } of storageCases()) {
    it.skipIf(needs && !harness.capabilities.includes(needs))(name, () => run(harness));
  }
});

/** A storage's file after three writes, closed. */
async function written(): Promise<string> {
  const path = newPath();
  const storage = await openFileStorage(path);
  for (const key of ['a', 'b', 'c']) await storage.write([[key, `value of ${key}`]]);
  await storage.close();
  return path;
}

async function loaded(path: string): Promise<string[]> {
  const storage = await openFileStorage(path);
  const keys = [...(await storage.load()).keys()];
  await storage.close();
  return keys;
}

describe('the file of a storage', () => {
  it('is readable for its owner only, and so is its folder', async () => {
    const path = await written();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
    const storage = await openFileStorage(path);
    for (const name of readdirSync(join(path, '..'))) {
      expect(statSync(join(path, '..', name)).mode & 0o777).toBe(0o600);
    }
    await storage.close();
    expect(readdirSync(join(path, '..'))).toEqual(['wallet']);
  });

  it('loses the last line only, wherever that is torn, and takes new ones after it', async () => {
    const whole = readFileSync(await written());
    const last = whole.lastIndexOf('\n', whole.length - 2) + 1;
    for (let length = last; length < whole.length; length++) {
      const path = await written();
      writeFileSync(path, whole.subarray(0, length));
      const storage = await openFileStorage(path);
      expect([...(await storage.load()).keys()]).toEqual(['a', 'b']);
      await storage.write([['d', '4']]);
      await storage.close();
      expect(await loaded(path)).toEqual(['a', 'b', 'd']);
    }
  });

  it('loses a last line that a power cut left as a hole', async () => {
    const path = await written();
    const whole = readFileSync(path);
    whole.fill(0, whole.length - 20, whole.length - 1);
    writeFileSync(path, whole);
    expect(await loaded(path)).toEqual(['a', 'b']);
    appendFileSync(path, Buffer.alloc(4096));
    expect(await loaded(path)).toEqual(['a', 'b']);
  });

  it('is refused and left untouched with any byte changed in what was confirmed', async () => {
    const path = await written();
    const whole = readFileSync(path);
    for (let i = 0; i < whole.length - 1; i++) {
      const damaged = Uint8Array.from(whole);
      damaged[i]! ^= 1;
      writeFileSync(path, damaged);
      await expect(openFileStorage(path)).rejects.toMatchObject({ code: 'storage-corrupt' });
      expect(readFileSync(path).equals(damaged)).toBe(true);
    }
    writeFileSync(path, whole);
    expect(await loaded(path)).toEqual(['a', 'b', 'c']);
  });

  it('is refused with a line missing, with nothing in it, or of another kind', async () => {
    const path = await written();
    const lines = readFileSync(path, 'utf8').split('\n');
    const without = (n: number) => lines.filter((_, i) => i !== n).join('\n');
    for (const text of [
      without(0),
      without(1),
      without(2),
      '',
      'hello',
      'hello\n',
      '{"impuls":"wallet"}\n',
    ]) {
      writeFileSync(path, text);
      await expect(openFileStorage(path)).rejects.toMatchObject({ code: 'storage-corrupt' });
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
  });

  it('stays small while the same records are written again and again, and after it is opened', async () => {
    const path = newPath();
    const storage = await openFileStorage(path);
    const value = 'x'.repeat(1000);
    for (let i = 0; i < 1000; i++) await storage.write([[`key ${i % 10}`, `${i} ${value}`]]);
    expect(statSync(path).size).toBeLessThan(100_000);
    await storage.close();
    expect(await loaded(path)).toHaveLength(10);
    expect(readdirSync(join(path, '..'))).toEqual(['wallet']);
  });

  it('is opened although a dead process left its lock and a draft', async () => {
    const path = await written();
    for (const owner of ['999999999-unknown', `${process.ppid}-gone`, 'nonsense']) {
      writeFileSync(`${path}.lock-${owner}`, '');
    }
    writeFileSync(`${path}.new`, 'half a draft');
    expect(await loaded(path)).toEqual(['a', 'b', 'c']);
    expect(readdirSync(join(path, '..'))).toEqual(['wallet']);
  });

  it('names the process that has it open', async () => {
    const path = await written();
    const storage = await openFileStorage(path);
    await expect(openFileStorage(path)).rejects.toMatchObject({
      code: 'storage-locked',
      message: expect.stringContaining(String(process.pid)),
    });
    await storage.close();
    await expect(storage.write([['a', '1']])).rejects.toMatchObject({ code: 'storage-failed' });
    await expect(storage.load()).rejects.toMatchObject({ code: 'storage-failed' });
  });

  it('that cannot be made fails with our error', async () => {
    writeFileSync(join(folder, 'no-folder'), '');
    await expect(openFileStorage(join(folder, 'no-folder', 'wallet'))).rejects.toMatchObject({
      code: 'storage-failed',
    });
  });
});
