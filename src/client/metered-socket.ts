import { ImpulsError, isImpulsError } from '../core/errors.js';
import { MessageQueue } from '../core/message-queue.js';
import {
  formatSocketRequest,
  isReserved,
  parseSocketAnswer,
  socketCloses,
  type SocketAnswer,
} from '../core/wire/socket-message.js';
import { claimingOf } from './claiming.js';
import { paymentOf } from './delivery.js';
import type { MeteredEnd, MeteredOptions } from './metered-stream.js';
import type { Carrier } from './outgoing.js';
import { partsOf } from './parts.js';
import type { PayingFetch } from './paying-fetch.js';
import { discard } from './reply-body.js';
import { readTopUpOptions, TopUps, type TopUpOptions } from './top-ups.js';

/** WebSockets that cost as they go on (docs/spec.md §11): claims and receipts are messages in the socket. */

/** What is used of a `WebSocket`: a browser's, that of Node from 22 on, or that of the package `ws`. */
export interface SocketLike {
  binaryType: string;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export interface MeteredSocketOptions extends MeteredOptions {
  /** Default: that of the platform. */
  readonly WebSocket?: new (url: string) => SocketLike;
  /** Messages that nobody has read yet; beyond, the socket is let go. Default 4,096. */
  readonly maxUnread?: number;
}

/** A socket that is paid as it goes on. To be read by one reader at a time. */
export interface MeteredSocket extends AsyncIterable<string | Uint8Array> {
  /** Units charged so far, as far as the vendor has said so. */
  readonly units: number;
  /** When the vendor has closed it in good order and every claim is settled, or after `stop`. A socket that is cut off does not end it. */
  readonly ended: Promise<MeteredEnd>;
  /**
   * What the vendor sends beside its receipts, in order, until the socket is over.
   *
   * @throws ImpulsError `network` where it was cut off: `reopen` it, and read on; `too-large` where too much was not read
   */
  [Symbol.asyncIterator](): AsyncIterator<string | Uint8Array>;
  /** @throws ImpulsError `network` if it is cut off or over; `invalid-argument` for a text that begins as messages about payments do */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /**
   * Opens another socket in the place of one that was cut off: what was paid for the meter stays paid. Where the two sides were is for them to
   * tell each other.
   *
   * @throws ImpulsError `limit-exceeded` where `max` leaves nothing; as the paying fetch
   */
  reopen(): Promise<void>;
  /** Lets go of it: what was claimed and is not used comes back. */
  stop(): Promise<MeteredEnd>;
}

/** How long an answer may take. A claim is held for a third of it. */
const answerWithinMs = 30_000;

/**
 * Opens a WebSocket with a payment, and keeps claims in flight in it for what it uses. A claim whose answer is lost with the socket is asked for over
 * HTTP, or in the next socket.
 *
 * @param pay of `createPayingFetch`: its wallet pays, and its limits hold
 * @param url `wss:` or `https:`; `ws:` and `http:` on loopback
 * @throws ImpulsError `invalid-argument`; `unsupported` without a WebSocket; as the paying fetch
 */
export async function openMeteredSocket(
  pay: PayingFetch,
  url: string | URL,
  options: MeteredSocketOptions,
): Promise<MeteredSocket> {
  const Socket =
    options.WebSocket ?? (globalThis as { WebSocket?: new (url: string) => SocketLike }).WebSocket;
  if (!Socket) {
    throw new ImpulsError('unsupported', 'this platform has no WebSocket', {
      hint: 'Give one: { WebSocket } of the package ws.',
    });
  }
  const socket = new Socketing(pay, new URL(url), { maxUnread: 4096, ...readTopUpOptions(options) }, Socket);
  await socket.open('open');
  return socket;
}

type Settings = TopUpOptions & { readonly maxUnread: number };

interface Live {
  readonly socket: SocketLike;
  readonly waiting: Map<number, { answer: (answer: SocketAnswer) => void; lost: (error: TypeError) => void }>;
}

class Socketing implements MeteredSocket {
  readonly ended: Promise<MeteredEnd>;
  readonly #pay: PayingFetch;
  readonly #url: URL;
  readonly #options: Settings;
  readonly #Socket: new (url: string) => SocketLike;
  readonly #topUps: TopUps;
  #finish!: (end: MeteredEnd) => void;
  #live: Live | undefined;
  #inbox: MessageQueue<string | Uint8Array>;
  #ids = 0;
  #opening = false;
  #over: 'ending' | 'stopping' | undefined;
  /** How the last socket was closed, if it was while it was being opened. */
  #closedEarly: { readonly code: number; readonly reason: string } | undefined;

  constructor(pay: PayingFetch, url: URL, options: Settings, Socket: new (url: string) => SocketLike) {
    this.#pay = pay;
    this.#url = new URL(url.href.replace(/^ws/, 'http'));
    this.#url.hash = '';
    this.#options = options;
    this.#Socket = Socket;
    this.#inbox = new MessageQueue(options.maxUnread);
    // In the socket where there is one, over the network where there is none.
    const inSocket: Carrier = (via) => (input, init) => {
      const target = targetOf(input as string);
      const { meter } = this.#topUps;
      return this.#live && meter && target.startsWith(meter.url.pathname)
        ? this.#ask(this.#live, target, init)
        : via(input, init);
    };
    this.#topUps = new TopUps(pay, options, inSocket);
    this.ended = new Promise((resolve) => (this.#finish = resolve));
  }

  get units(): number {
    return this.#topUps.charged;
  }

  [Symbol.asyncIterator](): AsyncIterator<string | Uint8Array> {
    return this.#inbox[Symbol.asyncIterator]();
  }

  async open(meter: string): Promise<void> {
    const opening: Carrier = () => async (input, init) =>
      this.#ask((this.#live ??= await this.#connect()), targetOf(input as string), init);
    this.#opening = true;
    try {
      const response = await claimingOf(this.#pay).call(
        this.#url,
        { headers: { 'Impuls-Meter': meter } },
        opening,
      );
      const payment = paymentOf(response);
      discard(response);
      if (!payment || !this.#topUps.opened(payment, response.headers.get('Impuls-Meter'))) {
        throw new ImpulsError(
          'payment-refused',
          `the vendor answered ${response.status}, and meters nothing`,
        );
      }
    } catch (error) {
      this.#drop();
      throw error;
    } finally {
      this.#opening = false;
    }
    if (this.#live) this.#topUps.start();
    else this.#closed(this.#closedEarly!.code, this.#closedEarly!.reason);
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (typeof data === 'string' && isReserved(data)) {
      throw new ImpulsError('invalid-argument', 'a text that begins with {"impuls": is about payments');
    }
    if (!this.#live || this.#over) throw new ImpulsError('network', 'the socket is not open');
    this.#live.socket.send(data);
  }

  async reopen(): Promise<void> {
    if (this.#over) throw new ImpulsError('invalid-argument', 'the socket is over');
    this.#topUps.checkReopening();
    this.#topUps.halt();
    this.#drop();
    this.#inbox = new MessageQueue(this.#options.maxUnread);
    await this.open(this.#topUps.meter?.url.pathname.split('/').at(-1) ?? 'open');
  }

  async stop(): Promise<MeteredEnd> {
    const { meter } = this.#topUps;
    if (this.#over || !meter) return this.ended;
    this.#over = 'stopping';
    this.#topUps.halt();
    const init = { method: 'DELETE' };
    const via = partsOf(this.#pay).circuits.card(meter.card);
    await (
      this.#live
        ? this.#ask(this.#live, meter.url.pathname, init)
        : via(meter.url.href, { ...init, credentials: 'omit', redirect: 'manual', cache: 'no-store' })
    ).then(discard, () => {});
    await this.#end('left');
    return this.ended;
  }

  async #end(reason: MeteredEnd['reason'], failure?: ImpulsError): Promise<void> {
    this.#over ??= 'ending';
    this.#topUps.halt();
    this.#inbox.end(failure);
    await this.#topUps.settled();
    this.#drop();
    const error = failure ?? this.#topUps.error;
    this.#finish({ units: this.units, reason, ...(error && { error }) });
  }

  /** Closes the socket that there is, and hears nothing more of it. */
  #drop(): void {
    const live = this.#live;
    if (!live) return;
    this.#lose(live);
    live.socket.close(1000);
  }

  #lose(live: Live): void {
    if (this.#live === live) this.#live = undefined;
    for (const { lost } of live.waiting.values()) lost(new TypeError('the socket is closed'));
    live.waiting.clear();
  }

  #connect(): Promise<Live> {
    return new Promise((resolve, reject) => {
      const socket = new this.#Socket(this.#url.href.replace(/^http/, 'ws'));
      const live: Live = { socket, waiting: new Map() };
      socket.binaryType = 'arraybuffer';
      socket.onopen = () => resolve(live);
      socket.onerror = () => {};
      socket.onmessage = ({ data }: { readonly data: unknown }) => this.#take(live, data);
      socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) => {
        reject(new TypeError(`no socket: ${code}`));
        const current = this.#live === live;
        this.#lose(live);
        if (!current) return;
        if (this.#opening) this.#closedEarly = { code, reason };
        else this.#closed(code, reason);
      };
    });
  }

  #take(live: Live, data: unknown): void {
    if (this.#live !== live) return;
    if (typeof data === 'string' && isReserved(data)) {
      try {
        const answer = parseSocketAnswer(data);
        const waiting = answer.id === null ? undefined : live.waiting.get(answer.id);
        waiting?.answer(answer);
      } catch (error) {
        // A claim that it may have answered is asked for again when its time is up.
        if (!isImpulsError(error)) throw error;
      }
      return;
    }
    const message = typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer);
    if (this.#inbox.put(message) || this.#over) return;
    const failure = new ImpulsError(
      'too-large',
      `more than ${this.#options.maxUnread} messages are not read`,
    );
    this.#inbox.end(failure);
    void this.stop();
  }

  #closed(code: number, reason: string): void {
    if (this.#over) return;
    this.#topUps.halt();
    if (code === socketCloses.unpaid) void this.#end('unpaid');
    else if (code === socketCloses.finished) void this.#end(reason === 'left' ? 'left' : 'finished');
    else if (code === 1011 || code === 1008 || code === 1009 || code === socketCloses.superseded) {
      void this.#end(
        'unknown',
        new ImpulsError('payment-refused', `the vendor closed the socket: ${code} ${reason}`),
      );
    } else this.#inbox.end(new ImpulsError('network', `the socket was cut off: ${code}`));
  }

  /** One request in the socket. @throws TypeError, as fetch, where no answer comes */
  #ask(live: Live, target: string, init: RequestInit = {}): Promise<Response> {
    const id = ++this.#ids;
    return new Promise<SocketAnswer>((resolve, reject) => {
      const timer = setTimeout(() => waiting.lost(new TypeError('no answer in the socket')), answerWithinMs);
      const end = (): void => {
        clearTimeout(timer);
        live.waiting.delete(id);
      };
      const waiting = {
        answer(answer: SocketAnswer): void {
          end();
          resolve(answer);
        },
        lost(error: TypeError): void {
          end();
          reject(error);
        },
      };
      live.waiting.set(id, waiting);
      const headers = Object.fromEntries(new Headers(init.headers));
      try {
        live.socket.send(formatSocketRequest({ id, method: init.method ?? 'GET', target, headers }));
      } catch (cause) {
        waiting.lost(new TypeError('the socket is not open', { cause }));
      }
    }).then(
      ({ status, headers, body }) =>
        new Response(status === 204 || status === 304 ? null : (body ?? null), { status, headers }),
    );
  }
}

function targetOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}
