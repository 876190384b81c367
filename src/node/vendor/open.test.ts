import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openVendor } from './open.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'impuls-open-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a vendor in a server of your own', () => {
  it('is made once, and keeps what it has sold', async () => {
    const shop = join(folder, 'shop');
    await expect(openVendor(shop)).rejects.toMatchObject({ code: 'invalid-argument' });
    const create = { origin: 'http://127.0.0.1:4100', name: 'Example', denominations: [100] };
    const first = await openVendor(shop, { create });
    const { digest } = first.vendor;
    await first.vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
    await expect(openVendor(shop)).rejects.toMatchObject({ code: 'storage-locked' });
    await first.close();
    const second = await openVendor(shop, { create: { ...create, name: 'Another' } });
    expect(second.vendor.digest).toBe(digest);
    expect(await second.vendor.totals()).toMatchObject({ orders: 1 });
    await second.close();
  });
});
