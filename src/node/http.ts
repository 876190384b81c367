import type { IncomingMessage, ServerResponse } from 'node:http';
import { readOnce } from '../server/call.js';
import {
  createContentAnswerer,
  type Call,
  type ContentKeys,
  type ContentOptions,
  type Gate,
  type Payment,
  type Reply,
  type Vendor,
} from '../server/index.js';
import { guard } from './guard.js';
import { checkUnread, isBodyless, noBody, readBody } from './request-body.js';
import { sourceOfAddress } from './source.js';
import { gather } from './turn.js';

/** The vendor on `node:http`, without a detour over Fetch objects: `impuls/server/node`. */

export interface NodeHandlerOptions {
  /**
   * Who calls, for the failure budget. Default: the address of the socket, which behind a proxy is that of the proxy for all:
   * say there what the proxy says, or some wrong vouchers stop everybody.
   */
  readonly sourceOf?: (req: IncomingMessage) => string | undefined;
}

export function callOf(
  req: IncomingMessage,
  sourceOf: (req: IncomingMessage) => string | undefined = sourceOfSocket,
): Call {
  return new NodeCall(req, sourceOf);
}

/** One is made for each request: its methods are shared. */
class NodeCall implements Call {
  readonly method: string;
  readonly target: string;
  readonly bodyless: boolean;
  readonly #req: IncomingMessage;
  readonly #sourceOf: (req: IncomingMessage) => string | undefined;
  #body: Call['body'] | undefined;

  constructor(req: IncomingMessage, sourceOf: (req: IncomingMessage) => string | undefined) {
    this.method = req.method ?? 'GET';
    this.target = targetOf(req);
    this.bodyless = isBodyless(req);
    this.#req = req;
    this.#sourceOf = sourceOf;
  }

  header(name: string): string | undefined {
    const value = this.#req.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  body(...args: Parameters<Call['body']>): Promise<Uint8Array> {
    if (this.bodyless) return noBody;
    this.#body ??= readOnce((limit, take) => readBody(this.#req, limit, take));
    return this.#body(...args);
  }

  /** Asked for where a code is tried, and nowhere else. */
  get source(): string | undefined {
    return this.#sourceOf(this.#req);
  }

  get connection(): object {
    return this.#req.socket;
  }
}

function sourceOfSocket({ socket }: IncomingMessage): string | undefined {
  return sourceOfAddress(socket.remoteAddress);
}

/** As it arrived: routers of frameworks shorten `url` for what is mounted at a path, and keep the whole. */
function targetOf(req: IncomingMessage & { readonly originalUrl?: string }): string {
  return req.originalUrl ?? req.url ?? '/';
}

export type NodeHandler = (
  req: IncomingMessage,
  res: ServerResponse,
  next?: (error?: unknown) => void,
) => Promise<void>;

/** Answers the vendor's own paths; any other goes to `next`, or is answered 404. */
export function createNodeHandler(vendor: Vendor, { sourceOf }: NodeHandlerOptions = {}): NodeHandler {
  return createCallHandler((call) => vendor.answer(call), sourceOf);
}

/** Sells the content keys of a vendor; any other path goes to `next`, or is answered 404. */
export function createNodeContentHandler(
  vendor: Vendor,
  keys: ContentKeys,
  options?: ContentOptions,
): NodeHandler {
  return createCallHandler(createContentAnswerer(vendor, keys, options));
}

/** Answers calls; what it has no answer for goes to `next`, or is answered 404. */
export function createCallHandler(
  answer: (call: Call) => Promise<Reply | undefined>,
  sourceOf?: NodeHandlerOptions['sourceOf'],
): NodeHandler {
  return async (req, res, next) => {
    try {
      const reply = await answer(callOf(req, sourceOf));
      if (reply) send(req, res, reply);
      else if (next) next();
      else res.writeHead(404).end();
    } catch (error) {
      if (!next) throw error;
      next(error);
    }
  };
}

export interface Paid {
  readonly payment: Payment;
  /** The request's body; the stream gives it again. */
  readonly body: Uint8Array;
}

export type PaidNodeHandler = (req: IncomingMessage, res: ServerResponse, paid: Paid) => void | Promise<void>;

/**
 * Puts a gate before a handler, which answers by any of the ways of `ServerResponse`. An answer of 400 or above, or a
 * throw before the head, returns the units; then the error goes on to the caller. `res.writableEnded` becomes true a microtask after `res.end`.
 */
export function createPaidNodeHandler(
  gate: Gate,
  handler: PaidNodeHandler,
): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const admit = gather(gate);
  return async (req, res) => {
    checkUnread(req);
    const admission = await admit(callOf(req));
    switch (admission.status) {
      case 'refused':
        send(req, res, admission.reply);
        return;
      case 'replayed': {
        const { payment, reply } = admission;
        guard(res, payment);
        send(req, res, reply);
        return;
      }
      case 'paid': {
        const returned = guard(res, admission.payment);
        try {
          await handler(req, res, admission);
          returned();
          return;
        } catch (error) {
          if (res.headersSent) res.destroy();
          else
            res
              .writeHead(500, { 'Content-Type': 'application/problem+json' })
              .end('{"status":500,"title":"Internal Server Error"}');
          throw error;
        }
      }
    }
  };
}

/** Writes an answer; what it says stands against what was set before. The rest of an unread body is not waited for. */
export function send(req: IncomingMessage, res: ServerResponse, { status, headers, body }: Reply): void {
  // Who sends on before he is answered is hung up on when it is too much: one read may bring a thousand calls of his.
  if (status === 503 && res.socket === null) {
    req.socket.destroy();
    return;
  }
  if (!req.complete && req.headers['content-length'] !== '0') res.setHeader('Connection', 'close');
  for (const [name] of headers) res.removeHeader(name);
  for (const [name, value] of headers) res.appendHeader(name, value);
  res.statusCode = status;
  if (status !== 204 && status !== 304) {
    res.setHeader('Content-Length', typeof body === 'string' ? Buffer.byteLength(body) : body.length);
  }
  res.end(req.method === 'HEAD' ? undefined : body);
}
