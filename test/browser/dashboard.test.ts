import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createVoucherCode, formatVoucherCode } from '../../src/core/voucher-code.js';
import { parseCodesFile } from '../../src/node/printing/codes-file.js';
import type { Batch } from '../../src/server/index.js';
import type { Server } from '../cli/sandbox.js';
import { writeHistory, writeRefund } from './history.js';
import {
  desktop,
  findBarriers,
  looks,
  openProfile,
  shoot,
  startShop,
  type Profile,
  type Shop,
} from './support.js';

const reference = createVoucherCode((length) => crypto.getRandomValues(new Uint8Array(length)));
const days = 40;
const sales = 3;

let shop: Shop;
let dashboard: Server;
let link: string;
const profiles: Profile[] = [];

async function openDashboard(): Promise<void> {
  dashboard = await shop.box.dashboard('shop', '--port', '0', '--json');
  ({ link } = dashboard.events[0] as unknown as { link: string });
}

beforeAll(async () => {
  shop = await startShop('The Tidewater Courier', async (folder) => {
    await writeHistory(folder, { days, sales });
    await writeRefund(folder, reference, 640);
  });
  await shop.box.json('batch', 'create', 'shop', '--count', '60', '--units', '1000', '--label', 'Kiosk');
  await openDashboard();
});
afterEach(async () => {
  for (const profile of profiles.splice(0)) {
    await profile.remove();
    expect(profile.complaints).toEqual([]);
  }
});
afterAll(async () => {
  await dashboard.stop();
  await shop.close();
});

async function open(...[options]: Parameters<typeof openProfile>): Promise<Page> {
  const profile = await openProfile({ viewport: desktop, ...options });
  profiles.push(profile);
  const page = await profile.open(link);
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  await page.getByText('Server running').or(page.getByText('No server runs')).first().waitFor();
  return page;
}

async function show(page: Page, view: string): Promise<void> {
  await page.getByRole('link', { name: view }).click();
  await page.getByRole('heading', { level: 1, name: view }).waitFor();
}

const batch = (page: Page, number: number) =>
  page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: `Batch ${number}` }) });

async function readBatches(): Promise<Batch[]> {
  return shop.box.json('batch', 'list', 'shop');
}

describe('the dashboard', () => {
  it('takes its token out of the address, and keeps it for the tab', async () => {
    const page = await open();
    expect(page.url()).not.toContain('token');
    await page.reload();
    await page.getByText('Server running').waitFor();
  });

  it('says what to do where the token is missing or of another time', async () => {
    const profile = await openProfile();
    profiles.push(profile);
    const { origin } = new URL(link);
    const page = await profile.open(origin);
    await page.getByText('This page needs the link that the dashboard printed.').waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await page.goto(`${origin}/#token=${'a'.repeat(43)}`);
    await page.reload();
    await page.getByRole('alert').getByText('This dashboard has another token.').waitFor();
    // The refusal is the one thing that Chromium may complain of.
    expect(profile.complaints.splice(0).filter((text) => !text.includes('401'))).toEqual([]);
  });

  it('says to the unit what the books say', async () => {
    const page = await open();
    const owed = await shop.box.json<{ total: number }>('liability', 'shop');
    const tile = (name: string) =>
      page.getByLabel('Figures').locator('div', { has: page.getByText(name, { exact: true }) });
    await tile('Liability')
      .getByText(`${owed.total.toLocaleString('en-US')} units`)
      .waitFor();
    for (const [name, count] of [
      ['7 days', 7],
      ['Year', 365],
    ] as const) {
      await page.getByText(name, { exact: true }).click();
      const first = new Date(Date.now() - (count - 1) * 86_400_000).toISOString().slice(0, 10);
      const { totals } = await shop.box.json<{ totals: Record<'sold' | 'spent', { units: number }> }>(
        'report',
        'shop',
        '--from',
        first,
      );
      expect(totals.spent.units).toBeGreaterThan(0);
      await tile('Sold')
        .getByText(`${totals.sold.units.toLocaleString('en-US')} units`)
        .waitFor();
      await tile('Spent')
        .getByText(`${totals.spent.units.toLocaleString('en-US')} units`)
        .waitFor();
    }
  });

  it('shows what was spent on each route, as a chart, at a touch, and as a table', async () => {
    const page = await open();
    const chart = page.getByRole('region', { name: 'Spent by route' }).first();
    await chart.getByText('/articles/*').first().waitFor();
    await chart.locator('.u-over').hover();
    await chart.locator('.tip').getByText('/articles/*').waitFor();
    await chart.getByText('Table').click();
    const head = chart.getByRole('row').first();
    expect(await head.getByRole('columnheader').allTextContents()).toEqual([
      'From',
      '/articles/*',
      '/forecast',
      '/impuls/keys/*',
      '/archive/*',
    ]);
    expect(await chart.getByRole('row').count()).toBe(31);
  });

  it('makes a batch whose codes are in the file that it saves, prints it, and activates some', async () => {
    const page = await open();
    await show(page, 'Batches');
    await page.getByRole('button', { name: 'New batch' }).click();
    await page.getByLabel('Codes', { exact: true }).fill('23');
    await page.getByLabel('Each card has').selectOption({ label: '1,000 units, $1.00' });
    await page.getByLabel('What you call it').fill('Spring fair');
    await page.getByText('23,000 units, $23.00 in all').waitFor();
    await page.getByRole('button', { name: 'Make the codes' }).click();
    await page.getByRole('heading', { name: 'Batch 2 is made' }).waitFor();

    // The codes would be lost.
    await page.keyboard.press('Escape');
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save the codes' }).click();
    const file = await (await saving).path();
    const codes = parseCodesFile(await readFile(file, 'utf8'));
    expect(codes).toHaveLength(23);
    expect(codes[0]).toMatchObject({ serial: 1, batch: 2, units: 1000, worth: '1 USD' });

    const printing = page.waitForEvent('download');
    await page.getByRole('button', { name: 'PDF, Letter' }).click();
    const made = await printing;
    expect(made.suggestedFilename()).toBe('batch-2-letter.pdf');
    expect((await readFile(await made.path())).subarray(0, 5).toString()).toBe('%PDF-');
    await page.getByRole('button', { name: 'Done' }).click();

    await batch(page, 2).getByRole('button', { name: 'Activate' }).click();
    await page.getByLabel('Some, by their serials').check();
    await page.getByLabel('To', { exact: true }).fill('10');
    await page.getByText('Up to 10 codes can be redeemed then, $10.00 together').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Activate' }).click();
    await page.getByRole('status').getByText('Batch 2: 10 codes activated.').waitFor();
    await batch(page, 2).getByText('10 active').waitFor();
    expect((await readBatches())[1]).toMatchObject({
      label: 'Spring fair',
      codes: { printed: 13, active: 10, redeemed: 0, void: 0 },
    });

    // What was saved is printed later just so.
    await batch(page, 2).getByRole('button', { name: 'Print' }).click();
    await page.getByLabel('File of codes').setInputFiles(file);
    await page.getByLabel('Some, by their serials').check();
    await page.getByLabel('From', { exact: true }).fill('11');
    const again = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Make the PDF' }).click();
    expect((await again).suggestedFilename()).toBe('batch-2-a4.pdf');
  });

  it('voids codes only when it was asked twice, and says what stayed as it was', async () => {
    const page = await open();
    await show(page, 'Batches');
    await batch(page, 1).getByRole('button', { name: 'Void' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('A void code never comes back.').waitFor();
    expect(
      await dialog.getByRole('button', { name: 'Cancel' }).evaluate((one) => one === document.activeElement),
    ).toBe(true);
    await page.keyboard.press('Escape');
    expect((await readBatches())[0]!.codes.void).toBe(0);

    await shop.box.json('batch', 'void', '1', 'shop', '--serials', '1-5');
    await batch(page, 1).getByRole('button', { name: 'Void' }).click();
    await page.getByLabel('Some, by their serials').check();
    await page.getByLabel('To', { exact: true }).fill('20');
    await dialog.getByRole('button', { name: 'Void for ever' }).click();
    await page.getByRole('status').getByText('Batch 1: 15 codes void; 5 stayed as they were.').waitFor();
    expect((await readBatches())[0]!.codes).toMatchObject({ printed: 40, void: 20 });
  });

  it('says why a file is not printed', async () => {
    const page = await open();
    await show(page, 'Batches');
    await batch(page, 1).getByRole('button', { name: 'Print' }).click();
    const buffer = Buffer.from('no,codes\r\n1,2\r\n');
    await page.getByLabel('File of codes').setInputFiles({ name: 'a.csv', mimeType: 'text/csv', buffer });
    await page.getByRole('button', { name: 'Make the PDF' }).click();
    await page.getByRole('alert').getByText('has no column').waitFor();
    expect(await findBarriers(page)).toEqual([]);
    // The refusal is the one thing that Chromium may complain of.
    const { complaints } = profiles.at(-1)!;
    expect(complaints.splice(0).filter((text) => !text.includes('400'))).toEqual([]);
  });

  it('pays a refund out once, to who brings the reference', async () => {
    const page = await open();
    await page.getByText('1 refund to pay out, $0.64 together.').waitFor();
    await show(page, 'Refunds');
    const field = page.getByLabel('Reference');
    await field.fill(formatVoucherCode(reference).toLowerCase());
    await page.getByRole('button', { name: 'Look it up' }).click();
    await page.getByText('Hand over the money, then mark it').waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await shoot(page, 'dashboard-refund-found');
    await page.getByRole('button', { name: 'Mark as paid out' }).click();
    await page.getByText('Paid out: 640 units, $0.64.').waitFor();
    await page.getByRole('heading', { name: 'Nothing to pay out' }).waitFor();
    await field.fill(reference);
    await page.getByRole('button', { name: 'Look it up' }).click();
    await page.getByText('do not pay it again').waitFor();
    expect(await page.getByRole('button', { name: 'Mark as paid out' }).count()).toBe(0);
  });

  it('shows wrong codes while they are tried, and tells of nobody', async () => {
    const page = await open();
    const wallet = `${shop.origin}/impuls/wallet/`;
    await shop.box.run(['redeem', `${wallet}#XB00504XR2D9T8EMM1Q5`]);
    await show(page, 'Health');
    const answers = page.getByRole('region', { name: 'Answered in the last two days' });
    await answers.getByText('Wrong codes').waitFor();
    await page.getByRole('region', { name: 'Check-up' }).getByText('settings').waitFor();
    const state = await page.evaluate(async () => {
      const headers = { Authorization: `Bearer ${sessionStorage.getItem('impuls.dashboard.token')}` };
      return (await fetch('/api/state', { headers })).text();
    });
    expect(state).not.toContain('127.0.0.1","');
    expect(state).not.toContain('XB005');
  });

  it('reads the books of a vendor whose server is stopped, and sees it start', async () => {
    await shop.stop();
    const page = await open();
    await page.getByText('No server runs').first().waitFor();
    await page.getByLabel('Figures').getByText('owed today').waitFor();
    await shop.restart();
    await page.getByRole('button', { name: 'Read again' }).click();
    await page.getByText('Server running').waitFor();
  });

  for (const { size, viewport, colorScheme } of looks) {
    it(`has no barriers and fits a ${size} screen in ${colorScheme} colours`, async () => {
      const page = await open({ viewport, colorScheme });
      for (const view of ['Overview', 'Batches', 'Refunds', 'Keys', 'Health']) {
        await show(page, view);
        expect(await findBarriers(page)).toEqual([]);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        expect(width).toBeLessThanOrEqual(viewport.width);
        await shoot(page, `dashboard-${view.toLowerCase()}-${size}-${colorScheme}`);
      }
      await show(page, 'Batches');
      await page.getByRole('button', { name: 'New batch' }).click();
      expect(await findBarriers(page)).toEqual([]);
      await shoot(page, `dashboard-new-batch-${size}-${colorScheme}`);
    });
  }
});
