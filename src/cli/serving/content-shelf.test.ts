import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toBase64url } from '../../core/base64url.js';
import { openContentRegistry } from '../../node/content-registry.js';
import { createContentShelf } from './content-shelf.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'impuls-shelf-'));
  path = join(folder, 'content.db');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const id = toBase64url(randomBytes(16));

async function pack(): Promise<void> {
  const registry = await openContentRegistry(path);
  await registry.add([{ id, key: new Uint8Array(32), price: 3, title: 'a', created: 0 }]);
  await registry.close();
}

describe('the shelf of content keys', () => {
  it('is empty before anything is packed, and makes no file', async () => {
    const shelf = createContentShelf(path);
    expect(shelf.exists).toBe(false);
    expect(await shelf.find(id)).toBeUndefined();
    expect(await shelf.count()).toBe(0);
    await shelf.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('has what is packed from then on', async () => {
    const shelf = createContentShelf(path);
    expect(await shelf.find(id)).toBeUndefined();
    await pack();
    expect(shelf.exists).toBe(true);
    expect(await shelf.find(id)).toMatchObject({ price: 3 });
    expect(await shelf.count()).toBe(1);
    await shelf.close();
  });

  it('tries again after it could not be opened', async () => {
    const shelf = createContentShelf(path);
    await writeFile(path, 'this is no registry');
    await expect(shelf.find(id)).rejects.toMatchObject({ code: 'storage-corrupt' });
    await rm(path);
    await pack();
    expect(await shelf.find(id)).toMatchObject({ price: 3 });
    await shelf.close();
  });
});
