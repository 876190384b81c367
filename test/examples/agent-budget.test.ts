import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { openFileStorage } from '../../src/node/file-storage.js';
import { openWallet } from '../../src/client/index.js';
import { startVendor, type TestVendor } from '../support/vendor.js';
import { runExample } from './run-example.js';

const folder = mkdtempSync(join(tmpdir(), 'impuls-example-'));
let vendor: TestVendor | undefined;
afterEach(async () => {
  await vendor?.close();
  rmSync(folder, { recursive: true, force: true });
});

it('an agent looks, pays, and stops where its caps do', async () => {
  const listing = { method: 'GET', path: '/articles/hello.txt' };
  vendor = await startVendor({
    '/articles/hello.txt': {
      price: 3,
      listing,
      handler: (_, res) => void res.setHeader('Content-Type', 'text/plain').end('hello'),
    },
  });
  const { origin, vendor: shop } = vendor;
  const [code] = await shop.createVouchers([{ denomination: 100, count: 1 }], 1);
  const wallet = await openWallet({ storage: await openFileStorage(join(folder, 'agent.wallet')) });
  await wallet.redeem(origin, code!, { protocol: 'stream' });
  await wallet.close();
  const { stdout, stderr } = await runExample('agent-budget/agent.mjs', [origin], { cwd: folder });
  expect(stderr).toBe('');
  expect(stdout.split('\n').slice(0, 5)).toEqual([
    '/articles/hello.txt costs 3 units',
    'paid 3 for 5 characters; left today: 4',
    'paid 3 for 5 characters; left today: 1',
    'refused: 3 are more units than are left today: 1 of 7 a day',
    'next: Ask for less, wait for calls that are under way, or for tomorrow (UTC).',
  ]);
  expect((await shop.totals()).spent).toBe(6);
});
