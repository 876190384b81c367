import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, twoLines, type Sandbox } from './sandbox.js';

/** What keeps a vendor alive: its log, its numbers, its backups, and the doctor. */

let box: Sandbox;
beforeAll(async () => {
  box = await createSandbox();
  await box.json(
    'vendor',
    'init',
    'shop',
    '--origin',
    box.origin,
    '--name',
    'News',
    '--denominations',
    '100',
  );
});
afterAll(() => box.remove());

async function buy(...args: readonly string[]): Promise<string> {
  const made = await box.json<{ vouchers: string[] } | string[]>(
    'voucher',
    'create',
    'shop',
    '--units',
    '100',
  );
  const [code = ''] = /[0-9A-Z]{5}(?:-[0-9A-Z]{5}){3}/.exec(JSON.stringify(made)) ?? [];
  await box.json('redeem', box.origin, code, ...args);
  return code;
}

/** Every long token in a file: whatever of it is secret is among them. */
async function tokensOf(...path: readonly string[]): Promise<string[]> {
  const text = await readFile(join(box.folder, ...path), 'utf8');
  return text.match(/[\w-]{22,}/g) ?? [];
}

describe('vendor serve --log --metrics', () => {
  it.each(['json', 'text'])(
    'tells of what it does, and no secret that went through it (%s)',
    async (format) => {
      const server = await box.serve('shop', '--log', format, '--metrics', '0');
      const code = await buy('--protocol', 'chain');
      const url = `${box.origin}/articles/hello.txt`;
      expect((await box.run(['fetch', '--max', '5', url])).code).toBe(0);
      const forged = 'Payment eyJmb3JnZWQiOiJjcmVkZW50aWFsIn0';
      await fetch(`${url}?secret=in-the-query`, { headers: { Authorization: forged } });
      await fetch(`${box.origin}/${code}?${code}`);
      expect((await box.run(['redeem', box.origin, '7ZZZZ-ZZZZZ-ZZZZZ-ZZZZZ'])).code).not.toBe(0);
      const { address } = server.events.find(({ event }) => event === 'metrics') as { address: string };
      const metrics = await (await fetch(address)).text();
      expect(await server.stop()).toBe(0);

      const { stdout, stderr } = server.output();
      const all = stdout + stderr + metrics;
      const [key = ''] = (await tokensOf('shop', 'document.json')).filter((token) => token.length === 43);
      expect(key).not.toBe('');
      const secrets = [
        code,
        code.replaceAll('-', ''),
        forged.slice(8),
        'in-the-query',
        'hello.txt',
        ...(await tokensOf('shop', 'keys.json')),
        ...(await tokensOf('home', 'wallet')),
      ];
      expect(secrets.length).toBeGreaterThan(20);
      // The wallet holds the public document, too.
      const open = new Set(await tokensOf('shop', 'document.json'));
      for (const secret of secrets) {
        if (!open.has(secret)) expect(all.includes(secret) && secret).toBe(false);
      }
      for (const line of stderr.trim().split('\n')) {
        if (format === 'json') expect(JSON.parse(line)).toMatchObject({ level: 'info' });
        else expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z info (?:ready|request|stopped)/);
      }
      expect(stderr).toContain('/articles/*');
      expect(stderr).toContain('/impuls/issue');
      expect(metrics).toMatch(
        /^impuls_requests_total\{route="\/articles\/\*",method="GET",status="200"\} 1$/m,
      );
      expect(metrics).toMatch(/^impuls_answers_total\{answer="accepted"\} 1$/m);
      expect(metrics).toMatch(/^impuls_card_units_spent [12]$/m);
      expect(metrics).toMatch(/^impuls_quarantined_keys 0$/m);
      expect(metrics).toMatch(/^impuls_issuing_key_end_seconds\{denomination="100"\} \d{10}$/m);
    },
  );

  it('shows the numbers to this machine only, not to a page with a name of its own', async () => {
    const server = await box.serve('shop', '--metrics', '0');
    const { address } = server.events.find(({ event }) => event === 'metrics') as { address: string };
    expect(new URL(address).hostname).toBe('127.0.0.1');
    const { status } = await fetch(new URL('/', address));
    expect(status).toBe(404);
    const { request } = await import('node:http');
    const answered = await new Promise<number | undefined>((resolve, reject) => {
      request(address, { headers: { host: 'evil.example' } }, (res) => resolve(res.statusCode))
        .on('error', reject)
        .end();
    });
    expect(answered).toBe(403);
    await server.stop();
  });
});

describe('impuls vendor backup, restore and quarantine', () => {
  it('bring back a vendor that serves, with its cards held until that is lifted', async () => {
    const server = await box.serve('shop');
    await buy('--protocol', 'chain');
    const url = `${box.origin}/articles/hello.txt`;
    expect((await box.run(['fetch', '--max', '5', url])).code).toBe(0);
    const made = await box.json<{ state: string }>('vendor', 'backup', 'shop', '--out', 'safe');
    expect(made.state).toBe('running');
    await server.stop();

    const drill = await box.json<{ totals: { cards: number }; folder?: string }>(
      'vendor',
      'restore',
      'safe',
      '--drill',
    );
    expect(drill.folder).toBeUndefined();
    const restored = await box.json<{ quarantined: string[]; issuing: object[]; totals: { cards: number } }>(
      ...['vendor', 'restore', 'safe', 'again'],
    );
    expect(restored).toMatchObject({ totals: drill.totals });
    expect([restored.quarantined.length, restored.issuing.length]).toEqual([1, 1]);

    const articles = join(box.folder, 'again', 'articles');
    const { cp } = await import('node:fs/promises');
    await cp(join(box.folder, 'shop', 'articles'), articles, { recursive: true });
    const next = await box.serve('again');
    const refused = await box.run(['fetch', '--max', '5', url]);
    expect(refused.code).toBe(3);
    expect(twoLines(refused.stderr).what).toContain('restored from a backup');
    expect(await box.json('vendor', 'quarantine', 'again')).toMatchObject({ held: restored.quarantined });
    const { checks } = JSON.parse((await box.run(['doctor', 'again'])).stdout) as {
      checks: { name: string }[];
    };
    expect(checks).toContainEqual(expect.objectContaining({ name: 'quarantine', verdict: 'warn' }));
    const lifted = await box.json('vendor', 'quarantine', 'again', '--lift');
    expect(lifted).toMatchObject({ held: [], lifted: restored.quarantined });
    expect((await box.run(['fetch', '--max', '5', url])).code).toBe(0);
    await next.stop();
    expect(await box.json('vendor', 'quarantine', 'again')).toMatchObject({ held: [] });
  });

  it('say what is missing, and refuse what is in the way', async () => {
    for (const args of [
      ['vendor', 'backup', 'shop'],
      ['vendor', 'backup', 'shop', '--out', 'safe'],
      ['vendor', 'restore', 'safe'],
      ['vendor', 'restore', 'safe', 'shop'],
      ['vendor', 'restore', 'safe', 'other', '--drill'],
      ['vendor', 'restore', 'nowhere', 'other'],
    ]) {
      const { code, stderr } = await box.run(args);
      expect([args.join(' '), code]).toEqual([args.join(' '), 2]);
      twoLines(stderr);
    }
  });
});

interface Diagnosis {
  readonly healthy: boolean;
  readonly checks: ReadonlyArray<{ name: string; verdict: string; what: string; next?: string }>;
}

async function diagnose(...args: readonly string[]): Promise<Diagnosis & { readonly code: number | null }> {
  const { code, stdout } = await box.run(['doctor', 'shop', ...args]);
  return { code, ...(JSON.parse(stdout) as Diagnosis) };
}

describe('impuls doctor', () => {
  it('finds a vendor well, alone and beside its server, and over the network where it is asked to', async () => {
    const alone = await diagnose();
    expect(alone).toMatchObject({ code: 0, healthy: true });
    expect(alone.checks.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
    const server = await box.serve('shop');
    const online = await diagnose('--online');
    await server.stop();
    expect(online).toMatchObject({ code: 0, healthy: true });
    expect(online.checks).toContainEqual({
      name: 'reach',
      verdict: 'ok',
      what: `${box.origin} serves these keys`,
    });
    const unreachable = await diagnose('--online');
    expect(unreachable.code).toBe(1);
    expect(unreachable.checks.find(({ name }) => name === 'reach')).toMatchObject({ verdict: 'fail' });
  });

  it('finds open secrets, missing folders, a damaged ledger and broken settings, each with the next move', async () => {
    const file = (name: string): string => join(box.folder, 'shop', name);
    await chmod(file('ledger.db'), 0o644);
    const open = await diagnose();
    expect(open.checks).toContainEqual({
      name: 'modes',
      verdict: 'fail',
      what: 'others can read ledger.db, and secrets are in it',
      next: `Run: chmod 600 ${file('ledger.db')}`,
    });
    await chmod(file('ledger.db'), 0o600);

    const ledger = await readFile(file('ledger.db'));
    await writeFile(file('ledger.db'), 'no ledger at all');
    const damaged = await diagnose();
    expect(damaged.code).toBe(1);
    expect(damaged.checks).toContainEqual(expect.objectContaining({ name: 'ledger', verdict: 'fail' }));
    await writeFile(file('ledger.db'), ledger);

    const settings = await readFile(file('vendor.json'), 'utf8');
    await writeFile(file('vendor.json'), settings.replace('"articles"', '"elsewhere"'));
    const missing = (await diagnose()).checks.find(({ name }) => name === 'routes');
    expect(missing).toMatchObject({ verdict: 'warn' });
    await writeFile(file('vendor.json'), `${settings} x`);
    const broken = await diagnose();
    expect(broken.code).toBe(1);
    expect(broken.checks.find(({ name }) => name === 'settings')).toMatchObject({ verdict: 'fail' });
    await writeFile(file('vendor.json'), settings);
    expect((await diagnose()).checks.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
    expect((await stat(file('keys.json'))).mode & 0o777).toBe(0o600);
  });

  it('finds credentials, vouchers and callers in a log, and none in its own', async () => {
    const code = await box.json<unknown>('voucher', 'create', 'shop', '--units', '100');
    const [voucher] = /[0-9A-Z]{5}(?:-[0-9A-Z]{5}){3}/.exec(JSON.stringify(code))!;
    const log = join(box.folder, 'access.log');
    await writeFile(
      log,
      [
        '203.0.113.9 - - [22/Nov/2026:20:55:54 +0000] "GET /articles/hello.txt HTTP/1.1" 402 512',
        'GET /a "Authorization: Payment eyJjaGFsbGVuZ2UiOnt9fQ"',
        `GET /redeem?code=${voucher}`,
        'GET /fine 200',
      ].join('\n'),
    );
    const found = await diagnose('--log', log);
    expect(found.code).toBe(1);
    const verdicts = found.checks
      .filter(({ name }) => name === 'log')
      .map(({ verdict, what }) => [verdict, what]);
    expect(verdicts).toEqual([
      ['fail', `1 line of ${log} holds credentials`],
      ['fail', `1 line of ${log} holds what looks like a voucher`],
      ['warn', `1 line of ${log} tells who called`],
    ]);
    const server = await box.serve('shop', '--log', 'json');
    await fetch(`${box.origin}/articles/hello.txt`);
    await server.stop();
    await writeFile(log, server.output().stderr);
    const own = await diagnose('--log', log);
    expect(own.checks.filter(({ name }) => name === 'log').map(({ verdict }) => verdict)).toEqual(['ok']);
  });
});
