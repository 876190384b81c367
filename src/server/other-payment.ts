import { ImpulsError } from '../core/errors.js';
import type { Header, Reply } from './call.js';
import type { Meter } from './metering/meter.js';
import type { Payment } from './payment.js';
import { unavailableReply } from './problems.js';

export interface OtherPaymentOptions {
  /** Of the method that was paid by, as in its challenges. */
  readonly method: string;
  /** Names the payment, as its method does. */
  readonly reference: string;
  /** Its receipt, for the head of an answer of this status, below 300. */
  readonly receipt: (status: number) => readonly Header[];
  /** Headers that every answer gets. Default none. */
  readonly shared?: readonly Header[];
}

/** A payment by another method: charged when it was admitted, by its terms; no units, no key, and nothing to return. */
export function createOtherPayment(options: OtherPaymentOptions): Payment {
  return new OtherPayment(options);
}

class OtherPayment implements Payment {
  readonly method: string;
  readonly reference: string;
  readonly units = 0;
  readonly verdict = 'accepted';
  readonly sealKey = undefined;
  readonly keepsReply = false;
  readonly maxReplyBytes = 0;
  readonly #receipt: OtherPaymentOptions['receipt'];
  readonly #shared: readonly Header[];

  constructor({ method, reference, receipt, shared = [] }: OtherPaymentOptions) {
    this.method = method;
    this.reference = reference;
    this.#receipt = receipt;
    this.#shared = shared;
  }

  get key(): Uint8Array {
    throw noKey(this.method);
  }

  get fingerprint(): string {
    throw noKey(this.method);
  }

  meter(): Meter {
    throw new ImpulsError('unsupported', `a payment by ${this.method} is not metered: it pays once`);
  }

  async capture(): Promise<void> {}

  settle(status: number): Header[] {
    if (status >= 300) return [...this.#shared];
    return [...this.#receipt(status), ['Cache-Control', 'private'], ...this.#shared];
  }

  keep(): void {}

  async release(): Promise<Header[]> {
    return [...this.#shared];
  }

  failed(): Reply {
    return unavailableReply(this.#shared);
  }
}

function noKey(method: string): ImpulsError {
  return new ImpulsError('unsupported', `a payment by ${method} leaves no key`, {
    hint: 'Ask payment.method before: cards alone leave one.',
  });
}
