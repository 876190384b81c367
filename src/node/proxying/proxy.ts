import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { Readable, type Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { isImpulsError } from '../../core/errors.js';
import type { JsonObject } from '../../core/wire/canonical-json.js';
import type { Call, Gate, Payment, Reply, Route, Vendor } from '../../server/index.js';
import { callOf, createCallHandler, createPaidNodeHandler, type PaidNodeHandler } from '../http.js';
import { fetchApiDocument, mergeApiDocuments, type ListedOperation } from './api-document.js';
import type { ProxyConfig, ProxyRoute } from './config.js';
import { isLoop, requestHeaders, responseHeaders, type Forwarding } from './headers.js';
import { matchesPath, readPath } from './paths.js';
import { answerOn, joinTunnel, type Upgrading } from './tunnel.js';
import { createTokenMeter, type TokenMeter } from '../../server/metering/index.js';
import { openUpstreams, type AnswerHead, type Outgoing, type Passing } from './upstream.js';

/** A reverse proxy that takes payment: the vendor's gates before what already speaks HTTP. */
export interface PayingProxy {
  /** The class of route of a request, for books and logs; undefined where nothing is served. */
  classOf(req: IncomingMessage): string | undefined;
  /** Answers any request that is not for the vendor itself. Rejects only with what is the vendor's own fault. */
  answer(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** Answers a request that waits with its body until it is asked for it: for `checkContinue` of a server. */
  answerExpecting(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** Joins a WebSocket to the upstream: for `upgrade` of a server. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  /** Adds what the upstream says of itself to what the vendor does, in `/openapi.json`. */
  revise(call: Call, reply: Reply): Promise<Reply>;
  /** Takes another price list; what has begun ends by the old one. */
  replaceConfig(config: ProxyConfig): void;
  /** Breaks off what is under way. */
  close(): Promise<void>;
}

export interface ProxyOptions {
  /** In lower case: the header in which a proxy before it says who calls. Default: none, and what a caller says of it is dropped. */
  readonly clientHeader?: string | undefined;
  readonly onPaid?: (req: IncomingMessage, payment: Payment) => void;
  /** Hears of failures that no answer can tell. */
  readonly onError?: (error: unknown) => void;
  /** Milliseconds. Default `Date.now`. */
  readonly clock?: () => number;
}

type Answer = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

/** A route with what serves it. */
interface Served {
  readonly route: ProxyRoute;
  readonly answer: Answer;
  readonly listed: readonly ListedOperation[] | undefined;
}

interface Table {
  readonly config: ProxyConfig;
  readonly served: readonly Served[];
  readonly rest: Served | undefined;
}

type Found = Served | 'nothing' | 'unreadable' | 'ambiguous';

/** How long the upstream's description of itself is taken for true. */
const descriptionMs = 60_000;

export function openProxy(vendor: Vendor, config: ProxyConfig, options: ProxyOptions = {}): PayingProxy {
  const { clientHeader, onPaid = () => {}, onError = () => {}, clock = Date.now } = options;
  const upstreams = openUpstreams();
  const origin = new URL(vendor.document.origin);
  const name = `impuls-${randomBytes(6).toString('hex')}`;
  const gates = new Map<string, Gate>();
  let live: ReadonlySet<string> = new Set();
  const upgrading = new WeakMap<IncomingMessage, Upgrading>();
  const tunnels = new Set<Duplex>();
  let description: { readonly since: number; readonly document: Promise<JsonObject | undefined> } | undefined;
  let table = createTable(config);

  function createTable(next: ProxyConfig): Table {
    const keys = new Set<string>();
    const forwarding: Forwarding = {
      origin,
      name,
      host: next.host,
      clientAddress: next.clientAddress,
      clientHeader,
    };
    const serve = (route: ProxyRoute): Served => {
      const meter = route.tokens && createTokenMeter(route.tokens);
      const forward: PaidNodeHandler = async (req, res, paid) => {
        onPaid(req, paid.payment);
        if (meter) {
          await passTokens(meter, route, forwarding, req, res, paid.payment, paid.body);
          return;
        }
        await pass(route, forwarding, req, res, paid.payment, paid.body);
      };
      if (route.price === 0) {
        return { route, listed: undefined, answer: (req, res) => pass(route, forwarding, req, res) };
      }
      const listed = (route.methods ?? ['GET']).map((method) => ({ method, path: listedPath(route.path) }));
      const [gate] = listed.map((operation) => gateOf(route, meter, operation, keys));
      return { route, listed, answer: createPaidNodeHandler(gate!, forward) };
    };
    const made = { config: next, served: next.routes.map(serve), rest: next.rest && serve(next.rest) };
    live = keys;
    return made;
  }

  /** Gates stay with their vendor: one that is made again is the one that was. */
  function gateOf(
    route: ProxyRoute,
    meter: TokenMeter | undefined,
    operation: ListedOperation,
    keys: Set<string>,
  ): Gate {
    const { price, charge, tokens, headers, seal, maxBodyBytes, name, summary } = route;
    const terms = { price, charge, tokens, headers, seal, maxBodyBytes, name, summary };
    const key = JSON.stringify([operation, terms]);
    keys.add(key);
    const known = gates.get(key);
    if (known) return known;
    const described: Route = {
      price,
      charge,
      headers,
      name,
      ...(seal && { seal }),
      ...meter?.route,
      ...(maxBodyBytes !== undefined && { maxBodyBytes }),
      listing: {
        ...operation,
        ...(summary !== undefined && { summary }),
        ...(meter && { operation: meter.operation }),
        ...(tokens && {
          pricing: `${tokens.input} units for 1,000 tokens read, ${tokens.output} for 1,000 written`,
        }),
        when: () => live.has(key),
      },
    };
    const gate = vendor.gate(described);
    gates.set(key, gate);
    return gate;
  }

  function find(method: string, target: string): Found {
    const readings = readPath(target.split('?', 1)[0]!);
    if (!readings) return 'unreadable';
    const { served, rest } = table;
    const asked = method === 'HEAD' ? 'GET' : method;
    const found = readings.map(
      (reading) =>
        served.find(
          ({ route: { methods, pattern } }) =>
            (methods === undefined || methods.includes(method) || methods.includes(asked)) &&
            matchesPath(pattern, reading),
        ) ?? rest,
    );
    const [first] = found;
    const isOne = found.every((one) => one === first || (first?.route.price === 0 && one?.route.price === 0));
    return isOne ? (first ?? 'nothing') : 'ambiguous';
  }

  /** A preflight asks on behalf of the request that it goes before. */
  function wanted(req: IncomingMessage): Found {
    const { method = 'GET', url = '/', headers } = req;
    return find(isPreflight(req) ? headers['access-control-request-method']! : method, url);
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const found = wanted(req);
    if (typeof found === 'string') {
      const [status, detail] = refusals[found];
      refuse(vendor, req, res, status, detail);
    } else if (req.method === 'TRACE') {
      // It would show the caller what the upstream gets, its keys among it.
      refuse(vendor, req, res, 405, 'TRACE is not passed on.');
    } else if (isLoop(req, name)) {
      refuse(vendor, req, res, 508, 'The upstream leads back here.');
    } else if (found.listed && isPreflight(req)) {
      await preflight(found, req, res);
    } else {
      await found.answer(req, res);
    }
  }

  /** Pages may send to a paid route what they may to the upstream. */
  async function preflight({ route }: Served, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const asked = (req.headers['access-control-request-headers'] ?? '')
      .split(',')
      .map((one) => one.trim())
      .filter((one) => /^[\w-]{1,64}$/.test(one) && !route.headers.includes(one));
    const reply = vendor.cors.preflight(callOf(req), [...route.headers, ...asked.slice(0, 32)]);
    if (reply) await createCallHandler(async () => reply)(req, res);
    else await pass(route, { origin, name, clientHeader, ...table.config }, req, res);
  }

  async function pass(
    route: ProxyRoute,
    forwarding: Forwarding,
    req: IncomingMessage,
    res: ServerResponse,
    payment?: Payment,
    body?: Uint8Array,
  ): Promise<void> {
    const headers = requestHeaders(req, route.upstreamHeaders, forwarding);
    if (payment) headers.push('impuls-units', String(payment.units));
    const outgoing: Outgoing = {
      upstream: route.upstream,
      target: req.url ?? '/',
      method: req.method ?? 'GET',
      // What is sealed is encoded once, and a client could not tell twice.
      headers: payment?.sealKey ? identityOnly(headers) : headers,
      body,
      headMs: route.headMs,
      idleMs: route.idleMs,
    };
    const passing: Passing = {
      keeps: payment?.keepsReply === true,
      fail: (status) => refuse(vendor, req, res, status, failures[status]),
      revise: (status, given) => revise(route, req, res, status, given, payment),
    };
    const tunnel = upgrading.get(req);
    if (!tunnel) {
      await upstreams.pass(outgoing, req, res, passing);
      return;
    }
    const upgraded = await upstreams.upgrade(outgoing, req.headers.upgrade ?? '', res, passing);
    if (!upgraded) return;
    for (const one of [tunnel.socket, upgraded.socket]) {
      tunnels.add(one);
      one.once('close', () => tunnels.delete(one));
    }
    joinTunnel(res, tunnel, upgraded.socket, upgraded.headers, payment ? payment.settle(101) : []);
  }

  /** A chat completion, priced by its tokens: its answer is read on the way. */
  async function passTokens(
    meter: TokenMeter,
    route: ProxyRoute,
    forwarding: Forwarding,
    req: IncomingMessage,
    res: ServerResponse,
    payment: Payment,
    body: Uint8Array,
  ): Promise<void> {
    const call = meter.prepare(body, req.headers['impuls-meter'] !== undefined);
    const headers = identityOnly(requestHeaders(req, route.upstreamHeaders, forwarding));
    const leaving = new AbortController();
    const late = setTimeout(() => leaving.abort(), route.headMs);
    res.once('close', () => {
      if (!res.writableFinished && !payment.keepsReply) leaving.abort();
    });
    const { upstream, idleMs, headMs } = route;
    const outgoing: Outgoing = {
      upstream,
      target: req.url ?? '/',
      method: req.method ?? 'POST',
      headers,
      body: call.body,
      headMs,
      idleMs,
    };
    let answer: Response;
    try {
      const response = await upstreams.ask(outgoing, leaving.signal);
      clearTimeout(late);
      answer = await call.respond(response, payment);
    } catch (error) {
      clearTimeout(late);
      const isLate = leaving.signal.aborted && !res.closed;
      if (isImpulsError(error) && error.code === 'storage-failed') throw error;
      refuse(vendor, req, res, isLate ? 504 : 502, failures[isLate ? 504 : 502]);
      return;
    }
    const head = revise(route, req, res, answer.status, Object.fromEntries(answer.headers), payment);
    if (!head || head instanceof Promise) return;
    res.writeHead(head.status, head.headers);
    if (!answer.body) {
      res.end();
      return;
    }
    res.flushHeaders();
    // Whoever leaves, or an upstream that breaks off, ends both.
    await pipeline(Readable.fromWeb(answer.body as NodeReadableStream), res).catch(() => res.destroy());
  }

  function revise(
    route: ProxyRoute,
    req: IncomingMessage,
    res: ServerResponse,
    status: number,
    given: IncomingHttpHeaders,
    payment?: Payment,
  ): AnswerHead | undefined | Promise<AnswerHead | undefined> {
    const headers = responseHeaders(given, { upstream: route.upstream, origin });
    if (!payment) return { status, headers };
    const encoding = headers['content-encoding'];
    if (status === 402 || (payment.sealKey && encoding !== undefined && encoding !== 'identity')) {
      // A 402 that is not ours asks the client for what it has paid; and a seal leaves no room for another encoding.
      refuse(
        vendor,
        req,
        res,
        502,
        status === 402 ? 'The upstream wants to be paid.' : 'The upstream compresses.',
      );
      return undefined;
    }
    // The vendor lets every origin read it, and for that no origin may bring its cookies.
    if (req.headers.origin !== undefined) delete headers['access-control-allow-credentials'];
    if (payment.sealKey) delete headers['trailer'];
    if (route.charge === 'price' || status >= 400) return { status, headers };
    const used = Number(given['impuls-units'] ?? route.price);
    const units = Number.isInteger(used) ? Math.min(Math.max(used, 1), payment.units) : payment.units;
    return payment.capture(units).then(() => ({ status, headers }));
  }

  return {
    classOf(req) {
      const found = wanted(req);
      return typeof found === 'string' ? undefined : found.route.name;
    },

    answer,

    async answerExpecting(req, res) {
      const found = wanted(req);
      const length = Number(req.headers['content-length'] ?? 0);
      const isAsked =
        typeof found === 'object' &&
        (!found.listed ||
          // The price depends on the body.
          found.route.tokens !== undefined ||
          (/^\s*payment\s/i.test(req.headers.authorization ?? '') &&
            length <= (found.route.maxBodyBytes ?? Infinity)));
      if (isAsked) res.writeContinue();
      await answer(req, res);
    },

    async upgrade(req, socket, head) {
      if (!(socket instanceof Socket)) {
        socket.destroy();
        return;
      }
      const res = answerOn(req, socket);
      const hasBody = Number(req.headers['content-length'] ?? 0) > 0 || 'transfer-encoding' in req.headers;
      if (hasBody) {
        refuse(vendor, req, res, 400, 'A request for another protocol has no body.');
        return;
      }
      // Other protocols are offered, not asked for: an answer without them is one.
      if (req.headers.upgrade?.toLowerCase() === 'websocket') upgrading.set(req, { socket, head });
      await answer(req, res);
    },

    async revise(call, reply) {
      const { openapi } = table.config;
      if (!openapi || reply.status !== 200 || call.target.split('?', 1)[0] !== '/openapi.json') return reply;
      if (!description || clock() - description.since >= descriptionMs) {
        const base = openapi.upstream.href.replace(/\/$/, '');
        const document = fetchApiDocument(new URL(base + openapi.path), openapi.headers);
        description = {
          since: clock(),
          document: document.catch((error: unknown) => {
            onError(error);
            return undefined;
          }),
        };
      }
      const theirs = await description.document;
      if (!theirs) return reply;
      const own = typeof reply.body === 'string' ? reply.body : new TextDecoder().decode(reply.body);
      const routeOf = (method: string, path: string): readonly ListedOperation[] | undefined => {
        const found = find(method, path);
        return typeof found === 'string' ? undefined : found.listed;
      };
      return { ...reply, body: mergeApiDocuments(own, theirs, { upstream: openapi.upstream, routeOf }) };
    },

    replaceConfig(next) {
      table = createTable(next);
      description = undefined;
    },

    async close() {
      for (const socket of tunnels) socket.destroy();
      await upstreams.close();
    },
  };
}

const refusals: Readonly<Record<'nothing' | 'unreadable' | 'ambiguous', readonly [number, string]>> = {
  nothing: [404, 'Nothing is served here.'],
  unreadable: [400, 'This is no path that could have a price.'],
  ambiguous: [400, 'This path can be read in two ways, and they do not cost the same.'],
};

const failures = {
  502: 'The upstream does not answer. Nothing was charged.',
  504: 'The upstream takes too long. Nothing was charged.',
} as const;

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  502: 'Bad Gateway',
  504: 'Gateway Timeout',
  508: 'Loop Detected',
};

function refuse(
  vendor: Vendor,
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  detail: string,
): void {
  if (res.headersSent) return;
  const body = JSON.stringify({ status, title: titles[status], detail });
  for (const [name, value] of vendor.cors.headers(callOf(req))) res.setHeader(name, value);
  res.writeHead(status, {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    'Content-Length': Buffer.byteLength(body),
    ...(!req.complete && { Connection: 'close' }),
  });
  res.end(req.method === 'HEAD' ? undefined : body);
}

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined
  );
}

function identityOnly(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'accept-encoding') kept.push(headers[i]!, headers[i + 1]!);
  }
  return [...kept, 'accept-encoding', 'identity'];
}

/** As OpenAPI writes it. */
function listedPath(path: string): string {
  return path.replace('*', '{path}');
}
