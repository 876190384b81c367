import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll } from 'vitest';
import { serveFiles } from '../../examples/static-host.mjs';
import { createSandbox, type Sandbox, type Server } from '../cli/sandbox.js';

/** A real Chromium, a real vendor, and a static host that knows nothing of payments. All of it on loopback. */

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

export const phone = { width: 390, height: 844 } as const;
export const desktop = { width: 1280, height: 800 } as const;

/** How each view is looked at: either size and either scheme, once. */
export const looks = [
  { size: 'phone', viewport: phone, colorScheme: 'dark' },
  { size: 'desktop', viewport: desktop, colorScheme: 'light' },
] as const;

export interface ProfileOptions {
  /** Default: `phone`. */
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: 'light' | 'dark';
  /** More flags for Chromium, which then runs for this profile alone. */
  readonly flags?: readonly string[];
}

/** Somebody's Chromium, with storage of its own. */
export interface Profile {
  readonly context: BrowserContext;
  /** What no page may ever do: breaches of its CSP, uncaught errors, errors on the console. */
  readonly complaints: string[];
  /** A new tab. */
  open(url: string): Promise<Page>;
  /** Closes it and forgets what it stored. */
  remove(): Promise<void>;
}

/** Profiles of one file of tests share its processes: to start them costs more than most tests do. */
let shared: Promise<Browser> | undefined;
afterAll(async () => (await shared)?.close());

function launch(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium(),
    args: [...flags, ...more],
    ignoreDefaultArgs: ['--enable-automation'],
  });
}

export async function openProfile(options: ProfileOptions = {}): Promise<Profile> {
  const own = options.flags && (await launch(options.flags));
  const browser = own ?? (await (shared ??= launch()));
  const context = await browser.newContext({
    viewport: options.viewport ?? phone,
    colorScheme: options.colorScheme ?? 'light',
    reducedMotion: 'reduce',
    locale: 'en-US',
    timezoneId: 'UTC',
    acceptDownloads: true,
  });
  // The machine may have much else to do.
  context.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  await context.exposeBinding('__complain', (_source, text: string) => void complaints.push(text));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      const { effectiveDirective, blockedURI, sourceFile, lineNumber } = event;
      const told = `CSP: ${effectiveDirective} ${blockedURI} at ${sourceFile}:${lineNumber}`;
      (globalThis as unknown as { __complain(text: string): void }).__complain(told);
    });
  });
  context.on('weberror', (error) => complaints.push(`uncaught: ${String(error.error())}`));
  context.on('console', (message) => {
    // To be asked for money is no error of the page, though Chromium says so.
    if (message.type() !== 'error' || message.text().includes('status of 402')) return;
    complaints.push(`console: ${message.text()} ${message.location().url}`);
  });
  return {
    context,
    complaints,
    async open(url) {
      const page = await context.newPage();
      await page.goto(url);
      return page;
    },
    async remove() {
      await context.close();
      await own?.close();
    },
  };
}

function findChromium(): string {
  const found = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium'].find((path) => path && existsSync(path));
  if (!found) throw new Error('there is no Chromium: install it, or name it in CHROMIUM_PATH');
  return found;
}

export interface Shop {
  readonly box: Sandbox;
  /** The vendor folder. */
  readonly folder: string;
  readonly origin: string;
  /** A code for cards of so many units; the denominations are 100 and 1,000. */
  voucher(units?: number, cards?: number): Promise<string>;
  /** Stops and starts again, as after a change of vendor.json. */
  restart(): Promise<void>;
  /** Until `restart`. */
  stop(): Promise<void>;
  /** The payments that it has told of, oldest first. */
  paid(): ReadonlyArray<{ readonly target: string; readonly units: number; readonly verdict: string }>;
  close(): Promise<void>;
}

/**
 * A vendor by the built command line; `/articles/*` costs 1 unit of 0.001 USD.
 *
 * @param prepare is given the vendor folder before its server starts
 */
export async function startShop(
  name = 'Example News',
  prepare: (folder: string) => Promise<void> = async () => {},
): Promise<Shop> {
  const box = await createSandbox();
  const init = ['--origin', box.origin, '--name', name, '--denominations', '100,1000'];
  await box.json('vendor', 'init', 'shop', ...init);
  await prepare(join(box.folder, 'shop'));
  const start = (): Promise<Server> => box.serve('shop', '--verbose', '--json');
  const servers = [await start()];
  return {
    box,
    folder: join(box.folder, 'shop'),
    origin: box.origin,
    async voucher(units = 100, cards = 1) {
      const wanted = ['--units', String(units), '--cards', String(cards)];
      const { codes } = await box.json<{ codes: string[] }>('voucher', 'create', 'shop', ...wanted);
      return codes[0]!;
    },
    async restart() {
      await servers.at(-1)!.stop();
      servers.push(await start());
    },
    async stop() {
      await servers.at(-1)!.stop();
    },
    paid: () =>
      servers
        .flatMap(({ events }) => events)
        .filter(({ event }) => event === 'paid')
        .map((event) => event as unknown as { target: string; units: number; verdict: string }),
    async close() {
      await servers.at(-1)!.stop();
      await box.remove();
    },
  };
}

export interface StaticHost {
  readonly origin: string;
  /** Method, path with query, and Range of every request, as it arrived. */
  readonly requests: ReadonlyArray<{
    readonly method: string;
    readonly path: string;
    readonly range?: string;
  }>;
  /** Answers requests in place of the files where it returns true. */
  intercept: (req: IncomingMessage, res: ServerResponse) => boolean | Promise<boolean>;
  close(): Promise<void>;
}

/** A dumb host, as those of the examples are. */
export async function startStatic(folder: string): Promise<StaticHost> {
  const requests: Array<{ method: string; path: string; range?: string }> = [];
  const serve = await serveFiles(folder);
  const server = createServer((req, res) => {
    const { method = '', url = '/' } = req;
    const { range } = req.headers;
    requests.push({ method, path: url, ...(range !== undefined && { range }) });
    Promise.resolve(host.intercept(req, res)).then(
      (answered) => answered || serve(req, res),
      () => res.destroy(),
    );
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const host: StaticHost = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    intercept: () => false,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
  return host;
}

const screens = fileURLToPath(new URL('../../.reports/screens', import.meta.url));

/** Keeps a picture of the whole page for people to look at: `.reports/screens/<name>.png`. */
export async function shoot(page: Page, name: string): Promise<void> {
  await mkdir(screens, { recursive: true });
  await page.screenshot({ path: join(screens, `${name}.png`), fullPage: true });
}

const axeFile = fileURLToPath(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url));

/** What axe-core finds against accessibility, one line each. */
export async function findBarriers(page: Page): Promise<string[]> {
  // By the debugger, which no CSP holds back.
  const loaded = await page.evaluate(() => 'axe' in globalThis);
  if (!loaded) {
    await page.evaluate(await readFile(axeFile, 'utf8'));
  }
  return page.evaluate(async () => {
    interface Axe {
      run(): Promise<{
        violations: Array<{
          id: string;
          help: string;
          nodes: Array<{ html: string; failureSummary: string }>;
        }>;
      }>;
    }
    const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run();
    return violations.map(
      ({ id, help, nodes }) =>
        `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`,
    );
  });
}
