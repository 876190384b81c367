import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CardSummary } from '../../src/client/index.js';
import { startSocksServer, type SocksServer } from '../support/socks-server.js';
import { createSandbox, twoLines, type Sandbox, type Server } from './sandbox.js';

/** The vendor's name leads nowhere on this machine: only the proxy knows where it is. */
const origin = 'http://news.localhost:8402';

let box: Sandbox;
let server: Server;
let proxy: SocksServer;
let port: number;
beforeAll(async () => {
  box = await createSandbox();
  port = Number(new URL(box.origin).port);
  await box.json('vendor', 'init', 'shop', '--origin', origin, '--denominations', '100');
  const file = join(box.folder, 'shop', 'vendor.json');
  const settings = JSON.parse(await readFile(file, 'utf8')) as { routes: object[] };
  settings.routes = [{ path: '/articles/*', price: 3, folder: 'articles' }];
  await writeFile(file, JSON.stringify(settings));
  server = await box.serve('shop', '--port', String(port));
  proxy = await startSocksServer({
    route: (host, asked) => (host === 'news.localhost' && asked === 8402 ? { port } : undefined),
  });
});
afterAll(async () => {
  await proxy.close();
  await server.stop();
  await box.remove();
});

async function createVoucher(count = 1): Promise<string> {
  const made = await box.json<{ codes: string[] }>('voucher', 'create', 'shop', '--count', String(count));
  return made.codes[0]!;
}

describe('impuls with --proxy', () => {
  it('sells, activates and pays by name, each by a circuit of its own', async () => {
    const way = ['--proxy', proxy.url];
    await box.json('redeem', origin, await createVoucher(), ...way);
    const sale = proxy.asked.length;
    expect(new Set(proxy.asked.map(({ username }) => username)).size).toBe(2);
    const read = await box.run(['fetch', `${origin}/articles/hello.txt`, '--max', '5', ...way]);
    expect(read).toMatchObject({ code: 0 });
    const { asked } = proxy;
    expect(new Set(asked.slice(sale).map(({ username }) => username)).size).toBe(1);
    expect(asked.every(({ addressType, host }) => addressType === 3 && host === 'news.localhost')).toBe(true);
  });

  it('does not work without the proxy, and says so', async () => {
    const code = await createVoucher();
    const down = ['--proxy', 'socks5h://127.0.0.1:1'];
    const result = await box.run(['redeem', origin, code, ...down]);
    expect(result.code).toBe(6);
    const { what, next } = twoLines(result.stderr);
    expect(what).toBe('the proxy 127.0.0.1:1 cannot be reached: nothing listens there');
    expect(next).toContain('nothing goes without it');
    const read = await box.run(['fetch', `${box.origin}/articles/hello.txt`, '--max', '5', ...down]);
    expect(twoLines(read.stderr).what).toBe(what);
    const tried = await box.run(['fetch', `${box.origin}/articles/hello.txt`, '--dry-run', ...down]);
    expect(twoLines(tried.stderr).what).toBe(what);
  });

  it('takes proxy, level and delay from the settings, so that nobody forgets them', async () => {
    const home = join(box.folder, 'careful');
    await mkdir(home);
    const settings = { proxy: proxy.url, privacy: 'unlinkable-sessions', delay: 720 };
    await writeFile(join(home, 'config.json'), JSON.stringify(settings));
    const env = { IMPULS_HOME: home };
    const { code, stdout } = await box.run(['redeem', origin, await createVoucher()], { env });
    expect(code).toBe(0);
    const [card] = JSON.parse(stdout) as CardSummary[];
    expect(card!.usableFrom! * 1000).toBeGreaterThan(Date.now());
    const read = await box.run(['fetch', `${origin}/articles/hello.txt`, '--max', '5'], { env });
    expect(read.code).toBe(4);
  });

  it.each([
    ['--proxy', 'socks5://127.0.0.1:9050', 'is no proxy'],
    ['--proxy', 'http://127.0.0.1:9050', 'is no proxy'],
    ['--privacy', 'anonymous', 'there is no level of privacy "anonymous"'],
    ['--delay', '721', '--delay is a whole number from 0 to 720'],
  ])('refuses %s %s', async (option, value, message) => {
    const result = await box.run(['redeem', origin, await createVoucher(), option, value]);
    expect(result.code).toBe(2);
    expect(twoLines(result.stderr).what).toContain(message);
  });
});
