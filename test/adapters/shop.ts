import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import {
  createMemoryLedger,
  createVendor,
  type Call,
  type Ledger,
  type Vendor,
} from '../../src/server/index.js';
import { createTestKeys } from '../support/vendor.js';

/**
 * One shop, built in the idiom of each framework. Its routes cost three units, but for /sized and /metered:
 *
 *   GET  /json        { answer: 'json' }, with Cache-Control: public
 *   GET  /text        'text', with Cache-Control: no-store
 *   GET  /stream      `long`, in pieces
 *   GET  /redirect    302 to /json
 *   GET  /empty       204
 *   GET  /same        304
 *   GET  /missing     404, by the framework
 *   GET  /refused     422 and `long`, in pieces
 *   GET  /throws      throws at once
 *   GET  /rejects     throws later
 *   GET  /slow        tells `slow` that it runs, and answers 'slow' when it is let; with ?fails it throws then
 *   GET  /sized?n=    costs n
 *   GET  /metered?n=  captures n of up to ten
 *   POST /order       JSON, parsed as the framework does it: 201 { item, run }
 *   POST /upload      the stream, read by the handler: 200 { bytes }
 *   POST /too-late    with a parser before the gate
 *   GET  /free        'free', for nothing
 *
 * An error is told to `report`, and answered 500 'sorry'.
 */
export interface Counter {
  readonly vendor: Vendor;
  /** What handlers tell tests. */
  readonly report: (error: unknown) => void;
  readonly slow: () => Promise<void>;
  /** How often a handler of /order ran. */
  readonly countRun: () => number;
}

export interface Shop {
  readonly vendor: Vendor;
  readonly ledger: Ledger;
  readonly origin: string;
  readonly errors: unknown[];
  /** Waits until /slow runs. @returns what lets it answer */
  slowRuns(): Promise<() => void>;
  /** @param path with query */
  request(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

export type Serve = (counter: Counter) => Served | Promise<Served>;

export interface Served {
  /** What is asked over a socket; or without one. */
  readonly listener?: RequestListener;
  readonly fetch?: (request: Request) => Promise<Response>;
  close?(): Promise<void>;
}

export const price = 3;
export const sized = (call: Call): number => Number(new URL(call.target, 'http://x').searchParams.get('n'));
export const pieces: readonly string[] = [
  'one '.repeat(20_000),
  'two '.repeat(20_000),
  'three '.repeat(20_000),
];
export const long = pieces.join('');

export async function openShop(serve: Serve): Promise<Shop> {
  const server: Server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const made = await createTestKeys(origin, [1000], Math.floor(Date.now() / 1000));
  const ledger = createMemoryLedger();
  const errors: unknown[] = [];
  const report = (error: unknown): void => void errors.push(error);
  const vendor = createVendor({ ...made, ledger, onError: report });
  let runs = 0;
  const waiting: Array<(finish: () => void) => void> = [];
  const served = await serve({
    vendor,
    report,
    countRun: () => ++runs,
    slow: () => new Promise((finish) => waiting.shift()?.(finish)),
  });
  const { listener, fetch: answer = fetch } = served;
  if (listener) server.on('request', listener);
  return {
    vendor,
    ledger,
    origin,
    errors,
    slowRuns: () => new Promise((resolve) => waiting.push(resolve)),
    request: (path, init) => answer(new Request(origin + path, { redirect: 'manual', ...init })),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await served.close?.();
      await ledger.close();
    },
  };
}

/** Some pieces as a stream of bytes. */
export async function* bytesOf(parts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield new TextEncoder().encode(part);
}
