import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addSpender, openSpender, spend } from './spender.js';
import {
  desktop,
  findBarriers,
  openProfile,
  phone,
  shoot,
  startShop,
  type Profile,
  type Shop,
} from './support.js';

/** Exchange and refund in the wallet page. */

let shop: Shop;
let wallet: string;
const profiles: Profile[] = [];

beforeAll(async () => {
  shop = await startShop('Example News', async (folder) => {
    const file = join(folder, 'vendor.json');
    const settings = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...settings, refunds: 'reference' }));
  });
  await addSpender(shop);
  wallet = `${shop.origin}/impuls/wallet/`;
});
afterEach(async () => {
  for (const profile of profiles.splice(0)) {
    await profile.remove();
    expect(profile.complaints).toEqual([]);
  }
});
afterAll(() => shop.close());

/** A page with a card of 1,000 units, one of them spent. */
async function usedPage(
  ...[options]: Parameters<typeof openProfile>
): Promise<{ profile: Profile; page: Page }> {
  const profile = await openProfile(options);
  profiles.push(profile);
  const page = await profile.open(wallet);
  await page.getByLabel('Voucher code').fill(await shop.voucher(1000));
  await page.getByRole('button', { name: 'Redeem' }).click();
  await page.getByText('1 card with 1,000 units').waitFor();
  expect(await spend(await openSpender(profile, shop), '/articles/hello.txt')).toHaveLength(1);
  return { profile, page };
}

const balance = (page: Page) => page.getByRole('region', { name: 'Balance' });

describe('the wallet page', () => {
  it('shows what an exchange would do, does it, and keeps the rest', async () => {
    const { page } = await usedPage();
    await page.getByText('Exchange or refund').click();
    await page.getByRole('button', { name: 'Exchange leftovers' }).click();
    await page.getByText('900 units ($0.90)').waitFor();
    await page.getByText('from 1 card become 9 × 100 units. 99 units stay where they are.').waitFor();
    await page.getByText('Timing: the new cards are signed some time after.').waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await shoot(page, 'wallet-exchange-plan-phone-light');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(phone.width);
    await page.getByLabel('Wait before the new cards').selectOption({ label: 'not at all' });
    await page.getByRole('button', { name: 'Exchange', exact: true }).click();
    await page.getByText('9 new cards with 900 units.').waitFor();
    await balance(page).getByText('999 units').waitFor();
    expect(await page.getByRole('list', { name: 'Cards to pay with' }).getByRole('listitem').count()).toBe(
      10,
    );
    // 99 units make no card.
    await page.getByRole('button', { name: 'Exchange leftovers' }).click();
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).toContain('99 units make no card');
  });

  it('finishes an exchange that was left in the middle of its wait', async () => {
    const { page } = await usedPage();
    await page.getByText('Exchange or refund').click();
    await page.getByRole('button', { name: 'Exchange leftovers' }).click();
    await page.getByRole('button', { name: 'Exchange', exact: true }).click();
    await page.getByRole('progressbar', { name: 'Waiting' }).waitFor();
    await page.clock.install();
    await page.reload();
    await page.getByText('New cards of an exchange come by').waitFor();
    await balance(page).getByText('99 units').waitFor();
    await page.clock.fastForward(150_000);
    await page.getByText('What was cut off brought 9 cards with 900 units.').waitFor();
    await balance(page).getByText('999 units').waitFor();
  });

  it('gives all back against a reference, shown as text and as a QR code', async () => {
    const { profile, page } = await usedPage({ viewport: desktop, colorScheme: 'dark' });
    await page.getByText('Exchange or refund').click();
    await page.getByRole('button', { name: 'Have what is left paid out' }).click();
    await page.getByRole('button', { name: 'Give back 999 units' }).click();
    const region = page.getByRole('region', { name: 'To be paid out' });
    await region.getByText('for 999 units').waitFor();
    const reference = (await region.locator('.code').textContent())!;
    expect(reference).toMatch(/^([0-9A-Z]{5}-){3}[0-9A-Z]{5}$/);
    await region.getByText('Show as a QR code').click();
    await region.getByRole('img', { name: `The reference ${reference} as a QR code` }).waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await shoot(page, 'wallet-refund-desktop-dark');
    await page.reload();
    await region.getByText(reference).waitFor();
    const paid = await shop.box.json('vendor', 'pay-refund', reference, 'shop');
    expect(paid).toMatchObject({ units: 999, worth: '0.999 USD', paid: true });
    await region.getByRole('button', { name: 'It is paid: forget it' }).click();
    await region.waitFor({ state: 'detached' });
    expect(profile.complaints).toEqual([]);
  });
});
