import {
  createFetchHandler,
  createMemoryLedger,
  createPaidHandler,
  createVendor,
  type Ledger,
  type PaidHandler,
  type Route,
  type Vendor,
  type VendorKeys,
} from '../src/server/index.js';
import type { KeyDocument } from '../src/core/key-document.js';
import type { ProtocolName } from '../src/core/protocol.js';
import {
  createMemoryStorage,
  createPayingFetch,
  openWallet,
  type PayingFetch,
  type PayingFetchOptions,
  type Wallet,
  type WalletOptions,
  type WalletStorage,
} from '../src/client/index.js';
import { createTestKeys, now } from './support/vendor.js';

/** A vendor and wallets in one process, without sockets; the network between them is the test's to break. */

export const origin = 'https://news.example';

export type Paid = Route & { readonly handler: PaidHandler };

/** Stands between: gets the request and the means to deliver it. */
export type Network = (request: Request, deliver: () => Promise<Response>) => Promise<Response>;

export interface World {
  readonly vendor: Vendor;
  readonly ledger: Ledger;
  /** Milliseconds; a test moves it. */
  readonly time: { ms: number };
  /** The method and the path of every request that arrived. */
  readonly arrived: string[];
  readonly errors: unknown[];
  network: Network;
  readonly fetch: typeof fetch;
  /** A code for so many cards of the first denomination. */
  voucher(count?: number): Promise<string>;
  open(options?: Partial<WalletOptions>): Promise<Wallet>;
  /** A wallet with one card. */
  richWallet(protocol: ProtocolName, storage?: WalletStorage): Promise<Wallet>;
  paying(wallet: Wallet, options?: Partial<PayingFetchOptions>): PayingFetch;
}

let keys: Promise<{ keys: VendorKeys; document: KeyDocument }> | undefined;

export const denomination = 100;

export const direct: Network = (_, deliver) => deliver();

export async function createWorld(
  routes: Readonly<Record<string, Paid>>,
  changed: { readonly ledger?: Ledger; readonly keys?: VendorKeys; readonly document?: KeyDocument } = {},
): Promise<World> {
  keys ??= createTestKeys(origin, [denomination], now);
  const made = { ...(await keys), ...changed };
  const time = { ms: now * 1000 };
  const ledger = changed.ledger ?? createMemoryLedger();
  const errors: unknown[] = [];
  const vendor = createVendor({
    keys: made.keys,
    document: made.document,
    ledger,
    clock: () => time.ms,
    onError: (error) => errors.push(error),
  });
  const own = createFetchHandler(vendor);
  const paid = new Map(
    Object.entries(routes).map(([path, { handler, ...route }]) => [
      path,
      createPaidHandler(vendor.gate(route), handler),
    ]),
  );
  const arrived: string[] = [];

  async function deliver(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    arrived.push(`${request.method} ${pathname}`);
    const handler = paid.get(pathname);
    const response = handler ? await handler(request) : await own(request);
    const { status, headers, body } = response ?? new Response(null, { status: 404 });
    headers.set('Date', new Date(time.ms).toUTCString());
    // The vendor sends its answer whole, whether anybody gets it or not.
    return new Response(body && (await new Response(body).arrayBuffer()), { status, headers });
  }

  const world: World = {
    vendor,
    ledger,
    time,
    arrived,
    errors,
    network: direct,
    fetch: async (input, init) => {
      init?.signal?.throwIfAborted();
      const request = new Request(input, init);
      return world.network(request, () => deliver(request));
    },
    async voucher(count = 1) {
      const [code] = await vendor.createVouchers([{ denomination, count }], 1);
      return code!;
    },
    open: (options = {}) =>
      openWallet({
        storage: createMemoryStorage(),
        ...(!options.transport && { fetch: world.fetch }),
        clock: () => time.ms,
        sleep: async (_, signal) => signal?.throwIfAborted(),
        ...options,
      }),
    async richWallet(protocol, storage = createMemoryStorage()) {
      const wallet = await world.open({ storage });
      await wallet.redeem(origin, await world.voucher(), { protocol });
      return wallet;
    },
    paying: (wallet, options = {}) =>
      createPayingFetch({ wallet, limits: { perRequest: 50, total: 1000 }, ...options }),
  };
  return world;
}
