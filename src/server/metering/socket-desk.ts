import { isImpulsError } from '../../core/errors.js';
import {
  formatSocketAnswer,
  parseSocketRequest,
  type SocketRequest,
} from '../../core/wire/socket-message.js';
import type { Call, Reply } from '../call.js';
import type { Gate } from '../gate.js';
import type { Payment } from '../payment.js';
import { problemReply } from '../problems.js';
import type { Vendor } from '../vendor.js';
import type { Meter } from './meter.js';

/** What one socket gives its desk. */
interface SocketParts {
  /** Of the upgrade. */
  readonly target: string;
  readonly source: string | undefined;
  /** A header of the upgrade. */
  readonly header: (name: string) => string | undefined;
  readonly put: (text: string) => Promise<boolean>;
  readonly isOpen: () => boolean;
  /** There is too much to answer. */
  readonly flood: () => void;
  readonly opened: (payment: Payment, meter: Meter) => void;
}

/** Requests that are answered at a time: a meter holds no more claims. */
const maxInFlight = 8;
/** Openings of one socket, and messages that say nothing. */
const maxOpenings = 16;
const maxFaults = 16;

/** Answers the requests about payments that come in one socket: each is a call as over HTTP, to its own URL or to its own meter. */
export class SocketDesk {
  readonly #vendor: Vendor;
  readonly #gate: Gate;
  readonly #parts: SocketParts;
  readonly #running = new Set<Promise<void>>();
  #meter: Meter | undefined;
  #openings = 0;
  #opening = false;
  #faults = 0;

  constructor(vendor: Vendor, gate: Gate, parts: SocketParts) {
    this.#vendor = vendor;
    this.#gate = gate;
    this.#parts = parts;
  }

  take(text: string): void {
    let request: SocketRequest;
    try {
      request = parseSocketRequest(text);
    } catch (error) {
      if (!isImpulsError(error)) throw error;
      this.#fault(null, problemReply('malformed', error.message));
      return;
    }
    if (this.#running.size >= maxInFlight) {
      this.#fault(request.id, problemReply('throttled', 'Too many claims at once.', [['Retry-After', '1']]));
      return;
    }
    const running: Promise<void> = this.#answer(request)
      .catch((error: unknown) => {
        if (!isImpulsError(error)) throw error;
        return problemReply('throttled', error.message);
      })
      .then((reply) => this.#tell(request.id, reply))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** When nothing is to be answered. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  /** The client lets go of its meter. */
  async leave(): Promise<void> {
    if (this.#meter) await this.#vendor.answer(this.#call('DELETE', `${this.#endpoint}/${this.#meter.id}`));
  }

  get #endpoint(): string {
    return this.#vendor.document.endpoints.meter ?? '';
  }

  #fault(id: number | null, reply: Reply): void {
    if (++this.#faults > maxFaults) this.#parts.flood();
    else void this.#tell(id, reply);
  }

  async #answer({ method, target, headers }: SocketRequest): Promise<Reply> {
    const call = this.#call(method, target, headers);
    if (method === 'GET' && target === this.#parts.target) return this.#open(call);
    const own = this.#meter && `${this.#endpoint}/${this.#meter.id}`;
    const isOwn = own !== undefined && (target === own || target.startsWith(`${own}?`));
    const reply = isOwn && method !== 'GET' ? await this.#vendor.answer(call) : undefined;
    return reply ?? problemReply('not-found', 'In a socket there is its own URL, and its own meter.');
  }

  async #open(call: Call): Promise<Reply> {
    if (this.#meter || this.#opening || ++this.#openings > maxOpenings) {
      return problemReply('throttled', 'A socket is opened once.');
    }
    this.#opening = true;
    try {
      const admission = await this.#gate(call);
      if (admission.status === 'refused') return admission.reply;
      const { payment } = admission;
      let meter: Meter;
      try {
        // Nobody is there any more to use what it pays for.
        if (!this.#parts.isOpen()) return await giveBack(payment, 'The socket is closed.');
        meter = payment.meter();
      } catch (error) {
        if (!isImpulsError(error)) throw error;
        return await giveBack(payment, error.message);
      }
      this.#meter = meter;
      const headers = payment.settle(200);
      this.#parts.opened(payment, meter);
      return { status: 200, headers, body: '' };
    } finally {
      this.#opening = false;
    }
  }

  #call(method: string, target: string, headers: SocketRequest['headers'] = {}): Call {
    return {
      method,
      target,
      header: (name) => headers[name] ?? (ofMessage.includes(name) ? undefined : this.#parts.header(name)),
      body: () => Promise.resolve(new Uint8Array(0)),
      source: this.#parts.source,
    };
  }

  async #tell(id: number | null, { status, headers, body }: Reply): Promise<void> {
    const said: Record<string, string> = {};
    for (const [name, value] of headers) {
      const lower = name.toLowerCase();
      said[lower] = said[lower] === undefined ? value : `${said[lower]}, ${value}`;
    }
    const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
    await this.#parts.put(
      formatSocketAnswer({ id, status, headers: said, body: text === '' ? undefined : text }),
    );
  }
}

function giveBack(payment: Payment, detail: string): Promise<Reply> {
  return payment.release().then(
    (headers) => problemReply('throttled', detail, headers),
    (error: unknown) => payment.failed(error),
  );
}

/** Headers that a message says, and the upgrade does not: one that came with it is for nobody. */
const ofMessage: readonly string[] = ['authorization', 'impuls-meter', 'accept-payment', 'idempotency-key'];
