import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { readOnce } from '../server/call.js';
import { createReplyRecorder, type ReplyRecorder } from '../server/reply-recorder.js';
import { sealingOf } from '../server/sealing.js';
import {
  createContentAnswerer,
  type Call,
  type ContentKeys,
  type ContentOptions,
  type Gate,
  type Header,
  type Payment,
  type Reply,
  type Vendor,
} from '../server/index.js';
import { checkUnread, readBody } from './request-body.js';
import { sourceOfAddress } from './source.js';
import { createSealedWriter, type SealedWriter } from './sealed-writer.js';

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
  return {
    method: req.method ?? 'GET',
    target: targetOf(req),
    header(name) {
      const value = req.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body: readOnce((limit, take) => readBody(req, limit, take)),
    // Asked for where a code is tried, and nowhere else.
    get source() {
      return sourceOf(req);
    },
  };
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
 * throw before the head, returns the units; then the error goes on to the caller.
 */
export function createPaidNodeHandler(
  gate: Gate,
  handler: PaidNodeHandler,
): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  return async (req, res) => {
    checkUnread(req);
    const admission = await gate(callOf(req));
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
  if (!req.complete && req.headers['content-length'] !== '0') res.setHeader('Connection', 'close');
  for (const [name] of headers) res.removeHeader(name);
  for (const [name, value] of headers) res.appendHeader(name, value);
  res.statusCode = status;
  if (status !== 204 && status !== 304) {
    res.setHeader('Content-Length', typeof body === 'string' ? Buffer.byteLength(body) : body.length);
  }
  res.end(req.method === 'HEAD' ? undefined : body);
}

type Chunk = Uint8Array | string | null | undefined;
type Done = ((error?: Error | null) => void) | undefined;

/**
 * Puts the payment's headers on the head, at the moment at which it is written and in whatever way. An answer of 400 or
 * above is held until the release is durable.
 *
 * waiting → passing            below 400
 * waiting → held → passing     400 and above
 *
 * @returns to be called when the handler has returned, if that is known
 */
export function guard(res: ServerResponse, payment: Payment): () => void {
  const writeHead = res.writeHead.bind(res) as (status: number, ...rest: unknown[]) => ServerResponse;
  const write = res.write.bind(res) as (chunk: Chunk, encoding?: BufferEncoding, done?: Done) => boolean;
  const end = res.end.bind(res) as (chunk?: Chunk, encoding?: BufferEncoding, done?: Done) => ServerResponse;
  const flushHeaders = res.flushHeaders.bind(res);
  let phase: 'waiting' | 'held' | 'passing' = 'waiting';
  let held: Array<() => void> = [];
  let recorder: ReplyRecorder | undefined;
  let sealed: SealedWriter | undefined;
  // What is sealed cannot be compressed on the way, so it would have to be done before, which leaks lengths.
  if (payment.sealKey) delete res.req.headers['accept-encoding'];

  function put(headers: readonly Header[]): void {
    for (const [name, value] of headers) {
      if (name === 'Cache-Control' && String(res.getHeader(name) ?? '').includes('no-store')) continue;
      res.setHeader(name, value);
    }
  }

  function pass(status: number): void {
    phase = 'passing';
    const receipt = payment.settle(status);
    put(receipt);
    const bodyless = status === 204 || status === 304 || res.req.method === 'HEAD';
    if (payment.keepsReply) {
      const headers = keptHeaders(res);
      recorder = createReplyRecorder(
        (body) => payment.keep(body && { status, headers, body }),
        payment.maxReplyBytes,
      );
    }
    if (payment.sealKey && !bodyless) {
      res.removeHeader('Content-Length');
      const coding = res.getHeader('Content-Encoding');
      res.setHeader('Content-Encoding', coding === undefined ? 'aes128gcm' : `${String(coding)}, aes128gcm`);
      const sealing = sealingOf(String(res.getHeader('Content-Type') ?? ''), receipt);
      sealed = createSealedWriter(payment.sealKey, { write, end }, (error) => res.destroy(error), sealing);
      sealed.onDrain(() => res.emit('drain'));
      // The socket drains after each record; the handler has to wait until the queue before it is empty enough.
      const emit = res.emit.bind(res);
      res.emit = (name: string, ...rest: unknown[]) =>
        name === 'drain' && sealed!.isFull ? false : emit(name, ...rest);
    }
  }

  /** A head that is given at once and whose body passes as it is: our headers go with it, and none is set one by one. */
  function passWhole(status: number, headers: object): OutgoingHttpHeaders | undefined {
    if (status < 200 || status >= 400 || payment.keepsReply || payment.sealKey) return undefined;
    if (Array.isArray(headers) || res.getHeaderNames().length > 0) return undefined;
    for (const name in headers) if (ours.has(name.toLowerCase())) return undefined;
    phase = 'passing';
    const whole: OutgoingHttpHeaders = {};
    for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders)) {
      if (value !== undefined) whole[name] = value;
    }
    for (const [name, value] of payment.settle(status)) whole[name] = value;
    return whole;
  }

  function hold(): void {
    phase = 'held';
    // The head counts as written: who looks for that before it answers, such as a handler of errors, leaves it alone.
    Object.defineProperty(res, 'headersSent', { value: true, configurable: true });
    const release = (): void => {
      phase = 'passing';
      delete (res as { headersSent?: boolean }).headersSent;
    };
    payment
      .release()
      .then(
        (headers) => {
          release();
          put(headers);
          for (const call of held) call();
          held = [];
          // Whoever was told to wait goes on; if the socket has to be waited for, it says so itself.
          if (!res.writableNeedDrain && !res.writableEnded) res.emit('drain');
        },
        (error: unknown) => {
          // The release may or may not be durable: say nothing that the client could take for an end of its claim.
          release();
          held = [];
          const reply = payment.failed(error);
          for (const name of res.getHeaderNames()) res.removeHeader(name);
          writeHead(reply.status, reply.headers.flat());
          end(res.req.method === 'HEAD' ? undefined : reply.body);
        },
      )
      .catch((error: unknown) => res.destroy(error as Error));
  }

  /** Decides on the first word of an answer. @returns whether it may go out now */
  function open(status: number): boolean {
    if (phase === 'waiting') {
      if (status >= 400) hold();
      else if (status >= 200) pass(status);
    }
    return phase !== 'held';
  }

  // A handler that has returned and whose client has gone answers nothing any more. Until it returns it may still capture or fail.
  const giveUp = (): void => {
    if (phase === 'waiting' && !payment.keepsReply) payment.settle(200);
  };

  res.writeHead = (status: number, ...rest: unknown[]) => {
    if (phase === 'waiting') {
      const reason = typeof rest[0] === 'string' ? rest[0] : undefined;
      const headers = rest[1] ?? (reason === undefined ? rest[0] : undefined);
      rest = reason === undefined ? [] : [reason];
      const whole = isObject(headers) ? passWhole(status, headers) : undefined;
      if (whole) return writeHead(status, ...rest, whole);
      if (isObject(headers)) applyHeaders(res, headers);
      res.statusCode = status;
    }
    if (!open(status)) {
      held.push(() => writeHead(status, ...rest));
      return res;
    }
    return writeHead(status, ...rest);
  };

  res.write = ((chunk: Chunk, encoding?: BufferEncoding | Done, done?: Done) => {
    const [charset, callback] = typeof encoding === 'function' ? [undefined, encoding] : [encoding, done];
    if (!open(res.statusCode)) {
      held.push(() => write(chunk, charset, callback));
      return false;
    }
    if (!recorder && !sealed) return write(chunk, charset, callback);
    const bytes = toBytes(chunk, charset);
    recorder?.write(bytes);
    return sealed ? sealed.write(bytes, callback) : write(bytes, undefined, callback);
  }) as typeof res.write;

  res.end = ((chunk?: Chunk | Done, encoding?: BufferEncoding | Done, done?: Done) => {
    const data = typeof chunk === 'function' ? undefined : chunk;
    const charset = typeof encoding === 'string' ? encoding : undefined;
    const callback = typeof chunk === 'function' ? chunk : typeof encoding === 'function' ? encoding : done;
    if (!open(res.statusCode)) {
      held.push(() => end(data, charset, callback));
      return res;
    }
    if (!recorder && !sealed) return end(data, charset, callback);
    const bytes = data === undefined || data === null ? undefined : toBytes(data, charset);
    if (bytes) recorder?.write(bytes);
    recorder?.end();
    if (!sealed) return end(bytes, undefined, callback);
    sealed.end(bytes, callback);
    return res;
  }) as typeof res.end;

  res.flushHeaders = () => {
    if (phase !== 'held' && !res.headersSent) res.writeHead(res.statusCode);
    if (phase === 'held') held.push(flushHeaders);
    else flushHeaders();
  };

  return () => {
    if (phase !== 'waiting') return;
    if (res.closed) giveUp();
    else res.once('close', giveUp);
  };
}

/** Headers that a payment may set too, or that stand for what it does with the body. */
const ours: ReadonlySet<string> = new Set([
  'cache-control',
  'payment-receipt',
  'impuls-state',
  'impuls-meter',
  'vary',
  'access-control-allow-origin',
  'access-control-expose-headers',
]);

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function toBytes(chunk: Chunk, encoding: BufferEncoding | undefined): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : (chunk ?? new Uint8Array(0));
}

/** Headers as `writeHead` takes them: an object, a flat list, or a list of pairs. */
function applyHeaders(res: ServerResponse, headers: object): void {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders)) {
      if (value !== undefined) res.setHeader(name, value);
    }
    return;
  }
  const flat = headers.flat() as unknown[];
  for (let i = 0; i + 1 < flat.length; i += 2) res.appendHeader(String(flat[i]), String(flat[i + 1]));
}

function keptHeaders(res: ServerResponse): Header[] {
  const left = ['payment-receipt', 'impuls-state', 'impuls-meter', 'set-cookie', 'content-length'];
  return Object.entries(res.getHeaders())
    .filter(([name]) => !left.includes(name))
    .map(([name, value]) => [name, String(value)] as const);
}
