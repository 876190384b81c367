import type { CardId } from '../core/card.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { freeUnits } from './allocate.js';
import type { Offer } from './challenges.js';
import { claimingOf, type Claiming } from './claiming.js';
import type { Result } from './errand.js';
import type { Carrier } from './outgoing.js';
import { partsOf, type Parts } from './parts.js';
import type { PayingFetch } from './paying-fetch.js';
import { discard, readProblem } from './reply-body.js';
import type { KeyedPayment } from './summary.js';

export interface TopUpOptions {
  readonly max: number;
  readonly step: number;
  readonly window: number;
  readonly onUnits?: (units: number) => void;
}

export interface OpenMeter {
  readonly url: URL;
  readonly card: CardId;
}

/** How often in a row a claim may fail for reasons that may pass. */
const maxTroubles = 4;

/** @returns with the defaults @throws ImpulsError `invalid-argument` */
export function readTopUpOptions<T extends Partial<TopUpOptions> & Pick<TopUpOptions, 'max'>>(
  options: T,
): T & TopUpOptions {
  const { max, step = 1, window = 2 } = options;
  const whole = [max, step, window].every((value) => Number.isSafeInteger(value) && value >= 1);
  if (!whole || window > 4) {
    throw new ImpulsError('invalid-argument', 'max and step are whole units, and window is from 1 to 4');
  }
  return { ...options, step, window };
}

/** The claims that one meter is paid with, one line after another, and what they come to. */
export class TopUps {
  meter: OpenMeter | undefined;
  /** Why no more is claimed. */
  error: ImpulsError | undefined;
  readonly #parts: Parts;
  readonly #claiming: Claiming;
  readonly #options: TopUpOptions;
  readonly #carrier: Carrier | undefined;
  #offer: Offer | undefined;
  /** Units charged, and with those that are claimed. */
  #charged = 0;
  #committed = 0;
  /** What the last opening cost. */
  #opening = 0;
  #workers: Promise<unknown> = Promise.resolve();
  /** Claims are made as long as this is the line that they are for. */
  #line: object | undefined;

  constructor(pay: PayingFetch, options: TopUpOptions, carrier?: Carrier) {
    this.#parts = partsOf(pay);
    this.#claiming = claimingOf(pay);
    this.#options = options;
    this.#carrier = carrier;
  }

  get charged(): number {
    return this.#charged;
  }

  get line(): object | undefined {
    return this.#line;
  }

  /** Counts an opening. @param id as the vendor says @returns whether it metered it */
  opened(payment: KeyedPayment, id: string | null): boolean {
    this.#charge(payment.units, payment.units);
    this.#opening = payment.units;
    const url = this.#meterUrl(payment, id);
    if (!url) return false;
    this.meter = { url, card: payment.card };
    this.#offer = this.#claiming.offerOf(payment) ?? this.#offer;
    return true;
  }

  /** @throws ImpulsError `limit-exceeded` where another opening would cost more than what is left */
  checkReopening(): void {
    if (this.#committed + this.#opening <= this.#options.max) return;
    throw new ImpulsError(
      'limit-exceeded',
      `the stream has cost ${this.#charged} of at most ${this.#options.max} units`,
    );
  }

  /** Claims for a line, until `halt`. */
  start(): object {
    const line = {};
    this.#line = line;
    const workers = Array.from({ length: this.#options.window }, () => this.#work(line));
    this.#workers = Promise.all([this.#workers, ...workers]);
    return line;
  }

  halt(): void {
    this.#line = undefined;
  }

  /** When every claim has its answer. */
  async settled(): Promise<void> {
    await this.#workers;
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

  /** Keeps one claim in flight, as long as the stream goes on and may cost more. */
  async #work(line: object): Promise<void> {
    const { max, step } = this.#options;
    let troubles = 0;
    while (this.#line === line && !this.error && this.meter && this.#offer) {
      const { url, card } = this.meter;
      const left = freeUnits(this.#parts.journal.card(card)!.account);
      const units = Math.min(step, max - this.#committed, Math.max(1, left));
      if (units < 1) return;
      const target = new URL(`${url.href}?units=${units}`);
      const offer: Offer = { ...this.#offer, units, headers: [], seal: undefined };
      this.#committed += units;
      let result: Result;
      try {
        result = await this.#claiming.claim(target, card, offer, this.#carrier);
      } catch (error) {
        // Whether an unsettled claim was charged is not known: it counts.
        if (!isImpulsError(error, 'unsettled')) this.#committed -= units;
        if (!isImpulsError(error)) throw error;
        this.error ??= error;
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
        this.error ??= new ImpulsError('payment-refused', `the vendor refused a claim: ${result.verdict}`);
      }
    }
  }
}
