import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initVendorFolder } from '../../src/node/vendor/folder.js';
import type { Totals } from '../../src/server/index.js';
import { openChaosProxy, type ChaosProxy } from './proxy.js';
import { calm } from './troubles.js';
import { startVendorProcess, type Mode, type Reported, type VendorProcess } from './vendor-process.js';

/** One vendor's folder behind one proxy. Each test has a ledger of its own in it. */
export interface Street {
  readonly proxy: ChaosProxy;
  /** Temporary. */
  readonly folder: string;
  openShop(name: string, mode?: Mode): Promise<Shop>;
  close(): Promise<void>;
}

/** The vendor over all its lives on one ledger and one port. */
export interface Shop {
  readonly ledger: string;
  totals(): Promise<Totals>;
  voucher(): Promise<string>;
  running(target: string): Promise<void>;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Every run of a handler, oldest first. */
  runs(): Run[];
  /** What the vendor reported in all its lives. */
  errors(): Reported[];
}

export interface Run {
  /** Of the vendor's process. */
  readonly life: number;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly reference: string;
  readonly verdict: 'accepted' | 'repeated';
}

/** Units of the only card there is. */
export const bought = 1000;

export async function openStreet(): Promise<Street> {
  const folder = mkdtempSync(join(tmpdir(), 'impuls-chaos-'));
  const proxy = await openChaosProxy();
  const vendor = join(folder, 'vendor');
  const open = new Set<VendorProcess>();
  await initVendorFolder(vendor, {
    origin: proxy.origin,
    name: 'Example News',
    unit: { code: 'unit', currency: 'USD', value: '0.001' },
    listen: { host: '127.0.0.1', port: 0 },
    routes: [],
    denominations: [bought],
  });

  async function openShop(name: string, mode?: Mode): Promise<Shop> {
    const [ledger, runs] = [join(folder, `${name}.db`), join(folder, `${name}.runs`)];
    const earlier: VendorProcess[] = [];
    const begin = async (port: number, mode?: Mode): Promise<VendorProcess> => {
      const started = await startVendorProcess({ folder: vendor, ledger, runs, port, mode });
      open.add(started);
      return started;
    };
    let current = await begin(0, mode);
    proxy.upstream = current.port;
    proxy.troubles = calm;
    return {
      ledger,
      totals: async () => (await current.ask('totals')) as Totals,
      voucher: async () => (await current.ask('voucher', bought)) as string,
      running: (target) => current.running(target),
      async kill() {
        await current.kill();
        open.delete(current);
      },
      async start() {
        earlier.push(current);
        current = await begin(current.port, mode === 'hang' ? undefined : mode);
      },
      async stop() {
        await current.stop();
        open.delete(current);
      },
      runs: () =>
        existsSync(runs)
          ? readFileSync(runs, 'utf8')
              .split('\n')
              .filter(Boolean)
              .map((line) => JSON.parse(line) as Run)
          : [],
      errors: () => [...earlier, current].flatMap(({ errors }) => errors),
    };
  }

  return {
    proxy,
    folder,
    openShop,
    async close() {
      await Promise.all([...open].map((started) => started.kill()));
      await proxy.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A request that is made once. */
export interface Call {
  readonly method: string;
  /** Path and query; no two calls have the same. */
  readonly target: string;
  readonly body?: string | undefined;
  readonly seal: boolean;
}

const prices: Readonly<Record<string, number>> = {
  '/one': 1,
  '/three': 3,
  '/order': 2,
  '/bulk': 2,
  '/metered': 9,
  '/moody': 4,
  '/sealed': 2,
  '/slow': 5,
};

/** Units that a claim for a target asks for. */
export function priceOf(target: string): number {
  return prices[target.split('?', 1)[0]!]!;
}

/** Units that the vendor is to keep for a target, if it is served in one life. */
export function chargeOf(target: string): number {
  if (fails(target)) return 0;
  return Number(new URLSearchParams(target.split('?')[1]).get('use') ?? priceOf(target));
}

/** Whether the handler answers 500. */
export function fails(target: string): boolean {
  return target.includes('fails=yes');
}

/** What a call is answered. */
export function answerOf({ method, target, body = '' }: Call, reference = ''): string {
  if (fails(target)) return 'not today';
  const digest = createHash('sha256').update(body).digest('base64url');
  const line = `${method} ${target} ${digest} ${reference}\n`;
  if (target.startsWith('/order')) return `${line}ordered`;
  if (target.startsWith('/bulk')) return line + '.'.repeat(70_000);
  if (target.startsWith('/sealed')) return `${line}${'.'.repeat(70_000)}sealed`;
  return line;
}
