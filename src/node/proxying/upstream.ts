import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, type Duplex } from 'node:stream';
import { Agent, errors, fetch as undiciFetch, type Dispatcher } from 'undici';
import { limits } from '../../core/limits.js';

/** One request on its way to the upstream. */
export interface Outgoing {
  readonly upstream: URL;
  /** Path and query. */
  readonly target: string;
  readonly method: string;
  /** Name after value. */
  readonly headers: string[];
  /** Read already; undefined where it streams, if there is one. */
  readonly body: Uint8Array | undefined;
  readonly headMs: number;
  readonly idleMs: number;
}

/** The head of an answer, as the proxy has it written. */
export interface AnswerHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
}

export interface Passing {
  /**
   * What goes out in place of a head from the upstream. A promise holds the body back until it is there.
   *
   * @returns undefined where an answer of its own was sent instead
   */
  readonly revise: (
    status: number,
    headers: IncomingHttpHeaders,
  ) => AnswerHead | undefined | Promise<AnswerHead | undefined>;
  /** Answers with an error of the proxy's, before a head was written. */
  readonly fail: (status: 502 | 504) => void;
  /** Whether the answer is wanted even if nobody listens any more: it is kept for a repeat. */
  readonly keeps: boolean;
}

/** The way to the upstreams: connections that are kept, streams both ways. */
export interface Upstreams {
  /** Resolves when the answer is out, or has broken off. Never rejects. */
  pass(outgoing: Outgoing, req: IncomingMessage, res: ServerResponse, passing: Passing): Promise<void>;
  /** Asks for another protocol on the connection. @returns the connection, or the answer that was given instead */
  upgrade(
    outgoing: Outgoing,
    protocol: string,
    res: ServerResponse,
    passing: Passing,
  ): Promise<Upgraded | undefined>;
  /** For an answer that is to be read here. Rejects if there is none. */
  ask(outgoing: Outgoing, signal: AbortSignal): Promise<Response>;
  close(): Promise<void>;
}

export interface Upgraded {
  readonly headers: IncomingHttpHeaders;
  readonly socket: Duplex;
}

const connectMs = 10_000;

export function openUpstreams(): Upstreams {
  const agent = new Agent({ connect: { timeout: connectMs }, pipelining: 1, maxHeaderSize: 65_536 });
  return {
    pass(outgoing, req, res, passing) {
      return new Promise((resolve) => {
        const body = outgoing.body ?? streamOf(req);
        const answer = new PassedAnswer(outgoing, req, res, passing, resolve);
        answer.send(agent, body);
      });
    },
    upgrade: (outgoing, protocol, res, passing) =>
      new Promise((resolve) => {
        const answer = new PassedAnswer(outgoing, res.req, res, passing, () => resolve(undefined));
        answer.send(agent, null, { protocol, done: resolve });
      }),
    async ask({ upstream, target, method, headers, body }, signal) {
      const pairs = Array.from({ length: headers.length / 2 }, (_, i) => headers.slice(2 * i, 2 * i + 2));
      const url = upstream.origin + upstream.pathname.replace(/\/$/, '') + target;
      // Of the package, since the platform's own would not know its agents.
      const response = await undiciFetch(url, {
        method,
        headers: pairs.filter(([name]) => name !== 'content-length' && name !== 'host') as Array<
          [string, string]
        >,
        body: body && body.length > 0 ? body : null,
        redirect: 'manual',
        dispatcher: agent,
        signal,
      });
      return response as unknown as Response;
    },
    close: () => agent.destroy(),
  };
}

interface Upgrade {
  readonly protocol: string;
  readonly done: (upgraded: Upgraded) => void;
}

/**
 * The answer of an upstream on its way to the client.
 *
 * sent → head → ended        also from anywhere: broken off, by either side
 */
class PassedAnswer implements Dispatcher.DispatchHandler {
  readonly #outgoing: Outgoing;
  readonly #res: ServerResponse;
  readonly #req: IncomingMessage;
  readonly #passing: Passing;
  readonly #resolve: () => void;
  #controller: Dispatcher.DispatchController | undefined;
  #again: (() => void) | undefined;
  #upgrade: Upgrade | undefined;
  /** Whether the head was handed on. */
  #begun = false;
  #over = false;
  #trailers = false;
  #lost = 0;

  constructor(
    outgoing: Outgoing,
    req: IncomingMessage,
    res: ServerResponse,
    passing: Passing,
    resolve: () => void,
  ) {
    this.#outgoing = outgoing;
    this.#req = req;
    this.#res = res;
    this.#passing = passing;
    this.#resolve = resolve;
  }

  send(agent: Agent, body: Uint8Array | PassThrough | null, upgrade?: Upgrade): void {
    const { upstream, target, method, headers, headMs, idleMs } = this.#outgoing;
    const base = upstream.pathname === '/' ? '' : upstream.pathname.replace(/\/$/, '');
    this.#upgrade = upgrade;
    const options: Dispatcher.DispatchOptions = {
      origin: upstream.origin,
      path: base + target,
      method: method,
      headers,
      body,
      headersTimeout: headMs,
      bodyTimeout: idleMs,
      upgrade: upgrade?.protocol ?? null,
    };
    // A connection that was kept may close just when it is used. What is safe to repeat is (RFC 9110 §9.2.2), once.
    if (idempotent.has(method) && !(body instanceof PassThrough) && !upgrade) {
      this.#again = () => agent.dispatch(options, this);
    }
    this.#res.once('close', this.#left);
    agent.dispatch(options, this);
  }

  readonly #left = (): void => {
    if (this.#res.writableFinished || this.#over) return;
    // Whoever left may come back with the same claim, and gets what was kept.
    if (this.#passing.keeps) this.#controller?.resume();
    else this.#breakOff();
  };

  #breakOff(): void {
    this.#again = undefined;
    this.#controller?.abort(new errors.RequestAbortedError());
    if (!this.#controller) this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#res.off('close', this.#left);
    this.#resolve();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over || (this.#res.closed && !this.#passing.keeps))
      controller.abort(new errors.RequestAbortedError());
  }

  onRequestUpgrade(
    _controller: Dispatcher.DispatchController,
    _status: number,
    headers: IncomingHttpHeaders,
    socket: Duplex,
  ): void {
    this.#over = true;
    this.#res.off('close', this.#left);
    if (this.#upgrade) this.#upgrade.done({ headers, socket });
    else socket.destroy();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status < 200) {
      if (status === 103 && headers['link'] !== undefined && !this.#res.headersSent && !this.#res.closed) {
        this.#res.writeEarlyHints({ link: headers['link'] });
      }
      return;
    }
    this.#again = undefined;
    const head = this.#passing.revise(status, headers);
    if (!(head instanceof Promise)) {
      this.#open(head);
      return;
    }
    controller.pause();
    head.then(
      (ready) => {
        this.#open(ready);
        controller.resume();
      },
      () => this.#refuse(502),
    );
  }

  #open(head: AnswerHead | undefined): void {
    this.#begun = true;
    const res = this.#res;
    if (!head) {
      this.#end();
      this.#controller?.abort(new errors.RequestAbortedError());
      return;
    }
    const { status, headers } = head;
    const length = headers['content-length'];
    const isBodyless = status === 204 || status === 304 || this.#outgoing.method === 'HEAD';
    const isChunked = length === undefined && !isBodyless && this.#req.httpVersion === '1.1';
    this.#trailers = headers['trailer'] !== undefined && isChunked;
    res.writeHead(status, this.#trailers ? headers : withoutTrailer(headers));
    // An answer without a length may take its time; one with a length follows at once.
    if (length === undefined && !isBodyless) res.flushHeaders();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const res = this.#res;
    if (res.closed) {
      // Only for a repeat: as much as can be kept.
      this.#lost += chunk.length;
      if (this.#lost > limits.replyBytes) this.#breakOff();
      else res.write(chunk);
      return;
    }
    if (res.write(chunk)) return;
    controller.pause();
    res.once('drain', () => controller.resume());
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    const res = this.#res;
    if (this.#trailers && Object.keys(trailers).length > 0 && !res.closed) {
      res.addTrailers(trailers);
    }
    res.end();
    this.#end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const again = this.#again;
    this.#again = undefined;
    const isStale =
      error instanceof errors.SocketError || (error as NodeJS.ErrnoException).code === 'ECONNRESET';
    if (again && isStale && !this.#res.closed) {
      again();
      return;
    }
    const isLate = error instanceof errors.HeadersTimeoutError || error instanceof errors.ConnectTimeoutError;
    this.#refuse(isLate ? 504 : 502);
  }

  #refuse(status: 502 | 504): void {
    if (this.#over) return;
    if (!this.#begun) this.#passing.fail(status);
    // The head is out, and says nothing of an error: only a connection that breaks does.
    else if (!this.#res.writableEnded) this.#res.destroy();
    this.#end();
  }
}

const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Trailers come after chunks only. */
function withoutTrailer(headers: AnswerHead['headers']): Record<string, string | string[]> {
  if (headers['trailer'] === undefined) return headers;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'trailer'));
}

/**
 * A body that has not been read, as a stream of its own: what ends the way to the upstream must not end the connection of the
 * client, to which an answer may be on its way.
 */
function streamOf(req: IncomingMessage): PassThrough | null {
  const length = req.headers['content-length'];
  if ((length === undefined || length === '0') && req.headers['transfer-encoding'] === undefined) return null;
  const stream = new PassThrough();
  req.pipe(stream);
  req.once('close', () => {
    if (!req.complete) stream.destroy(new errors.RequestAbortedError());
  });
  stream.once('error', () => {});
  stream.once('close', () => {
    req.unpipe(stream);
    req.resume();
  });
  return stream;
}
