import type { CardId } from '../core/card.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { freeUnits } from './allocate.js';
import type { Offer } from './challenges.js';
import { claimingOf, type Claiming } from './claiming.js';
import { carryOver, paymentOf } from './delivery.js';
import type { Result } from './errand.js';
import { partsOf, type Parts } from './parts.js';
import type { PayingFetch } from './paying-fetch.js';
import { discard, readBytes, readProblem } from './reply-body.js';
import type { KeyedPayment } from './summary.js';

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

/** How often in a row a claim may fail for reasons that may pass. */
const maxTroubles = 4;

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
  const { max, step = 1, window = 2 } = options;
  const whole = [max, step, window].every((value) => Number.isSafeInteger(value) && value >= 1);
  if (!whole || window > 4) {
    throw new ImpulsError('invalid-argument', 'max and step are whole units, and window is from 1 to 4');
  }
  const stream = new Stream(pay, input, init, { ...options, step, window });
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

type Settings = MeteredOptions & Required<Pick<MeteredOptions, 'step' | 'window'>>;

class Stream implements MeteredStream {
  onBroken: () => void = () => {};
  readonly ended: Promise<MeteredEnd>;
  readonly #pay: PayingFetch;
  readonly #input: string | URL | Request;
  readonly #init: RequestInit;
  readonly #options: Settings;
  readonly #parts: Parts;
  readonly #claiming: Claiming;
  #finish!: (end: MeteredEnd) => void;
  #response!: Response;
  #meter: { readonly url: URL; readonly card: CardId } | undefined;
  #offer: Offer | undefined;
  /** Units charged, and with those that are claimed. */
  #charged = 0;
  #committed = 0;
  /** What the last opening cost. */
  #opening = 0;
  #workers: Promise<unknown> = Promise.resolve();
  /** Claims are made as long as this is the line that they are for. */
  #line: object | undefined;
  #error: ImpulsError | undefined;

  constructor(pay: PayingFetch, input: string | URL | Request, init: RequestInit, options: Settings) {
    this.#pay = pay;
    this.#input = input;
    this.#init = init;
    this.#options = options;
    this.#parts = partsOf(pay);
    this.#claiming = claimingOf(pay);
    this.ended = new Promise((resolve) => (this.#finish = resolve));
  }

  get response(): Response {
    return this.#response;
  }

  get units(): number {
    return this.#charged;
  }

  async open(init: RequestInit, meter: string): Promise<Response> {
    const headers = new Headers(
      init.headers ?? (this.#input instanceof Request ? this.#input.headers : undefined),
    );
    headers.set('Impuls-Meter', meter);
    const response = await this.#pay(this.#input, { ...init, headers });
    const payment = paymentOf(response);
    if (payment) this.#charge(payment.units, payment.units);
    this.#opening = payment?.units ?? this.#opening;
    const url = payment && this.#meterUrl(payment, response.headers.get('Impuls-Meter'));
    if (!payment || !url || !response.body) {
      this.#response = response;
      this.#finish({ units: this.#charged, reason: 'finished' });
      return response;
    }
    this.#meter = { url, card: payment.card };
    this.#offer = this.#claiming.offerOf(payment) ?? this.#offer;
    const line = {};
    this.#line = line;
    this.#response = this.#watch(response, line);
    const workers = Array.from({ length: this.#options.window }, () => this.#work(line));
    this.#workers = Promise.all([this.#workers, ...workers]);
    return this.#response;
  }

  async reopen(init: RequestInit = this.#init): Promise<Response> {
    if (this.#committed + this.#opening > this.#options.max) {
      throw new ImpulsError(
        'limit-exceeded',
        `the stream has cost ${this.#charged} of at most ${this.#options.max} units`,
      );
    }
    this.#line = undefined;
    return this.open({ ...this.#init, ...init }, this.#meter?.url.pathname.split('/').at(-1) ?? 'open');
  }

  async stop(): Promise<MeteredEnd> {
    if (this.#line || this.#meter) {
      this.#line = undefined;
      const { url } = this.#meter!;
      await this.#send(url, 'DELETE').then(discard, () => {});
      await this.#end('left');
    }
    return this.ended;
  }

  /** The endpoint of a meter, if the vendor has one and this is an id. */
  #meterUrl({ vendor }: KeyedPayment, id: string | null): URL | undefined {
    const { meter } = this.#parts.vendors.pinned(vendor).document.endpoints;
    if (id === null || meter === undefined || !/^[A-Za-z0-9_-]{22}$/.test(id)) return undefined;
    return new URL(`${meter}/${id}`, vendor);
  }

  #charge(units: number, claimed: number): void {
    this.#charged += units;
    this.#committed += claimed;
    if (units > 0) this.#options.onUnits?.(this.#charged);
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
          if (this.#line === line) void this.#closed();
        } catch (error) {
          controller.error(error);
          if (this.#line !== line) return;
          this.#line = undefined;
          this.onBroken();
        }
      },
      cancel: async (reason) => {
        const stopped = this.#line === line ? this.stop() : undefined;
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
    this.#line = undefined;
    await this.#end(await this.#reason());
  }

  async #end(reason: MeteredEnd['reason']): Promise<void> {
    this.#meter = undefined;
    await this.#workers;
    this.#finish({ units: this.#charged, reason, ...(this.#error && { error: this.#error }) });
  }

  /** How the vendor says that it ended: what stopped for want of claims looks whole, and is not. */
  async #reason(): Promise<MeteredEnd['reason']> {
    try {
      const response = await this.#send(this.#meter!.url, 'GET');
      const { ended } = JSON.parse(new TextDecoder().decode(await readBytes(response.body, 4096))) as {
        ended?: unknown;
      };
      return ended === 'finished' || ended === 'unpaid' || ended === 'left' ? ended : 'unknown';
    } catch {
      return 'unknown';
    }
  }

  #send(url: URL, method: string): Promise<Response> {
    const via = this.#parts.circuits.card(this.#meter!.card);
    return via(url.href, { method, credentials: 'omit', redirect: 'manual', cache: 'no-store' });
  }

  /** Keeps one claim in flight, as long as the stream goes on and may cost more. */
  async #work(line: object): Promise<void> {
    const { max, step } = this.#options;
    let troubles = 0;
    while (this.#line === line && !this.#error && this.#meter && this.#offer) {
      const { url, card } = this.#meter;
      const left = freeUnits(this.#parts.journal.card(card)!.account);
      const units = Math.min(step, max - this.#committed, Math.max(1, left));
      if (units < 1) return;
      const target = new URL(`${url.href}?units=${units}`);
      const offer: Offer = { ...this.#offer, units, headers: [], seal: undefined };
      this.#committed += units;
      let result: Result;
      try {
        result = await this.#claiming.claim(target, card, offer);
      } catch (error) {
        // Whether an unsettled claim was charged is not known: it counts.
        if (!isImpulsError(error, 'unsettled')) this.#committed -= units;
        if (!isImpulsError(error)) throw error;
        this.#error ??= error;
        return;
      }
      const charged = result.result === 'settled' ? result.payment.units : 0;
      this.#charge(charged, charged - units);
      const problem = await readProblem(result.response);
      discard(result.response);
      if (result.result === 'settled') {
        troubles = 0;
        if (result.then !== 'return') return;
        continue;
      }
      const code = problem === 'torn' ? undefined : problem?.code;
      if (code === 'meter-ended') return;
      if (result.offer) this.#offer = result.offer;
      if (code === 'meter-waiting') troubles = 0;
      else if (++troubles >= maxTroubles) {
        this.#error ??= new ImpulsError('payment-refused', `the vendor refused a claim: ${result.verdict}`);
      }
    }
  }
}
