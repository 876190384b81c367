import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { ProtocolName } from '../../src/core/protocol.js';
import type { Challenge } from '../../src/core/wire/index.js';
import { createNodeHandler, createPaidNodeHandler } from '../../src/node/http.js';
import {
  createMemoryLedger,
  createVendor,
  type Ledger,
  type Route,
  type Vendor,
} from '../../src/server/index.js';
import { activationOf, buyCard, challengesOf, type HandCard, type Post } from '../../test/support/card.js';
import { createTestKeys } from '../../test/support/vendor.js';

/** A vendor to attack: two servers on sockets over one ledger, as behind a balancer. */

export interface Site {
  readonly origin: string;
  readonly vendors: readonly [Vendor, Vendor];
  readonly ports: readonly [number, number];
  readonly ledger: Ledger;
  /** How often a handler has run, by path. */
  readonly runs: Map<string, number>;
  /** Failures that a server could tell nobody. */
  readonly errors: unknown[];
  readonly post: Post;
  send(path: string, init?: RequestInit & { readonly door?: 0 | 1 }): Promise<Response>;
  /** The session challenge of a path. */
  ask(path: string, init?: RequestInit): Promise<Challenge>;
  voucher(): Promise<string>;
  newCard(protocol?: ProtocolName): Promise<HandCard>;
  card(protocol?: ProtocolName): Promise<HandCard>;
  spent(): Promise<number>;
  close(): Promise<void>;
}

export const denomination = 1000;

const routes: Readonly<Record<string, Route>> = {
  '/a': { price: 3 },
  '/one': { price: 1 },
  '/sealed': { price: 1, seal: 'required' },
  '/localized': { price: 1, headers: ['accept-language'] },
  '/missing': { price: 1 },
};

/** The header in which the balancer of this site says who calls. */
export const sourceHeader = 'x-source';

export async function openSite(): Promise<Site> {
  const servers: [Server, Server] = [listenable(), listenable()];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const portOf = (server: Server): number => (server.address() as AddressInfo).port;
  const ports = [portOf(servers[0]), portOf(servers[1])] as const;
  const origin = `http://127.0.0.1:${ports[0]}`;
  const made = await createTestKeys(origin, [denomination], Math.floor(Date.now() / 1000));
  const ledger = createMemoryLedger();
  const runs = new Map<string, number>();
  const errors: unknown[] = [];
  const failed = (error: unknown): unknown => errors.push(error);

  const start = (server: Server): Vendor => {
    const failureBudget = { perSource: 5, global: 40 };
    // Who is shed hears of it soon: nobody here is to wait for his second.
    const load = {
      wait: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, Math.min(ms, 20))),
    };
    const vendor = createVendor({ ...made, ledger, failureBudget, load, onError: failed });
    const paid = new Map(
      Object.entries(routes).map(([path, route]) => [
        path,
        createPaidNodeHandler(vendor.gate(route), (_req, res) => {
          runs.set(path, (runs.get(path) ?? 0) + 1);
          res.writeHead(path === '/missing' ? 404 : 200).end('served');
        }),
      ]),
    );
    const own = createNodeHandler(vendor, { sourceOf: (req) => String(req.headers[sourceHeader] ?? '') });
    server.on('request', (req, res) => {
      const handler = paid.get((req.url ?? '/').split('?', 1)[0]!);
      (handler ?? own)(req, res).catch((error: unknown) => {
        // A request that breaks off is nobody's failure.
        if (!req.destroyed) failed(error);
        res.destroy();
      });
    });
    return vendor;
  };
  const vendors = [start(servers[0]), start(servers[1])] as const;

  const site: Site = {
    origin,
    vendors,
    ports,
    ledger,
    runs,
    errors,
    post: (path, body) => site.send(path, { method: 'POST', body: JSON.stringify(body) }),
    send: (path, { door = 0, ...init } = {}) =>
      fetch(`http://127.0.0.1:${ports[door]}${path}`, { redirect: 'manual', ...init }),
    ask: async (path, init) => challengesOf(await site.send(path, init))[0]!,
    async voucher() {
      const [code] = await vendors[0].createVouchers([{ denomination, count: 1 }], 1);
      return code!;
    },
    newCard: async (protocol = 'chain') =>
      buyCard(site.post, vendors[0].document, await site.voucher(), { protocol }, denomination),
    async card(protocol) {
      const hand = await site.newCard(protocol);
      await (await site.post('/impuls/activate', await activationOf(hand, vendors[0].digest))).text();
      return hand;
    },
    spent: async () => (await ledger.totals()).spent,
    async close() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
      await ledger.close();
    },
  };
  return site;
}

/** A head comes whole within a second. */
function listenable(): Server {
  return createServer({ headersTimeout: 1000, connectionsCheckingInterval: 100 });
}

/** Sends bytes as they are. @returns all that came back, as text, when the server has closed or nothing came for a while */
export async function sendRaw(port: number, text: string, quietMs = 300): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').setTimeout(quietMs, () => socket.destroy());
  socket.on('data', (chunk: string) => (answer += chunk)).on('error', () => {});
  const closed = once(socket, 'close').catch(() => {});
  socket.write(text, 'latin1');
  await closed;
  return answer;
}

/** The statuses of all answers in a text of HTTP/1.1. */
export function statusesOf(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
}
