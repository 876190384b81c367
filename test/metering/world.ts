import {
  createFetchHandler,
  createMemoryLedger,
  createPaidHandler,
  createVendor,
  type Ledger,
  type PaidHandler,
  type Route,
  type Vendor,
} from '../../src/server/index.js';
import {
  createMemoryStorage,
  createPayingFetch,
  openWallet,
  type PayingFetch,
  type Wallet,
} from '../../src/client/index.js';
import type { ProtocolName } from '../../src/core/protocol.js';
import { createTestKeys, now } from '../support/vendor.js';

/** A vendor that meters and wallets in one process, without sockets. Answers stream, and lines can be cut. Time passes when a test says so. */

export const origin = 'https://news.example';
export const denomination = 100;

export interface MeterWorld {
  readonly ledger: Ledger;
  readonly vendor: Vendor;
  readonly errors: unknown[];
  /** The method and path of every request that arrived, without ids. */
  readonly arrived: string[];
  /** What wallets send with. */
  readonly fetch: typeof fetch;
  /** @param records of a wallet that there was, to open it again @param fetch what it sends with; default that of the world */
  wallet(
    protocol?: ProtocolName,
    records?: Map<string, string>,
    fetch?: typeof globalThis.fetch,
  ): Promise<Wallet>;
  paying(wallet: Wallet, total?: number): PayingFetch;
  /** Lets so much time pass at the vendor, and waits until nothing moves any more. */
  advance(milliseconds: number): Promise<void>;
  /** Breaks every answer that is streamed now. */
  cut(): void;
  /** The vendor stops and another process of it starts: what was only in memory is gone. */
  restart(): void;
  /** No request arrives any more, or again. */
  down: boolean;
}

let keys: ReturnType<typeof createTestKeys> | undefined;

/** Long enough for everything that is not waiting for time to pass. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await new Promise((resolve) => setImmediate(resolve));
}

class Timers {
  #now = 0;
  #due: { readonly at: number; readonly callback: () => void }[] = [];

  readonly after = (milliseconds: number, callback: () => void): (() => void) => {
    const timer = { at: this.#now + milliseconds, callback };
    this.#due.push(timer);
    return () => (this.#due = this.#due.filter((one) => one !== timer));
  };

  async advance(milliseconds: number): Promise<void> {
    const until = this.#now + milliseconds;
    for (;;) {
      await settle();
      const [next] = this.#due.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#now = next.at;
      this.#due = this.#due.filter((one) => one !== next);
      next.callback();
    }
    this.#now = until;
    await settle();
  }
}

type Paid = Route & { readonly handler: PaidHandler };

export async function createMeterWorld(routes: Readonly<Record<string, Paid>>): Promise<MeterWorld> {
  keys ??= createTestKeys(origin, [denomination], now);
  const made = await keys;
  const timers = new Timers();
  const errors: unknown[] = [];
  const arrived: string[] = [];
  const ledger = createMemoryLedger();
  let lines = new Set<ReadableStreamDefaultController<Uint8Array>>();
  let incarnation = 0;
  let vendor!: Vendor;
  let answer!: (request: Request) => Promise<Response>;

  function start(): void {
    incarnation++;
    vendor = createVendor({
      ...made,
      ledger: reopened(ledger, incarnation),
      clock: () => now * 1000,
      metering: { after: timers.after },
      onError: (error) => errors.push(error),
    });
    const own = createFetchHandler(vendor);
    const paid = new Map(
      Object.entries(routes).map(([path, { handler, ...route }]) => [
        path,
        createPaidHandler(vendor.gate(route), handler),
      ]),
    );
    answer = async (request) => {
      const handler = paid.get(new URL(request.url).pathname);
      return (handler ? await handler(request) : await own(request)) ?? new Response(null, { status: 404 });
    };
  }
  start();

  /** The answer as it comes over a line. */
  function overLine(response: Response): Response {
    const { body, status, headers } = response;
    headers.set('Date', new Date(now * 1000).toUTCString());
    if (!body) return new Response(null, { status, headers });
    const reader = body.getReader();
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start(made) {
        controller = made;
        lines.add(controller);
      },
      async pull() {
        const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
        if (!lines.has(controller)) {
          await reader.cancel().catch(() => {});
          return;
        }
        if (!done) {
          controller.enqueue(value!);
          return;
        }
        lines.delete(controller);
        controller.close();
      },
      async cancel(reason) {
        lines.delete(controller);
        await reader.cancel(reason);
      },
    });
    readers.set(controller, reader);
    return new Response(stream, { status, headers });
  }
  const readers = new Map<
    ReadableStreamDefaultController<Uint8Array>,
    ReadableStreamDefaultReader<Uint8Array>
  >();

  const world: MeterWorld = {
    ledger,
    get vendor() {
      return vendor;
    },
    errors,
    arrived,
    down: false,
    fetch: async (input, init) => {
      init?.signal?.throwIfAborted();
      const request = new Request(input, init);
      if (world.down) throw new TypeError('no route');
      const { pathname } = new URL(request.url);
      arrived.push(`${request.method} ${pathname.replace(/[A-Za-z0-9_-]{22}$/, '*')}`);
      const by = incarnation;
      const response = await answer(request);
      if (by !== incarnation) throw new TypeError('connection reset');
      return overLine(response);
    },
    async wallet(protocol = 'chain', records = new Map(), fetch = world.fetch) {
      const isNew = records.size === 0;
      const wallet = await openWallet({
        storage: createMemoryStorage(records),
        fetch,
        clock: () => now * 1000,
        sleep: async (_, signal) => {
          await settle();
          signal?.throwIfAborted();
        },
      });
      if (isNew) {
        const [code] = await vendor.createVouchers([{ denomination, count: 1 }], 1);
        await wallet.redeem(origin, code!, { protocol });
      }
      return wallet;
    },
    paying: (wallet, total = 1000) => createPayingFetch({ wallet, limits: { perRequest: 50, total } }),
    advance: (milliseconds) => timers.advance(milliseconds),
    cut() {
      const open = lines;
      lines = new Set();
      for (const controller of open) {
        controller.error(new TypeError('terminated'));
        void readers
          .get(controller)!
          .cancel()
          .catch(() => {});
      }
    },
    restart() {
      world.cut();
      start();
    },
  };
  return world;
}

/** The ledger as the next process finds it: what was pending then was interrupted. */
function reopened(ledger: Ledger, incarnation: number): Ledger {
  if (incarnation === 1) {
    return ledger;
  }
  const own = new Set<string>();
  return {
    ...ledger,
    readCard: (id) => ledger.readCard(id),
    accept: async (...args: Parameters<Ledger['accept']>) => {
      const done = await ledger.accept(...args);
      if (done) own.add(args[3].tag);
      return done;
    },
    findClaim: async (...args: Parameters<Ledger['findClaim']>) => {
      const found = await ledger.findClaim(...args);
      return found?.status === 'pending' && !own.has(found.tag) ? { ...found, status: 'interrupted' } : found;
    },
  };
}
