import {
  createPayingFetch,
  openWallet,
  paymentOf,
  type Wallet,
  type WalletStorage,
} from '../../src/client/index.js';
import { isImpulsError } from '../../src/core/errors.js';
import { createChoices } from '../../src/testing/suite.js';
import { answerOf, drawCall, kinds, type Call } from './calls.js';
import { hash, type Faults } from './faults.js';
import { began, origin } from './identity.js';
import { Life, never } from './life.js';
import type { Way } from './network.js';
import type { Ended, Observer } from './observer.js';
import type { Scheduler } from './scheduler.js';
import type { Message } from './vendor.js';
import type { WalletDisk } from './wallet-disk.js';

export interface WalletContext {
  readonly name: string;
  readonly seed: number;
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly observer: Observer;
  readonly disk: WalletDisk;
  readonly way: Way;
  readonly protocol: 'chain' | 'stream';
  /** Codes for cards, in the order in which they are redeemed. */
  readonly codes: readonly string[];
  /** How many calls it makes, and at most how many at a time. */
  readonly calls: number;
  readonly lanes: number;
  /** Calls that are left out. */
  readonly omits: (name: string) => boolean;
  readonly flaws: WalletFlaws;
}

/** What may be done wrongly on purpose. */
export interface WalletFlaws {
  /** Makes a call that has failed again, as if nothing had been paid. */
  readonly paysAgain?: true;
}

/** How often a call with an Idempotency-Key is made until its outcome is known. */
const maxTries = 6;
/** Units below which it redeems another code. */
const leastUnits = 60;

/** Somebody with a wallet, over all lives of the process. */
export class WalletActor {
  readonly #context: WalletContext;
  #life!: Life;
  #wallet!: Wallet;
  #pay!: ReturnType<typeof createPayingFetch>;
  #lives = 0;
  #next = 0;
  #redeemed = 0;
  #redeeming: Promise<void> | undefined;
  readonly #sent = new Map<string, number>();
  /** Milliseconds by which its clock is wrong. */
  clockError = 0;
  crashes = 0;
  isDone = false;
  #whenDone: () => void = () => {};

  constructor(context: WalletContext) {
    this.#context = context;
  }

  get name(): string {
    return this.#context.name;
  }

  /** Makes all calls. @returns when they have ended */
  async begin(): Promise<void> {
    const done = new Promise<void>((resolve) => (this.#whenDone = resolve));
    void this.#live();
    await done;
  }

  async #live(): Promise<void> {
    const { scheduler, faults, lanes, name } = this.#context;
    const life = new Life(scheduler);
    this.#life = life;
    const born = this.#lives++;
    this.#redeeming = undefined;
    life.onEnd(() => {
      this.crashes++;
      scheduler.after(100 + faults.draw(`down ${name} ${born}`, 20_000), () => void this.#live());
    });
    try {
      await this.#open(life);
    } catch (error) {
      this.#broken(error);
      return;
    }
    const recovers = born > 0 ? this.#recover() : undefined;
    if (faults.draw(`patient ${name} ${born}`, 2) === 0) await recovers;
    await Promise.all(Array.from({ length: lanes }, () => this.#lane(life)));
    await recovers;
    if (!life.alive) return;
    this.isDone = true;
    this.#whenDone();
  }

  async #open(life: Life): Promise<void> {
    const { scheduler, seed, name, disk } = this.#context;
    const storage: WalletStorage = disk.open(life);
    const choices = createChoices(hash(seed, `${name} ${this.#lives}`));
    this.#wallet = await openWallet({
      storage,
      fetch: (input, init) => this.#send(life, input as string, init ?? {}),
      clock: () => began * 1000 + scheduler.now + this.clockError,
      random: (length) => choices.bytes(length),
      sleep: (milliseconds) => life.sleep(milliseconds),
    });
    this.#pay = createPayingFetch({
      wallet: this.#wallet,
      limits: { perRequest: 50, total: 1_000_000_000 },
    });
  }

  /** The process cannot go on with what happened, and is started again. @throws nothing */
  #broken(error: unknown): void {
    if (!isImpulsError(error, 'storage-failed'))
      this.#context.observer.breach('nothing unexpected', String(error));
    this.#life.end();
  }

  async #lane(life: Life): Promise<void> {
    const { faults, name, calls, omits } = this.#context;
    while (life.alive && this.#next < calls) {
      const call = drawCall(faults, name, this.#next++);
      if (omits(call.name)) continue;
      // If the process dies nobody hears how it ended.
      this.#ended(call, 'unknown', 'not heard');
      await life.sleep(call.pause);
      await this.#provide();
      await this.#make(call);
    }
  }

  #ended(call: Call, end: Ended['end'], reason: string, units?: number): void {
    this.#context.observer.ended({ call, end, reason, units });
  }

  /** Sees that there are units. */
  async #provide(): Promise<void> {
    const left = this.#wallet.cards().reduce((units, card) => units + card.left, 0);
    if (left < leastUnits)
      await (this.#redeeming ??= this.#redeem().finally(() => (this.#redeeming = undefined)));
  }

  async #redeem(): Promise<void> {
    const { codes, protocol } = this.#context;
    const code = codes[this.#redeemed];
    if (code === undefined) return;
    try {
      await this.#wallet.redeem(origin, code, { protocol });
      this.#redeemed++;
    } catch (error) {
      if (isImpulsError(error, 'storage-failed')) this.#broken(error);
      // Recovery had finished it, or another life.
      else if (isImpulsError(error, 'order-served')) this.#redeemed++;
      else if (isImpulsError(error, 'vendor-restored')) this.#redeemed++;
      else if (!isImpulsError(error)) this.#broken(error);
    }
  }

  async #make(call: Call): Promise<void> {
    const { kind, name } = call;
    const { method } = kinds[kind];
    const headers: Record<string, string> = kind === 'keyed' ? { 'Idempotency-Key': `"${name}"` } : {};
    const init: RequestInit = { method, headers, ...(method === 'POST' && { body: `this is for ${name}` }) };
    const tries = kind === 'keyed' || this.#context.flaws.paysAgain ? maxTries : 1;
    for (let n = 1; n <= tries; n++) {
      const [end, reason] = await this.#try(call, init);
      // That nothing was charged this time says nothing of the times before.
      const isOpen = end === 'unknown' || (end === 'refused' && n > 1);
      if (!isOpen || !this.#life.alive) return;
      this.#ended(call, 'unknown', reason);
      await this.#life.sleep(3000);
    }
  }

  async #try(call: Call, init: RequestInit): Promise<[end: Ended['end'], reason: string]> {
    const { observer } = this.#context;
    const { target, kind } = call;
    const say = (end: Ended['end'], reason: string, units?: number): [Ended['end'], string] => {
      this.#ended(call, end, reason, units);
      return [end, reason];
    };
    let response: Response;
    try {
      response = await this.#pay(origin + target, init);
    } catch (error) {
      if (isImpulsError(error)) {
        const end = endings[error.code];
        if (error.code === 'storage-failed') this.#broken(error);
        else if (!end) observer.breach('nothing unexpected', `${target}: ${error.code} ${error.message}`);
        return say(end ?? 'unknown', error.code);
      }
      if (error instanceof TypeError) return say('refused', 'no answer');
      throw error;
    }
    const payment = paymentOf(response);
    const text = await response.text().catch(() => undefined);
    if (text !== undefined && response.status < 300 && (payment || kind === 'keyed')) {
      const run = Number(/run (\d+)/.exec(text)?.[1] ?? 0);
      if (text !== answerOf(target, run)) {
        observer.breach('same claim, same answer', `${target} got ${text}`);
      }
    }
    return payment
      ? say('paid', String(response.status), payment.units)
      : say('free', String(response.status));
  }

  async #recover(): Promise<void> {
    try {
      await this.#wallet.recover();
    } catch (error) {
      this.#broken(error);
    }
  }

  /** Recovers what is open, and asks for the state of every card. */
  async settle(): Promise<void> {
    const { observer, name } = this.#context;
    for (let round = 0; round < 4; round++) {
      const { claims, unfinished } = await this.#wallet.recover();
      const open = claims.filter(({ result }) => result === 'unknown');
      if (open.length === 0 && unfinished.length === 0) break;
      if (round < 3) {
        await this.#life.sleep(60_000);
        continue;
      }
      for (const { url, reason } of open) observer.breach('comes to an end', `${name}: ${url}: ${reason}`);
      for (const { reason } of unfinished) observer.breach('comes to an end', `${name}: ${reason}`);
    }
    for (const { id } of this.#wallet.cards()) await this.#wallet.refresh(id);
  }

  cards(): ReturnType<Wallet['cards']> {
    return this.#wallet.cards();
  }

  #send(life: Life, url: string, init: RequestInit): Promise<Response> {
    if (!life.alive) return never();
    const { observer, disk, way, name, protocol } = this.#context;
    const target = url.slice(origin.length);
    const headers = headersOf(init.headers);
    const tag = tagOf(headers.get('authorization'));
    const method = init.method ?? 'GET';
    const count = this.#sent.get(target) ?? 0;
    this.#sent.set(target, count + 1);
    if (tag !== undefined) observer.sending(tag, protocol, disk.records);
    const message: Message = { method, target, headers, body: bytesOf(init.body), tag };
    return way.send(life, `${name} ${target} ${count}`, message, (reply) => {
      if (tag !== undefined) {
        observer.heard(tag, reply.status, (wanted) => {
          return reply.headers.find(([header]) => header.toLowerCase() === wanted)?.[1];
        });
      } else if (reply.status === 200 && (target === '/impuls/state' || target === '/impuls/activate')) {
        const card = (JSON.parse(init.body as string) as { card?: string }).card ?? cardOf(reply.body);
        observer.toldState(card, disk.records);
      }
    });
  }
}

/** What the error of a call says of its payment. */
const endings: Readonly<Record<string, Ended['end'] | undefined>> = {
  'no-card': 'refused',
  'limit-exceeded': 'refused',
  'payment-refused': 'refused',
  'outcome-unknown': 'charged',
  'already-served': 'charged',
  unsettled: 'unknown',
  'vendor-restored': 'unknown',
  network: 'unknown',
  'bad-document': 'unknown',
};

function cardOf(body: string | Uint8Array): string {
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  return (JSON.parse(text) as { card: string }).card;
}

function headersOf(headers: RequestInit['headers']): ReadonlyMap<string, string> {
  if (headers instanceof Headers) return new Map(headers);
  return new Map(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]));
}

function bytesOf(body: RequestInit['body']): Uint8Array {
  if (typeof body === 'string') return new TextEncoder().encode(body);
  return body instanceof Uint8Array ? body : new Uint8Array(0);
}

/** Reads no more of a credential than it must: all of them go by here. */
function tagOf(authorization: string | undefined): string | undefined {
  if (!authorization?.startsWith('Payment ')) return undefined;
  const json = Buffer.from(authorization.slice(8), 'base64url').toString('latin1');
  return /"tag":"([^"]+)"/.exec(json)?.[1];
}
