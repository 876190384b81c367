import { randomBytes } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { toBase64url } from '../../src/core/base64url.js';
import { generateEnvelopeKey } from '../../src/core/envelope.js';
import { ImpulsError } from '../../src/core/errors.js';
import { HmacKey } from '../../src/core/hash.js';
import {
  activationKeyId,
  formatKeyDocument,
  issuingKeyId,
  parseKeyDocument,
  type IssuingKey,
  type KeyDocument,
} from '../../src/core/key-document.js';
import { createRsaSigner, generateIssuingKey } from '../../src/node/rsa.js';
import {
  createFetchHandler,
  createPaidHandler,
  createVendor,
  type Ledger,
  type Vendor,
  type VendorKeys,
} from '../../src/server/index.js';
import { orderId } from '../../src/server/vouchers.js';
import type { Choices } from '../../src/testing/suite.js';
import type { Premises } from './premises.js';

/** A vendor over years on one ledger: its keys rotate, and its process is stopped and killed. */

export const origin = 'https://news.example';
export const day = 86_400;
export const begin = Date.UTC(2030, 4, 17, 12) / 1000;
const issuingDays = 60;
const validDays = 150;

/** Made once a process: each takes a second. The same in every life, one after the other. */
const stock: string[] = [];
function keyNumber(number: number): ReturnType<typeof createRsaSigner> {
  while (stock.length <= number) stock.push(generateIssuingKey().pem);
  return createRsaSigner(stock[number]!);
}

/** What is sold, in units. `use` of `/metered` is what is kept. */
export const prices: Readonly<Record<string, number>> = {
  '/read': 3,
  '/order': 2,
  '/metered': 9,
  '/moody': 4,
};

const writes: ReadonlySet<PropertyKey> = new Set<keyof Ledger>([
  'openCard',
  'accept',
  'credit',
  'settle',
  'giveBack',
  'createOrders',
  'serveOrder',
  'changeOrders',
  'payRefund',
  'createBatch',
  'addCodes',
  'changeCodes',
]);

/** At which write the process is killed, and whether that is durable. */
export interface Doom {
  writes: number;
  readonly done: boolean;
}

export class VendorLife {
  seconds = begin;
  ledger!: Ledger;
  vendor!: Vendor;
  document!: KeyDocument;
  readonly errors: unknown[] = [];
  /** How often the handler of a call ran, by its query. */
  readonly runs = new Map<string, number>();
  doom: Doom | undefined;
  readonly #premises: Premises;
  readonly #random: (length: number) => Uint8Array;
  #inner!: Ledger;
  #keys!: VendorKeys;
  #used = 0;
  #killed = false;
  #working = new Set<Promise<unknown>>();
  #answer!: (request: Request) => Promise<Response | undefined>;

  constructor(premises: Premises, choices: Choices) {
    this.#premises = premises;
    this.#random = (length) => choices.bytes(length);
  }

  readonly clock = (): number => this.seconds * 1000;

  /** @param denominations of the cards that are issued */
  async open(denominations: readonly number[]): Promise<void> {
    const activation = await generateEnvelopeKey((length) => randomBytes(length));
    const statement = randomBytes(32);
    this.document = {
      version: 1,
      origin,
      name: 'Example News',
      unit: { code: 'unit', currency: 'USD', value: '0.001' },
      activation: { id: activationKeyId(activation.publicKey), key: toBase64url(activation.publicKey) },
      statement: { key: toBase64url(ed25519.getPublicKey(statement)) },
      cards: [],
      endpoints: {
        activate: '/impuls/activate',
        credit: '/impuls/credit',
        issue: '/impuls/issue',
        order: '/impuls/order',
        state: '/impuls/state',
        statement: '/impuls/statement',
      },
      policy: { grace: 30 * day, refund: 'reference', retention: 40 * day },
      previous: [],
    };
    this.#keys = {
      issuing: [],
      activation: new Map([[this.document.activation.id, activation.secretKey]]),
      statement,
      challenge: randomBytes(32),
      voucher: randomBytes(32),
    };
    this.#addKeys(denominations);
    this.#inner = await this.#premises.open();
    this.#start();
  }

  /** New issuing keys, as far as the rule of two live keys lets them. @returns whether there are any */
  rotate(): boolean {
    const kinds = [...new Set(this.document.cards.map((key) => key.denomination))];
    const due = kinds.filter((kind) => {
      const live = this.document.cards.filter(
        ({ denomination, notAfter }) => denomination === kind && notAfter > this.seconds,
      );
      return live.length < 2 && live.every(({ notBefore }) => notBefore + day <= this.seconds);
    });
    if (due.length === 0 || this.#used + due.length > 8) return false;
    const digest = toBase64url(parseKeyDocument(formatKeyDocument(this.document)).digest);
    this.document = { ...this.document, previous: [...this.document.previous, digest] };
    this.#addKeys(due);
    this.vendor.replaceKeys({ document: this.document, keys: this.#keys, recentDocuments: this.#recent });
    return true;
  }

  get #recent(): readonly string[] {
    return this.document.previous;
  }

  #addKeys(denominations: readonly number[]): void {
    const signers = denominations.map(() => keyNumber(this.#used++));
    const made = signers.map(({ n }, i): IssuingKey => {
      const notAfter = this.seconds + issuingDays * day;
      return {
        id: issuingKeyId(n),
        n: toBase64url(n),
        denomination: denominations[i]!,
        epoch: `epoch-${this.#used}-${i}`,
        notBefore: this.seconds,
        notAfter,
        expires: notAfter + validDays * day,
      };
    });
    this.document = { ...this.document, cards: [...this.document.cards, ...made] };
    this.#keys = { ...this.#keys, issuing: [...this.#keys.issuing, ...signers] };
  }

  /** The order that a code names. */
  idOf(code: string): string {
    return orderId(new HmacKey(this.#keys.voucher), code);
  }

  /** The key that cards of this denomination and expiry are of. */
  readonly keyOf = (units: number, expires: number): string =>
    this.document.cards.find((key) => key.denomination === units && key.expires === expires)!.id;

  /** Another process takes over; nothing of it where the ledger would be gone. */
  async restart(how: 'stopped' | 'killed'): Promise<void> {
    this.doom = undefined;
    if (!this.#premises.reopen) return;
    if (how === 'stopped') await this.idle();
    this.#inner = await this.#premises.reopen(this.#inner, how);
    this.#start();
  }

  /** No doom from now on. If it was killed, another process has taken over. */
  async survive(): Promise<void> {
    this.doom = undefined;
    if (this.#killed) await this.restart('killed');
  }

  /** A backup of the ledger as it is. @returns what restores it, once; undefined where it cannot be copied */
  backup(): (() => Promise<void>) | undefined {
    const restore = this.#premises.copy?.();
    if (!restore) return undefined;
    return async () => {
      await this.idle();
      this.#inner = await restore(this.#inner);
      await this.#inner.quarantine(this.document.cards.map(({ id }) => id));
      this.#start();
      this.rotate();
    };
  }

  get canCrash(): boolean {
    return this.#premises.reopen !== undefined;
  }

  #start(): void {
    this.#killed = false;
    this.ledger = this.#watch(this.#inner);
    this.vendor = createVendor({
      document: this.document,
      keys: this.#keys,
      recentDocuments: this.#recent,
      ledger: this.ledger,
      clock: this.clock,
      random: this.#random,
      onError: (error) => this.#killed || this.errors.push(error),
    });
    const own = createFetchHandler(this.vendor);
    const paid = new Map(
      Object.entries(prices).map(([name, price]) => {
        const charge = name === '/metered' ? 'capture' : 'price';
        const gate = this.vendor.gate({ name, price, charge });
        return [
          name,
          createPaidHandler(gate, async (request, payment) => {
            const { search, searchParams } = new URL(request.url);
            this.runs.set(search, (this.runs.get(search) ?? 0) + 1);
            if (name === '/metered') await payment.capture(Number(searchParams.get('use')));
            return new Response(search, { status: searchParams.has('fails') ? 404 : 200 });
          }),
        ];
      }),
    );
    this.#answer = (request) => (paid.get(new URL(request.url).pathname) ?? own)(request);
  }

  /** Counts down to the doom, and knows what is at work. */
  #watch(ledger: Ledger): Ledger {
    return new Proxy(ledger, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return (...given: unknown[]): unknown => {
          const call = (): unknown => Reflect.apply(method, target, given);
          return writes.has(name) ? this.#write(call as () => Promise<unknown>) : call();
        };
      },
    });
  }

  #write(call: () => Promise<unknown>): Promise<unknown> {
    const working = this.#writeNow(call);
    this.#working.add(working);
    const ended = (): unknown => this.#working.delete(working);
    working.then(ended, ended);
    return working;
  }

  async #writeNow(call: () => Promise<unknown>): Promise<unknown> {
    const isLast = !this.#killed && this.doom !== undefined && --this.doom.writes < 0;
    const result = this.#killed || (isLast && !this.doom!.done) ? undefined : await call();
    if (isLast) this.#killed = true;
    if (this.#killed) throw new ImpulsError('storage-failed', 'the process was killed');
    return result;
  }

  /** Until nothing is on its way to the ledger. */
  async idle(): Promise<void> {
    while (this.#working.size > 0) await Promise.allSettled(this.#working);
  }

  /** Answers whole, whether anybody hears it or not. @throws TypeError if the process was killed meanwhile; another has taken over by then */
  async deliver(request: Request): Promise<Response> {
    const answered = await this.#answer(request).catch((error: unknown) => {
      if (!this.#killed) this.errors.push(error);
      return new Response(null, { status: 500 });
    });
    const { status, headers, body } = answered ?? new Response(null, { status: 404 });
    const bytes = body && (await new Response(body).arrayBuffer());
    if (this.#killed) {
      await this.restart('killed');
      throw new TypeError('fetch failed');
    }
    headers.set('Date', new Date(this.clock()).toUTCString());
    return new Response(bytes, { status, headers });
  }

  async close(): Promise<void> {
    await this.idle();
    await this.ledger.close();
    this.#premises.remove();
  }
}
