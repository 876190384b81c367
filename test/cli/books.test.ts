import Database from 'better-sqlite3';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, twoLines, type Sandbox, type Server } from './sandbox.js';

let box: Sandbox;
let server: Server;
beforeAll(async () => {
  box = await createSandbox();
  await box.json('vendor', 'init', 'shop', '--origin', box.origin, '--denominations', '100');
  server = await box.serve('shop');
  const { codes } = await box.json<{ codes: string[] }>('voucher', 'create', 'shop', '--count', '2');
  await box.json('redeem', box.origin, codes[0]!);
  for (let i = 0; i < 3; i++) {
    const fetched = await box.run(['fetch', '--max', '1', `${box.origin}/articles/hello.txt`]);
    expect(fetched.code).toBe(0);
  }
});
afterAll(async () => {
  await server.stop();
  await box.remove();
});

const today = new Date().toISOString().slice(0, 10);
const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);

describe('liability', () => {
  it('tells what is owed, beside a server and without one', async () => {
    const owed = {
      vouchers: 100,
      unopened: 0,
      cards: 97,
      credits: 0,
      refunds: 0,
      total: 197,
      breakage: 0,
      worth: '0.197 USD',
    };
    expect(await box.json('liability', 'shop', '--as-of', tomorrow)).toMatchObject(owed);
    expect(await box.json('liability', 'shop', '--as-of', '2020-01-01')).toMatchObject({
      total: 0,
      keys: [],
    });
    await server.stop();
    expect(await box.json('liability', 'shop', '--as-of', tomorrow)).toMatchObject(owed);
    server = await box.serve('shop');
  });

  it('says so where the day is none', async () => {
    const { code, stderr } = await box.run(['liability', 'shop', '--as-of', '2027-02-30']);
    expect(code).toBe(2);
    twoLines(stderr);
  });
});

interface Report {
  readonly totals: Readonly<Record<string, { readonly count: number; readonly units: number }>>;
  readonly keys: ReadonlyArray<{ readonly denomination: number; readonly epoch: string }>;
  readonly routes: unknown;
  readonly days: ReadonlyArray<{ readonly day: string }>;
}

describe('report', () => {
  it('tells what was sold, issued and spent, by key, route and day', async () => {
    const { totals, keys, routes, days } = await box.json<Report>('report', 'shop', '--to', tomorrow);
    expect(totals['sold']).toEqual({ count: 2, units: 200 });
    expect(totals['issued']).toEqual({ count: 1, units: 100 });
    expect(totals['opened']).toEqual({ count: 1, units: 100 });
    expect(totals['spent']).toEqual({ count: 3, units: 3 });
    expect(keys).toMatchObject([{ denomination: 100, epoch: today.slice(0, 7) }]);
    expect(routes).toEqual([{ route: '/articles/*', count: 3, units: 3 }]);
    expect(days).toHaveLength(30);
    expect(days.at(-1)?.day).toBe(tomorrow);
  });

  it('writes CSV in which no line has a sale and a key', async () => {
    const { code, stdout } = await box.run(['report', 'shop', '--to', tomorrow, '--csv']);
    expect(code).toBe(0);
    const [head, ...lines] = stdout.trimEnd().split('\r\n');
    expect(head).toBe('day,kind,denomination,epoch,key,route,count,units,worth,currency');
    expect(lines.some((line) => /^[\d-]+,sold,,,,,2,200,0\.2,USD$/.test(line))).toBe(true);
    expect(lines.some((line) => /,spent,100,[\d-]+,[\w'-]+,\/articles\/\*,3,3,/.test(line))).toBe(true);
    for (const line of lines) expect(/,sold,/.test(line)).toBe(/,,,,/.test(line));
  });

  it('says so where a period ends before it begins', async () => {
    const { code, stderr } = await box.run(['report', 'shop', '--from', '2027-01-02', '--to', '2027-01-01']);
    expect(code).toBe(2);
    twoLines(stderr);
  });
});

describe('vendor evidence', () => {
  it('writes what inspect finds to hold', async () => {
    const [card] = await box.json<Array<{ id: string; protocol: string }>>('cards');
    const shown = await box.json('vendor', 'evidence', card!.id, 'shop');
    await writeFile(join(box.folder, 'evidence.json'), JSON.stringify(shown));
    expect(await box.json('inspect', 'evidence.json')).toMatchObject([
      { kind: 'evidence', facts: { card: card!.id, end: 3 } },
    ]);
    expect((await box.run(['vendor', 'evidence', 'A'.repeat(22), 'shop'])).code).toBe(1);
  });
});

describe('audit', () => {
  it('holds beside a server, and knows the head that it printed', async () => {
    const { ok, head } = await box.json<{ ok: boolean; head: { seq: number; link: string } }>(
      'audit',
      'shop',
    );
    expect(ok).toBe(true);
    const again = await box.json('audit', 'shop', '--expect', `${head.seq}:${head.link}`);
    expect(again).toMatchObject({ ok: true, head });
    expect((await box.run(['audit', 'shop', '--expect', 'x'])).code).toBe(2);
  });

  it('fails with the first thing that was changed', async () => {
    await server.stop();
    const db = new Database(join(box.folder, 'shop', 'ledger.db'));
    db.exec("UPDATE books SET units = units - 1 WHERE kind = 'spent'");
    db.close();
    const { code, stdout } = await box.run(['audit', 'shop']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, fault: expect.stringMatching(/units spent/) });
    server = await box.serve('shop');
  });
});
