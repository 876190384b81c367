import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isImpulsError } from '../../core/errors.js';
import { formatKeyDocument, parseKeyDocument, type KeyDocument } from '../../core/key-document.js';
import { issuingKeys } from '../../core/key-life.js';
import { breachOf } from '../../core/key-succession.js';
import { writeDurably } from '../durable-file.js';
import { initVendorFolder, openVendorFolder } from './folder.js';
import { revokeKey } from './revocation.js';
import { rotateKeys, type KeyKind } from './rotation.js';
import type { WriteFile } from './store.js';

const day = 24 * 3600;
const start = Date.UTC(2030, 4, 17) / 1000;
const all: readonly KeyKind[] = ['issuing', 'activation', 'statement'];

let base: string;
let count = 0;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'impuls-rotation-'));
  await initVendorFolder(
    join(base, 'origin'),
    {
      origin: 'https://news.example',
      name: 'Example News',
      unit: { code: 'unit', currency: 'USD', value: '0.001' },
      listen: { host: '127.0.0.1', port: 8402 },
      routes: [],
      denominations: [100],
    },
    { clock: at(0) },
  );
});
afterAll(() => rm(base, { recursive: true, force: true }));

/** A clock so many days, and an hour, after the vendor was made. */
function at(days: number): () => number {
  return () => (start + days * day + 3600) * 1000;
}

/** A vendor of its own. */
async function copy(): Promise<string> {
  const path = join(base, `copy-${count++}`);
  await cp(join(base, 'origin'), path, { recursive: true });
  return path;
}

const open = (path: string, days: number) => openVendorFolder(path, { clock: at(days) });
const received = (document: KeyDocument) => parseKeyDocument(formatKeyDocument(document));

async function secretsOf(path: string): Promise<Record<KeyKind, readonly string[]>> {
  return JSON.parse(await readFile(join(path, 'keys.json'), 'utf8')) as Record<KeyKind, readonly string[]>;
}

async function counts(path: string): Promise<number[]> {
  const secrets = await secretsOf(path);
  return all.map((kind) => secrets[kind].length);
}

describe('a rotation', () => {
  it('adds an issuing key beside the old one, and wallets take the document', async () => {
    const path = await copy();
    const old = await open(path, 0);
    const { issuing } = await rotateKeys(path, { kinds: ['issuing'] }, { clock: at(300) });
    expect(issuing).toMatchObject([{ denomination: 100, epoch: '2031-03', notBefore: start + 300 * day }]);
    const { document, keys, recentDocuments } = await open(path, 300);
    expect(breachOf(received(old.document), received(document), [old.document.cards[0]!.id])).toBeUndefined();
    expect(document.previous).toEqual(recentDocuments);
    expect(document.cards).toEqual([...old.document.cards, ...issuing]);
    expect(issuingKeys(document, start + 301 * day)).toHaveLength(2);
    expect(keys.issuing).toHaveLength(2);
    // The key that has ended is destroyed by the next rotation; its entry stays.
    await rotateKeys(path, { kinds: ['issuing'] }, { clock: at(600) });
    expect(await counts(path)).toEqual([2, 1, 1]);
    expect((await open(path, 600)).document.cards).toHaveLength(3);
  });

  it('may publish a key before it issues, and is not done twice', async () => {
    const path = await copy();
    const rotation = { kinds: ['issuing'], notBefore: start + 365 * day } as const;
    const first = await rotateKeys(path, rotation, { clock: at(1) });
    expect(issuingKeys(first.document, start + 364 * day)).toHaveLength(1);
    expect(issuingKeys(first.document, start + 365 * day)).toEqual(first.issuing);
    const again = await rotateKeys(path, rotation, { clock: at(2) });
    expect([again.document, again.issuing]).toEqual([first.document, []]);
  });

  it('refuses a third key at a time before it makes any, and says when it may begin', async () => {
    const path = await copy();
    await rotateKeys(path, { kinds: ['issuing'] }, { clock: at(10) });
    await expect(
      rotateKeys(
        path,
        { kinds: ['issuing'] },
        { clock: at(20), onProgress: () => expect.fail('a key was made') },
      ),
    ).rejects.toMatchObject({ code: 'invalid-argument', hint: 'Add --from 2031-05-17.' });
    expect((await open(path, 20)).document.cards).toHaveLength(2);
    expect(
      (await rotateKeys(path, { kinds: ['issuing'], denominations: [7] }, { clock: at(20) })).issuing,
    ).toHaveLength(1);
  });

  it('of the activation key keeps the old secret for seven days, and then destroys it', async () => {
    const path = await copy();
    const old = await open(path, 0);
    const { activation } = await rotateKeys(path, { kinds: ['activation'] }, { clock: at(10) });
    const { document, keys } = await open(path, 10);
    expect(document.activation).toEqual(activation);
    expect([...keys.activation.keys()].sort()).toEqual([old.document.activation.id, activation!.id].sort());
    expect(await counts(path)).toEqual([1, 2, 1]);
    expect((await open(path, 16)).keys.activation.size).toBe(2);
    const later = await open(path, 17);
    expect([...later.keys.activation.keys()]).toEqual([activation!.id]);
    expect(later.recentDocuments).toEqual([]);
    expect(await counts(path)).toEqual([1, 1, 1]);
    expect(later.retired.map(({ id }) => id)).toEqual([old.document.activation.id]);
  });

  it('of the statement key publishes the old one with the time until which it counts', async () => {
    const path = await copy();
    const old = (await open(path, 0)).document.statement.key;
    const { document } = await rotateKeys(path, { kinds: ['statement'] }, { clock: at(3) });
    expect(document.statement.earlier).toEqual([{ key: old, until: start + 4 * day + 3600 }]);
    const { keys } = await open(path, 3);
    expect(keys.statement).not.toEqual((await open(join(base, 'origin'), 0)).keys.statement);
    expect(await counts(path)).toEqual([1, 1, 1]);
  });

  it('drops a key whose cards nobody can use or exchange any more, and remembers it for the books', async () => {
    const path = await copy();
    const [old] = (await open(path, 0)).document.cards;
    const grace = 30;
    const end = 6 * 365 + grace;
    await rotateKeys(path, { kinds: ['issuing'] }, { clock: at(end - 1) });
    expect((await open(path, end - 1)).ended).toEqual([]);
    await rotateKeys(path, { kinds: ['issuing'] }, { clock: at(end + 1) });
    const { document, ended } = await open(path, end + 1);
    expect(document.cards.map(({ id }) => id)).not.toContain(old!.id);
    const { id, denomination, epoch, expires } = old!;
    expect(ended).toEqual([{ id, denomination, epoch, expires }]);
  });

  it('of everything makes one document', async () => {
    const path = await copy();
    const { document } = await rotateKeys(path, { kinds: all }, { clock: at(5) });
    expect(document.previous).toHaveLength(1);
    expect(await rotateKeys(path, { kinds: all }, { clock: at(5) })).toEqual({ document, issuing: [] });
  });

  it('waits for no other one: it is refused while another process writes', async () => {
    const path = await copy();
    const write: WriteFile = async (file, text, mode) => {
      await expect(rotateKeys(path, { kinds: ['statement'] }, { clock: at(5) })).rejects.toMatchObject({
        code: 'storage-locked',
      });
      await writeDurably(file, text, mode);
    };
    await rotateKeys(path, { kinds: ['activation'] }, { clock: at(5), write });
    expect((await open(path, 5)).document.previous).toHaveLength(1);
  });
});

describe('a revocation', () => {
  const idOf = async (path: string) => (await open(path, 0)).document.cards[0]!.id;

  it('ends the key at once, destroys its secret, and leaves its entry as it was', async () => {
    const path = await copy();
    const id = await idOf(path);
    const { revocation } = await revokeKey(path, { id: id.slice(0, 6), reason: 'lost' }, { clock: at(9) });
    expect(revocation).toEqual({ id, reason: 'lost', time: start + 9 * day + 3600 });
    const { document, keys } = await open(path, 9);
    expect(issuingKeys(document, start + 10 * day)).toEqual([]);
    expect(keys.issuing).toEqual([]);
    expect(document.cards).toEqual((await open(join(base, 'origin'), 0)).document.cards);
    // Another key may take its place on the very day.
    await rotateKeys(path, { kinds: ['issuing'] }, { clock: at(9) });
    expect(issuingKeys((await open(path, 9)).document, start + 10 * day)).toHaveLength(1);
  });

  it('of a key whose secret is not there makes the folder open again', async () => {
    const path = await copy();
    const id = await idOf(path);
    const file = join(path, 'keys.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/"issuing": \[[^\]]*\]/, '"issuing": []'));
    await expect(open(path, 1)).rejects.toMatchObject({ hint: expect.stringContaining(`keys revoke ${id}`) });
    await revokeKey(path, { id, reason: 'lost' }, { clock: at(1) });
    expect((await open(path, 1)).keys.issuing).toEqual([]);
  });

  it('is not taken back: done again it changes nothing, and a lost key may turn out to have leaked', async () => {
    const path = await copy();
    const id = await idOf(path);
    const revoke = (days: number, request: object) =>
      revokeKey(path, { id, reason: 'leaked', ...request }, { clock: at(days) });
    const lost = await revoke(1, { reason: 'lost' });
    expect((await revoke(2, { reason: 'lost' })).document).toEqual(lost.document);
    const { revocation } = await revoke(3, { activateUntil: start + 5 * day });
    expect(revocation).toEqual({ ...lost.revocation, reason: 'leaked', activateUntil: start + 5 * day });
    expect((await revoke(4, {})).revocation).toEqual(revocation);
    await expect(revoke(4, { reason: 'lost' })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(revoke(4, { activateUntil: start })).rejects.toMatchObject({ code: 'invalid-argument' });
    expect((await open(path, 4)).document.previous).toHaveLength(2);
  });

  it('is refused for a key that is not there, or not named clearly', async () => {
    const path = await copy();
    const id = await idOf(path);
    for (const start of ['', id.slice(0, 3), `${id}A`, 'nonesuch']) {
      await expect(revokeKey(path, { id: start, reason: 'lost' })).rejects.toMatchObject({
        code: 'invalid-argument',
      });
    }
  });
});

class Killed extends Error {}

/** A disk under a process that is killed before or after its n-th write, with a draft left behind. */
function mortalDisk(operations: number): { readonly write: WriteFile; readonly used: () => number } {
  let done = 0;
  const step = (): void => {
    if (done++ >= operations) throw new Killed('killed');
  };
  return {
    used: () => done,
    async write(file, text, mode) {
      await writeFile(`${file}.123456.new`, text.slice(0, 40), { mode });
      step();
      await rm(`${file}.123456.new`);
      await writeDurably(file, text, mode);
      step();
    },
  };
}

describe('a process that is killed at any write', () => {
  const days = 300;
  const works: ReadonlyArray<readonly [string, (path: string, write: WriteFile) => Promise<unknown>]> = [
    ['rotates', (path, write) => rotateKeys(path, { kinds: all }, { clock: at(days), write })],
    [
      'revokes',
      async (path, write) => {
        const { document } = await open(join(base, 'origin'), 0);
        await revokeKey(path, { id: document.cards[0]!.id, reason: 'leaked' }, { clock: at(days), write });
      },
    ],
  ];

  it.each(works)('and %s leaves a vendor that opens, and finishes when it is run again', async (_, work) => {
    const old = await open(join(base, 'origin'), 0);
    const finished = await copy();
    const steady = mortalDisk(Infinity);
    await work(finished, steady.write);
    await openVendorFolder(finished, { clock: at(days), write: steady.write });
    const expected = await open(finished, days);
    for (let operations = 0; operations < steady.used(); operations++) {
      const path = await copy();
      const { write } = mortalDisk(operations);
      const live = async (): Promise<void> => {
        await work(path, write);
        await openVendorFolder(path, { clock: at(days), write });
      };
      await expect(live()).rejects.toSatisfy((error) => isImpulsError(error, 'storage-failed'));
      const between = await open(path, days);
      expect(between.document.previous.length).toBeLessThanOrEqual(1);
      await work(path, writeDurably);
      const { document, keys } = await open(path, days);
      expect(
        breachOf(received(old.document), received(document), [old.document.cards[0]!.id]),
      ).toBeUndefined();
      expect(breachOf(received(between.document), received(document), [])).toBeUndefined();
      expect(document.previous).toEqual(expected.document.previous);
      expect(document.cards).toHaveLength(expected.document.cards.length);
      expect(keys.issuing.map(({ id }) => id).sort()).toEqual(
        issuingKeys(document, start + days * day + 3600)
          .map(({ id }) => id)
          .sort(),
      );
      expect(await counts(path)).toEqual(await counts(finished));
      expect((await readdir(path)).sort()).toEqual(['document.json', 'keys.json', 'vendor.json']);
    }
  });
});
