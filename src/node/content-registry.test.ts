import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toBase64url } from '../core/base64url.js';
import { openContentRegistry, type ContentEntry, type ContentRegistry } from './content-registry.js';

let folder: string;
let path: string;
const open: ContentRegistry[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'impuls-content-'));
  path = join(folder, 'content.db');
});
afterEach(async () => {
  for (const registry of open.splice(0)) await registry.close();
  await rm(folder, { recursive: true, force: true });
});

async function openRegistry(): Promise<ContentRegistry> {
  const registry = await openContentRegistry(path);
  open.push(registry);
  return registry;
}

function entry(changes: Partial<ContentEntry> = {}): ContentEntry {
  const id = toBase64url(randomBytes(16));
  return {
    id,
    key: new Uint8Array(randomBytes(32)),
    price: 3,
    title: 'report.pdf',
    created: 1_800_000_000,
    ...changes,
  };
}

describe('a registry of content keys', () => {
  it('gives back what was added, also after it was opened again', async () => {
    const entries = [entry(), entry({ key: new Uint8Array(randomBytes(16)), price: 0xffff_ffff, title: '' })];
    const registry = await openRegistry();
    await registry.add(entries);
    await registry.close();
    open.pop();
    const again = await openRegistry();
    expect(await again.list()).toEqual(entries);
    expect(await again.count()).toBe(2);
    expect(await again.find(entries[1]!.id)).toEqual(entries[1]);
  });

  it('finds nothing for an id that is unknown, or that is no id', async () => {
    const registry = await openRegistry();
    await registry.add([entry()]);
    const noise = fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 20 }).map(toBase64url));
    await fc.assert(
      fc.asyncProperty(noise, async (id) => {
        expect(await registry.find(id)).toBeUndefined();
      }),
    );
  });

  it('adds all entries or none, and never replaces one', async () => {
    const registry = await openRegistry();
    const first = entry();
    await registry.add([first]);
    const again = registry.add([entry(), { ...first, key: new Uint8Array(32) }]);
    await expect(again).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(await registry.list()).toEqual([first]);
  });

  it('refuses what is out of range', async () => {
    const registry = await openRegistry();
    for (const wrong of [
      { id: 'short' },
      { id: `${'A'.repeat(21)}B` },
      { key: new Uint8Array(31) },
      { price: 0 },
      { price: 1.5 },
      { price: 2 ** 32 },
      { title: 'x'.repeat(201) },
      { created: -1 },
    ]) {
      await expect(registry.add([entry(), entry(wrong)])).rejects.toMatchObject({ code: 'invalid-argument' });
    }
    expect(await registry.count()).toBe(0);
  });

  it('puts new prices on keys, and passes over what it does not have', async () => {
    const registry = await openRegistry();
    const [one, two] = [entry(), entry()];
    await registry.add([one, two]);
    await registry.setPrices([
      { id: one.id, price: 7 },
      { id: entry().id, price: 9 },
    ]);
    expect((await registry.list()).map(({ price }) => price)).toEqual([7, 3]);
    const wrong = registry.setPrices([
      { id: one.id, price: 8 },
      { id: two.id, price: 0 },
    ]);
    await expect(wrong).rejects.toMatchObject({ code: 'invalid-argument' });
    expect((await registry.find(one.id))!.price).toBe(7);
  });

  it('is written by one while another reads, and by two at once', async () => {
    const [server, packer, other] = await Promise.all([openRegistry(), openRegistry(), openRegistry()]);
    const entries = Array.from({ length: 20 }, () => entry());
    await Promise.all(entries.map((each, i) => (i % 2 === 0 ? packer : other).add([each])));
    for (const each of entries) expect(await server.find(each.id)).toEqual(each);
  });

  it('is for its owner only', async () => {
    const registry = await openRegistry();
    await registry.add([entry()]);
    for (const rest of ['', '-wal', '-shm']) expect((await stat(path + rest)).mode & 0o777).toBe(0o600);
  });

  it('takes an empty file for one that was being made', async () => {
    await writeFile(path, '');
    const registry = await openRegistry();
    await registry.add([entry()]);
    expect(await registry.count()).toBe(1);
  });

  it('leaves a file alone that is none of its own', async () => {
    const other = new Database(join(folder, 'other.db'));
    other.exec('CREATE TABLE keys (id TEXT)');
    other.close();
    const newer = await openRegistry();
    await newer.close();
    open.pop();
    const later = await readFile(path);
    later.writeUInt32BE(2, 60);
    const wrong: Array<[name: string, bytes: Uint8Array]> = [
      ['text', Buffer.from('this is no registry')],
      ['another database', await readFile(join(folder, 'other.db'))],
      ['a later format', later],
    ];
    for (const [, bytes] of wrong) {
      await writeFile(path, bytes);
      await expect(openContentRegistry(path)).rejects.toMatchObject({ code: 'storage-corrupt' });
      expect(new Uint8Array(await readFile(path))).toEqual(new Uint8Array(bytes));
    }
  });

  it('says so where it cannot be made', async () => {
    await expect(openContentRegistry(join(folder, 'none', 'content.db'))).rejects.toMatchObject({
      code: 'storage-failed',
    });
  });
});
