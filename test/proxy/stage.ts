import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  createMemoryStorage,
  createPayingFetch,
  openWallet,
  type PayingFetch,
} from '../../src/client/index.js';
import { parseProxyConfig } from '../../src/node/proxying/config.js';
import type { ProxyConfigFile } from '../../src/node/proxying/config-schema.js';
import { openProxy, type PayingProxy } from '../../src/node/proxying/proxy.js';
import { createCallHandler } from '../../src/node/http.js';
import { createMemoryLedger, createVendor, type Ledger, type Vendor } from '../../src/server/index.js';
import { createTestKeys } from '../support/vendor.js';
import { activationOf, buyCard, type HandCard } from '../support/card.js';

/** A paying proxy on a real port, and what it stands before. */
export interface ProxyStage {
  readonly origin: string;
  readonly vendor: Vendor;
  readonly ledger: Ledger;
  readonly proxy: PayingProxy;
  readonly errors: unknown[];
  /** Units that are held by claims. */
  spent(): Promise<number>;
  reload(file: Partial<ProxyConfigFile>): void;
  /** The fetch of a wallet with a card. */
  pay: PayingFetch;
  /** A card that is held by hand. */
  card(): Promise<HandCard>;
  close(): Promise<void>;
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function openStage(
  upstream: RequestListener | Server | string,
  file: Partial<ProxyConfigFile>,
): Promise<ProxyStage> {
  const behind =
    typeof upstream === 'string'
      ? undefined
      : typeof upstream === 'function'
        ? createServer(upstream)
        : upstream;
  const address = behind ? await listen(behind) : (upstream as string);
  const server = createServer();
  const origin = await listen(server);
  const made = await createTestKeys(origin, [100], Math.floor(Date.now() / 1000));
  const ledger = createMemoryLedger();
  const errors: unknown[] = [];
  const onError = (error: unknown): unknown => errors.push(error);
  const vendor = createVendor({ ...made, ledger, onError });
  const configOf = (changed: Partial<ProxyConfigFile>) =>
    parseProxyConfig(JSON.stringify({ upstream: address, routes: [], ...changed }));
  const proxy = openProxy(vendor, configOf(file), { onError });
  const own = createCallHandler(async (call) => {
    const reply = await vendor.answer(call);
    return reply && proxy.revise(call, reply);
  });
  const sockets = new Set<Duplex>();
  server.on('connection', (socket) => sockets.add(socket));
  server.on('request', (req, res) => {
    own(req, res, (error) => {
      if (error) onError(error);
      else proxy.answer(req, res).catch(onError);
    }).catch(onError);
  });
  server.on('checkContinue', (req, res) => {
    proxy.answerExpecting(req, res).catch(onError);
  });
  server.on('upgrade', (req, socket, head: Buffer) => {
    proxy.upgrade(req, socket, head).catch(onError);
  });
  const wallet = await openWallet({ storage: createMemoryStorage() });
  const voucher = async (): Promise<string> =>
    (await vendor.createVouchers([{ denomination: 100, count: 1 }], 1))[0]!;
  await wallet.redeem(origin, await voucher(), { protocol: 'stream' });
  return {
    origin,
    vendor,
    ledger,
    proxy,
    errors,
    pay: createPayingFetch({ wallet, limits: { perRequest: 50, total: 1000 } }),
    spent: async () => (await ledger.totals()).spent,
    reload: (changed) => proxy.replaceConfig(configOf(changed)),
    async card() {
      const post = (path: string, body: unknown): Promise<Response> =>
        fetch(origin + path, { method: 'POST', body: JSON.stringify(body) });
      const hand = await buyCard(post, vendor.document, await voucher(), { protocol: 'stream' }, 100);
      await post('/impuls/activate', await activationOf(hand, vendor.digest));
      return hand;
    },
    async close() {
      await proxy.close();
      for (const one of [server, behind]) {
        one?.closeAllConnections();
        await new Promise((resolve) => (one ? one.close(resolve) : resolve(undefined)));
      }
      for (const socket of sockets) socket.destroy();
      await ledger.close();
    },
  };
}
