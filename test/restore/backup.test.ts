import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { formatKeyDocument } from '../../src/core/key-document.js';
import { generateIssuingKey, createRsaSigner } from '../../src/node/rsa.js';
import { openSqliteLedger } from '../../src/node/sqlite.js';
import { backUpVendor } from '../../src/node/vendor/backup.js';
import { openVendorFolder } from '../../src/node/vendor/folder.js';
import { drillBackup, readManifest, restoreVendor } from '../../src/node/vendor/restore.js';
import { rotateKeys } from '../../src/node/vendor/rotation.js';
import { outcomeOf } from '../support/code-of.js';
import { origin, payTimes, Place, url } from './place.js';

let base: string;
let place: Place;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'impuls-backup-'));
  place = new Place(base);
  await place.init(join(base, 'origin'));
});
afterEach(() => place.lose());
afterAll(() => rm(base, { recursive: true, force: true }));

async function shop(): Promise<string> {
  const folder = place.somewhere();
  await cp(join(base, 'origin'), folder, { recursive: true });
  return folder;
}

async function backedUp(): Promise<string> {
  const folder = await shop();
  await place.serve(folder);
  await payTimes(await place.buyer('chain'), 2);
  await place.lose();
  const backup = place.somewhere();
  await backUpVendor(folder, backup, { clock: place.clock });
  return backup;
}

const options = (): { clock: () => number } => ({ clock: place.clock });

describe('a backup', () => {
  it('holds what the vendor needs, for its owner only, and tells no secret of itself', async () => {
    const backup = await backedUp();
    const names = ['document.json', 'keys.json', 'ledger.db', 'manifest.json', 'vendor.json'];
    expect((await readdir(backup)).sort()).toEqual(names);
    expect((await stat(backup)).mode & 0o777).toBe(0o700);
    for (const name of names) expect((await stat(join(backup, name))).mode & 0o777).toBe(0o600);
    const manifest = await readManifest(backup);
    expect(manifest).toMatchObject({
      origin,
      name: 'Example News',
      state: 'running',
      created: place.ms / 1000,
    });
    const { bytes } = manifest.files.find(({ name }) => name === 'ledger.db')!;
    expect((await stat(join(backup, 'ledger.db'))).size).toBe(bytes);
    const text = await readFile(join(backup, 'manifest.json'), 'utf8');
    const secrets = JSON.parse(await readFile(join(backup, 'keys.json'), 'utf8')) as { voucher: string };
    expect(text).not.toContain(secrets.voucher);
  });

  it('is made whole beside payments that go on, as all was at one moment', async () => {
    const folder = await shop();
    const { ledger } = await place.serve(folder);
    const buyers = await Promise.all([place.buyer('chain'), place.buyer('stream')]);
    for (const buyer of buyers) await payTimes(buyer, 1);
    const before = (await ledger.totals()).spent;
    const backup = place.somewhere();
    const copying = backUpVendor(folder, backup, options());
    const paid = await Promise.all(buyers.map((buyer) => payTimes(buyer, 15)));
    await copying;
    expect(paid).toEqual([15, 15]);
    const { totals } = await drillBackup(backup, options());
    expect(totals.cards).toBe(2);
    expect(totals.spent).toBeGreaterThanOrEqual(before);
    expect(totals.spent).toBeLessThanOrEqual((await ledger.totals()).spent);
  });

  it('is never written over, and leaves nothing where it fails', async () => {
    const backup = await backedUp();
    const folder = await shop();
    await expect(backUpVendor(folder, backup)).rejects.toMatchObject({ code: 'invalid-argument' });
    await writeFile(join(folder, 'ledger.db'), 'no ledger');
    const other = place.somewhere();
    await expect(backUpVendor(folder, other)).rejects.toMatchObject({ code: 'storage-corrupt' });
    await expect(stat(other)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(stat(`${other}.new`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is refused if any byte of it is another one, or a file is missing, and nothing is made of it', async () => {
    const backup = await backedUp();
    const target = place.somewhere();
    for (const { name } of [...(await readManifest(backup)).files, { name: 'manifest.json' }]) {
      const file = join(backup, name);
      const bytes = await readFile(file);
      const altered = Buffer.from(bytes);
      altered.writeUInt8(altered.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
      for (const wrong of [altered, bytes.subarray(0, -2), Buffer.concat([bytes, Buffer.from(' 1')])]) {
        await writeFile(file, wrong);
        expect([name, await outcomeOf(restoreVendor(backup, target, options()))]).toEqual([
          name,
          'storage-corrupt',
        ]);
      }
      await rm(file);
      const missing = name === 'manifest.json' ? 'invalid-argument' : 'storage-corrupt';
      expect(await outcomeOf(restoreVendor(backup, target, options()))).toBe(missing);
      await writeFile(file, bytes);
    }
    await expect(stat(target)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await outcomeOf(drillBackup(backup, options()))).toBe('done');
  });
});

describe('a restore', () => {
  it('takes an empty folder, or a new one, and what an interrupted one left does not matter', async () => {
    const backup = await backedUp();
    const target = place.somewhere();
    await mkdir(`${target}.restoring`);
    await writeFile(join(`${target}.restoring`, 'keys.json'), 'half of it');
    await mkdir(target);
    await writeFile(join(target, 'notes.txt'), 'mine');
    expect(await outcomeOf(restoreVendor(backup, target, options()))).toBe('invalid-argument');
    expect(await readdir(target)).toEqual(['notes.txt']);
    await rm(join(target, 'notes.txt'));
    await restoreVendor(backup, target, options());
    await expect(stat(`${target}.restoring`)).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await stat(join(target, 'keys.json'))).mode & 0o777).toBe(0o600);
    const { document } = await openVendorFolder(target, options());
    expect(document.cards).toHaveLength(2);
    expect(document.revoked).toMatchObject([{ id: document.cards[0]!.id, reason: 'lost' }]);
  });

  it('issues nothing under a key that was not published yet: it may have been since', async () => {
    const folder = await shop();
    const file = join(folder, 'keys.json');
    const secrets = JSON.parse(await readFile(file, 'utf8')) as { issuing: string[] };
    const { pem } = generateIssuingKey();
    await writeFile(file, JSON.stringify({ ...secrets, issuing: [...secrets.issuing, pem] }));
    const backup = place.somewhere();
    await backUpVendor(folder, backup, options());
    // The vendor goes on, publishes the key and sells under it.
    place.ms += 86_400_000;
    const { issuing } = await rotateKeys(folder, { kinds: ['issuing'] }, options());
    expect(issuing.map(({ id }) => id)).toEqual([createRsaSigner(pem).id]);

    const target = place.somewhere();
    const restored = await restoreVendor(backup, target, options());
    expect(restored.issuing.map(({ id }) => id)).not.toContain(createRsaSigner(pem).id);
    expect(await readFile(join(target, 'keys.json'), 'utf8')).not.toContain(JSON.stringify(pem).slice(1, -1));
  });

  it('goes on from the last document that was served, which wallets have pinned', async () => {
    const folder = await shop();
    await place.serve(folder);
    const regular = await place.buyer('chain');
    await payTimes(regular, 2);
    const backup = place.somewhere();
    await backUpVendor(folder, backup, options());
    place.ms += 86_400_000;
    await rotateKeys(folder, { kinds: ['issuing', 'activation', 'statement'] }, options());
    const { vendor } = await place.serve(folder);
    const latest = formatKeyDocument(vendor.document);
    const late = await place.buyer('chain');
    await payTimes(late, 2);
    place.ms += 60_000;

    const stale = place.somewhere();
    await restoreVendor(backup, stale, options());
    await place.serve(stale);
    const code = await place.voucher();
    expect(await outcomeOf(late.wallet.redeem(origin, code, { protocol: 'chain' }))).toBe('bad-document');

    const target = place.somewhere();
    const { document, quarantined } = await restoreVendor(backup, target, { ...options(), latest });
    expect(quarantined).toHaveLength(2);
    expect(document.previous).toEqual([...vendor.document.previous, vendor.digest]);
    const { ledger } = await place.serve(target);
    for (const holder of [regular, late]) {
      expect(await outcomeOf(holder.pay(url))).toBe('vendor-restored');
      await holder.wallet.redeem(origin, await place.voucher(), { protocol: 'chain' });
      expect(await payTimes(holder, 2)).toBe(2);
    }
    await ledger.liftQuarantine();
    for (const holder of [regular, late]) expect(await payTimes(holder, 5)).toBe(5);
    expect(place.errors).toEqual([]);

    const foreign = { ...vendor.document, previous: [vendor.digest] };
    const wrong = restoreVendor(backup, place.somewhere(), {
      ...options(),
      latest: formatKeyDocument(foreign),
    });
    expect(await outcomeOf(wrong)).toBe('bad-document');
  });

  it('has no quarantine after a final backup, once, and the old folder serves no more', async () => {
    const folder = await shop();
    await place.serve(folder);
    const regular = await place.buyer('chain');
    await payTimes(regular, 2);
    const backup = place.somewhere();
    expect(await outcomeOf(backUpVendor(folder, backup, { state: 'final' }))).toBe('storage-locked');
    await place.lose();
    await backUpVendor(folder, backup, { ...options(), state: 'final' });
    await expect(openVendorFolder(folder)).rejects.toMatchObject({
      code: 'invalid-argument',
      message: `the vendor in ${folder} was retired`,
    });
    const first = place.somewhere();
    expect((await restoreVendor(backup, first, options())).quarantined).toEqual([]);
    await place.serve(first);
    expect(await payTimes(regular, 3)).toBe(3);
    const second = await restoreVendor(backup, place.somewhere(), options());
    expect(second.quarantined).toHaveLength(1);
  });

  it('holds all, though the vendor never served anything', async () => {
    const backup = place.somewhere();
    await backUpVendor(await shop(), backup, options());
    const target = place.somewhere();
    await restoreVendor(backup, target, options());
    const ledger = await openSqliteLedger({ path: join(target, 'ledger.db') });
    expect(await ledger.quarantined()).toHaveLength(1);
    await ledger.close();
  });
});
