import {
  createContentHandler,
  createFetchHandler,
  createPaidHandler,
  createVendor,
} from '../../src/server/index.js';
import type { Payment, Route } from '../../src/server/index.js';
import { createTestKeys, startVendor, type TestVendorOptions } from './vendor.js';
import { createMemoryLedger, type Ledger, type Vendor } from '../../src/server/index.js';

/** One paid route in words that every adapter can speak. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body in the pieces in which the handler writes it. */
  readonly body?: readonly string[];
}

export interface TestRoute extends Route {
  readonly answer: (call: {
    readonly payment: Payment;
    readonly body: Uint8Array;
  }) => Answer | Promise<Answer>;
}

/** A vendor behind one of the adapters. */
export interface Host {
  readonly vendor: Vendor;
  readonly ledger: Ledger;
  readonly origin: string;
  readonly errors: unknown[];
  /** @param path with query */
  request(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

export type StartHost = (
  routes: Readonly<Record<string, TestRoute>>,
  options?: TestVendorOptions,
) => Promise<Host>;

/** Over a real socket, through `node:http`. */
const startNodeHost: StartHost = async (routes, options) => {
  const started = await startVendor(
    Object.fromEntries(
      Object.entries(routes).map(([path, { answer, ...route }]) => [
        path,
        {
          ...route,
          handler: async (_req, res, paid) => {
            const { status = 200, headers = {}, body = [] } = await answer(paid);
            res.writeHead(status, headers);
            for (const piece of body) res.write(piece);
            res.end();
          },
        },
      ]),
    ),
    options,
  );
  return {
    ...started,
    request: (path, init) => fetch(started.origin + path, { redirect: 'manual', ...init }),
  };
};

/** Through Fetch objects, without a socket. */
const startFetchHost: StartHost = async (routes, options = {}) => {
  const origin = 'https://news.example';
  const clock = options.clock ?? Date.now;
  const made = await createTestKeys(origin, options.denominations, Math.floor(clock() / 1000));
  const ledger = options.ledger ?? createMemoryLedger();
  const errors: unknown[] = [];
  const { cors = 'any', content } = options;
  const vendor = createVendor({ ...made, ledger, clock, cors, onError: (error) => errors.push(error) });
  const own = createFetchHandler(vendor);
  const keys = content && createContentHandler(vendor, content, content);
  const paid = new Map(
    Object.entries(routes).map(([path, { answer, ...route }]) => [
      path,
      createPaidHandler(vendor.gate(route), async (request, payment) => {
        const body = new Uint8Array(await request.arrayBuffer());
        const { status = 200, headers = {}, body: pieces } = await answer({ payment, body });
        return new Response(pieces ? streamOf(pieces) : null, { status, headers });
      }),
    ]),
  );
  return {
    vendor,
    ledger,
    origin,
    errors,
    async request(path, init) {
      const request = new Request(origin + path, init);
      const handler = paid.get(new URL(request.url).pathname);
      try {
        return handler
          ? await handler(request)
          : ((await own(request)) ?? (await keys?.(request)) ?? new Response(null, { status: 404 }));
      } catch (error) {
        errors.push(error);
        return new Response(null, { status: 500 });
      }
    },
    close: () => ledger.close(),
  };
};

function streamOf(pieces: readonly string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const rest = [...pieces];
  return new ReadableStream({
    pull(controller) {
      const piece = rest.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(encoder.encode(piece));
    },
  });
}

export const hosts: ReadonlyArray<{ readonly name: string; readonly start: StartHost }> = [
  { name: 'node:http', start: startNodeHost },
  { name: 'Fetch', start: startFetchHost },
];
