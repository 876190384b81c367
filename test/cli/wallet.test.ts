import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CardSummary, Payment } from '../../src/client/index.js';
import { openFileStorage } from '../../src/node/file-storage.js';
import { createSandbox, twoLines, type Sandbox, type Server } from './sandbox.js';

let box: Sandbox;
let server: Server;
let article: string;
beforeAll(async () => {
  box = await createSandbox();
  article = `${box.origin}/articles/hello.txt`;
  await box.json('vendor', 'init', 'shop', '--origin', box.origin, '--denominations', '100');
  const file = join(box.folder, 'shop', 'vendor.json');
  const settings = JSON.parse(await readFile(file, 'utf8')) as { routes: object[] };
  settings.routes = [{ path: '/articles/*', price: 3, folder: 'articles' }];
  await writeFile(file, JSON.stringify(settings));
  server = await box.serve('shop', '--verbose');
});
afterAll(async () => {
  await server.stop();
  await box.remove();
});

async function createVoucher(...args: string[]): Promise<string> {
  const { codes } = await box.json<{ codes: string[] }>('voucher', 'create', 'shop', ...args);
  return codes[0]!;
}

async function unitsLeft(...args: string[]): Promise<number> {
  const cards = await box.json<CardSummary[]>('cards', ...args);
  return cards.reduce((sum, { left }) => sum + left, 0);
}

describe('a wallet on the command line', () => {
  it('redeems vouchers by code, by link and from the input', async () => {
    const code = await createVoucher();
    const [chain] = await box.json<CardSummary[]>('redeem', box.origin, code.toLowerCase());
    expect(chain).toMatchObject({
      protocol: 'chain',
      units: 100,
      left: 100,
      status: 'ready',
      worth: '0.1 USD',
    });

    const link = `${box.origin}/some/page#${await createVoucher()}`;
    const [stream] = await box.json<CardSummary[]>(
      'redeem',
      link,
      '--protocol',
      'stream',
      '--generator',
      'hmac-drbg',
    );
    expect(stream).toMatchObject({ protocol: 'stream', generator: 'hmac-drbg' });

    const piped = await box.run(['redeem', box.origin, '-', '--wallet', 'piped'], {
      input: `${await createVoucher()}\n`,
    });
    expect(piped.code).toBe(0);
    expect(await box.json<CardSummary[]>('cards', '--wallet', 'piped')).toHaveLength(1);
    expect(await box.json<CardSummary[]>('cards')).toHaveLength(2);

    const again = await box.run(['redeem', box.origin, code]);
    expect(again.code).toBe(1);
    expect(twoLines(again.stderr).next).not.toBe('');
  });

  it('keeps the wallet for its owner', async () => {
    expect((await stat(join(box.folder, 'home', 'wallet'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(box.folder, 'home'))).mode & 0o777).toBe(0o700);
  });

  it('refuses vouchers that are mistyped or not known', async () => {
    const code = await createVoucher();
    const other = code[3] === 'A' ? 'B' : 'A';
    const mistyped = await box.run(['redeem', box.origin, code.slice(0, 3) + other + code.slice(4)]);
    expect(mistyped.code).toBe(1);
    expect(twoLines(mistyped.stderr).what).toBe('the voucher code is mistyped');
  });

  it('pays for a request and writes its body', async () => {
    const before = await unitsLeft();
    const { code, stdout, stderr } = await box.run(['fetch', article, '--max', '3']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Hello! If you read this, you have paid for it\.\n/);
    expect(await unitsLeft()).toBe(before - 3);
  });

  it('follows the habits of curl', async () => {
    const withHead = await box.run(['fetch', article, '--max', '3', '-i']);
    expect(withHead.stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)+\r\nHello!/);
    expect(withHead.stdout).toMatch(/^payment-receipt: /m);

    const toFile = await box.run(['fetch', article, '--max', '3', '-o', 'hello.txt', '-s']);
    expect(toFile).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await readFile(join(box.folder, 'hello.txt'), 'utf8')).toMatch(/^Hello!/);

    const missing = await box.run(['fetch', `${box.origin}/articles/none`, '--max', '3']);
    expect(missing.code).toBe(0);
    expect((await box.run(['fetch', `${box.origin}/articles/none`, '--max', '3', '-f'])).code).toBe(1);

    const posted = await box.run(['fetch', article, '--max', '3', '-d', 'a=b', '-d', 'c=d', '-H', 'X-A: b']);
    expect(JSON.parse(posted.stdout)).toMatchObject({ status: 405 });
  });

  it('tells programs everything as one JSON document, but no secret', async () => {
    const answer = await box.json<{ status: number; body: string; payment: Payment }>(
      'fetch',
      article,
      '--max',
      '3',
      '--json',
      '--protocol',
      'chain',
    );
    expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('Hello!') });
    expect(answer.payment).toMatchObject({
      units: 3,
      worth: '0.003 USD',
      protocol: 'chain',
      verdict: 'accepted',
    });
    expect(answer.payment).not.toHaveProperty('key');

    const free = await box.json<{ payment: null }>('fetch', `${box.origin}/llms.txt`, '--max', '3', '--json');
    expect(free.payment).toBeNull();
  });

  it('shows the payment on the wire in words, and the key of both sides is the same', async () => {
    const { code, stderr } = await box.run(['fetch', article, '--max', '3', '-v', '--protocol', 'stream']);
    expect(code).toBe(0);
    // The price is known from what the vendor says of its API: it is paid with the first request.
    expect(stderr).toMatch(/^> GET \/openapi\.json HTTP\/1\.1$/m);
    expect(stderr.match(/^> GET \/articles\/hello\.txt HTTP\/1\.1$/gm)).toHaveLength(1);
    const asked = await box.run(['fetch', article, '--dry-run', '-v']);
    expect(asked.stderr).toMatch(/^< www-authenticate: \(127\.0\.0\.1 asks for 3 units \(0\.003 USD\)\./m);
    expect(stderr).toMatch(
      /^> authorization: Payment \(Pays 3 units to 127\.0\.0\.1: step \d+ of a stream card\.\)$/m,
    );
    expect(stderr).toMatch(/^< payment-receipt: \(Charged 3 units at /m);
    const key = /key ([0-9a-f]{8})\./.exec(stderr)?.[1];
    expect(server.events).toContainEqual(
      expect.objectContaining({ event: 'paid', units: 3, fingerprint: key }),
    );
    const backup = (await box.run(['backup'])).stdout;
    for (const [, secret] of backup.matchAll(/"(?:seed|randomizer|signature)":"([^"]+)"/g)) {
      expect(stderr).not.toContain(secret);
    }
  });

  it('asks for a sealed body and opens it', async () => {
    const sealed = await box.run(['fetch', article, '--max', '3', '--seal', '-v']);
    expect(sealed.stdout).toMatch(/^Hello!/);
    expect(sealed.stderr).toMatch(/^< content-encoding: aes128gcm$/m);
    expect(sealed.stderr).toContain('The answer is to be sealed.');
  });

  it('shows a price and pays nothing on a dry run', async () => {
    const before = await unitsLeft();
    const quote = await box.json('fetch', article, '--dry-run', '--max', '3');
    expect(quote).toMatchObject({
      method: 'GET',
      url: article,
      units: 3,
      worth: '0.003 USD',
      max: 3,
      wouldPay: true,
    });
    const tooDear = await box.run(['fetch', article, '--dry-run', '--max', '2']);
    expect(tooDear.code).toBe(3);
    expect(JSON.parse(tooDear.stdout)).toMatchObject({ wouldPay: false });
    expect((await box.run(['fetch', article, '--dry-run', '--wallet', 'empty'])).code).toBe(4);
    const free = await box.json('fetch', `${box.origin}/llms.txt`, '--dry-run');
    expect(free).toMatchObject({ units: 0, wouldPay: false });
    expect(await unitsLeft()).toBe(before);
  });

  it('never pays more than the limit, nor without a card', async () => {
    const before = await unitsLeft();
    const tooDear = await box.run(['fetch', article, '--max', '2']);
    expect({ code: tooDear.code, stdout: tooDear.stdout }).toEqual({ code: 3, stdout: '' });
    twoLines(tooDear.stderr);
    const noCard = await box.run(['fetch', article, '--max', '3', '--wallet', 'empty']);
    expect({ code: noCard.code, stdout: noCard.stdout }).toEqual({ code: 4, stdout: '' });
    expect(twoLines(noCard.stderr).next).toContain('voucher');
    expect(await unitsLeft()).toBe(before);
    await expect(stat(join(box.folder, 'empty'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('pays for nothing that it could not write', async () => {
    const before = await unitsLeft();
    for (const file of ['shop', 'none/hello.txt']) {
      const { code, stderr } = await box.run(['fetch', article, '--max', '3', '-o', file]);
      expect(code).toBe(2);
      expect(twoLines(stderr).next).toContain('Nothing was paid');
    }
    const full = await box.run(['fetch', article, '--max', '3', '-o', '/dev/full']);
    expect(full.code).toBe(7);
    expect(twoLines(full.stderr).next).toContain('impuls history');
    expect(await unitsLeft()).toBe(before - 3);
  });

  it('takes the limit from its settings where the command line has none', async () => {
    const file = join(box.folder, 'home', 'config.json');
    await writeFile(file, '{"max": 3}');
    expect((await box.run(['fetch', article])).code).toBe(0);
    await writeFile(file, '{"max": 2}');
    expect((await box.run(['fetch', article])).code).toBe(3);
    await writeFile(file, '{"max": "2"}');
    const { code, stderr } = await box.run(['fetch', article]);
    expect(code).toBe(2);
    expect(twoLines(stderr)).toEqual({
      what: `${file}: "max" is not a whole number of units`,
      next: 'Write it as {"max": 10, "mirrors": {"https://news.example": ["https://mirror.example/news.json"]}}.',
    });
    await writeFile(file, '{}');
  });

  it('remembers its payments', async () => {
    const payments = await box.json<Payment[]>('history');
    const cards = await box.json<CardSummary[]>('cards');
    const spent = cards.reduce((sum, { units, left }) => sum + units - left, 0);
    expect(payments.reduce((sum, { units }) => sum + units, 0)).toBe(spent);
    expect(await box.json<Payment[]>('history', '-n', '1')).toEqual(payments.slice(0, 1));
    for (const { fingerprint } of payments) {
      expect(server.events).toContainEqual(expect.objectContaining({ fingerprint }));
    }
  });

  it('is backed up and restored with the right balance, and what is spent after that is seen too', async () => {
    const before = await unitsLeft();
    expect(await box.json('backup', '-o', 'cards.backup')).toEqual({
      file: join(box.folder, 'cards.backup'),
      cards: 2,
    });
    expect((await stat(join(box.folder, 'cards.backup'))).mode & 0o777).toBe(0o600);
    expect((await box.run(['backup', '-o', 'cards.backup'])).code).toBe(2);
    await box.run(['fetch', article, '--max', '3']);

    const restored = await box.json<CardSummary[]>('restore', 'cards.backup', '--wallet', 'second');
    expect(restored).toHaveLength(2);
    expect(await unitsLeft('--wallet', 'second')).toBe(before - 3);
    expect(await box.json('restore', 'cards.backup', '--wallet', 'second')).toEqual([]);
    expect((await box.run(['fetch', article, '--max', '3', '--wallet', 'second'])).code).toBe(0);

    const altered = (await readFile(join(box.folder, 'cards.backup'), 'utf8')).replace('"chain"', '"chaos"');
    const { code, stderr } = await box.run(['restore', '-', '--wallet', 'third'], { input: altered });
    expect(code).toBe(1);
    expect(twoLines(stderr).what).toContain('altered');
  });

  it('pays with both wallets of one card and nobody pays twice', async () => {
    const first = await box.run(['fetch', article, '--max', '3']);
    const second = await box.run(['fetch', article, '--max', '3', '--wallet', 'second']);
    expect([first.code, second.code]).toEqual([0, 0]);
  });

  it('refuses a corrupt wallet and leaves it untouched', async () => {
    const file = join(box.folder, 'corrupt');
    await writeFile(file, 'this is no wallet\n', { mode: 0o600 });
    const { code, stderr } = await box.run(['cards', '--wallet', 'corrupt']);
    expect(code).toBe(7);
    twoLines(stderr);
    expect(await readFile(file, 'utf8')).toBe('this is no wallet\n');
  });

  it('waits for no other program that has the wallet open', async () => {
    const storage = await openFileStorage(join(box.folder, 'busy'));
    const { code, stderr } = await box.run(['cards', '--wallet', 'busy']);
    await storage.close();
    expect(code).toBe(7);
    twoLines(stderr);
  });

  it('tells that a vendor is away, and goes on when it is back', async () => {
    await server.kill();
    const { code, stdout, stderr } = await box.run(['fetch', article, '--max', '3']);
    expect({ code, stdout }).toEqual({ code: 6, stdout: '' });
    expect(twoLines(stderr).what).toBe(`${box.origin} cannot be reached: nothing listens there`);
    const code2 = (await box.run(['redeem', box.origin, await createVoucher(), '--wallet', 'late'])).code;
    expect(code2).toBe(6);
    server = await box.serve('shop', '--verbose');
    expect((await box.run(['recover'])).code).toBe(0);
    expect((await box.run(['fetch', article, '--max', '3'])).code).toBe(0);
  });
});
