import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initVendorFolder } from '../../src/node/vendor/folder.js';
import { startPostgres, type PostgresServer } from '../../test/support/postgres.js';
import { compare, type Breaches } from './books.js';
import { bundledFiles, startProgram, type Program } from './programs.js';
import type { VendorSettings } from './vendor.js';
import type { Ended, Paid, WalletSettings } from './wallet.js';

/** What proof/chaos/main.ts does to a whole installation, as far as it goes on one host in a few seconds. */

const origin = 'https://shop.example';
const denomination = 4096;
const whole: Breaches = {
  chargedTwice: 0,
  lostUnits: 0,
  lostPayments: 0,
  unknownUnits: 0,
  openClaims: 0,
  servedUnpaid: 0,
  paidUnserved: 0,
  orderedTwice: 0,
  mispriced: 0,
  wrongAnswers: 0,
  booksOff: 0,
};

const folder = mkdtempSync(join(tmpdir(), 'impuls-chaos-'));
const programs = new Set<Program>();
let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
  await initVendorFolder(join(folder, 'vendor'), {
    origin,
    name: 'Example News',
    unit: { code: 'unit', currency: 'USD', value: '0.001' },
    listen: { host: '127.0.0.1', port: 0 },
    routes: [],
    denominations: [denomination],
  });
});

afterAll(async () => {
  await Promise.all([...programs].map((program) => program.kill()));
  await postgres.close();
  for (const file of await bundledFiles()) rmSync(file, { force: true });
  rmSync(folder, { recursive: true });
});

interface Vendor {
  readonly port: number;
  readonly runs: string;
  program: Program;
  restart(): Promise<void>;
}

async function startVendor(name: string, database: string): Promise<Vendor> {
  const runs = join(folder, `${name}.runs`);
  const start = async (port: number): Promise<Program> => {
    const place = { folder: join(folder, 'vendor'), database, runs, host: '127.0.0.1', port };
    const program = await startProgram('vendor', { ...place, leaseSeconds: 2 } satisfies VendorSettings);
    programs.add(program);
    return program;
  };
  const program = await start(0);
  const port = (await program.ask('port')) as number;
  const vendor: Vendor = {
    port,
    runs,
    program,
    async restart() {
      await vendor.program.kill();
      vendor.program = await start(port);
      await vendor.program.ask('port');
    },
  };
  return vendor;
}

describe('two vendors over one PostgreSQL', () => {
  it('charge once, lose nothing and serve an order once, while one of them and the database are killed', async () => {
    const database = await postgres.createDatabase();
    const [one, other] = [await startVendor('one', database), await startVendor('other', database)];
    const ended: Ended[] = [];
    const paid: Paid[] = [];
    const answered = (): number => ended.filter(({ event }) => event === 'answered').length;
    async function arrived(count: number): Promise<void> {
      const goal = answered() + count;
      while (answered() < goal) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const via = [one, other].map(({ port }) => `http://127.0.0.1:${port}`);
    const begin = async (name: string, delivery: Pick<WalletSettings, 'delivery'>): Promise<Program> => {
      const settings: WalletSettings = { names: [name], folder, origin, via, ...delivery, rate: 50, seed: 5 };
      const program = await startProgram('wallet', settings, {
        onEvent(event) {
          const told = event as Ended | Paid;
          if (told.event === 'paid') paid.push(told);
          else ended.push(told);
        },
      });
      programs.add(program);
      const codes = await one.program.ask('vouchers', { denomination, count: 2 });
      await program.ask('redeem', { [name]: codes });
      await program.ask('begin');
      return program;
    };
    // A claim that a balancer gives to more than one vendor is served by one of them.
    const wallets = [await begin('in-turn', {}), await begin('to-all', { delivery: 'to-all' })];

    await arrived(30);
    await one.program.kill();
    await arrived(20);
    await one.restart();
    await arrived(20);
    await postgres.kill();
    await postgres.start();
    await arrived(30);
    await Promise.all(wallets.map((program) => program.ask('end')));
    const unsettled = await Promise.all(wallets.map((program) => program.ask('recover') as Promise<number>));
    // What it says then comes from the database.
    await other.restart();

    const { breaches, counts } = await compare({
      vendor: other.program,
      wallets,
      ended,
      paid,
      runFiles: [one.runs, other.runs],
      unsettled: unsettled.reduce((a, b) => a + b),
    });
    expect(breaches, JSON.stringify(counts)).toEqual(whole);
    expect(counts.answered).toBeGreaterThanOrEqual(100);
  });
});
