import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFileStorage } from './file-storage.js';
import { openFileLibrary } from './key-library.js';

const url = 'https://news.example/impuls/keys/AAAAAAAAAAAAAAAAAAAAAA';
const key = new Uint8Array(32).fill(7);

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'impuls-keys-'));
  file = join(folder, 'deep', 'wallet.keys');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a key library in a file', () => {
  it('keeps what was put into it, for its owner only', async () => {
    const library = await openFileLibrary(file);
    expect(await library.get(url)).toBeUndefined();
    await library.put(url, key);
    expect(await library.get(url)).toEqual(key);
    await library.close();
    expect((await stat(file)).mode & 0o777).toBe(0o600);

    const again = await openFileLibrary(file);
    expect(await again.get(url)).toEqual(key);
    expect(await again.get(`${url}#`)).toBeUndefined();
    await again.close();
  });

  it('is for one process at a time', async () => {
    const library = await openFileLibrary(file);
    await expect(openFileLibrary(file)).rejects.toMatchObject({ code: 'storage-locked' });
    await library.close();
    await expect(library.put(url, key)).rejects.toMatchObject({
      code: 'storage-failed',
      message: 'the key library is closed',
    });
  });

  it('is no wallet, and a wallet is no library', async () => {
    await (await openFileLibrary(file)).close();
    await expect(openFileStorage(file)).rejects.toMatchObject({
      code: 'storage-corrupt',
      message: 'the file is not the wallet of impuls',
    });
    const wallet = join(folder, 'wallet');
    await (await openFileStorage(wallet)).close();
    const before = await readFile(wallet);
    await expect(openFileLibrary(wallet)).rejects.toMatchObject({
      code: 'storage-corrupt',
      message: 'the file is not the key library of impuls',
    });
    expect(await readFile(wallet)).toEqual(before);
  });

  it('is refused and left alone if it is damaged', async () => {
    const library = await openFileLibrary(file);
    await library.put(url, key);
    await library.put(`${url}A`, key);
    await library.close();
    const damaged = await readFile(file);
    damaged[damaged.indexOf('Bwc')]! ^= 1;
    await writeFile(file, damaged);
    await expect(openFileLibrary(file)).rejects.toMatchObject({ code: 'storage-corrupt' });
    expect(await readFile(file)).toEqual(damaged);
  });
});
