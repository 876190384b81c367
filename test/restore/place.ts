import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  createMemoryStorage,
  createPayingFetch,
  openWallet,
  type PayingFetch,
  type Wallet,
} from '../../src/client/index.js';
import { isImpulsError } from '../../src/core/errors.js';
import { initVendorFolder, openVendorFolder } from '../../src/node/vendor/folder.js';
import { openSqliteLedger } from '../../src/node/sqlite.js';
import {
  createFetchHandler,
  createPaidHandler,
  createVendor,
  type Ledger,
  type Vendor,
} from '../../src/server/index.js';

/** A vendor in a folder that can be lost, and wallets that speak to whatever stands in its place. */

export const origin = 'https://news.example';
export const denomination = 40;
const start = Date.UTC(2030, 4, 17, 12);

export interface Open {
  readonly folder: string;
  readonly vendor: Vendor;
  readonly ledger: Ledger;
  close(): Promise<void>;
}

/** A request that arrived, as it can be sent again, and whether it was charged. */
export interface Arrived {
  readonly request: () => Request;
  readonly charged: boolean;
}

export interface HeldWallet {
  readonly wallet: Wallet;
  readonly pay: PayingFetch;
  /** What it stores. */
  readonly records: Map<string, string>;
}

export class Place {
  ms = start;
  readonly base: string;
  readonly arrived: Arrived[] = [];
  readonly errors: unknown[] = [];
  #open: Open | undefined;
  #answer: ((request: Request) => Promise<Response | undefined>) | undefined;

  constructor(base: string) {
    this.base = base;
  }

  readonly clock = (): number => this.ms;

  async init(folder: string): Promise<void> {
    await initVendorFolder(
      folder,
      {
        origin,
        name: 'Example News',
        unit: { code: 'unit', currency: 'USD', value: '0.001' },
        mode: 'test',
        listen: { host: '127.0.0.1', port: 8402 },
        routes: [],
        denominations: [denomination],
      },
      { clock: this.clock },
    );
  }

  /** Serves a folder in the place of what was served before. */
  async serve(folder: string): Promise<Open> {
    await this.lose();
    const { document, keys, recentDocuments, ledgerPath } = await openVendorFolder(folder, {
      clock: this.clock,
    });
    const ledger = await openSqliteLedger({ path: ledgerPath });
    const onError = (error: unknown): unknown => this.errors.push(error);
    const identity = { document, keys, recentDocuments };
    const vendor = createVendor({ ...identity, ledger, clock: this.clock, onError });
    const own = createFetchHandler(vendor);
    const gate = vendor.gate({ price: 2, listing: { method: 'GET', path: '/read' } });
    const read = createPaidHandler(gate, () => new Response('what was paid for'));
    this.#answer = (request) =>
      new URL(request.url).pathname === '/read' ? read(request) : own(request, { source: 'one' });
    const close = async (): Promise<void> => ledger.close();
    return (this.#open = { folder, vendor, ledger, close });
  }

  async lose(): Promise<void> {
    this.#answer = undefined;
    await this.#open?.close();
    this.#open = undefined;
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const { method, url, headers } = request;
    const body = request.body ? new Uint8Array(await request.arrayBuffer()) : undefined;
    const again = (): Request =>
      new Request(url, { method, headers, ...(body && { body: body as BodyInit }) });
    if (!this.#answer) throw new TypeError('nobody is there');
    const answer = (await this.#answer(again())) ?? new Response(null, { status: 404 });
    answer.headers.set('Date', new Date(this.ms).toUTCString());
    this.arrived.push({ request: again, charged: answer.headers.has('payment-receipt') });
    return answer;
  };

  async voucher(count = 1): Promise<string> {
    const [code] = await this.#open!.vendor.createVouchers([{ denomination, count }], 1);
    return code!;
  }

  async wallet(records = new Map<string, string>()): Promise<HeldWallet> {
    const wallet = await openWallet({
      storage: createMemoryStorage(records),
      fetch: this.fetch,
      clock: this.clock,
      sleep: async () => {},
    });
    const limits = { perRequest: 50, total: 100_000 };
    return { wallet, records, pay: createPayingFetch({ wallet, limits, retry: { attempts: 2 } }) };
  }

  async buyer(protocol: 'chain' | 'stream'): Promise<HeldWallet> {
    const held = await this.wallet();
    await held.wallet.redeem(origin, await this.voucher(), { protocol });
    return held;
  }

  somewhere(): string {
    return join(this.base, randomBytes(6).toString('hex'));
  }
}

export const url = `${origin}/read`;

/** @returns how many of so many payments were answered */
export async function payTimes({ pay }: HeldWallet, times: number): Promise<number> {
  let paid = 0;
  for (let i = 0; i < times; i++) {
    try {
      const response = await pay(url);
      if (response.status === 200) paid++;
    } catch (error) {
      if (!isImpulsError(error)) throw error;
    }
  }
  return paid;
}
