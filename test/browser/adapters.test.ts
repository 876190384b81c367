import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openShop, price } from '../adapters/shop.js';
import { shops } from '../adapters/shops/index.js';
import { openProfile, startStatic, type Profile, type StaticHost } from './support.js';

const source = fileURLToPath(new URL('pages/payer.ts', import.meta.url));
const calls = [
  ['GET', '/json'],
  ['POST', '/order'],
  ['GET', '/throws'],
  ['GET', '/stream'],
] as const;

let folder: string;
let host: StaticHost;
let profile: Profile;
let page: Page;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'impuls-payer-'));
  const bundle = await rolldown({ input: source, platform: 'browser' });
  await bundle.write({ dir: folder, format: 'es', entryFileNames: 'payer.js' });
  await bundle.close();
  await writeFile(
    join(folder, 'index.html'),
    '<!doctype html><html lang="en"><link rel="icon" href="data:,"><script type="module" src="payer.js"></script></html>',
  );
  host = await startStatic(folder);
  profile = await openProfile();
  page = await profile.open(`${host.origin}/index.html`);
  await page.waitForFunction(() => document.title === 'ready');
});
afterAll(async () => {
  await profile.remove();
  await host.close();
  await rm(folder, { recursive: true, force: true });
});

/** Those that listen on a socket. */
const listening = shops.filter(({ name }) => name !== 'Next.js' && name !== 'Fetch');

describe('a page of another origin, in a real browser,', () => {
  it.each(listening)('buys and pays at an API on $name', async ({ serve }) => {
    const shop = await openShop(serve);
    try {
      const [code] = await shop.vendor.createVouchers([{ denomination: 1000, count: 1 }], 1);
      const answers = await page.evaluate(
        ([origin, code, calls]) =>
          (
            globalThis as unknown as {
              payAll(...args: unknown[]): Promise<Array<{ status: number; text: string; left: number }>>;
            }
          ).payAll(origin, code, calls),
        [shop.origin, code!, calls] as const,
      );
      expect(answers.map(({ status }) => status)).toEqual([200, 201, 500, 200]);
      expect(answers.map(({ left }) => left)).toEqual([1, 2, 2, 3].map((paid) => 1000 - paid * price));
      expect(JSON.parse(answers[1]!.text)).toMatchObject({ item: 'bread' });
      expect(await shop.ledger.totals()).toMatchObject({ spent: 3 * price });
      // That an answer was an error the console says, and nothing else.
      const complaints = profile.complaints.splice(0).filter((text) => !text.includes('status of 500'));
      expect(complaints).toEqual([]);
    } finally {
      await shop.close();
    }
  });
});
