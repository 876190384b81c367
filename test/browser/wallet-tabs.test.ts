import { fileURLToPath } from 'node:url';
import type { BrowserContext, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorld, denomination, direct, origin, type World } from '../client-fixture.js';
import { openProfile, type Profile } from './support.js';
import type { Tab } from './wallet-tab.js';

const price = 2;
const urlOf = (id: number | string): string => `${origin}/keys?${id}`;

let script: string;
let profile: Profile;
let world: World;

beforeAll(async () => {
  script = await bundle();
  profile = await openProfile();
  await serve(profile.context);
});

afterAll(() => profile.remove());

async function bundle(): Promise<string> {
  const entry = fileURLToPath(new URL('wallet-tab.ts', import.meta.url));
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: false,
      lib: { entry, formats: ['es'] },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  });
  const [bundled] = [built].flat();
  if (!bundled || !('output' in bundled)) throw new Error('not built');
  return bundled.output.map((part) => ('code' in part ? part.code : '')).join('\n');
}

/** The browser's network is the vendor in this process, and the page. */
async function serve(context: BrowserContext): Promise<void> {
  await context.route('**/*', async (route) => {
    const request = route.request();
    const { pathname } = new URL(request.url());
    if (pathname === '/tab')
      return route.fulfill({ contentType: 'text/html', body: '<script type=module src=/tab.js></script>' });
    if (pathname === '/tab.js') return route.fulfill({ contentType: 'text/javascript', body: script });
    if (pathname === '/favicon.ico') return route.fulfill({ status: 404 });
    const body = request.postDataBuffer();
    try {
      const response = await world.fetch(request.url(), {
        method: request.method(),
        headers: request.headers(),
        ...(body && { body: new Uint8Array(body) }),
      });
      await route.fulfill({
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: Buffer.from(await response.arrayBuffer()),
      });
    } catch {
      await route.abort().catch(() => {});
    }
  });
}

function createShop(): Promise<World> {
  return createWorld({
    '/keys': { price, handler: async (request) => new Response(`key of ${new URL(request.url).search}`) },
  });
}

async function openTab(address = `${origin}/tab`): Promise<Page> {
  const page = await profile.open(address);
  await page.waitForFunction(() => 'tab' in globalThis);
  return page;
}

/** Calls a tab's function in the page. */
function call<Name extends keyof Tab>(
  page: Page,
  name: Name,
  ...args: Parameters<Tab[Name]>
): Promise<Awaited<ReturnType<Tab[Name]>>> {
  return page.evaluate(
    ([callee, given]) =>
      (globalThis as unknown as { tab: Record<string, (...args: unknown[]) => unknown> }).tab[callee]!(
        ...given,
      ),
    [name, args] as const,
  ) as Promise<Awaited<ReturnType<Tab[Name]>>>;
}

/** Two tabs of a new shop, with a card between them and nothing stored of before. */
async function openTabs(protocol: 'chain' | 'stream'): Promise<[Page, Page]> {
  world = await createShop();
  const first = await openTab();
  await first.evaluate(async () => {
    for (const { name } of await indexedDB.databases()) {
      await new Promise((resolve) => (indexedDB.deleteDatabase(name!).onsuccess = resolve));
    }
  });
  await first.reload();
  await first.waitForFunction(() => 'tab' in globalThis);
  const second = await openTab();
  await call(first, 'open');
  await call(first, 'redeem', origin, await world.voucher(), protocol);
  await call(second, 'open');
  return [first, second];
}

async function checkBooks(payments: number): Promise<void> {
  const page = await openTab();
  await call(page, 'open');
  await call(page, 'recover');
  const { spent, claims } = await world.vendor.totals();
  expect([spent, claims.settled + claims.pending]).toEqual([payments * price, payments]);
  expect(await call(page, 'state')).toEqual({ left: denomination - spent, reserved: 0, payments });
  expect(world.errors).toEqual([]);
  await page.close();
}

describe('the storage in the IndexedDB of a Chromium', () => {
  it('keeps the contract', async () => {
    const page = await openTab();
    expect(await call(page, 'runStorageCases')).toEqual({});
    await page.close();
  });

  it('says so when there is no room left, writes nothing of what did not fit, and goes on when there is', async () => {
    // Chromium remembers the room of an origin that has stored something: a new one has none to remember.
    const small = 'https://small.example';
    const page = await openTab(`${small}/tab`);
    const session = await profile.context.newCDPSession(page);
    const giveRoom = (quotaSize: number) =>
      session.send('Storage.overrideQuotaForOrigin', { origin: small, quotaSize });
    await giveRoom(20_000_000);
    const { message, hint, whole } = await call(page, 'fill');
    expect(message).toContain('no room');
    expect(hint).toContain('Free space');
    expect(whole).toBe(true);
    await giveRoom(40_000_000);
    expect(await call(page, 'writeOn', 'c', 'z')).toBe('z');
    await page.close();
  });

  it('is refused with words where the browser has no IndexedDB, or the page came without TLS', async () => {
    const insecure = await openTab('http://plain.example/tab');
    expect(await call(insecure, 'tryStorage')).toMatchObject({
      code: 'unsupported',
      hint: expect.stringContaining('https'),
    });
    await insecure.close();
    const page = await openTab();
    await page.evaluate(() => Object.defineProperty(globalThis, 'indexedDB', { value: undefined }));
    expect(await call(page, 'tryStorage')).toMatchObject({
      code: 'unsupported',
      hint: expect.stringContaining('store data'),
    });
    await page.close();
  });
});

describe.each(['chain', 'stream'] as const)('two tabs with a %s card', (protocol) => {
  it('pay at the same time, each call once, and each knows what the other one did', async () => {
    const [first, second] = await openTabs(protocol);
    const urls = (name: string) => Array.from({ length: 12 }, (_, i) => urlOf(`${name}-${i}`));
    const references = await Promise.all([
      call(first, 'pay', urls('first')),
      call(second, 'pay', urls('second')),
      call(first, 'pay', urls('again')),
    ]);
    expect(new Set(references.flat()).size).toBe(36);
    const heard = call(second, 'payments', 37);
    await call(first, 'pay', [urlOf('last')]);
    await heard;
    expect(await call(second, 'state')).toMatchObject({ left: denomination - 37 * price });
    await first.close();
    await second.close();
    await checkBooks(37);
  });

  it('pay for one URL once, and both have what it sells', async () => {
    const [first, second] = await openTabs(protocol);
    const contents = await Promise.all(
      [first, second, first, second].map((page) => call(page, 'buy', urlOf('one'))),
    );
    expect(new Set(contents)).toEqual(new Set(['key of ?one']));
    await first.reload();
    await first.waitForFunction(() => 'tab' in globalThis);
    await call(first, 'open');
    expect(await call(first, 'buy', urlOf('one'))).toBe('key of ?one');
    await first.close();
    await second.close();
    await checkBooks(1);
  });

  it('have a URL paid once and delivered, wherever one of them is closed or crashes', async () => {
    for (const [round, [request, moment]] of endings.entries()) {
      const [first, second] = await openTabs(protocol);
      const end = round % 2 === 0 ? 'close' : 'crash';
      let ended!: () => void;
      const gone = new Promise<void>((resolve) => (ended = resolve));
      let left = request;
      world.network = async (_, deliver) => {
        if (--left !== 0) return deliver();
        if (moment === 'after') await deliver();
        await kill(first, end);
        ended();
        throw new TypeError('nobody is there');
      };
      const dying = call(first, 'buy', urlOf('one')).then(() => call(first, 'buy', urlOf('two')));
      dying.catch(() => {});
      await gone;
      await expect(dying).rejects.toThrow();
      world.network = direct;
      expect(await call(second, 'buy', urlOf('one'))).toBe('key of ?one');
      expect(await call(second, 'buy', urlOf('two'))).toBe('key of ?two');
      if (end === 'crash') await first.close();
      await second.close();
      await checkBooks(2);
    }
  });
});

/**
 * Which request of the first tab it does not survive, and whether that still arrives: the price, the key document, the activation, and
 * the claims of two URLs.
 */
const endings = [
  [1, 'after'],
  [2, 'after'],
  [3, 'after'],
  [4, 'before'],
  [4, 'after'],
  [5, 'before'],
  [5, 'after'],
] as const;

async function kill(page: Page, end: 'close' | 'crash'): Promise<void> {
  if (end === 'close') return page.close();
  const crashed = new Promise((resolve) => page.once('crash', resolve));
  page.goto('chrome://crash').catch(() => {});
  await crashed;
}
