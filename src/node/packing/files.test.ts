import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { concat } from '../../core/bytes.js';
import { parseManifest } from '../../core/manifest.js';
import { openSealedBody } from '../../core/seal.js';
import { openContentRegistry, type ContentRegistry } from '../content-registry.js';
import { packFiles, type PackFilesOptions, type PackProgress } from './files.js';
import { checkPlaces } from './source-files.js';

const origin = 'https://news.example';
const unit = { code: 'unit', currency: 'USD', value: '0.001' };

let folder: string;
let source: string;
let out: string;
let registry: ContentRegistry;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'impuls-pack-'));
  source = join(folder, 'plain');
  out = join(folder, 'cdn');
  registry = await openContentRegistry(join(folder, 'content.db'));
  await mkdir(join(source, 'deep', 'er'), { recursive: true });
  await writeFile(join(source, 'a.txt'), 'hello');
  await writeFile(join(source, 'deep', 'er', 'b ä.pdf'), randomBytes(200_000));
  await writeFile(join(source, 'empty'), '');
  await writeFile(join(source, '.hidden'), 'no');
});
afterEach(async () => {
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

const pack = (options: Partial<PackFilesOptions> = {}) =>
  packFiles({ source, out, vendor: { origin, unit }, registry, priceOf: () => 3, ...options });

async function filesOf(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort();
}

async function openFile(path: string): Promise<Uint8Array> {
  const find = async (url: string) => (await registry.find(url.slice(-22)))!.key;
  const bytes = await readFile(path);
  const parts: Uint8Array[] = [];
  const chunk = (async function* () {
    yield bytes;
  })();
  for await (const part of openSealedBody(find, chunk)) parts.push(part);
  return concat(...parts);
}

const manifest = async () => parseManifest(await readFile(join(out, 'impuls.json')));

describe('packing files', () => {
  it('seals each under a key of its own, and lists them', async () => {
    const progress: PackProgress[] = [];
    const priceOf = (path: string) => (path.endsWith('.pdf') ? 5 : 3);
    const packed = await pack({ priceOf, onProgress: (step) => progress.push(step) });
    expect(await filesOf(out)).toEqual([
      'a.txt.sealed',
      'deep/er/b ä.pdf.sealed',
      'empty.sealed',
      'impuls.json',
    ]);
    const { items, ...about } = await manifest();
    expect(about).toEqual({ vendor: origin, unit });
    expect(items.map(({ path, type, size, price }) => [path, type, size, price])).toEqual([
      ['a.txt', 'text/plain; charset=utf-8', 5, 3],
      ['deep/er/b ä.pdf', 'application/pdf', 200_000, 5],
      ['empty', 'application/octet-stream', 0, 3],
    ]);
    expect(packed.items).toEqual(items.map((item) => ({ ...item, state: 'sealed' })));
    for (const { path, sealed, key, price } of items) {
      expect(Buffer.from(await openFile(join(out, sealed)))).toEqual(await readFile(join(source, path)));
      expect(await registry.find(key.slice(-22))).toMatchObject({ price, title: path });
    }
    expect(new Set(items.map(({ key }) => key)).size).toBe(3);
    expect(progress.at(-1)).toMatchObject({ done: 200_005, total: 200_005 });
  });

  it('again changes nothing where nothing has changed, but takes a new price', async () => {
    await pack();
    const before = await Promise.all((await filesOf(out)).map((name) => readFile(join(out, name))));
    const again = await pack();
    expect(again.items.map(({ state }) => state)).toEqual(['kept', 'kept', 'kept']);
    expect(await Promise.all((await filesOf(out)).map((name) => readFile(join(out, name))))).toEqual(before);
    expect(await registry.count()).toBe(3);

    const [first] = (await pack({ priceOf: () => 7 })).items;
    expect(first).toMatchObject({ price: 7, key: again.items[0]!.key });
    expect((await registry.find(first!.key.slice(-22)))?.price).toBe(7);
    expect((await manifest()).items[0]).toMatchObject({ price: 7 });
  });

  it('replaces nothing unless it is told to; what is new gets a new key, the rest keeps its own', async () => {
    const before = await pack();
    const sealed = await readFile(join(out, 'a.txt.sealed'));
    await writeFile(join(source, 'a.txt'), 'HELLO');
    await writeFile(join(source, 'new'), 'new');
    await expect(pack()).rejects.toMatchObject({
      code: 'invalid-argument',
      message: `${join(out, 'a.txt.sealed')} is there already, with other content`,
    });
    expect(await readFile(join(out, 'a.txt.sealed'))).toEqual(sealed);
    expect(await filesOf(out)).not.toContain('new.sealed');
    expect(await registry.count()).toBe(3);

    const { items } = await pack({ existing: 'replace' });
    expect(items.map(({ path, state }) => [path, state])).toEqual([
      ['a.txt', 'sealed'],
      ['deep/er/b ä.pdf', 'kept'],
      ['empty', 'kept'],
      ['new', 'sealed'],
    ]);
    expect(items[0]!.key).not.toBe(before.items[0]!.key);
    expect(Buffer.from(await openFile(join(out, 'a.txt.sealed'))).toString()).toBe('HELLO');
    // Who bought the old file can open it still.
    expect(await registry.find(before.items[0]!.key.slice(-22))).toBeDefined();
  });

  it('adds to what was packed before, and drops what is gone', async () => {
    await pack();
    await writeFile(join(folder, 'single.csv'), 'a,b');
    await pack({ source: join(folder, 'single.csv') });
    const paths = async () => (await manifest()).items.map(({ path }) => path);
    expect(await paths()).toEqual(['a.txt', 'deep/er/b ä.pdf', 'empty', 'single.csv']);
    await rm(join(out, 'empty.sealed'));
    await pack({ source: join(folder, 'single.csv') });
    expect(await paths()).toEqual(['a.txt', 'deep/er/b ä.pdf', 'single.csv']);
  });

  it('leaves a folder alone that is not the one of this vendor', async () => {
    await pack();
    const other = { vendor: { origin: 'https://other.example', unit } };
    await expect(pack(other)).rejects.toMatchObject({ code: 'invalid-argument' });
    await rm(out, { recursive: true });
    await mkdir(out);
    await writeFile(join(out, 'impuls.json'), '{}');
    await expect(pack()).rejects.toMatchObject({ code: 'invalid-argument' });
    await rm(join(out, 'impuls.json'));
    await writeFile(join(out, 'a.txt.sealed'), 'mine');
    await expect(pack()).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(await filesOf(out)).toEqual(['a.txt.sealed']);
    expect((await readFile(join(out, 'a.txt.sealed'))).toString()).toBe('mine');
  });

  it('registers every key before a byte is sealed with it, and nothing if that fails', async () => {
    const failing = {
      ...registry,
      add: async () => {
        await expect(filesOf(out)).rejects.toThrow('ENOENT');
        throw new Error('the disk is full');
      },
    };
    await expect(pack({ registry: failing })).rejects.toThrow('the disk is full');
    await expect(stat(out)).rejects.toThrow('ENOENT');
  });

  it('leaves nothing half written when it is stopped', async () => {
    await pack();
    const before = await Promise.all((await filesOf(out)).map((name) => readFile(join(out, name))));
    await writeFile(join(source, 'a.txt'), 'HELLO');
    await writeFile(join(source, 'deep', 'er', 'b ä.pdf'), randomBytes(2_000_000));
    const stop = new AbortController();
    const stopped = pack({
      existing: 'replace',
      signal: stop.signal,
      onProgress: ({ path, done }) => {
        if (path.endsWith('.pdf') && done > 300_000) stop.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    expect(await Promise.all((await filesOf(out)).map((name) => readFile(join(out, name))))).toEqual(before);
  });

  it('refuses what it cannot pack, before it writes anything', async () => {
    await expect(pack({ source: join(folder, 'nowhere') })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    await mkdir(join(folder, 'nothing'));
    await expect(pack({ source: join(folder, 'nothing') })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    await writeFile(join(source, 'line\nbreak'), 'x');
    await expect(pack()).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(await registry.count()).toBe(0);
    await expect(stat(out)).rejects.toThrow('ENOENT');
  });
});

describe('the places of a pack', () => {
  it('do not lie in each other, by whatever name', async () => {
    const vendor = join(folder, 'shop');
    await mkdir(vendor);
    await symlink(source, join(folder, 'alias'));
    await expect(checkPlaces({ source, out, vendor })).resolves.toBeUndefined();
    await expect(checkPlaces({ source: join(vendor, 'articles'), out, vendor })).resolves.toBeUndefined();
    for (const places of [
      { source, out: source, vendor },
      { source, out: join(source, 'cdn'), vendor },
      { source, out: join(folder, 'alias', 'deep', 'cdn'), vendor },
      { source: join(out, 'plain'), out, vendor },
      { source, out, vendor: join(out, 'shop') },
      { source: folder, out: `${folder}-cdn`, vendor },
      { source: vendor, out, vendor },
    ]) {
      await expect(checkPlaces(places)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
  });
});
