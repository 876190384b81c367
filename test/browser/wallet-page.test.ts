import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { toFile } from 'qrcode';
import { splitBackup } from '../../web/wallet/qr-parts.js';
import { addSpender, openSpender, spend } from './spender.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  desktop,
  findBarriers,
  looks,
  openProfile,
  phone,
  shoot,
  startShop,
  type Profile,
  type Shop,
} from './support.js';

let shop: Shop;
let wallet: string;
const profiles: Profile[] = [];

beforeAll(async () => {
  shop = await startShop();
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

async function fresh(...[options]: Parameters<typeof openProfile>): Promise<Profile> {
  const profile = await openProfile(options);
  profiles.push(profile);
  return profile;
}

async function redeem(page: Page, code: string): Promise<void> {
  await page.getByLabel('Voucher code').fill(code);
  await page.getByRole('button', { name: 'Redeem' }).click();
  await page.getByText(/^\d+ cards? with/).waitFor();
}

/** A backup of 1,000 units that a test has saved. */
let saved: string;

/** A film for Chromium's camera, each picture in it for a second. */
async function filmOf(texts: readonly string[]): Promise<string[]> {
  for (const [i, text] of texts.entries()) {
    await toFile(join(shop.box.folder, `frame-${i}.png`), text, { width: 480, margin: 6 });
  }
  const film = join(shop.box.folder, `film-${texts.length}.y4m`);
  const input = ['-framerate', '1', '-i', join(shop.box.folder, 'frame-%d.png')];
  const frames = ['-frames:v', String(5 * texts.length), '-r', '5', '-pix_fmt', 'yuv420p'];
  await promisify(execFile)('ffmpeg', ['-y', '-loglevel', 'error', ...input, ...frames, film]);
  return [
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-video-capture=${film}`,
  ];
}

const tile = (page: Page) => page.getByRole('list', { name: 'Cards to pay with' }).getByRole('listitem');

describe('the wallet page', () => {
  it('says what to do where there is nothing yet', async () => {
    const page = await (await fresh()).open(wallet);
    await page.getByText('No cards yet. A voucher for Example News').waitFor();
    expect(await page.title()).toBe('Cards · Example News wallet');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(phone.width);
  });

  it('redeems a code that is typed with spaces, dashes and small letters', async () => {
    const page = await (await fresh()).open(wallet);
    const code = await shop.voucher();
    await redeem(page, ` ${code.toLowerCase().replaceAll('-', ' - ')} `);
    await page.getByText('1 card with 100 units ($0.10).').waitFor();
    await tile(page).waitFor();
    await page.getByText('1 card is not backed up.').waitFor();
  });

  it('says at once that a code is mistyped, and does not send it', async () => {
    const page = await (await fresh()).open(wallet);
    const code = (await shop.voucher()).replaceAll('-', '');
    const wrong = code.slice(0, 10) + (code[10] === '7' ? '8' : '7') + code.slice(11);
    const asked: string[] = [];
    const field = page.getByLabel('Voucher code');
    await field.fill(code.slice(0, 12));
    expect(await field.getAttribute('aria-invalid')).toBe('false');
    // What the page loads for itself is no sending of the code.
    await page.waitForLoadState('networkidle');
    page.on('request', (request) => asked.push(request.url()));
    await field.fill(wrong);
    await page.getByText('One character is wrong, or two have changed places.').waitFor();
    expect(await field.getAttribute('aria-invalid')).toBe('true');
    await page.getByRole('button', { name: 'Redeem' }).click();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('code');
    expect(asked).toEqual([]);
  });

  it('says what happened to a code that was redeemed before, and what to do', async () => {
    const code = await shop.voucher();
    const first = await (await fresh()).open(wallet);
    await redeem(first, code);
    const second = await (await fresh()).open(wallet);
    await second.getByLabel('Voucher code').fill(code);
    await second.getByRole('button', { name: 'Redeem' }).click();
    const alert = second.getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).toContain('This code was redeemed before.');
    expect(await alert.textContent()).toContain('restore the backup');
  });

  it('takes the code of a link out of the address at once, and redeems it at a press of Enter', async () => {
    const code = await shop.voucher();
    const page = await (await fresh()).open(`${wallet}#${code}`);
    expect(page.url()).toBe(wallet);
    await page.getByText('The code is well formed.').waitFor();
    await page.waitForFunction(() => document.activeElement?.textContent === 'Redeem');
    await page.keyboard.press('Enter');
    await page.getByText('1 card with 100 units').waitFor();
    await page.goBack();
    expect(page.url()).not.toContain(code.replaceAll('-', '').slice(0, 5));
  });

  it('finishes at opening a redemption that was cut off, and says so', async () => {
    const profile = await fresh();
    const page = await profile.open(wallet);
    await page.route('**/impuls/issue', (route) => route.abort());
    await page.getByLabel('Voucher code').fill(await shop.voucher());
    await page.getByRole('button', { name: 'Redeem' }).click();
    await page.getByText('The vendor cannot be reached.').waitFor();
    profile.complaints.length = 0; // the requests that this test broke
    await page.unroute('**/impuls/issue');
    await page.reload();
    await page.getByText('What was cut off brought 1 card with 100 units.').waitFor();
    await tile(page).waitFor();
  });

  it('shows how far it is while a card is made', async () => {
    const page = await (await fresh()).open(wallet);
    let answer!: () => void;
    const held = new Promise<void>((resolve) => (answer = resolve));
    await page.route('**/impuls/issue', async (route) => {
      await held;
      await route.continue();
    });
    await page.getByLabel('Voucher code').fill(await shop.voucher());
    await page.getByRole('button', { name: 'Redeem' }).click();
    const bar = page.getByRole('progressbar', { name: 'Having it signed' });
    await bar.waitFor();
    expect(Number(await bar.getAttribute('value'))).toBeGreaterThan(0.5);
    expect(await page.getByRole('button', { name: 'Redeem' }).isDisabled()).toBe(true);
    expect(await findBarriers(page)).toEqual([]);
    await shoot(page, 'wallet-progress-phone-light');
    answer();
    await page.getByText('1 card with 100 units').waitFor();
  });

  it('runs no script that is not its own', async () => {
    const profile = await fresh();
    const page = await profile.open(wallet);
    const ran = await page.evaluate(async () => {
      const script = document.createElement('script');
      document.head.append(script);
      try {
        script.append('globalThis.strange = true');
      } catch {
        // Held back earlier still.
      }
      await fetch('https://elsewhere.example/').catch(() => undefined);
      return 'strange' in globalThis;
    });
    expect(ran).toBe(false);
    await expect
      .poll(() => profile.complaints.some((text) => text.startsWith('CSP: require-trusted-types-for')))
      .toBe(true);
    await expect
      .poll(() => profile.complaints.some((text) => text.startsWith('CSP: connect-src')))
      .toBe(true);
    profile.complaints.length = 0; // what this test did
  });

  it('keeps caps within reason, and tells what they are worth', async () => {
    const page = await (await fresh()).open(`${wallet}#/limits`);
    const field = page.getByLabel('At most for one request, in units');
    await field.fill('25');
    await page.getByText('$0.025').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    await page.reload();
    expect(await field.inputValue()).toBe('25');
    await field.fill('-1');
    await page.getByRole('button', { name: 'Save' }).click();
    expect(await field.getAttribute('aria-invalid')).toBe('true');
  });

  it('can be used by keyboard alone', async () => {
    const page = await (await fresh()).open(wallet);
    await page.getByText('No cards yet').waitFor();
    const focused = (): Promise<string> =>
      page.evaluate(() => {
        const { textContent, id } = document.activeElement as HTMLElement;
        return id || textContent.trim();
      });
    const seen: string[] = [];
    for (let i = 0; i < 9; i++) {
      await page.keyboard.press('Tab');
      seen.push(await focused());
    }
    expect(seen).toEqual([
      'Skip to content',
      'Cards',
      'History',
      'Backup',
      'Limits',
      'code',
      'How the card pays: chain',
      'Redeem',
      'Scan a QR code',
    ]);
    await page.locator('nav a', { hasText: 'History' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('Nothing paid yet.').waitFor();
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
  });
});

describe('a card of the wallet page', () => {
  const article = '/articles/hello.txt';

  it('pays for pages of the vendor, and every tab shows at once what is left', async () => {
    const profile = await fresh({ viewport: desktop });
    const page = await profile.open(wallet);
    await redeem(page, await shop.voucher());
    const before = shop.paid().length;
    const one = await openSpender(profile, shop);
    const two = await openSpender(profile, shop);
    const [first, second] = await Promise.all([spend(one, article, 8), spend(two, article, 8)]);
    for (const text of [...first, ...second]) expect(text).toContain('you have paid for it');
    expect(shop.paid().length - before).toBe(16);
    await page.bringToFront();
    await page.locator('.balance', { hasText: '84 units' }).waitFor();
    await page.getByText('Enough for 84 more at 1 unit each.').waitFor();
    await page.getByRole('link', { name: 'History' }).click();
    await page.getByText('16 payments, 16 units, $0.016.').waitFor();
    expect(await page.getByRole('row', { name: /hello\.txt/ }).count()).toBe(16);
    expect(await findBarriers(page)).toEqual([]);
    await shoot(page, 'wallet-history-spent-desktop-light');
    await page.setViewportSize(phone);
    await shoot(page, 'wallet-history-spent-phone-light');
    await page.getByRole('link', { name: 'Cards' }).click();
    await shoot(page, 'wallet-cards-spent-phone-light');
    await page.getByRole('link', { name: 'Limits' }).click();
    await page.getByText('Spent in the last 24 hours: 16 units of 500 units').waitFor();
  });

  it('pays no more than the caps allow', async () => {
    const profile = await fresh();
    const page = await profile.open(wallet);
    await redeem(page, await shop.voucher());
    await page.getByRole('link', { name: 'Limits' }).click();
    await page.getByLabel('At most within 24 hours, in units').fill('3');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    const other = await openSpender(profile, shop);
    const answers = await spend(other, article, 5);
    expect(answers.filter((text) => text.startsWith('limit-exceeded'))).toHaveLength(2);
    expect((await spend(other, article))[0]).toContain('limit-exceeded');
    await page.getByRole('link', { name: 'Cards' }).click();
    await page.locator('.balance', { hasText: '97 units' }).waitFor();
  });

  it('keeps its balance over a backup, a wipe and a restore in another profile', async () => {
    const profile = await fresh();
    const page = await profile.open(wallet);
    await redeem(page, await shop.voucher());
    await spend(await openSpender(profile, shop), article, 7);
    await page.bringToFront();
    await page.getByRole('link', { name: /^Backup/ }).click();
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as a file' }).click();
    const file = join(shop.box.folder, 'spent.backup');
    await writeFile(file, await readFile(await (await downloading).path()));
    await spend(profile.context.pages().at(-1)!, article, 5);
    await page.getByRole('button', { name: 'Remove all cards' }).click();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('There are no cards yet').waitFor();

    const second = await fresh();
    const restored = await second.open(`${wallet}#/backup`);
    await restored.getByLabel('Choose a file').setInputFiles(file);
    await restored.getByText('1 card restored, with 88 units left.').waitFor();
    expect((await spend(await openSpender(second, shop), article))[0]).toContain('you have paid for it');
    await restored.bringToFront();
    await restored.getByRole('link', { name: 'Cards' }).click();
    await restored.locator('.balance', { hasText: '87 units' }).waitFor();
  });
});

describe('a camera', () => {
  it('reads the link of a printed voucher', async () => {
    const link = `${shop.origin}/impuls/wallet/#${await shop.voucher()}`;
    const profile = await fresh({ flags: await filmOf([link]) });
    const page = await profile.open(wallet);
    await page.getByRole('button', { name: 'Scan a QR code' }).click();
    await page.getByText('The code is well formed.').waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('1 card with 100 units').waitFor();
  });

  it('that is not there is said, with what to do instead', async () => {
    const page = await (await fresh()).open(wallet);
    await page.getByRole('button', { name: 'Scan a QR code' }).click();
    await page
      .getByText(/Choose a picture/)
      .first()
      .waitFor();
    await page.getByText(/^(There is no camera here|The camera is not allowed)/).waitFor();
    await shoot(page, 'wallet-scanner-phone-light');
  });
});

describe('a backup', () => {
  it('as a file brings the right balance back in another profile', async () => {
    const profile = await fresh();
    const page = await profile.open(wallet);
    await redeem(page, await shop.voucher(1000));
    await page.getByRole('link', { name: /^Backup/ }).click();
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as a file' }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toMatch(/^impuls-127\.0\.0\.1-\d{4}-\d\d-\d\d\.backup$/);
    saved = join(shop.box.folder, 'cards.backup');
    await writeFile(saved, await readFile(await download.path()));
    await page.getByText('Every card with something left is in a backup.').waitFor();
    await shoot(page, 'wallet-backup-phone-light');
    await page.getByRole('button', { name: 'Remove all cards' }).click();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('There are no cards yet').waitFor();

    const other = await (await fresh()).open(`${wallet}#/backup`);
    await other.getByLabel('Choose a file').setInputFiles(saved);
    await other.getByText('1 card restored, with 1,000 units left.').waitFor();
    await other.getByRole('link', { name: 'Cards' }).click();
    await other.getByText('1,000 units').first().waitFor();
    expect(await other.getByText('not backed up').count()).toBe(0);
  });

  it('that is cut off is refused, and the wallet stays as it is', async () => {
    const page = await (await fresh()).open(`${wallet}#/backup`);
    const cut = join(shop.box.folder, 'cut.backup');
    await writeFile(cut, (await readFile(saved, 'utf8')).slice(0, -40));
    await page.getByLabel('Choose a file').setInputFiles(cut);
    await page.getByText('The backup is cut off or altered.').waitFor();
  });

  it('as QR codes is read from pictures of them, in any order', async () => {
    const page = await (await fresh()).open(wallet);
    await redeem(page, await shop.voucher(100, 3));
    await page.getByRole('link', { name: /^Backup/ }).click();
    await page.getByRole('button', { name: 'Show as QR codes' }).click();
    await page.getByRole('img', { name: /^Backup, code 1 of/ }).waitFor();
    const label = await page.getByRole('img', { name: /^Backup, code/ }).getAttribute('aria-label');
    const count = Number(/of (\d+)$/.exec(label!)![1]);
    expect(count).toBeGreaterThan(1);
    const pictures: string[] = [];
    for (let i = 1; i <= count; i++) {
      const code = page.getByRole('img', { name: `Backup, code ${i} of ${count}` });
      await code.waitFor();
      const file = join(shop.box.folder, `code-${i}.png`);
      await code.screenshot({ path: file });
      pictures.unshift(file);
      if (i === 1) await shoot(page, 'wallet-backup-codes-phone-light');
      if (i < count) await page.getByRole('button', { name: 'Next' }).click();
    }
    await page.getByRole('button', { name: 'The other device has all of them' }).click();
    await page.getByText('Every card with something left is in a backup.').waitFor();

    const other = await (await fresh()).open(`${wallet}#/backup`);
    await other.getByRole('button', { name: 'Scan QR codes' }).click();
    await other.getByLabel('Choose a picture').setInputFiles(pictures);
    await other.getByText('3 cards restored, with 300 units left.').waitFor({ timeout: 30_000 });
  });
});

describe('the codes of a backup', () => {
  it('are read by a camera that sees one after the other', async () => {
    const codes = await splitBackup(await readFile(saved, 'utf8'));
    expect(codes.length).toBeGreaterThan(1);
    const page = await (await fresh({ flags: await filmOf(codes) })).open(`${wallet}#/backup`);
    await page.getByRole('button', { name: 'Scan QR codes' }).click();
    await page.getByText(`of ${codes.length} codes read.`).waitFor();
    await page.getByText('1 card restored, with 1,000 units left.').waitFor();
  });
});

describe('every view', () => {
  for (const { size, viewport, colorScheme } of looks) {
    it(`has no barrier that axe-core finds: ${size}, ${colorScheme}`, async () => {
      const profile = await fresh({ viewport, colorScheme });
      const page = await profile.open(wallet);
      const look = async (name: string): Promise<void> => {
        expect(await findBarriers(page)).toEqual([]);
        const { scrolled, seen } = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          return { scrolled: scrollWidth, seen: clientWidth };
        });
        expect(scrolled).toBeLessThanOrEqual(seen);
        await shoot(page, `wallet-${name}-${size}-${colorScheme}`);
      };
      await page.getByText('No cards yet').waitFor();
      await look('empty');
      await page.getByLabel('Voucher code').fill('K7Q2M-8ZJ4D-5R1TN-W3XQ8');
      await page.getByText('One character is wrong').waitFor();
      await look('mistyped');
      await redeem(page, await shop.voucher(1000));
      await look('cards');
      await page.getByRole('link', { name: /^Backup/ }).click();
      await page.getByRole('button', { name: 'Show as QR codes' }).click();
      await page.locator('svg.qr').waitFor();
      await look('codes');
      await page.getByRole('button', { name: 'Remove all cards' }).click();
      await look('remove');
      await page.getByRole('button', { name: 'Keep them' }).click();
      for (const view of ['History', 'Limits']) {
        await page.getByRole('link', { name: view }).click();
        await page.getByRole('heading', { level: 1, name: view }).waitFor();
        await look(view.toLowerCase());
      }
    });
  }
});
