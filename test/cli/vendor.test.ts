import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toBase64url } from '../../src/core/index.js';
import { openContentRegistry } from '../../src/node/content-registry.js';
import { createSandbox, twoLines, type Sandbox } from './sandbox.js';

let box: Sandbox;
let settingsFile: string;
beforeAll(async () => {
  box = await createSandbox();
  settingsFile = join(box.folder, 'shop', 'vendor.json');
  const args = ['--origin', box.origin, '--name', 'Example News', '--denominations', '100'];
  const made = await box.json('vendor', 'init', 'shop', ...args);
  const folder = join(box.folder, 'shop');
  expect(made).toEqual({ folder, origin: box.origin, mode: 'test', denominations: [100] });
});
afterAll(() => box.remove());

interface Settings {
  name: string;
  origin: string;
  unit: { code: string; currency: string; value: string };
  listen: { host: string; port: number };
  routes: Array<{ path: string; price: number; folder: string }>;
}

/** Runs with other settings, and puts the old ones back. */
async function withSettings<T>(change: (settings: Settings) => unknown, work: () => Promise<T>): Promise<T> {
  const text = await readFile(settingsFile, 'utf8');
  const settings = JSON.parse(text) as Settings;
  const changed = change(settings) ?? settings;
  await writeFile(settingsFile, typeof changed === 'string' ? changed : JSON.stringify(changed));
  try {
    return await work();
  } finally {
    await writeFile(settingsFile, text);
  }
}

/** As it is written: `fetch` would tidy the path up. */
function get(path: string, method = 'GET'): Promise<{ status: number | undefined; body: string }> {
  const { hostname, port } = new URL(box.origin);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, method, agent: false }, (res) => {
      let body = '';
      res.setEncoding('utf8').on('data', (text: string) => (body += text));
      res.on('end', () => resolve({ status: res.statusCode, body }));
    })
      .on('error', reject)
      .end();
  });
}

describe('vendor init', () => {
  it('keeps the secrets for the owner', async () => {
    expect((await stat(join(box.folder, 'shop', 'keys.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(box.folder, 'shop'))).mode & 0o777).toBe(0o700);
  });

  it('never makes a vendor in the place of another', async () => {
    const before = await readFile(join(box.folder, 'shop', 'keys.json'), 'utf8');
    const { code, stderr } = await box.run(['vendor', 'init', 'shop']);
    expect(code).toBe(2);
    expect(twoLines(stderr).what).toContain('holds a vendor already: vendor.json is there');
    expect(await readFile(join(box.folder, 'shop', 'keys.json'), 'utf8')).toBe(before);
  });

  it('refuses settings that no wallet would take, before it makes a file', async () => {
    for (const args of [
      ['--origin', 'https://news.example/'],
      ['--origin', 'ftp://news.example'],
      ['--unit-value', '1,5'],
      ['--currency', ''],
      ['--denominations', '0'],
      ['--denominations', '100,100'],
      ['--denominations', '1048577'],
      ['--mode', 'demo'],
    ]) {
      const { code, stderr } = await box.run(['vendor', 'init', 'other', ...args]);
      expect([1, 2]).toContain(code);
      twoLines(stderr);
    }
    await expect(stat(join(box.folder, 'other'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('vendor serve', () => {
  it('serves what costs something for money, what is free to all, and nothing else', async () => {
    const articles = join(box.folder, 'shop', 'articles');
    await writeFile(join(articles, '.hidden'), 'secret');
    await symlink(join(box.folder, 'shop', 'keys.json'), join(articles, 'link.txt'));
    await mkdir(join(box.folder, 'shop', 'free', 'docs'), { recursive: true });
    await writeFile(join(box.folder, 'shop', 'free', 'docs', 'index.html'), '<p>free</p>');
    const free = { path: '/free/*', price: 0, folder: 'free' };
    await withSettings(
      (settings) => void settings.routes.push(free),
      async () => {
        const server = await box.serve('shop');
        expect(server.events[0]).toMatchObject({
          event: 'ready',
          origin: box.origin,
          address: box.origin,
          name: 'Example News',
          mode: 'test',
          keys: 0,
        });
        expect((await get('/articles/hello.txt')).status).toBe(402);
        expect((await get('/articles/hello.txt', 'HEAD')).status).toBe(402);
        expect((await get('/articles/hello.txt', 'POST')).status).toBe(405);
        expect((await get('/.well-known/impuls')).status).toBe(200);
        expect(JSON.parse((await get('/openapi.json')).body)).toHaveProperty([
          'paths',
          '/articles/{path}',
          'get',
        ]);
        expect(await get('/free/docs/')).toEqual({ status: 200, body: '<p>free</p>' });
        for (const path of [
          '/',
          '/articles/none.txt',
          '/articles/.hidden',
          '/articles/link.txt',
          '/articles/../keys.json',
          '/articles/..%2fkeys.json',
          '/articles/%2e%2e/keys.json',
          '/articles/..%5ckeys.json',
          '/articles/%00',
          '/articles/%',
          '/articles/',
          '/free/../keys.json',
          '/keys.json',
        ]) {
          const { status, body } = await get(path);
          expect({ path, status }).toEqual({ path, status: 404 });
          expect(body).not.toContain('PRIVATE');
        }
        expect(await server.stop()).toBe(0);
        expect(server.events.at(-1)).toEqual({ event: 'stopped' });
      },
    );
  });

  it('sells the content keys that are packed beside it, from the first one on', async () => {
    const server = await box.serve('shop');
    const entry = {
      id: toBase64url(randomBytes(16)),
      key: randomBytes(32),
      price: 3,
      title: 'a',
      created: 0,
    };
    const path = `/impuls/keys/${entry.id}`;
    const paths = async (): Promise<string[]> => {
      const api = JSON.parse((await get('/openapi.json')).body) as { paths: Record<string, unknown> };
      return Object.keys(api.paths);
    };
    expect((await get(path)).status).toBe(404);
    expect(await paths()).toEqual(['/articles/{path}']);

    const registry = await openContentRegistry(join(box.folder, 'shop', 'content.db'));
    await registry.add([entry]);
    expect((await get(path)).status).toBe(402);
    expect((await get('/impuls/keys/none')).status).toBe(404);
    expect((await paths()).sort()).toEqual(['/articles/{path}', '/impuls/keys/{id}']);
    expect((await get('/llms.txt')).body).toContain('GET /impuls/keys/{id}');
    const more = { ...entry, id: toBase64url(randomBytes(16)) };
    await registry.add([more]);
    expect((await get(`/impuls/keys/${more.id}`)).status).toBe(402);
    await registry.close();
    await server.stop();

    const again = await box.serve('shop');
    expect(again.events[0]).toMatchObject({ keys: 2 });
    expect((await get(path)).status).toBe(402);
    await again.stop();
    await rm(join(box.folder, 'shop', 'content.db'));
  });

  it('lets pages of other origins read what is free, what is sold, and what is not there', async () => {
    const free = { path: '/free/*', price: 0, folder: 'free' };
    await mkdir(join(box.folder, 'shop', 'free'), { recursive: true });
    await writeFile(join(box.folder, 'shop', 'free', 'a.txt'), 'free');
    await withSettings(
      (settings) => void settings.routes.push(free),
      async () => {
        const server = await box.serve('shop');
        const headers = { origin: 'https://reader.example', 'access-control-request-method': 'GET' };
        for (const [path, status] of [
          ['/free/a.txt', 200],
          ['/free/none.txt', 404],
          ['/articles/hello.txt', 402],
          ['/articles/none.txt', 404],
          ['/impuls/keys/none', 404],
          ['/elsewhere', 404],
        ] as const) {
          const response = await fetch(box.origin + path, { headers });
          expect({ path, status: response.status }).toEqual({ path, status });
          expect(response.headers.get('access-control-allow-origin')).toBe('*');
          const preflight = await fetch(box.origin + path, { method: 'OPTIONS', headers });
          expect(preflight.status).toBe(path === '/elsewhere' ? 404 : 204);
          expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
        }
        await server.stop();
      },
    );
  });

  it('refuses a registry of content keys that is none, and leaves it untouched', async () => {
    const file = join(box.folder, 'shop', 'content.db');
    await writeFile(file, 'this is no registry');
    const { code, stderr } = await box.run(['vendor', 'serve', 'shop']);
    expect(await readFile(file, 'utf8')).toBe('this is no registry');
    await rm(file);
    expect(code).toBe(7);
    twoLines(stderr);
  });

  it('is alone on its ledger, and comes back after a crash', async () => {
    const server = await box.serve('shop');
    const second = await box.run(['vendor', 'serve', 'shop', '--port', '0']);
    expect(second.code).toBe(7);
    expect(twoLines(second.stderr).what).toBe(`a server runs on ${join(box.folder, 'shop')} already`);
    await server.kill();
    const again = await box.serve('shop');
    expect(await again.stop()).toBe(0);
  });

  it('listens on this machine only', async () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.5']) {
      const { code, stderr } = await box.run(['vendor', 'serve', 'shop', '--host', host]);
      expect(code).toBe(2);
      expect(twoLines(stderr).what).toContain('plain http must not leave this machine');
    }
  });

  it('refuses secrets that others can read', async () => {
    const file = join(box.folder, 'shop', 'keys.json');
    await chmod(file, 0o640);
    const { code, stderr } = await box.run(['vendor', 'serve', 'shop']);
    await chmod(file, 0o600);
    expect(code).toBe(7);
    expect(twoLines(stderr)).toEqual({
      what: `${file} holds secrets, and others can read it`,
      next: `Run: chmod 600 ${file}`,
    });
  });

  it.each<[string, (settings: Settings) => unknown, string]>([
    ['is no JSON', () => '{"version":1', 'not JSON'],
    ['is of a later version', (settings) => ({ ...settings, version: 2 }), 'version is not 1'],
    ['has a slip in a name', (settings) => ({ ...settings, version: 1, rotues: [] }), 'rotues is unknown'],
    ['has a price that is text', (s) => void (s.routes[0]!.price = '3' as never), 'routes[0].price is not'],
    ['has a star in the middle', (s) => void (s.routes[0]!.path = '/a*/b'), 'routes[0].path is not'],
    ['has another origin', (s) => void (s.origin = 'https://other.example'), 'origin has changed'],
    ['has another unit', (s) => void (s.unit.value = '0.1'), 'unit has changed'],
  ])('names the file and the member where vendor.json %s', async (_what, change, message) => {
    const { code, stderr } = await withSettings(change, () => box.run(['vendor', 'serve', 'shop']));
    expect(code).toBe(1);
    const { what } = twoLines(stderr);
    expect(what.startsWith(`${settingsFile}: `)).toBe(true);
    expect(what).toContain(message);
  });

  it('refuses a corrupt ledger and leaves it untouched', async () => {
    const file = join(box.folder, 'shop', 'ledger.db');
    const before = await readFile(file);
    await writeFile(file, 'this is no ledger');
    const { code, stderr } = await box.run(['vendor', 'serve', 'shop']);
    expect(await readFile(file, 'utf8')).toBe('this is no ledger');
    await writeFile(file, before);
    expect(code).toBe(7);
    twoLines(stderr);
  });

  it('publishes a new key document that names the old one when its name changes', async () => {
    const digestOf = async (): Promise<{ digest: string; previous: string[] }> => {
      const [finding] = await box.json<Array<{ facts: { digest: string; previous: string[] } }>>(
        'inspect',
        'shop/document.json',
      );
      return finding!.facts;
    };
    const old = await digestOf();
    await withSettings(
      (settings) => void (settings.name = 'Other News'),
      async () => {
        const server = await box.serve('shop');
        const { name } = JSON.parse((await get('/.well-known/impuls')).body) as { name: string };
        expect(name).toBe('Other News');
        await server.stop();
        expect((await digestOf()).previous).toEqual([old.digest]);
      },
    );
  });
});

describe('voucher create', () => {
  it('makes codes alone and beside a running server', async () => {
    interface Vouchers {
      vendor: string;
      items: object[];
      codes: string[];
    }
    const alone = await box.json<Vouchers>(
      'voucher',
      'create',
      'shop',
      '--units',
      '100',
      '--count',
      '3',
      '--cards',
      '2',
    );
    expect(alone).toMatchObject({ vendor: box.origin, items: [{ denomination: 100, count: 2 }] });
    const server = await box.serve('shop');
    const beside = await box.json<Vouchers>('voucher', 'create', 'shop');
    expect((await stat(join(box.folder, 'shop', 'admin.sock'))).mode & 0o777).toBe(0o600);
    await server.stop();
    const codes = [...alone.codes, ...beside.codes];
    expect(new Set(codes).size).toBe(4);
    for (const code of codes) expect(code).toMatch(/^[A-Z][0-9A-Z]{4}(?:-[0-9A-Z]{5}){3}$/);
  });

  it('says which cards there are', async () => {
    const { code, stderr } = await box.run(['voucher', 'create', 'shop', '--units', '7']);
    expect(code).toBe(2);
    expect(twoLines(stderr)).toEqual({
      what: 'no cards of 7 units are issued',
      next: 'There are cards of 100 units.',
    });
    expect((await box.run(['voucher', 'create', 'shop', '--cards', '65'])).code).toBe(2);
    expect((await box.run(['voucher', 'create', 'shop', '--count', '10001'])).code).toBe(2);
  });
});
