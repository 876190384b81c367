import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openContentRegistry } from '../../src/node/content-registry.js';
import {
  desktop,
  findBarriers,
  looks,
  openProfile,
  phone,
  shoot,
  startShop,
  startStatic,
  type Profile,
  type ProfileOptions,
  type Shop,
  type StaticHost,
} from './support.js';

interface Site {
  readonly site: string;
  readonly originals: string;
}

interface Example {
  readonly buildSite: (
    folder: string,
    vendor: { readonly folder: string; readonly origin: string },
  ) => Promise<Site>;
}

let folder: string;
let shop: Shop;
let built: Site;
let host: StaticHost;
const profiles: Profile[] = [];

const sentence = 'Karin Voss has been a pilot for thirty-one years';
const readFor3 = 'Read for 3 units (0.003 USD)';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'impuls-articles-'));
  shop = await startShop('The Tidewater Courier');
  const example = new URL('../../examples/articles/site.mjs', import.meta.url).href;
  const { buildSite } = (await import(example)) as Example;
  built = await buildSite(folder, { folder: shop.folder, origin: shop.origin });
  host = await startStatic(built.site);
});

afterEach(async () => {
  for (const profile of profiles.splice(0)) await profile.remove();
});

afterAll(async () => {
  await host.close();
  await shop.close();
  await rm(folder, { recursive: true, force: true });
});

async function visitor(options: ProfileOptions = {}): Promise<Profile> {
  const profile = await openProfile(options);
  profiles.push(profile);
  return profile;
}

const address = (name: string): string => `${host.origin}/${name}.html`;

/** What was charged from here on; a claim that is sent again is told of, and not charged. */
function countCharges(): () => number[] {
  const before = shop.paid().length;
  return () => {
    const events = shop.paid().slice(before);
    return events.filter(({ verdict }) => verdict === 'accepted').map(({ units }) => units);
  };
}

/** A reader who came by the link with a voucher of 100 units, and is on the page of an article. */
async function customer(
  name: string,
  options?: ProfileOptions,
): Promise<{ profile: Profile; page: Page; paid: () => number[] }> {
  const profile = await visitor(options);
  const code = await shop.voucher(100);
  const page = await profile.open(`${address(name)}#${code}`);
  await page.getByText('100 units (0.1 USD) left on your card').waitFor();
  return { profile, page, paid: countCharges() };
}

const opened = (page: Page): ReturnType<Page['frameLocator']> => page.frameLocator('impuls-article iframe');
const action = (page: Page, name: string): Locator => page.getByRole('button', { name, exact: true });

/** What pages complained of, without the answers that the browser writes down though they are awaited: 402, and lost ones. */
function complaintsOf({ complaints }: Profile): string[] {
  return complaints.filter((text) => !/status of 402|net::ERR_FAILED/.test(text));
}

describe('an article from a static host', () => {
  it('is bought with one press, without a dialog, and is read again after a reload without a payment', async () => {
    const { profile, page, paid } = await customer('slack-water');
    await action(page, readFor3).click();
    await opened(page).getByText(sentence).waitFor();
    await page.getByText('Paid 3 units (0.003 USD).').waitFor();
    await page.getByText('97 units (0.097 USD) left on your card.').waitFor();
    expect(paid()).toEqual([3]);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.reload();
    await opened(page).getByText(sentence).waitFor();
    expect(paid()).toEqual([3]);
    expect(asked.filter((url) => url.startsWith(shop.origin))).toEqual([]);
    expect(complaintsOf(profile)).toEqual([]);
  });

  it('is paid for once each: two articles, two charges', async () => {
    const { page, paid } = await customer('slack-water');
    await action(page, readFor3).click();
    await opened(page).getByText(sentence).waitFor();
    await page.goto(address('the-bag'));
    await action(page, readFor3).click();
    await opened(page).getByText('The tin is still there.').waitFor();
    await page.getByText('94 units (0.094 USD) left on your card.').waitFor();
    expect(paid()).toEqual([3, 3]);
  });

  it('above the cap is asked for once, and not paid when the reader says no', async () => {
    const { page, paid } = await customer('year-of-tides');
    const get = action(page, 'Get for 25 units (0.025 USD)');
    await get.click();
    await page.getByText('This is more than the 10 units that you let an article take').waitFor();
    await action(page, 'Not now').click();
    expect(paid()).toEqual([]);
    await get.click();
    await action(page, 'Pay 25 units').click();
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Save' }).click();
    const saved = await readFile(await (await download).path());
    expect(saved.equals(await readFile(join(built.originals, 'year-of-tides.csv')))).toBe(true);
    expect((await download).suggestedFilename()).toBe('year-of-tides.csv');
    expect(paid()).toEqual([25]);
  });

  it('is not asked for once the reader has raised the cap', async () => {
    const { page, paid } = await customer('year-of-tides');
    await page.getByText('left', { exact: false }).first().click();
    await page.getByLabel('Ask me above').fill('25');
    await page.keyboard.press('Escape');
    await action(page, 'Get for 25 units (0.025 USD)').click();
    await page.getByRole('link', { name: 'Save' }).waitFor();
    expect(paid()).toEqual([25]);
  });

  it('without a card takes a voucher in its place, however it is typed, and opens', async () => {
    const page = await (await visitor()).open(address('slack-water'));
    const paid = countCharges();
    await action(page, readFor3).click();
    await page.getByText('You need 3 units (0.003 USD) on a card').waitFor();
    const field = page.locator('impuls-article').getByLabel('Voucher code');
    await field.fill('K7Q2M 8ZJ4D');
    await action(page, 'Redeem and open').click();
    await page.getByText('A voucher code has 20 letters and digits.').waitFor();
    const code = await shop.voucher(100);
    await field.fill(` ${code.toLowerCase().replaceAll('-', ' – ')} `);
    await field.press('Enter');
    await opened(page).getByText(sentence).waitFor();
    await page.getByText('97 units (0.097 USD) left on your card.').waitFor();
    expect(paid()).toEqual([3]);
  });

  it('whose key was lost on the way is charged once', async () => {
    const { page, paid } = await customer('slack-water');
    let lost = 0;
    await page.route('**/impuls/keys/*', async (route) => {
      const isPaid = route.request().headers()['authorization'] !== undefined;
      if (!isPaid || lost >= 2) {
        await route.continue();
        return;
      }
      lost++;
      await route.fetch();
      await route.abort();
    });
    await action(page, readFor3).click();
    await opened(page).getByText(sentence).waitFor();
    await page.getByText('97 units (0.097 USD) left on your card.').waitFor();
    expect(lost).toBe(2);
    expect(paid()).toEqual([3]);
  });

  it('of which the page was closed before the key came is charged once', async () => {
    const { profile, page, paid } = await customer('slack-water');
    let reached!: () => void;
    const atVendor = new Promise<void>((resolve) => (reached = resolve));
    await page.route('**/impuls/keys/*', async (route) => {
      if (route.request().headers()['authorization'] === undefined) {
        await route.continue();
        return;
      }
      await route.fetch();
      reached();
    });
    await action(page, readFor3).click();
    await atVendor;
    await page.close();
    const again = await profile.open(address('slack-water'));
    await action(again, readFor3).click();
    await opened(again).getByText(sentence).waitFor();
    await again.getByText('97 units (0.097 USD) left on your card.').waitFor();
    expect(paid()).toEqual([3]);
  });

  it('says what is wrong and what to do while the vendor cannot be reached, and goes on from there', async () => {
    const { page, paid } = await customer('slack-water');
    await page.route(`${shop.origin}/**`, (route) => route.abort());
    await action(page, readFor3).click();
    await action(page, 'Try again').waitFor({ timeout: 60_000 });
    await page.unroute(`${shop.origin}/**`);
    await action(page, 'Try again').click();
    await opened(page).getByText(sentence).waitFor();
    expect(paid()).toEqual([3]);
  });

  it('is bought and read by keyboard alone', async () => {
    const { page } = await customer('slack-water');
    const button = action(page, readFor3);
    for (let presses = 0; presses < 12; presses++) {
      await page.keyboard.press('Tab');
      if (await button.evaluate((found) => found.matches(':focus'))) break;
    }
    await page.keyboard.press('Enter');
    await opened(page).getByText(sentence).waitFor();
    const focused = await page.evaluate(() =>
      document.activeElement?.shadowRoot?.activeElement?.getAttribute('aria-label'),
    );
    expect(focused).toBe('The hour in which the harbour holds its breath');
  });

  it('of another vendor than the page names is not paid', async () => {
    host.intercept = async (req, res) => {
      if (!req.url?.startsWith('/the-bag.html')) return false;
      const text = await readFile(join(built.site, 'the-bag.html'), 'utf8');
      const other = text.replace(/(<impuls-article[^>]+vendor=)"[^"]+"/, '$1"https://other.example"');
      res.setHeader('Content-Type', 'text/html').end(other);
      return true;
    };
    try {
      const page = await (await visitor()).open(address('the-bag'));
      await page.getByText(`The key is sold by ${shop.origin}, not by https://other.example`).waitFor();
    } finally {
      host.intercept = () => false;
    }
  });

  it('on a page without a card redeems the voucher of its link, and takes it out of the address', async () => {
    host.intercept = async (req, res) => {
      if (!req.url?.startsWith('/the-bag.html')) return false;
      const text = await readFile(join(built.site, 'the-bag.html'), 'utf8');
      res.setHeader('Content-Type', 'text/html').end(text.replace(/<impuls-card.*?<\/impuls-card>/s, ''));
      return true;
    };
    try {
      const code = await shop.voucher(100);
      const page = await (await visitor()).open(`${address('the-bag')}#${code}`);
      await page.getByText('100 units (0.1 USD) left on your card.').waitFor();
      expect(page.url()).toBe(address('the-bag'));
    } finally {
      host.intercept = () => false;
    }
  });

  it('is as high as its text, at any width', async () => {
    const { page } = await customer('slack-water');
    await action(page, readFor3).click();
    await opened(page).getByText(sentence).waitFor();
    for (const size of [phone, desktop]) {
      await page.setViewportSize(size);
      await expect
        .poll(() =>
          page.evaluate(() => {
            const frame = document.querySelector('impuls-article')!.shadowRoot!.querySelector('iframe')!;
            const root = frame.contentDocument!.documentElement;
            return Math.abs(frame.clientHeight - root.scrollHeight);
          }),
        )
        .toBeLessThanOrEqual(1);
    }
  });
});

describe('files of other kinds', () => {
  it('a PDF is opened by the browser and saved as it was', async () => {
    const { profile, page, paid } = await customer('tide-table');
    await action(page, 'Get for 5 units (0.005 USD)').click();
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Save' }).click();
    const saved = await readFile(await (await download).path());
    expect(saved.equals(await readFile(join(built.originals, 'tide-table.pdf')))).toBe(true);
    expect(await page.getByRole('link', { name: 'Open in a new tab' }).getAttribute('href')).toMatch(
      /^blob:/,
    );
    expect(paid()).toEqual([5]);
    expect(complaintsOf(profile)).toEqual([]);
  });
});

describe('what was opened', () => {
  it('runs no script of its own and leads nowhere that it should not', async () => {
    const hostile = join(folder, 'hostile');
    const html = `<!doctype html><title>x</title><script>parent.document.title = 'taken'</script>
      <base href="https://evil.example/"><meta http-equiv="refresh" content="0; url=https://evil.example/">
      <p>harmless words</p><img src="x" onerror="parent.document.title = 'taken'">
      <a id="go" href="javascript:parent.document.title='taken'">go</a>
      <svg><a xlink:href="javascript:parent.document.title='taken'"><text y="20">svg</text></a></svg>
      <iframe srcdoc="<script>top.document.title='taken'</script>"></iframe>
      <form action="https://evil.example/"><button>send</button></form>
      <a href="#end">down</a><p id="end">the end</p>`;
    await rm(hostile, { recursive: true, force: true });
    const file = join(folder, 'hostile.html');
    await writeFile(file, html);
    await shop.box.json('pack', file, '--price', '1', '--vendor', 'shop', '--out', hostile);
    await writeFile(
      join(built.site, 'hostile.html'),
      (await readFile(join(built.site, 'the-bag.html'), 'utf8'))
        .replace('paid/the-bag.html.sealed', 'hostile.html.sealed')
        .replace('manifest="paid/impuls.json"', ''),
    );
    await writeFile(
      join(built.site, 'hostile.html.sealed'),
      await readFile(join(hostile, 'hostile.html.sealed')),
    );
    const { page } = await customer('hostile');
    const title = await page.title();
    // Without a manifest the price is the vendor's word.
    await action(page, 'Read for 1 unit (0.001 USD)').click();
    const frame = opened(page);
    await frame.getByText('harmless words').waitFor();
    await frame.getByText('go', { exact: true }).click();
    await frame.getByText('svg').click();
    await frame.getByText('down').click();
    expect(await frame.locator('script, form, iframe, base').count()).toBe(0);
    expect(await frame.getByText('the end').count()).toBe(1);
    expect(await page.title()).toBe(title);
    expect(page.url()).toBe(address('hostile'));
    await rm(join(built.site, 'hostile.html'));
    await rm(join(built.site, 'hostile.html.sealed'));
  });
});

describe('the card', () => {
  it('is saved to a file, and brought back in another browser with what is left', async () => {
    const { page } = await customer('slack-water');
    await action(page, readFor3).click();
    await opened(page).getByText(sentence).waitFor();
    await page.locator('impuls-card summary').click();
    const download = page.waitForEvent('download');
    await action(page, 'Save a backup').click();
    const file = await (await download).path();
    const other = await (await visitor()).open(address('the-bag'));
    await other.locator('impuls-card summary').click();
    const chooser = other.waitForEvent('filechooser');
    await action(other, 'Restore one').click();
    await (
      await chooser
    ).setFiles({
      name: 'cards.backup',
      mimeType: 'text/plain',
      buffer: await readFile(file),
    });
    await other.getByText('97 units (0.097 USD) left on your card.').waitFor();
  });

  it('tells what is left in every tab', async () => {
    const { profile, page } = await customer('slack-water');
    const other = await profile.open(address('the-bag'));
    await action(page, readFor3).click();
    await opened(page).getByText(sentence).waitFor();
    await other.getByText('97 units (0.097 USD) left on your card.').waitFor();
  });
});

describe('the folder of the static host', () => {
  it('holds no word of what is sold, and no key', async () => {
    const files = await Promise.all(
      (await readdir(built.site, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => readFile(join(entry.parentPath, entry.name))),
    );
    expect(files.length).toBeGreaterThan(8);
    const holds = (bytes: Buffer | string): boolean => files.some((file) => file.includes(bytes));
    expect(holds('Nobody on the quay looks at a watch')).toBe(true);
    for (const words of [sentence, 'The tin is still there', '%PDF-', '4321,', 'roofing zinc']) {
      expect(holds(words), words).toBe(false);
    }
    const registry = await openContentRegistry(join(shop.folder, 'content.db'));
    try {
      const entries = await registry.list();
      expect(entries.length).toBeGreaterThanOrEqual(4);
      for (const { key } of entries) {
        const bytes = Buffer.from(key);
        for (const form of [bytes, bytes.toString('base64url'), bytes.toString('base64').slice(0, 40)]) {
          expect(holds(form)).toBe(false);
        }
        expect(holds(bytes.toString('hex'))).toBe(false);
      }
    } finally {
      await registry.close();
    }
  });
});

describe('the pages are for everyone', () => {
  for (const { size, viewport, colorScheme } of looks) {
    it(`axe finds nothing at ${size} size in ${colorScheme}`, async () => {
      const at = (state: string): string => `articles-${state}-${size}-${colorScheme}`;
      const profile = await visitor({ viewport, colorScheme });
      const page = await profile.open(address('slack-water'));
      await action(page, readFor3).waitFor();
      await look(page, at('locked'));
      await action(page, readFor3).click();
      await page.getByText('You need 3 units').waitFor();
      await look(page, at('redeem'));
      const bought = await customer('slack-water', { viewport, colorScheme });
      await action(bought.page, readFor3).click();
      await opened(bought.page).getByText(sentence).waitFor();
      await bought.page.getByText('97 units (0.097 USD) left on your card.').waitFor();
      await look(bought.page, at('opened'));
      await bought.page.locator('impuls-card summary').click();
      await look(bought.page, at('card'));
      expect(await isWithinView(bought.page.locator('impuls-card .sheet'))).toBe(true);
      await bought.page.goto(address('year-of-tides'));
      await action(bought.page, 'Get for 25 units (0.025 USD)').click();
      await action(bought.page, 'Not now').waitFor();
      await look(bought.page, at('asks'));
      await bought.page.goto(address('index'));
      await bought.page.getByText('97 units').waitFor();
      await look(bought.page, at('index'));
    });
  }
});

async function look(page: Page, name: string): Promise<void> {
  await shoot(page, name);
  expect(await findBarriers(page), name).toEqual([]);
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow, `${name} scrolls sideways`).toBe(0);
}

async function isWithinView(locator: Locator): Promise<boolean> {
  return locator.evaluate((found) => {
    const { left, right } = found.getBoundingClientRect();
    return left >= 0 && right <= innerWidth;
  });
}
