import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSandbox, twoLines, type Sandbox } from './sandbox.js';

let sandbox: Sandbox;
let upstream: string;
const keys: unknown[] = [];
const server = createServer((req, res) => {
  keys.push(req.headers['x-key']);
  if (req.url === '/openapi.json') {
    res.end(
      '{"openapi":"3.1.0","info":{"title":"Tides","version":"2"},"paths":{"/tides":{"get":{"summary":"Heights"}}}}',
    );
  } else res.end(`answer to ${req.method} ${req.url}`);
});

beforeAll(async () => {
  sandbox = await createSandbox();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await sandbox.json(
    'vendor',
    'init',
    'shop',
    '--origin',
    sandbox.origin,
    '--name',
    'Tides',
    '--denominations',
    '100',
  );
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await sandbox.remove();
});

const write = (file: object | string): Promise<void> =>
  writeFile(join(sandbox.folder, 'proxy.json'), typeof file === 'string' ? file : JSON.stringify(file));

it('sells what an API answers, and changes with its price list', async () => {
  const routes = [{ path: '/tides', method: 'GET', price: 3, summary: 'Heights of the tide' }];
  const file = { upstream, openapi: '/openapi.json', upstreamHeaders: { 'X-Key': '${TIDES_KEY}' }, routes };
  await write(file);
  const proxy = await sandbox.proxy({ TIDES_KEY: 'k1' }, 'shop', '--config', 'proxy.json', '-v');
  expect(proxy.events[0]).toMatchObject({
    event: 'ready',
    routes: [{ path: '/tides', methods: ['GET'], price: 3 }],
  });
  const { codes } = await sandbox.json<{ codes: string[] }>('voucher', 'create', 'shop', '--units', '100');
  await sandbox.json('redeem', sandbox.origin, codes[0]!);
  const paid = await sandbox.run(['fetch', '--max', '5', `${sandbox.origin}/tides?at=noon`]);
  expect(paid).toMatchObject({ code: 0, stdout: 'answer to GET /tides?at=noon' });
  expect(proxy.events.at(-1)).toMatchObject({ event: 'paid', target: '/tides?at=noon', units: 3 });
  expect(keys.at(-1)).toBe('k1');
  expect(JSON.stringify(proxy.output())).not.toContain('k1');

  const api = (await (await fetch(`${sandbox.origin}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  expect(api).toMatchObject({ info: { title: 'Tides', version: '2' }, servers: [{ url: sandbox.origin }] });
  expect(api.paths['/tides']?.['get']).toMatchObject({
    summary: 'Heights',
    'x-payment-info': {},
    responses: { 402: {} },
  });
  expect(await (await fetch(`${sandbox.origin}/llms.txt`)).text()).toContain('Heights of the tide');

  const refused = proxy.next('prices-refused');
  await write({ ...file, routes: [{ path: '/tides', price: 'four' }] });
  expect((await refused)['problems']).toEqual([
    expect.stringMatching(/^proxy\.json:1 routes\[0\]\.price is /),
  ]);
  expect((await fetch(`${sandbox.origin}/tides`)).status).toBe(402);
  const changed = proxy.next('prices');
  await write({ ...file, routes: [{ path: '/other', price: 4 }] });
  expect(await changed).toMatchObject({ routes: [{ path: '/other', price: 4 }] });
  expect((await fetch(`${sandbox.origin}/tides`)).status).toBe(200);
  expect((await fetch(`${sandbox.origin}/other`)).status).toBe(402);
  const again = proxy.next('prices');
  process.kill(proxy.pid, 'SIGHUP');
  expect(await again).toMatchObject({ routes: [{ path: '/other' }] });
  expect(await proxy.stop()).toBe(0);
});

it('checks a price list without serving it', async () => {
  await write(`{
  "upstream": "${upstream}",
  "routes": [
    { "path": "/a", "price": -1 },
    { "path": "b", "price": 1 }
  ]
}`);
  const wrong = await sandbox.run(['vendor', 'proxy', '--config', 'proxy.json', '--check']);
  expect(wrong.code).toBe(1);
  expect(JSON.parse(wrong.stdout)).toMatchObject({ ok: false, problems: [{ line: 4 }, { line: 5 }] });
  await write({ upstream, routes: [{ path: '/a', price: 1 }], default: 'refuse' });
  expect(await sandbox.json('vendor', 'proxy', '--config', 'proxy.json', '--check')).toMatchObject({
    ok: true,
    routes: [{ path: '/a', price: 1 }],
    default: 'refuse',
  });
});

it.each([
  [['--price', '/a=1'], 'has no upstream'],
  [['--config', 'proxy.json', '--price', '/a=1'], '--price and the price list proxy.json are both there'],
])('says what to do instead of %j', async (args, expected) => {
  const { code, stderr } = await sandbox.run(['vendor', 'proxy', 'shop', ...args]);
  expect(code).not.toBe(0);
  expect(twoLines(stderr).what).toContain(expected);
});
