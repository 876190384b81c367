import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import type { Profile, Shop } from './support.js';

const source = fileURLToPath(new URL('pages/spender.ts', import.meta.url));

/** Puts a page that pays beside the pages of the vendor, on its origin. */
export async function addSpender(shop: Shop): Promise<void> {
  const folder = join(shop.folder, 'spender');
  await mkdir(folder, { recursive: true });
  const bundle = await rolldown({ input: source, platform: 'browser' });
  await bundle.write({ dir: folder, format: 'es', entryFileNames: 'spender.js' });
  await bundle.close();
  await writeFile(
    join(folder, 'index.html'),
    '<!doctype html><html lang="en"><link rel="icon" href="data:,"><script type="module" src="spender.js"></script></html>',
  );
  const file = join(shop.folder, 'vendor.json');
  const settings = JSON.parse(await readFile(file, 'utf8')) as { routes: object[] };
  settings.routes.push({ path: '/spender/*', price: 0, folder: 'spender' });
  await writeFile(file, JSON.stringify(settings));
  await shop.restart();
}

export async function openSpender(profile: Profile, shop: Shop): Promise<Page> {
  const page = await profile.open(`${shop.origin}/spender/`);
  await page.waitForFunction(() => document.title === 'ready');
  return page;
}

/** @returns the texts of the answers, or the codes of the errors with their messages */
export async function spend(page: Page, path: string, times = 1): Promise<string[]> {
  return page.evaluate(
    ([path, times]) =>
      (globalThis as unknown as { spend(path: string, times: number): Promise<string[]> }).spend(path, times),
    [path, times] as const,
  );
}
