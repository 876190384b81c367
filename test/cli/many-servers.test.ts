import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPayingFetch, openWallet } from '../../src/client/index.js';
import { openFileStorage } from '../../src/node/file-storage.js';
import { startBalancer, type Balancer } from '../support/balancer.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { createSandbox, twoLines, type Sandbox, type Server } from './sandbox.js';

/** A vendor that moves into PostgreSQL, is served by two processes behind a load balancer, and moves back. */

let box: Sandbox;
let postgres: PostgresServer;
let balancer: Balancer;
let url: string;
const servers: Server[] = [];

const addressOf = ({ events }: Server): string =>
  events.find(({ event }) => event === 'ready')!['address'] as string;

async function serve(...args: readonly string[]): Promise<Server> {
  const server = await box.serve('shop', '--port', '0', ...args);
  servers.push(server);
  return server;
}

async function stopAll(): Promise<void> {
  for (const server of servers.splice(0)) await server.stop();
}

const settings = async (): Promise<{ database?: string }> =>
  JSON.parse(await readFile(join(box.folder, 'shop', 'vendor.json'), 'utf8')) as { database?: string };

async function openPayer(name: string) {
  const wallet = await openWallet({
    storage: await openFileStorage(join(box.folder, name)),
    sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, Math.min(milliseconds, 50))),
  });
  const retry = { attempts: 40, baseDelayMs: 20 };
  const pay = createPayingFetch({ wallet, limits: { perRequest: 5, total: 10_000 }, retry });
  return { wallet, pay };
}

interface Status {
  readonly spent: number;
  readonly cards: number;
  readonly running: boolean;
}

interface Moved {
  readonly counts: Readonly<Record<string, number>>;
  readonly digest: string;
}

beforeAll(async () => {
  [box, postgres] = await Promise.all([createSandbox(), startPostgres()]);
  url = await postgres.createDatabase();
  balancer = await startBalancer(box.origin);
  await box.json('vendor', 'init', 'shop', '--origin', box.origin, '--denominations', '100');
});
afterAll(async () => {
  for (const server of servers) await server.kill();
  await balancer.close();
  await box.remove();
  await postgres.close();
});

describe('a vendor whose ledger is in PostgreSQL', () => {
  let codes: readonly string[];

  it('has moved there with all that it had', async () => {
    ({ codes } = await box.json<{ codes: string[] }>(
      'voucher',
      'create',
      'shop',
      '--units',
      '100',
      '--count',
      '2',
    ));
    const elsewhere = await box.run(['vendor', 'serve', 'shop', '--database', url]);
    expect(twoLines(elsewhere.stderr).next).toContain('impuls vendor move');
    const { counts, digest } = await box.json<Moved>('vendor', 'move', 'shop', '--to', url);
    expect(counts).toMatchObject({ order: 2, totals: 1 });
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect((await settings()).database).toBe(url);
    expect(existsSync(join(box.folder, 'shop', 'ledger.db'))).toBe(false);
    expect(existsSync(join(box.folder, 'shop', 'ledger.db.moved'))).toBe(true);
  });

  it('charges once what two servers were asked for, though one of them is killed', async () => {
    const [one, two] = [await serve(), await serve('--name', 'b2')];
    balancer.use([one, two].map(addressOf));
    const { wallet, pay } = await openPayer('wallet');
    await wallet.recover();
    for (const code of codes) await wallet.redeem(box.origin, code, { protocol: 'chain' });
    let answered = 0;
    const payer = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) {
        const response = await pay(`${box.origin}/articles/hello.txt`);
        expect(response.status).toBe(200);
        await response.text();
        if (++answered === 20) await two.kill();
      }
    };
    await Promise.all([payer(), payer(), payer(), payer()]);
    await wallet.recover();
    const left = wallet.cards().reduce((sum, card) => sum + card.left, 0);
    await wallet.close();
    expect(left).toBe(200 - 40);
    const { spent, cards, running } = await box.json<Status>('vendor', 'status', 'shop');
    expect([spent, cards, running]).toEqual([40, 1, true]);
    expect([...balancer.given.values()].every((count) => count > 5)).toBe(true);
  });

  it('takes commands beside its servers, and all of them hear of new keys', async () => {
    const again = await serve();
    balancer.use([servers[0]!, again].map(addressOf));
    await box.json('voucher', 'create', 'shop', '--units', '100');
    await box.json('keys', 'rotate', 'shop', '--activation');
    const documents = [servers[0]!, again].map(async (server) =>
      (await fetch(`${addressOf(server)}/.well-known/impuls`)).text(),
    );
    const [first, second] = await Promise.all(documents);
    expect(second).toBe(first);
    expect((JSON.parse(first!) as { previous: unknown[] }).previous).toHaveLength(1);
    // One was killed and left its socket, which the next one took away.
    const sockets = (await readdir(join(box.folder, 'shop'))).filter((name) => name.endsWith('.sock'));
    expect(sockets).toHaveLength(2);
    const { checks } = await box.json<{ checks: { name: string; verdict: string; what: string }[] }>(
      'doctor',
      'shop',
    );
    expect(checks).toContainEqual(expect.objectContaining({ name: 'server', what: '2 run' }));
    expect(checks.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
    expect(checks).toContainEqual(expect.objectContaining({ name: 'ledger', verdict: 'ok' }));
  });

  it('says of what a database does in its own way what to do instead', async () => {
    const backup = await box.run(['vendor', 'backup', 'shop', '--out', 'copy']);
    expect(twoLines(backup.stderr).next).toContain('pg_basebackup');
    const audit = await box.run(['audit', 'shop']);
    expect(twoLines(audit.stderr).next).toContain('impuls liability');
    for (const args of [
      ['vendor', 'move', 'shop', '--to', 'sqlite'],
      ['vendor', 'quarantine', 'shop', '--hold'],
    ]) {
      const { stderr } = await box.run(args);
      expect(twoLines(stderr).next).toContain('Stop all servers');
    }
  });

  it('can be held after its database came back from a backup, and be freed again', async () => {
    await stopAll();
    // As if the lease of the one that was killed had ended.
    await postgres.query('DELETE FROM impuls.instances', new URL(url).pathname.slice(1));
    const { held, issuing } = await box.json<{ held: string[]; issuing: unknown[] }>(
      ...['vendor', 'quarantine', 'shop', '--hold'],
    );
    expect([held.length, issuing.length]).toEqual([1, 1]);
    balancer.use([addressOf(await serve())]);
    const { wallet, pay } = await openPayer('wallet');
    await expect(pay(`${box.origin}/articles/hello.txt`)).rejects.toMatchObject({ code: 'vendor-restored' });
    expect(await box.json('vendor', 'quarantine', 'shop', '--lift')).toMatchObject({ lifted: held });
    expect((await pay(`${box.origin}/articles/hello.txt`)).status).toBe(200);
    await wallet.close();
    await stopAll();
  });

  it('moves back into a file that passes an audit, and leaves a database that nobody opens', async () => {
    const { counts } = await box.json<Moved>('vendor', 'move', 'shop', '--to', 'sqlite');
    expect(counts).toMatchObject({ card: 1, order: 3 });
    expect((await settings()).database).toBeUndefined();
    expect(await box.json('audit', 'shop')).toMatchObject({ ok: true, cards: 1 });
    balancer.use([addressOf(await serve())]);
    const { wallet, pay } = await openPayer('wallet');
    expect((await pay(`${box.origin}/articles/hello.txt`)).status).toBe(200);
    await wallet.close();
    expect((await box.json<Status>('vendor', 'status', 'shop')).spent).toBe(42);
    await stopAll();
    const there = await box.run(['vendor', 'move', 'shop', '--to', url]);
    expect(twoLines(there.stderr).what).toContain('moved out of this database');
  });
});
