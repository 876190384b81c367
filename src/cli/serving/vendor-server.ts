import { unwatchFile, watchFile } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { AddressInfo } from 'node:net';
import { contentPath } from '../../core/content-key.js';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import {
  callOf,
  createCallHandler,
  createNodeContentHandler,
  createNodeHandler,
  createPaidNodeHandler,
} from '../../node/http.js';
import { sourceBehindProxy } from '../../node/source.js';
import { daySeconds } from '../../node/vendor/files.js';
import { openVendorFolder, type VendorFolder } from '../../node/vendor/folder.js';
import { databaseOf, openVendorLedger } from '../../node/vendor/ledger.js';
import { defaultRetention } from '../../node/vendor/settings.js';
import { vendorFiles } from '../../node/vendor/store.js';
import {
  createVendor,
  type ActivityKind,
  type Call,
  type Ledger,
  type Payment,
  type Reply,
  type Vendor,
} from '../../server/index.js';
import { listenForAdmin } from './admin-socket.js';
import { createContentShelf, type ContentShelf } from './content-shelf.js';
import { createSalesShelf, type SalesShelf } from './sales-shelf.js';
import { observe, type ServedRequest } from './observing.js';
import { answerAdmin } from './vouchers.js';

/** Something that is served at a path, for a price or free. */
export interface ServedRoute {
  /** `/a` or `/a/*`. */
  readonly path: string;
  /** Units; 0 for free. */
  readonly price: number;
  /** For lists of the API. */
  readonly summary: string;
  /** What answers a GET or HEAD of this path; undefined if there is nothing. */
  find(pathname: string): Promise<RouteHandler | undefined>;
}

export type RouteHandler = (
  req: IncomingMessage,
  res: ServerResponse,
  payment?: Payment,
) => void | Promise<void>;

type Answer = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

/** What answers where nobody else does: a reverse proxy. */
export interface Backstop {
  /** The class of route of a request, for logs and metrics; undefined where nothing is served. */
  classOf(req: IncomingMessage): string | undefined;
  readonly answer: Answer;
  /** The same for one that waits with its body until it is asked for it. */
  readonly answerExpecting: Answer;
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  /** Adds to what the vendor answers itself. */
  revise(call: Call, reply: Reply): Promise<Reply>;
  close(): Promise<void>;
}

/** A payment as the server tells of it: who paid is not known, and not asked. */
export interface PaidEvent {
  readonly event: 'paid';
  readonly method: string;
  readonly target: string;
  readonly units: number;
  readonly verdict: Payment['verdict'];
  /** Of the payment key. */
  readonly fingerprint: string;
}

export interface ServerOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly routes: readonly ServedRoute[];
  /** The database that holds the ledger; may hold a password. Default: as `databaseOf`. */
  readonly database?: string | undefined;
  /** As `MeteringOptions.server`. */
  readonly name?: string | undefined;
  /** The header, in lower case, in which a proxy before it says who calls. Default: none. */
  readonly clientHeader?: string | undefined;
  /** Made for the vendor once it is there. Default: what is not served is not there. */
  readonly openBackstop?: (vendor: Vendor) => Backstop;
  readonly onPaid?: (event: PaidEvent) => void;
  /** Told of every request once it is over. */
  readonly onRequest?: ((request: ServedRequest) => void) | undefined;
  readonly onAnswered?: ((kind: ActivityKind) => void) | undefined;
  readonly onError?: (error: unknown) => void;
}

export interface VendorServer {
  readonly vendor: Vendor;
  /** `http://127.0.0.1:8402`. */
  readonly address: string;
  /** How many content keys are for sale. */
  countKeys(): Promise<number>;
  /** The issuing keys that are quarantined since the vendor was restored from a backup. */
  quarantined(): Promise<readonly string[]>;
  /** Answers what has begun, then lets go of the ledger. */
  close(): Promise<void>;
}

/** How long requests that have begun may take once the server is told to stop. */
const graceMs = 5000;
const upkeepEveryMs = 3_600_000;
/** How often one of many servers looks whether the key document has changed. */
const lookEveryMs = 5000;
/** One more is closed as it opens: each keeps some 20 KiB. */
const maxConnections = 4096;
/** A head comes in one piece from all but those who want to keep a connection. */
const patience = { headersTimeout: 10_000, connectionsCheckingInterval: 5_000 };

/** @throws ImpulsError `storage-locked` if a server runs on this folder, `network` if the address is taken */
export async function startVendorServer(folder: VendorFolder, options: ServerOptions): Promise<VendorServer> {
  const { document, keys, recentDocuments } = folder;
  const { onError = () => {} } = options;
  const isShared = (await databaseOf(folder, options.database)) !== undefined;
  const ledger = await openLedger(folder, options.database);
  const shelf = createContentShelf(folder.registryPath);
  let sales: SalesShelf | undefined;
  let backstop: Backstop | undefined;
  try {
    // What is wrong with it is told now, not to the first who buys.
    await shelf.count();
    const { onRequest, onAnswered, name } = options;
    const vendor = createVendor({
      document,
      keys,
      recentDocuments,
      ledger,
      onError,
      ...(onAnswered && { onAnswered }),
      ...(name !== undefined && { metering: { server: name } }),
    });
    sales = createSalesShelf(folder, vendor, ledger, onError);
    await sales.reload();
    backstop = options.openBackstop?.(vendor);
    const listener = createListener(vendor, shelf, sales, options, backstop, onError);
    const serve = (req: IncomingMessage, res: ServerResponse, last?: Answer): void => {
      if (onRequest) {
        const known = routeClass(vendor, options.routes, pathOf(req));
        observe(req, res, known ?? backstop?.classOf(req) ?? 'other', onRequest);
      }
      listener(req, res, last);
    };
    const server = createServer(patience, (req, res) => serve(req, res));
    server.maxConnections = maxConnections;
    if (backstop) {
      const { answerExpecting } = backstop;
      server.on('checkContinue', (req, res) => serve(req, res, answerExpecting));
      server.on('upgrade', (req, socket, head: Buffer) => {
        backstop?.upgrade(req, socket, head).catch((error: unknown) => {
          onError(error);
          socket.destroy();
        });
      });
    }
    await listen(server, options.host, options.port);
    let { settings } = folder;
    let reloading: Promise<unknown> = Promise.resolve();
    /** Takes over keys, sales and retention as they are in the folder now; what `vendor.json` says else stays. */
    const reload = (): Promise<string> => {
      const next = reloading.then(async () => {
        const fresh = await openVendorFolder(folder.path);
        vendor.replaceKeys(fresh);
        settings = fresh.settings;
        await sales?.reload();
        return vendor.digest;
      });
      reloading = next.catch(() => {});
      return next;
    };
    const since = Math.floor(Date.now() / 1000);
    const admin = await listenForAdmin(folder.path, isShared ? 'one-of-many' : 'owner', (request) =>
      answerAdmin({ vendor, ledger, sales, reload, since }, request, Math.floor(Date.now() / 1000)),
    );
    const { port } = server.address() as AddressInfo;
    const purge = (): void => {
      const now = Math.floor(Date.now() / 1000);
      const { keyHours, spendDays } = settings.retention ?? defaultRetention;
      ledger.purge(now - keyHours * 3600, now - spendDays * daySeconds).catch(onError);
    };
    // Old activation keys are due some time; and where no command can ask, what was rotated is found in any case.
    const upkeep = (): void => {
      purge();
      sales?.desk?.upkeep().catch(onError);
      reload().catch(onError);
    };
    purge();
    const upkeeping = setInterval(upkeep, upkeepEveryMs);
    // No command of another host can tell it, and a wallet refuses a server that shows an older document than the one before.
    const published = join(folder.path, vendorFiles.document);
    const look = (): void => void reload().catch(onError);
    if (isShared) watchFile(published, { interval: lookEveryMs, persistent: false }, look);
    return {
      vendor,
      address: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
      countKeys: () => shelf.count(),
      quarantined: () => ledger.quarantined(),
      async close() {
        clearInterval(upkeeping);
        unwatchFile(published, look);
        await admin?.close();
        await reloading;
        const overdue = setTimeout(() => {
          server.closeAllConnections();
          backstop?.close().catch(onError);
        }, graceMs);
        await new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeIdleConnections();
        });
        clearTimeout(overdue);
        await backstop?.close();
        await sales?.close();
        await shelf.close();
        await ledger.close();
      },
    };
  } catch (error) {
    await backstop?.close();
    await sales?.close();
    await shelf.close();
    await ledger.close();
    throw error;
  }
}

async function openLedger(folder: VendorFolder, database: string | undefined): Promise<Ledger> {
  try {
    return await openVendorLedger(folder, database);
  } catch (error) {
    if (!isImpulsError(error, 'storage-locked')) throw error;
    throw new ImpulsError('storage-locked', `a server runs on ${folder.path} already`, {
      cause: error,
      hint: 'Stop that one first; `impuls voucher create` works beside it. Several need PostgreSQL: --database.',
    });
  }
}

/** What a path is counted as: never the path itself, which says what somebody reads. */
function routeClass(
  { document }: Vendor,
  routes: readonly ServedRoute[],
  pathname: string,
): string | undefined {
  const own = [
    '/.well-known/impuls',
    '/openapi.json',
    '/llms.txt',
    ...Object.values<string>({ ...document.endpoints }),
  ];
  if (own.includes(pathname)) return pathname;
  if (pathname.startsWith(contentPath)) return `${contentPath}*`;
  const { meter } = document.endpoints;
  if (meter !== undefined && pathname.startsWith(`${meter}/`)) return `${meter}/*`;
  return routes.find(({ path }) => matches(path, pathname))?.path;
}

/** @param last what answers last in place of the backstop */
type Listener = (req: IncomingMessage, res: ServerResponse, last?: Answer) => void;

function createListener(
  vendor: Vendor,
  shelf: ContentShelf,
  sales: SalesShelf,
  { routes, clientHeader, onPaid = () => {} }: ServerOptions,
  backstop: Backstop | undefined,
  onError: (error: unknown) => void,
): Listener {
  const sourceOf = clientHeader === undefined ? undefined : sourceBehindProxy(clientHeader);
  const own = backstop
    ? createCallHandler(async (call) => {
        const reply = await vendor.answer(call);
        return reply && backstop.revise(call, reply);
      }, sourceOf)
    : createNodeHandler(vendor, sourceOf && { sourceOf });
  const selling = createCallHandler((call) => sales.answer(call), sourceOf);
  const keys = createNodeContentHandler(vendor, shelf, {
    listed: () => shelf.exists,
    onPaid: ({ method, target }, payment) => onPaid(paidEvent(method, target, payment)),
    onError,
  });
  const served = routes.map((route) => ({ route, answer: createRoute(vendor, route, onPaid) }));
  return (req, res, last = backstop?.answer) => {
    const others = (error?: unknown): void => {
      if (error) {
        fail(error);
        return;
      }
      const pathname = pathOf(req);
      const found = served.find(({ route }) => matches(route.path, pathname));
      if (found) found.answer(req, res).catch(fail);
      else if (last) last(req, res).catch(fail);
      else notFound(vendor, req, res);
    };
    const content = (error?: unknown): void => {
      if (error) others(error);
      else keys(req, res, others).catch(fail);
    };
    const inside = (error?: unknown): void => {
      if (error) others(error);
      else selling(req, res, content).catch(fail);
    };
    const fail = (error: unknown): void => {
      onError(error);
      if (res.headersSent) return;
      share(vendor, req, res);
      sendProblem(res, 500, 'Internal error');
    };
    own(req, res, inside).catch(fail);
  };
}

function createRoute(
  vendor: Vendor,
  route: ServedRoute,
  onPaid: ServerOptions['onPaid'] = () => {},
): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const free = async (req: IncomingMessage, res: ServerResponse, payment?: Payment): Promise<void> => {
    const handler = await route.find(pathOf(req));
    if (handler) await handler(req, res, payment);
    else sendProblem(res, 404, 'Not found');
  };
  if (route.price === 0) {
    return readOnly(vendor, async (req, res) => {
      share(vendor, req, res);
      await free(req, res);
    });
  }
  const { path, price, summary } = route;
  const listing = { method: 'GET', path: path.replace('*', '{path}'), summary };
  const paid = createPaidNodeHandler(vendor.gate({ price, name: path, listing }), (req, res, { payment }) => {
    onPaid(paidEvent(req.method ?? '', req.url ?? '', payment));
    return free(req, res, payment);
  });
  return readOnly(vendor, async (req, res) => {
    // What is not there costs nothing. Who has claimed already must hear it through the gate, which returns the units.
    const unpaid = req.headers.authorization === undefined;
    if (unpaid && !(await route.find(pathOf(req)))) notFound(vendor, req, res);
    else await paid(req, res);
  });
}

function readOnly(
  vendor: Vendor,
  answer: (req: IncomingMessage, res: ServerResponse) => Promise<void>,
): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  return async (req, res) => {
    if (req.method === 'GET' || req.method === 'HEAD') return answer(req, res);
    const preflight = vendor.cors.preflight(callOf(req));
    if (preflight) {
      res.writeHead(preflight.status, preflight.headers.flat()).end();
      return;
    }
    share(vendor, req, res);
    res.setHeader('Allow', 'GET, HEAD');
    sendProblem(res, 405, 'Method not allowed');
  };
}

function paidEvent(method: string, target: string, { units, verdict, fingerprint }: Payment): PaidEvent {
  return { event: 'paid', method, target, units, verdict, fingerprint };
}

/** Lets pages of other origins read an answer that the vendor itself does not give. */
function share(vendor: Vendor, req: IncomingMessage, res: ServerResponse): void {
  for (const [name, value] of vendor.cors.headers(callOf(req))) res.setHeader(name, value);
}

function notFound(vendor: Vendor, req: IncomingMessage, res: ServerResponse): void {
  share(vendor, req, res);
  sendProblem(res, 404, 'Not found');
}

function matches(pattern: string, pathname: string): boolean {
  return pattern.endsWith('*') ? pathname.startsWith(pattern.slice(0, -1)) : pathname === pattern;
}

function pathOf(req: IncomingMessage): string {
  return (req.url ?? '/').split('?', 1)[0]!;
}

function sendProblem(res: ServerResponse, status: number, title: string): void {
  const body = JSON.stringify({ status, title });
  res.writeHead(status, { 'Content-Type': 'application/problem+json' }).end(`${body}\n`);
}

async function listen(server: ReturnType<typeof createServer>, host: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => server.listen(port, host, resolve).once('error', reject));
  } catch (cause) {
    const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const what = taken ? `port ${port} is in use` : (cause as Error).message;
    throw new ImpulsError('network', `cannot listen on ${host}: ${what}`, {
      cause,
      hint: taken ? 'End the other program, or choose another --port.' : 'Choose another --host or --port.',
    });
  }
}
