import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer } from 'node:http';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CardSummary, Payment } from '../../src/client/index.js';
import { openContentRegistry, type ContentEntry } from '../../src/node/content-registry.js';
import { createSandbox, twoLines, type Sandbox, type Server } from './sandbox.js';

/** Sealed files as a vendor packs them, on a host that knows nothing of them, fetched by a real command line. */

let box: Sandbox;
let server: Server;
let host: Host;
const secret = 'What only those who paid may read. ';
const story = secret.repeat(20);
const large = randomBytes(3_000_000);

/** A host that knows files and ranges. */
interface Host {
  readonly origin: string;
  /** Method, path and range of every request. */
  readonly log: string[];
  /** Bytes after which it hangs up, for the next answers; `stall`: stops there, and holds on. */
  readonly faults: Array<{ readonly after: number; readonly then: 'hang-up' | 'stall' }>;
  close(): Promise<void>;
}

async function startHost(folder: string): Promise<Host> {
  const log: string[] = [];
  const faults: Host['faults'] = [];
  const http: HttpServer = createServer((req, res) => {
    const serve = async (): Promise<void> => {
      const range = req.headers.range ?? '';
      log.push(`${req.method} ${req.url} ${range}`.trimEnd());
      const file = join(folder, decodeURIComponent(req.url!));
      const { size } = await stat(file);
      const from = Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0);
      res.writeHead(from > 0 ? 206 : 200, {
        'Content-Length': size - from,
        ...(from > 0 && { 'Content-Range': `bytes ${from}-${size - 1}/${size}` }),
      });
      const fault = faults.shift();
      if (!fault) {
        createReadStream(file, { start: from }).pipe(res);
        return;
      }
      res.write((await readFile(file)).subarray(from, from + fault.after), () => {
        if (fault.then === 'hang-up') res.destroy();
      });
    };
    serve().catch(() => res.writeHead(404).end());
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    log,
    faults,
    async close() {
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
}

beforeAll(async () => {
  box = await createSandbox();
  await box.json('vendor', 'init', 'shop', '--origin', box.origin, '--denominations', '100');
  await mkdir(join(box.folder, 'plain', 'deep'), { recursive: true });
  await writeFile(join(box.folder, 'plain', 'story.txt'), story);
  await writeFile(join(box.folder, 'plain', 'deep', 'large.bin'), large);
  await writeFile(join(box.folder, 'plain', 'deep', 'paper.pdf'), randomBytes(70_000));
  server = await box.serve('shop', '--verbose');
  // Beside a running server.
  await packPlain();
  host = await startHost(join(box.folder, 'cdn'));
  await redeem();
});
afterAll(async () => {
  await host.close();
  await server.stop();
  await box.remove();
});
beforeEach(() => {
  host.log.length = 0;
  host.faults.length = 0;
});

interface Packed {
  readonly items: ReadonlyArray<{ path: string; key: string; price: number; state: string }>;
}

const packPlain = (...args: string[]) =>
  box.json<Packed>(
    'pack',
    'plain',
    '--price',
    '3',
    '--price-for',
    '*.bin=5',
    '--vendor',
    'shop',
    '--out',
    'cdn',
    ...args,
  );

async function redeem(): Promise<void> {
  const { codes } = await box.json<{ codes: string[] }>('voucher', 'create', 'shop');
  await box.json('redeem', box.origin, codes[0]!);
}

async function spent(): Promise<number> {
  const cards = await box.json<CardSummary[]>('cards');
  return cards.reduce((sum, { units, left }) => sum + units - left, 0);
}

async function entries(): Promise<ContentEntry[]> {
  const registry = await openContentRegistry(join(box.folder, 'shop', 'content.db'));
  return registry.list().finally(() => registry.close());
}

const url = (path: string) => `${host.origin}/${path}`;
const forgetKeys = () => rm(join(box.folder, 'home', 'wallet.keys'), { force: true });

describe('a packed folder', () => {
  it('holds nothing of what is sold, and no key in any form', async () => {
    const names = await readdir(join(box.folder, 'cdn'), { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile());
    expect(files.map(({ name }) => name).sort()).toEqual([
      'impuls.json',
      'large.bin.sealed',
      'paper.pdf.sealed',
      'story.txt.sealed',
    ]);
    const keys = await entries();
    expect(keys).toHaveLength(3);
    const forbidden = [
      Buffer.from(secret),
      large.subarray(1000, 1032),
      large.subarray(2_900_000, 2_900_032),
      ...keys.flatMap(({ key }) => {
        const bytes = Buffer.from(key);
        return [
          bytes,
          ...(['hex', 'base64', 'base64url'] as const).map((form) => Buffer.from(bytes.toString(form))),
        ];
      }),
    ];
    for (const { parentPath, name } of files) {
      const bytes = await readFile(join(parentPath, name));
      for (const pattern of forbidden) expect(bytes.includes(pattern), name).toBe(false);
    }
  });

  it('stays the same when it is packed again, and keeps its keys', async () => {
    const before = await readFile(join(box.folder, 'cdn', 'story.txt.sealed'));
    const { items } = await packPlain();
    expect(items.map(({ path, price, state }) => [path, price, state])).toEqual([
      ['deep/large.bin', 5, 'kept'],
      ['deep/paper.pdf', 3, 'kept'],
      ['story.txt', 3, 'kept'],
    ]);
    expect(await readFile(join(box.folder, 'cdn', 'story.txt.sealed'))).toEqual(before);
    expect(await entries()).toHaveLength(3);
  });

  it('is not overwritten unless one insists', async () => {
    await writeFile(join(box.folder, 'note.txt'), 'one');
    const pack = ['pack', 'note.txt', '--price', '1', '--vendor', 'shop', '--out', 'notes'];
    const first = await box.json<Packed>(...pack);
    await writeFile(join(box.folder, 'note.txt'), 'two');
    const refused = await box.run(pack);
    expect(refused.code).toBe(2);
    expect(twoLines(refused.stderr).next).toContain('--force');
    const forced = await box.json<Packed>(...pack, '--force');
    expect(forced.items[0]!.key).not.toBe(first.items[0]!.key);
  });

  it('is never the folder of the vendor, nor that of the files', async () => {
    for (const [source, out] of [
      ['plain', 'plain/cdn'],
      ['plain', 'plain'],
      ['.', '../nowhere'],
      ['plain', '.'],
    ] as const) {
      const { code, stderr } = await box.run([
        'pack',
        source,
        '--price',
        '1',
        '--vendor',
        'shop',
        '--out',
        out,
      ]);
      expect(code, stderr).toBe(2);
      twoLines(stderr);
    }
  });

  it('is told what it lacks in two lines', async () => {
    for (const args of [
      ['plain', '--vendor', 'shop', '--out', 'x'],
      ['plain', '--price', '1', '--vendor', 'shop'],
      ['plain', '--price', '0', '--vendor', 'shop', '--out', 'x'],
      ['plain', '--price', '1', '--vendor', 'plain', '--out', 'x'],
      ['plain', '--price', '1', '--vendor', 'shop', '--out', 'x', '--every', '2'],
      ['plain', '--price', '1', '--vendor', 'shop', '--out', 'x', '--hls', '--force'],
      ['nowhere', '--price', '1', '--vendor', 'shop', '--out', 'x'],
    ]) {
      const { code, stdout, stderr } = await box.run(['pack', ...args]);
      expect({ code, stdout }, args.join(' ')).toEqual({ code: 2, stdout: '' });
      twoLines(stderr);
    }
    await expect(stat(join(box.folder, 'x'))).rejects.toThrow('ENOENT');
  });
});

describe('a packed film', () => {
  it('holds no plain segment, and its keys are for sale', async () => {
    await mkdir(join(box.folder, 'film'));
    const segments = [0, 1, 2].map(() => randomBytes(10_000));
    const lines = segments.map((_, i) => `#EXTINF:2.0,\nseg${i}.ts\n`);
    const head = '#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n';
    await writeFile(join(box.folder, 'film', 'film.m3u8'), `${head}${lines.join('')}#EXT-X-ENDLIST\n`);
    for (const [i, bytes] of segments.entries())
      await writeFile(join(box.folder, 'film', `seg${i}.ts`), bytes);

    const before = (await entries()).length;
    const pack = ['pack', '--hls', 'film', '--price', '2', '--every', '2', '--vendor', 'shop'];
    const film = await box.json(...pack, '--out', 'cinema', '--title', 'A film');
    expect(film).toMatchObject({ root: 'film.m3u8', segments: 3, keys: 2, units: 4, seconds: 6 });
    const keys = (await entries()).slice(before);
    expect(keys.map(({ key, price, title }) => [key.length, price, title])).toEqual([
      [16, 2, 'A film 1'],
      [16, 2, 'A film 2'],
    ]);
    const playlist = await readFile(join(box.folder, 'cinema', 'film.m3u8'), 'utf8');
    for (const { id } of keys) expect(playlist).toContain(`URI="${box.origin}/impuls/keys/${id}"`);
    for (const [i, plain] of segments.entries()) {
      const sealed = await readFile(join(box.folder, 'cinema', `seg${i}.ts`));
      expect(sealed.includes(plain.subarray(0, 16))).toBe(false);
      for (const { key } of keys) expect(sealed.includes(Buffer.from(key))).toBe(false);
    }
    const again = await box.run([...pack, '--out', 'cinema']);
    expect(again.code).toBe(2);
    twoLines(again.stderr);
  });
});

describe('a sealed file', () => {
  it('is opened on the way; its key is bought once, and found without the vendor from then on', async () => {
    const before = await spent();
    const first = await box.run(['fetch', url('story.txt.sealed'), '--max', '3']);
    expect(first).toEqual({ code: 0, stdout: story, stderr: '' });
    expect(await spent()).toBe(before + 3);
    expect((await stat(join(box.folder, 'home', 'wallet.keys'))).mode & 0o777).toBe(0o600);

    await server.stop();
    // Needs neither a limit nor the wallet.
    const second = await box.run(['fetch', url('story.txt.sealed')]);
    expect(second).toEqual({ code: 0, stdout: story, stderr: '' });
    server = await box.serve('shop', '--verbose');
    expect(await spent()).toBe(before + 3);
    expect(host.log).toEqual(['GET /story.txt.sealed', 'GET /story.txt.sealed']);
  });

  it('tells its price, and what it was paid for', async () => {
    await forgetKeys();
    const before = await spent();
    const quote = ['fetch', url('story.txt.sealed'), '--dry-run', '--max', '3'];
    expect(await box.json(...quote)).toMatchObject({ units: 3, worth: '0.003 USD', wouldPay: true });
    expect((await box.run([...quote.slice(0, -1), '2'])).code).toBe(3);
    expect(await spent()).toBe(before);
    const fetched = await box.json<{ body: string; type: string; payment: Payment }>(
      'fetch',
      url('story.txt.sealed'),
      '--max',
      '3',
      '--json',
    );
    expect(fetched).toMatchObject({ body: story, type: 'text/plain; charset=utf-8', payment: { units: 3 } });
    expect(await box.json(...quote)).toMatchObject({ units: 0, why: 'its key was bought before' });
    expect(await box.json('fetch', url('story.txt.sealed'), '--json')).toMatchObject({ payment: null });
  });

  it('costs nothing if it is too dear, cannot be written, or no sealed file', async () => {
    await forgetKeys();
    const before = await spent();
    const tooDear = await box.run(['fetch', url('deep/large.bin.sealed'), '--max', '4', '-o', 'large.bin']);
    expect({ code: tooDear.code, stdout: tooDear.stdout }).toEqual({ code: 3, stdout: '' });
    expect((await box.run(['fetch', url('story.txt.sealed')])).code).toBe(2);
    expect(
      (await box.run(['fetch', url('story.txt.sealed'), '--max', '3', '-o', 'none/story.txt'])).code,
    ).toBe(2);
    expect((await box.run(['fetch', url('none.sealed'), '--max', '3'])).code).toBe(6);
    expect((await box.run(['fetch', url('story.txt.sealed'), '--max', '3', '-i'])).code).toBe(2);
    await writeFile(
      join(box.folder, 'cdn', 'fake.sealed'),
      'This was never sealed by anybody, but has the name.',
    );
    const fake = await box.run(['fetch', url('fake.sealed'), '--max', '3']);
    await rm(join(box.folder, 'cdn', 'fake.sealed'));
    expect({ code: fake.code, stdout: fake.stdout }).toEqual({ code: 1, stdout: '' });
    twoLines(fake.stderr);
    expect(await spent()).toBe(before);
    await expect(stat(join(box.folder, 'home', 'wallet.keys'))).rejects.toThrow('ENOENT');
  });

  it('that was altered in any record gives out no byte of that record', async () => {
    const path = join(box.folder, 'cdn', 'deep', 'large.bin.sealed');
    const sealed = await readFile(path);
    const header = 21 + sealed[20]!;
    for (const record of [0, 7, 45]) {
      const changed = Buffer.from(sealed);
      changed[header + record * 65_536 + 1000]! ^= 1;
      await writeFile(join(box.folder, 'cdn', 'altered.bin.sealed'), changed);
      const toFile = await box.run(['fetch', url('altered.bin.sealed'), '--max', '5', '-o', 'altered.bin']);
      expect(toFile.code).toBe(1);
      expect(twoLines(toFile.stderr).what).toContain('altered');
      await expect(stat(join(box.folder, 'altered.bin'))).rejects.toThrow('ENOENT');
      const [part] = (await readdir(box.folder)).filter((name) => name.startsWith('altered.bin.'));
      const came = await readFile(join(box.folder, part!));
      expect(came.equals(large.subarray(0, record * 65_519))).toBe(true);
      await rm(join(box.folder, part!));
    }
    await writeFile(join(box.folder, 'cdn', 'altered.bin.sealed'), sealed.subarray(0, header + 3 * 65_536));
    const cut = await box.run(['fetch', url('altered.bin.sealed'), '-o', 'altered.bin']);
    expect(cut.code).toBe(1);
    await rm(join(box.folder, 'cdn', 'altered.bin.sealed'));
    const [part] = (await readdir(box.folder)).filter((name) => name.startsWith('altered.bin.'));
    await rm(join(box.folder, part!));
  });

  it('is taken up where the connection broke', async () => {
    host.faults.push({ after: 1_000_000, then: 'hang-up' });
    const { code, stderr } = await box.run([
      'fetch',
      url('deep/large.bin.sealed'),
      '--max',
      '5',
      '-o',
      'large.bin',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect((await readFile(join(box.folder, 'large.bin'))).equals(large)).toBe(true);
    expect(host.log).toEqual([
      'GET /deep/large.bin.sealed',
      expect.stringMatching(/^GET \/deep\/large\.bin\.sealed bytes=\d+-$/),
    ]);
  });

  it('is taken up at a record where the program was killed, and its key is not paid again', async () => {
    await forgetKeys();
    const before = await spent();
    host.faults.push({ after: 2_000_000, then: 'stall' });
    const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const args = ['fetch', url('deep/large.bin.sealed'), '--max', '5', '-o', 'killed.bin'];
    const child = spawn(process.execPath, [program, ...args], {
      cwd: box.folder,
      env: { PATH: process.env['PATH'], IMPULS_HOME: join(box.folder, 'home') },
      stdio: 'ignore',
    });
    const exited = once(child, 'exit');
    const whole = Math.floor((2_000_000 - 100) / 65_536) * 65_519;
    await expect.poll(partBytes, { timeout: 60_000 }).toBe(whole);
    child.kill('SIGKILL');
    await exited;

    host.log.length = 0;
    const again = await box.run(['fetch', url('deep/large.bin.sealed'), '-o', 'killed.bin']);
    expect(again).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await readFile(join(box.folder, 'killed.bin'))).equals(large)).toBe(true);
    expect(await partBytes()).toBe(0);
    const header = 21 + (await readFile(join(box.folder, 'cdn', 'deep', 'large.bin.sealed')))[20]!;
    expect(host.log).toEqual([
      'GET /deep/large.bin.sealed',
      // The last record that was there is fetched again.
      `GET /deep/large.bin.sealed bytes=${header + (whole / 65_519 - 1) * 65_536}-`,
    ]);
    expect(await spent()).toBe(before + 5);

    async function partBytes(): Promise<number> {
      const [part] = (await readdir(box.folder)).filter((name) => /^killed\.bin\..*\.part$/.test(name));
      return part === undefined ? 0 : (await stat(join(box.folder, part))).size;
    }
  });
});

describe('a manifest', () => {
  it('shows what there is, and pays nothing', async () => {
    await forgetKeys();
    const before = await spent();
    const shown = await box.json<{
      units: number;
      items: Array<{ path: string; price: number; bought: boolean }>;
    }>('fetch', url('impuls.json'), '--max', '100');
    expect(shown.units).toBe(11);
    expect(shown.items.map(({ path, price, bought }) => [path, price, bought])).toEqual([
      ['deep/large.bin', 5, false],
      ['deep/paper.pdf', 3, false],
      ['story.txt', 3, false],
    ]);
    expect(await spent()).toBe(before);
  });

  it('gives one of its files, or all of them within the limit', async () => {
    await forgetKeys();
    const before = await spent();
    const one = await box.run(['fetch', url('impuls.json'), '--item', 'story.txt', '--max', '3']);
    expect(one).toEqual({ code: 0, stdout: story, stderr: '' });
    const tooDear = await box.run(['fetch', url('impuls.json'), '--max', '7', '-o', 'all/', '-s']);
    expect(tooDear.code).toBe(3);
    const all = await box.run(['fetch', url('impuls.json'), '--max', '8', '-o', 'all/', '-s']);
    expect(all).toEqual({ code: 0, stdout: '', stderr: '' });
    for (const path of ['story.txt', 'deep/large.bin', 'deep/paper.pdf']) {
      const [got, plain] = await Promise.all(
        ['all', 'plain'].map((folder) => readFile(join(box.folder, folder, path))),
      );
      expect(got!.equals(plain!)).toBe(true);
    }
    expect(await spent()).toBe(before + 11);
    expect((await box.run(['fetch', url('impuls.json'), '--item', 'none', '--max', '3'])).code).toBe(2);
  });
});
