import type { ImpulsError } from '../core/errors.js';
import { carryOver, paymentOf } from './delivery.js';
import { partsOf, type Parts } from './parts.js';
import type { PayingFetch } from './paying-fetch.js';
import { discard, readBytes } from './reply-body.js';
import { readTopUpOptions, TopUps, type TopUpOptions } from './top-ups.js';

/** Streams that cost as they go on (docs/spec.md §11), as the wallet pays them. */

export interface MeteredOptions {
  /** The most for one stream in all, in units, with what opened it. */
  readonly max: number;
  /** Units of each claim that tops up; at most what the paying fetch may pay for one request. Default 1. */
  readonly step?: number;
  /** Claims that are kept in flight beside the stream, 1 to 4. Default 2. */
  readonly window?: number;
  /** Told how much the stream has been charged in all, whenever that changes. */
  readonly onUnits?: (units: number) => void;
}

export interface MeteredEnd {
  /** Units charged for all of it. */
  readonly units: number;
  /**
   * `finished`: it came to its end. `unpaid`: it was stopped because no claim came: the rest is missing. `left`: this side let go. `unknown`:
   * the vendor does not say, any more.
   */
  readonly reason: 'finished' | 'unpaid' | 'left' | 'unknown';
  /** Why no more was claimed, if it was not the end of the stream. */
  readonly error?: ImpulsError;
}

export interface MeteredStream {
  /** What the vendor answered; its body goes on as long as it is paid. One that is not metered is handed on as it is. */
  readonly response: Response;
  /** Units charged so far, as far as the vendor has said so. */
  readonly units: number;
  /** When the body has ended and every claim is settled, or after `stop`. A body that breaks off does not end the stream. */
  readonly ended: Promise<MeteredEnd>;
  /**
   * Asks for the rest of a stream that broke off, in the place of what came last: what was paid for it stays paid.
   *
   * @param init the headers that say from where, such as `Last-Event-ID` or `Range`
   * @throws ImpulsError `limit-exceeded` where `max` leaves nothing; as the paying fetch
   */
  reopen(init?: RequestInit): Promise<Response>;
  /** Lets go of it: what was claimed and is not used comes back. */
  stop(): Promise<MeteredEnd>;
}

/**
 * Opens a stream with a payment, and keeps claims in flight beside it for what it uses.
 *
 * @param pay of `createPayingFetch`: its wallet pays, and its limits hold
 * @throws ImpulsError `invalid-argument`; as the paying fetch
 */
export async function openMeteredStream(
  pay: PayingFetch,
  input: string | URL | Request,
  options: MeteredOptions,
  init: RequestInit = {},
): Promise<MeteredStream> {
  const stream = new Stream(pay, input, init, readTopUpOptions(options));
  await stream.open(init, 'open');
  return stream;
}

/** Like `fetch`: whatever is metered is paid as it goes on, for each answer within `options`. What breaks off is not asked for again. */
export function createMeteredFetch(pay: PayingFetch, options: MeteredOptions): PayingFetch {
  return async (input, init) => {
    const stream = new Stream(pay, input, init ?? {}, { step: 1, window: 2, ...options });
    stream.onBroken = () => void stream.stop();
    stream.ended.catch(() => {});
    return stream.open(init ?? {}, 'open');
  };
}

class Stream implements MeteredStream {
  onBroken: () => void = () => {};
  readonly ended: Promise<MeteredEnd>;
  readonly #pay: PayingFetch;
  readonly #input: string | URL | Request;
  readonly #init: RequestInit;
  readonly #parts: Parts;
  readonly #topUps: TopUps;
  #finish!: (end: MeteredEnd) => void;
  #response!: Response;

  constructor(pay: PayingFetch, input: string | URL | Request, init: RequestInit, options: TopUpOptions) {
    this.#pay = pay;
    this.#input = input;
    this.#init = init;
    this.#parts = partsOf(pay);
    this.#topUps = new TopUps(pay, options);
    this.ended = new Promise((resolve) => (this.#finish = resolve));
  }

  get response(): Response {
    return this.#response;
  }

  get units(): number {
    return this.#topUps.charged;
  }

  async open(init: RequestInit, meter: string): Promise<Response> {
    const headers = new Headers(
      init.headers ?? (this.#input instanceof Request ? this.#input.headers : undefined),
    );
    headers.set('Impuls-Meter', meter);
    const response = await this.#pay(this.#input, { ...init, headers });
    const payment = paymentOf(response);
    const metered = payment && this.#topUps.opened(payment, response.headers.get('Impuls-Meter'));
    if (!metered || !response.body) {
      this.#response = response;
      this.#finish({ units: this.units, reason: 'finished' });
      return response;
    }
    this.#response = this.#watch(response, this.#topUps.start());
    return this.#response;
  }

  async reopen(init: RequestInit = this.#init): Promise<Response> {
    this.#topUps.checkReopening();
    this.#topUps.halt();
    return this.open(
      { ...this.#init, ...init },
      this.#topUps.meter?.url.pathname.split('/').at(-1) ?? 'open',
    );
  }

  async stop(): Promise<MeteredEnd> {
    const { meter } = this.#topUps;
    if (meter) {
      this.#topUps.halt();
      const { url } = meter;
      await this.#send(url, 'DELETE').then(discard, () => {});
      await this.#end('left');
    }
    return this.ended;
  }

  /** The answer, with a body that tells of its end. */
  #watch(response: Response, line: object): Response {
    const reader = response.body!.getReader();
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read();
          if (!done) {
            controller.enqueue(value);
            return;
          }
          controller.close();
          if (this.#topUps.line === line) void this.#closed();
        } catch (error) {
          controller.error(error);
          if (this.#topUps.line !== line) return;
          this.#topUps.halt();
          this.onBroken();
        }
      },
      cancel: async (reason) => {
        const stopped = this.#topUps.line === line ? this.stop() : undefined;
        await reader.cancel(reason).catch(() => {});
        await stopped;
      },
    });
    const { status, statusText, headers } = response;
    const watched = new Response(body, { status, statusText, headers });
    Object.defineProperty(watched, 'url', { value: response.url });
    carryOver(response, watched);
    return watched;
  }

  async #closed(): Promise<void> {
    this.#topUps.halt();
    await this.#end(await this.#reason());
  }

  async #end(reason: MeteredEnd['reason']): Promise<void> {
    this.#topUps.meter = undefined;
    await this.#topUps.settled();
    const { error } = this.#topUps;
    this.#finish({ units: this.units, reason, ...(error && { error }) });
  }

  /** How the vendor says that it ended: what stopped for want of claims looks whole, and is not. */
  async #reason(): Promise<MeteredEnd['reason']> {
    try {
      const response = await this.#send(this.#topUps.meter!.url, 'GET');
      const { ended } = JSON.parse(new TextDecoder().decode(await readBytes(response.body, 4096))) as {
        ended?: unknown;
      };
      return ended === 'finished' || ended === 'unpaid' || ended === 'left' ? ended : 'unknown';
    } catch {
      return 'unknown';
    }
  }

  #send(url: URL, method: string): Promise<Response> {
    const via = this.#parts.circuits.card(this.#topUps.meter!.card);
    return via(url.href, { method, credentials: 'omit', redirect: 'manual', cache: 'no-store' });
  }
}
