import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toBase64url } from '../../core/base64url.js';
import { isImpulsError } from '../../core/errors.js';
import { formatKeyDocument, parseKeyDocument, type KeyDocument } from '../../core/key-document.js';
import { isIssuing } from '../../core/key-life.js';
import { createMemoryLedger, createVendor } from '../../server/index.js';
import { initVendorFolder, openVendorFolder, type NewVendor } from './folder.js';
import { formatVendorSettings, parseVendorSettings } from './settings.js';

const start = Date.UTC(2030, 4, 17, 13, 45);
const day = 24 * 3600 * 1000;
const vendor: NewVendor = {
  origin: 'https://news.example',
  name: 'Example News',
  unit: { code: 'unit', currency: 'USD', value: '0.001' },
  listen: { host: '127.0.0.1', port: 8402 },
  routes: [{ path: '/articles/*', price: 3, folder: 'articles' }],
  denominations: [1000],
};

let path: string;
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'impuls-vendor-')), 'new', 'shop');
  await initVendorFolder(path, vendor, { clock: () => start });
});
afterAll(() => rm(join(path, '..', '..'), { recursive: true, force: true }));

const open = (clock = start) => openVendorFolder(path, { clock: () => clock });
const digestOf = (document: KeyDocument): string =>
  toBase64url(parseKeyDocument(formatKeyDocument(document)).digest);

/** Works with a file that is changed, and puts it back. */
async function withFile(
  name: string,
  change: (text: string) => string,
  work: () => Promise<void>,
): Promise<void> {
  const file = join(path, name);
  const text = await readFile(file, 'utf8');
  await writeFile(file, change(text));
  try {
    await work();
  } finally {
    await writeFile(file, text);
  }
}

describe('a vendor folder', () => {
  it('holds three files, and opens as what it was made', async () => {
    expect((await readdir(path)).sort()).toEqual(['document.json', 'keys.json', 'vendor.json']);
    const { settings, document, keys, ledgerPath, recentDocuments } = await open();
    const { denominations, ...expected } = vendor;
    expect(settings).toEqual({ ...expected, mode: 'live' });
    expect(document.cards.map((key) => key.denomination)).toEqual(denominations);
    expect(document.previous).toEqual([]);
    expect(keys.issuing.map(({ id }) => id)).toEqual(document.cards.map(({ id }) => id));
    expect([...keys.activation.keys()]).toEqual([document.activation.id]);
    expect(recentDocuments).toEqual([]);
    expect(ledgerPath).toBe(join(path, 'ledger.db'));
    expect(createVendor({ document, keys, ledger: createMemoryLedger() }).digest).toBe(digestOf(document));
  });

  it('issues for a year from the day on which it was made, and its cards live five years more', async () => {
    const [key] = (await open()).document.cards;
    expect(key).toMatchObject({ epoch: '2030-05', notBefore: Date.UTC(2030, 4, 17) / 1000 });
    expect(isIssuing(key!, start / 1000)).toBe(true);
    expect(isIssuing(key!, start / 1000 + 366 * 86_400)).toBe(false);
    expect(key!.expires - key!.notAfter).toBe(5 * 365 * 86_400);
  });

  it('publishes a new document for a new name, and remembers the old one for seven days', async () => {
    const old = digestOf((await open()).document);
    const document = await readFile(join(path, 'document.json'), 'utf8');
    const rename = (text: string): string => text.replace('Example News', 'Other News');
    await withFile('vendor.json', rename, async () => {
      const { document: next } = await open();
      expect(next).toMatchObject({ name: 'Other News', previous: [old] });
      const again = await open(start + 6 * day);
      expect(again.document).toEqual(next);
      expect(again.recentDocuments).toEqual([old]);
      expect((await open(start + 8 * day)).recentDocuments).toEqual([]);
    });
    await writeFile(join(path, 'document.json'), document);
  });

  it('publishes how long it keeps what was spent, when that changes', async () => {
    const document = await readFile(join(path, 'document.json'), 'utf8');
    expect((await open()).document.policy.retention).toBe(40 * 86_400);
    const keepTen = (text: string): string => text.replace('{', '{"retention":{"spendDays":10},');
    await withFile('vendor.json', keepTen, async () => {
      const { document: next, settings } = await open();
      expect(settings.retention).toEqual({ spendDays: 10, keyHours: 24 });
      expect(next.policy.retention).toBe(10 * 86_400);
      expect(next.previous).toHaveLength(1);
      expect((await open()).document).toEqual(next);
    });
    await writeFile(join(path, 'document.json'), document);
  });

  it('takes cards back, also where it was made before that could be, and refunds them if it says so', async () => {
    const document = await readFile(join(path, 'document.json'), 'utf8');
    expect((await open()).document).toMatchObject({ endpoints: { credit: '/impuls/credit' } });
    expect((await open()).document.policy).not.toHaveProperty('refund');
    const payOut = (text: string): string => text.replace('{', '{"refunds":"reference",');
    await withFile('vendor.json', payOut, async () => {
      const { document: next } = await open();
      expect(next.policy).toMatchObject({ refund: 'reference', retention: 40 * 86_400 });
      expect(next.previous).toHaveLength(1);
      expect((await open()).document).toEqual(next);
    });
    await writeFile(join(path, 'document.json'), document);
    const first = document.replace(/\s*"credit": ?"[^"]*",?/, '');
    expect(first).not.toBe(document);
    await writeFile(join(path, 'document.json'), first);
    const { document: next } = await open();
    expect(next).toMatchObject({ endpoints: { credit: '/impuls/credit' }, previous: [expect.any(String)] });
    await writeFile(join(path, 'document.json'), document);
  });

  it('draws its secrets from the randomness that it is given', async () => {
    const other = join(path, '..', 'other');
    let drawn = 0;
    const random = (length: number): Uint8Array => new Uint8Array(length).fill(++drawn);
    await initVendorFolder(other, { ...vendor, denominations: [1] }, { clock: () => start, random });
    const { keys } = await openVendorFolder(other, { clock: () => start });
    const secrets = [keys.statement, keys.challenge, keys.voucher].map((secret) => secret[0]);
    expect(new Set(secrets).size).toBe(3);
    expect(keys.statement).toEqual(new Uint8Array(32).fill(secrets[0]!));
  });

  it('is not made in the place of another', async () => {
    await expect(initVendorFolder(path, vendor)).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(await readdir(path)).toHaveLength(3);
  });

  it('is not made of settings that do not hold', async () => {
    const other = join(path, '..', 'none');
    const wrong: Array<Partial<NewVendor>> = [
      { denominations: [] },
      { denominations: [1.5] },
      { denominations: [(1 << 20) + 1] },
      { denominations: Array.from({ length: 17 }, (_, i) => i + 1) },
      { origin: 'news.example' },
      { name: '' },
      { unit: { code: 'unit', currency: 'USD', value: '-1' } },
      { routes: [{ path: 'articles', price: 1, folder: 'a' }] },
    ];
    for (const settings of wrong) {
      await expect(initVendorFolder(other, { ...vendor, ...settings })).rejects.toSatisfy((error) =>
        isImpulsError(error),
      );
    }
    await expect(readdir(other)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses secrets that others can read', async () => {
    const file = join(path, 'keys.json');
    await chmod(file, 0o604);
    await expect(open()).rejects.toMatchObject({ code: 'storage-failed', hint: `Run: chmod 600 ${file}` });
    await chmod(file, 0o600);
  });

  it.each([
    ['vendor.json', 'malformed', (text: string) => text.replace('8402', '84020')],
    ['vendor.json', 'malformed', (text: string) => text.replace('0.001', '0.002')],
    ['document.json', 'storage-corrupt', (text: string) => text.slice(0, -9)],
    ['document.json', 'storage-corrupt', (text: string) => text.replace('"epoch"', '"epoche"')],
    [
      'keys.json',
      'storage-corrupt',
      (text: string) => text.replace(/"issuing": \[[^\]]*\]/, '"issuing": []'),
    ],
    ['keys.json', 'storage-corrupt', (text: string) => text.replace(/("statement": \[\s*)"..../, '$1"AAAA')],
    ['keys.json', 'storage-corrupt', () => ''],
  ])('refuses what is wrong in %s as %s, and names the file', async (name, code, change) => {
    await withFile(name, change, async () => {
      const before = await readFile(join(path, name), 'utf8');
      await expect(open()).rejects.toMatchObject({
        code,
        message: expect.stringContaining(join(path, name)),
        hint: expect.stringMatching(/./),
      });
      expect(await readFile(join(path, name), 'utf8')).toBe(before);
    });
  });

  it('is not found where there is none', async () => {
    await expect(openVendorFolder(join(path, 'none'))).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describe('vendor.json', () => {
  it('says whether it is a test, and means the world where it does not say', () => {
    const { denominations, ...settings } = vendor;
    const text = formatVendorSettings({ ...settings, mode: 'test' });
    expect(denominations).toHaveLength(1);
    expect(parseVendorSettings(text).mode).toBe('test');
    expect(parseVendorSettings(text.replace('"mode": "test",', '')).mode).toBe('live');
    expect(() => parseVendorSettings(text.replace('"test"', '"demo"'))).toThrow('mode is neither');
  });

  it('may say how long payments are kept, and comes back as it was written', async () => {
    const settings = { ...(await open()).settings, retention: { spendDays: 400, keyHours: 48 } };
    expect(parseVendorSettings(formatVendorSettings(settings))).toEqual(settings);
    for (const wrong of [
      { spendDays: 0 },
      { spendDays: 3651 },
      { spendDays: 1, keyHours: 25 },
      { days: 4 },
    ]) {
      const text = JSON.stringify({ version: 1, ...settings, retention: wrong });
      expect(() => parseVendorSettings(text)).toThrow(/retention/);
    }
  });

  it('raises only our own error, whatever it holds', () => {
    const attempt = (text: string): void => {
      try {
        parseVendorSettings(text);
      } catch (error) {
        if (!isImpulsError(error)) throw error;
      }
    };
    fc.assert(fc.property(fc.string(), attempt));
    fc.assert(fc.property(fc.json(), attempt));
    const members = fc.record({
      version: fc.constant(1),
      origin: fc.oneof(fc.webUrl(), fc.anything()),
      name: fc.anything(),
      unit: fc.anything(),
      listen: fc.anything(),
      routes: fc.array(fc.anything()),
      retention: fc.anything(),
    });
    fc.assert(fc.property(members, (value) => attempt(JSON.stringify(value))));
  });
});
