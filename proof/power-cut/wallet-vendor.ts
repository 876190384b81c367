import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createFetchHandler,
  createMemoryLedger,
  createPaidHandler,
  createVendor,
} from '../../src/server/index.js';
import { began, denominations, identities } from '../hostile/identity.js';

/** A request that travels as JSON, because its vendor is at no address. */
export interface Tunneled {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
}

export interface TunneledReply {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** base64 */
  readonly body: string | null;
}

/** The vendor that recorded wallets pay. */
export interface WalletVendor {
  readonly port: number;
  codes(count: number): Promise<string[]>;
  answer(request: Request): Promise<Response>;
  close(): void;
}

export async function startWalletVendor(): Promise<WalletVendor> {
  const vendor = createVendor({
    ...(await identities()).first,
    ledger: createMemoryLedger(),
    clock: () => began * 1000,
  });
  const own = createFetchHandler(vendor);
  const paid = new Map(
    Object.entries({ '/one': 1, '/three': 3 }).map(([path, price]) => [
      path,
      createPaidHandler(vendor.gate({ price, name: path.slice(1) }), () => new Response('here you are')),
    ]),
  );
  const answer = async (request: Request): Promise<Response> =>
    (await paid.get(new URL(request.url).pathname)?.(request)) ??
    (await own(request)) ??
    new Response(null, { status: 404 });

  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of incoming) parts.push(part as Buffer);
      const { url, ...init } = JSON.parse(Buffer.concat(parts).toString()) as Tunneled;
      const headers = init.headers.map(([name, value]): [string, string] => [name, value]);
      const response = await answer(new Request(url, { ...init, headers }));
      const reply: TunneledReply = {
        status: response.status,
        headers: [...response.headers],
        body: response.body ? Buffer.from(await response.arrayBuffer()).toString('base64') : null,
      };
      outgoing.end(JSON.stringify(reply));
    })();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    codes: (count) => vendor.createVouchers([{ denomination: denominations[0], count: 1 }], count),
    answer,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
