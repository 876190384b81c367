import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { createReplyRecorder, type ReplyRecorder } from '../server/reply-recorder.js';
import { sealingOf } from '../server/sealing.js';
import type { Header, Payment } from '../server/index.js';
import { createSealedWriter, type SealedWriter } from './sealed-writer.js';

/** What stands between a handler and its response, once the request is paid. */

type Chunk = Uint8Array | string | null | undefined;
type Done = ((error?: Error | null) => void) | undefined;

/** Of a response: to be called with it. */
interface Methods {
  readonly writeHead: (...args: never[]) => ServerResponse;
  readonly write: (...args: never[]) => boolean;
  readonly end: (...args: never[]) => ServerResponse;
  readonly flushHeaders: (...args: never[]) => void;
  readonly destroy: (...args: never[]) => ServerResponse;
}

/** Where a response keeps its guard. */
const guardOf = Symbol('guard');

type Guarded = ServerResponse & { [guardOf]?: Guard };

/**
 * Puts the payment's headers on the head, at the moment at which it is written and in whatever way. An answer of 400 or
 * above is held until the release is durable.
 *
 * @returns to be called when the handler has returned, if that is known
 */
export function guard(res: ServerResponse, payment: Payment): () => void {
  const guarding = new Guard(res, payment);
  return () => guarding.returned();
}

/**
 * waiting → passing            below 400
 * waiting → held → passing     400 and above
 */
class Guard {
  readonly #res: Guarded;
  readonly #payment: Payment;
  /** The methods that were there before. */
  readonly #writeHead: Methods['writeHead'];
  readonly #write: Methods['write'];
  readonly #end: Methods['end'];
  readonly #flushHeaders: Methods['flushHeaders'];
  readonly #destroy: Methods['destroy'];
  /** The guard whose methods those are, if another payment was put before. */
  readonly #outer: Guard | undefined;
  #phase: 'waiting' | 'held' | 'passing' = 'waiting';
  #held: Array<() => void> = [];
  #recorder: ReplyRecorder | undefined;
  #sealed: SealedWriter | undefined;
  /** Ends the answer, a microtask after its handler did. */
  #ending: (() => void) | undefined;

  constructor(res: Guarded, payment: Payment) {
    this.#res = res;
    this.#payment = payment;
    const { writeHead, write, end, flushHeaders, destroy } = res as unknown as Methods;
    this.#writeHead = writeHead;
    this.#write = write;
    this.#end = end;
    this.#flushHeaders = flushHeaders;
    this.#destroy = destroy;
    this.#outer = res[guardOf];
    // What is sealed cannot be compressed on the way, so it would have to be done before, which leaks lengths.
    if (payment.sealKey) delete res.req.headers['accept-encoding'];
    res[guardOf] = this;
    // The same functions for all responses: a few closures for each cost more than all else that happens here.
    res.writeHead = guardedWriteHead;
    res.write = guardedWrite as typeof res.write;
    res.end = guardedEnd as typeof res.end;
    res.flushHeaders = guardedFlushHeaders;
    res.destroy = guardedDestroy;
  }

  writeHead(status: number, rest: unknown[]): ServerResponse {
    if (this.#phase === 'waiting') {
      const reason = typeof rest[0] === 'string' ? rest[0] : undefined;
      const headers = rest[1] ?? (reason === undefined ? rest[0] : undefined);
      rest = reason === undefined ? [] : [reason];
      const whole = isObject(headers) ? this.#passWhole(status, headers) : undefined;
      if (whole) return this.#below(this.#writeHead, [status, ...rest, whole]);
      if (isObject(headers)) applyHeaders(this.#res, headers);
      this.#res.statusCode = status;
    }
    if (!this.#open(status)) {
      this.#held.push(() => this.#below(this.#writeHead, [status, ...rest]));
      return this.#res;
    }
    return this.#below(this.#writeHead, [status, ...rest]);
  }

  write(chunk: Chunk, encoding?: BufferEncoding | Done, done?: Done): boolean {
    this.#ending?.();
    const [charset, callback] = typeof encoding === 'function' ? [undefined, encoding] : [encoding, done];
    if (!this.#open(this.#res.statusCode)) {
      this.#held.push(() => this.#passWrite(chunk, charset, callback));
      return false;
    }
    if (!this.#recorder && !this.#sealed) return this.#passWrite(chunk, charset, callback);
    const bytes = toBytes(chunk, charset);
    this.#recorder?.write(bytes);
    return this.#sealed ? this.#sealed.write(bytes, callback) : this.#passWrite(bytes, undefined, callback);
  }

  end(chunk?: Chunk | Done, encoding?: BufferEncoding | Done, done?: Done): ServerResponse {
    this.#ending?.();
    const data = typeof chunk === 'function' ? undefined : chunk;
    const charset = typeof encoding === 'string' ? encoding : undefined;
    const callback = typeof chunk === 'function' ? chunk : typeof encoding === 'function' ? encoding : done;
    if (!this.#open(this.#res.statusCode)) {
      this.#held.push(() => this.#passEnd(data, charset, callback));
      return this.#res;
    }
    if (!this.#recorder && !this.#sealed) return this.#passLast(data, charset, callback);
    const bytes = data === undefined || data === null ? undefined : toBytes(data, charset);
    if (bytes) this.#recorder?.write(bytes);
    this.#recorder?.end();
    if (!this.#sealed) return this.#passEnd(bytes, undefined, callback);
    this.#sealed.end(bytes, callback);
    return this.#res;
  }

  flushHeaders(): void {
    const res = this.#res;
    if (this.#phase !== 'held' && !res.headersSent) res.writeHead(res.statusCode);
    if (this.#phase === 'held') this.#held.push(() => this.#below(this.#flushHeaders, []));
    else this.#below(this.#flushHeaders, []);
  }

  destroy(error?: Error): ServerResponse {
    this.#ending?.();
    return this.#below(this.#destroy, [error]);
  }

  /** The handler has returned. One whose client has gone answers nothing any more; until it returns it may still capture or fail. */
  returned(): void {
    if (this.#phase !== 'waiting') return;
    const giveUp = (): void => {
      if (this.#phase === 'waiting' && !this.#payment.keepsReply) this.#payment.settle(200);
    };
    if (this.#res.closed) giveUp();
    else this.#res.once('close', giveUp);
  }

  /** Decides on the first word of an answer. @returns whether it may go out now */
  #open(status: number): boolean {
    if (this.#phase === 'waiting') {
      if (status >= 400) this.#hold();
      else if (status >= 200) this.#pass(status);
    }
    return this.#phase !== 'held';
  }

  #pass(status: number): void {
    this.#phase = 'passing';
    const [res, payment] = [this.#res, this.#payment];
    const receipt = payment.settle(status);
    this.#put(receipt);
    const bodyless = status === 204 || status === 304 || res.req.method === 'HEAD';
    if (payment.keepsReply) {
      const headers = keptHeaders(res);
      this.#recorder = createReplyRecorder(
        (body) => payment.keep(body && { status, headers, body }),
        payment.maxReplyBytes,
      );
    }
    if (payment.sealKey && !bodyless) this.#seal(payment.sealKey, receipt);
  }

  #seal(key: Uint8Array, receipt: readonly Header[]): void {
    const res = this.#res;
    res.removeHeader('Content-Length');
    const coding = res.getHeader('Content-Encoding');
    res.setHeader('Content-Encoding', coding === undefined ? 'aes128gcm' : `${String(coding)}, aes128gcm`);
    const sealing = sealingOf(String(res.getHeader('Content-Type') ?? ''), receipt);
    const below = {
      write: (chunk: Chunk, encoding?: BufferEncoding, done?: Done) => this.#passWrite(chunk, encoding, done),
      end: (chunk?: Chunk, encoding?: BufferEncoding, done?: Done) => this.#passEnd(chunk, encoding, done),
    };
    const sealed = createSealedWriter(key, below, (error) => res.destroy(error), sealing);
    this.#sealed = sealed;
    sealed.onDrain(() => res.emit('drain'));
    // The socket drains after each record; the handler has to wait until the queue before it is empty enough.
    const emit = res.emit.bind(res);
    res.emit = (name: string, ...rest: unknown[]) =>
      name === 'drain' && sealed.isFull ? false : emit(name, ...rest);
  }

  /** A head that is given at once and whose body passes as it is: our headers go with it, and none is set one by one. */
  #passWhole(status: number, headers: object): OutgoingHttpHeaders | undefined {
    const [res, payment] = [this.#res, this.#payment];
    if (status < 200 || status >= 400 || payment.keepsReply || payment.sealKey) return undefined;
    if (Array.isArray(headers) || res.getHeaderNames().length > 0) return undefined;
    for (const name in headers) {
      if (ours.test(name) || (headers as OutgoingHttpHeaders)[name] === undefined) return undefined;
    }
    this.#phase = 'passing';
    const whole: OutgoingHttpHeaders = { ...headers };
    for (const [name, value] of payment.settle(status)) whole[name] = value;
    return whole;
  }

  #put(headers: readonly Header[]): void {
    const res = this.#res;
    for (const [name, value] of headers) {
      if (name === 'Cache-Control' && String(res.getHeader(name) ?? '').includes('no-store')) continue;
      res.setHeader(name, value);
    }
  }

  #hold(): void {
    this.#phase = 'held';
    const [res, payment] = [this.#res, this.#payment];
    // The head counts as written: who looks for that before it answers, such as a handler of errors, leaves it alone.
    Object.defineProperty(res, 'headersSent', { value: true, configurable: true });
    const release = (): void => {
      this.#phase = 'passing';
      delete (res as { headersSent?: boolean }).headersSent;
    };
    payment
      .release()
      .then(
        (headers) => {
          release();
          this.#put(headers);
          for (const call of this.#held) call();
          this.#held = [];
          // Whoever was told to wait goes on; if the socket has to be waited for, it says so itself.
          if (!res.writableNeedDrain && !res.writableEnded) res.emit('drain');
        },
        (error: unknown) => {
          // The release may or may not be durable: say nothing that the client could take for an end of its claim.
          release();
          this.#held = [];
          const reply = payment.failed(error);
          for (const name of res.getHeaderNames()) res.removeHeader(name);
          this.#below(this.#writeHead, [reply.status, reply.headers.flat()]);
          this.#passEnd(res.req.method === 'HEAD' ? undefined : reply.body);
        },
      )
      .catch((error: unknown) => res.destroy(error as Error));
  }

  #passWrite(chunk: Chunk, encoding?: BufferEncoding, done?: Done): boolean {
    return this.#below(this.#write, [chunk, encoding, done]);
  }

  /**
   * Ends an answer that has its head, a microtask later: when the handlers of all calls that were admitted together
   * have returned. Kernel and handlers in turns cost more (docs/benchmarks.md). What may throw is passed on at once.
   */
  #passLast(chunk: Chunk, encoding?: BufferEncoding, done?: Done): ServerResponse {
    const res = this.#res;
    const isPlain = encoding === undefined && (typeof chunk === 'string' || chunk instanceof Uint8Array);
    if (!isPlain || res.strictContentLength) return this.#passEnd(chunk, encoding, done);
    // Without a head, Node takes the length from what ends the answer.
    if (!res.headersSent && res.hasHeader('Content-Length')) this.#below(this.#writeHead, [res.statusCode]);
    if (!res.headersSent) return this.#passEnd(chunk, encoding, done);
    this.#ending = () => {
      this.#ending = undefined;
      this.#passEnd(chunk, encoding, done);
    };
    void aMicrotask.then(() => this.#ending?.());
    return res;
  }

  #passEnd(chunk?: Chunk, encoding?: BufferEncoding, done?: Done): ServerResponse {
    return this.#below(this.#end, [chunk, encoding, done]);
  }

  /** Calls a method that was there before, in which the guard before this one may be. */
  #below<Result>(method: (...args: never[]) => Result, args: readonly unknown[]): Result {
    const call = method as (this: ServerResponse, ...args: readonly unknown[]) => Result;
    if (!this.#outer) return call.apply(this.#res, args as unknown[]);
    this.#res[guardOf] = this.#outer;
    try {
      return call.apply(this.#res, args as unknown[]);
    } finally {
      this.#res[guardOf] = this;
    }
  }
}

function guardedWriteHead(this: Guarded, status: number, ...rest: unknown[]): ServerResponse {
  return this[guardOf]!.writeHead(status, rest);
}

function guardedWrite(this: Guarded, chunk: Chunk, encoding?: BufferEncoding | Done, done?: Done): boolean {
  return this[guardOf]!.write(chunk, encoding, done);
}

function guardedEnd(
  this: Guarded,
  chunk?: Chunk | Done,
  encoding?: BufferEncoding | Done,
  done?: Done,
): ServerResponse {
  return this[guardOf]!.end(chunk, encoding, done);
}

function guardedFlushHeaders(this: Guarded): void {
  this[guardOf]!.flushHeaders();
}

function guardedDestroy(this: Guarded, error?: Error): ServerResponse {
  return this[guardOf]!.destroy(error);
}

const aMicrotask = Promise.resolve();

/** Headers that a payment may set too, or that stand for what it does with the body. */
const ours =
  /^(?:cache-control|payment-receipt|impuls-state|impuls-meter|vary|access-control-(?:allow-origin|expose-headers))$/i;

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
