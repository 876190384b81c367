import { ImpulsError, isImpulsError } from '../../src/core/errors.js';
import {
  createVendor,
  type Call as VendorCall,
  type Gate,
  type Ledger,
  type Payment,
  type Reply,
  type Vendor,
  type VendorIdentity,
} from '../../src/server/index.js';
import { createChoices } from '../../src/testing/suite.js';
import { answerOf, fails, kindOf, kinds, useOf, type KindName } from './calls.js';
import { hash, type Faults } from './faults.js';
import { began, identities } from './identity.js';
import type { LedgerDisk } from './ledger-disk.js';
import { Life, never } from './life.js';
import type { Observer } from './observer.js';
import type { Scheduler } from './scheduler.js';

/** A request as it travels. */
export interface Message {
  readonly method: string;
  readonly target: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  /** Of the claim, if it has one. */
  readonly tag: string | undefined;
}

export interface VendorContext {
  readonly seed: number;
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly disk: LedgerDisk;
  readonly observer: Observer;
  readonly flaws: VendorFlaws;
}

/** What may be done wrongly on purpose. */
export interface VendorFlaws {
  /** A handler that is not safe runs again when it should be told what it said. */
  readonly runsAgain?: true;
  /** Goes on after a restore as if nothing had been forgotten. */
  readonly restoresWithoutQuarantine?: true;
}

const text = new TextEncoder();

/** The vendor over all its lives. */
export class VendorActor {
  readonly #context: VendorContext;
  #identity!: VendorIdentity;
  #life!: Life;
  #vendor!: Vendor;
  #gates = new Map<KindName, Gate>();
  #connections = new Set<() => void>();
  #lives = 0;
  #operations = 0;
  /** Milliseconds by which its clock is wrong. */
  clockError = 0;
  crashes = 0;
  isUp = false;

  constructor(context: VendorContext) {
    this.#context = context;
  }

  async begin(): Promise<void> {
    this.#identity = (await identities()).first;
    this.start();
  }

  /** Unix milliseconds, by its clock. */
  readonly clock = (): number => began * 1000 + this.#context.scheduler.now + this.clockError;

  get vendor(): Vendor {
    return this.#vendor;
  }

  /** The ledger as the vendor's operator has it open. */
  ledger!: Ledger;

  start(): void {
    const { seed, scheduler, disk, observer } = this.#context;
    const life = new Life(scheduler);
    this.#life = life;
    this.#lives++;
    this.ledger = this.#mortal(disk.open(life), life);
    const choices = createChoices(hash(seed, `vendor ${this.#lives}`));
    this.#vendor = createVendor({
      ...this.#identity,
      ledger: this.ledger,
      clock: this.clock,
      random: (length) => choices.bytes(length),
      load: { stepMs: 0, maxStrangers: 1_000_000 },
      onError: (error) => {
        if (!isImpulsError(error, 'storage-failed')) observer.breach('nothing unexpected', String(error));
      },
    });
    this.#gates = new Map();
    for (const [name, { price, charge }] of Object.entries(kinds)) {
      this.#gates.set(name as KindName, this.#vendor.gate({ price, charge, name }));
    }
    this.isUp = true;
  }

  /** Kills the process, and starts another one after a while. */
  kill(downMs: number): void {
    if (!this.#life.alive) return;
    this.#end();
    this.#context.scheduler.after(downMs, () => {
      if (!this.#life.alive) this.start();
    });
  }

  #end(): void {
    this.crashes++;
    this.isUp = false;
    this.#life.end();
    const open = this.#connections;
    this.#connections = new Set();
    for (const hangUp of open) hangUp();
  }

  /** Brings the ledger back from a backup, as the product does: old keys are lost, and what is of them is held. */
  async restore(length: number): Promise<void> {
    const { disk, observer, scheduler, flaws } = this.#context;
    if (this.#life.alive) this.#end();
    const forgotten = disk.restore(length);
    const held = this.#identity.document.cards.map(({ id }) => id);
    this.#identity = (await identities()).restored(began + Math.floor(scheduler.now / 1000));
    this.start();
    observer.restored(forgotten, new Set(held));
    if (flaws.restoresWithoutQuarantine) return;
    // Nobody is answered before.
    this.isUp = false;
    const life = this.#life;
    await this.ledger.quarantine(held);
    this.isUp = life.alive;
  }

  /** @param lost hears of it if the vendor dies before it has answered */
  handle(message: Message, answered: (reply: Reply) => void, lost: () => void): void {
    if (!this.isUp) {
      lost();
      return;
    }
    const connections = this.#connections;
    connections.add(lost);
    const life = this.#life;
    this.#answer(message, life).then(
      (reply) => {
        if (!life.alive) return;
        connections.delete(lost);
        const headers: Reply['headers'] = [['Date', new Date(this.clock()).toUTCString()], ...reply.headers];
        answered({ ...reply, headers });
      },
      (error: unknown) => {
        if (!life.alive) return;
        connections.delete(lost);
        if (!isImpulsError(error, 'storage-failed')) {
          this.#context.observer.breach('nothing unexpected', String(error));
        }
        answered({ status: 500, headers: [], body: '' });
      },
    );
  }

  async #answer(message: Message, life: Life): Promise<Reply> {
    const { method, target, headers, body } = message;
    const call: VendorCall = {
      method,
      target,
      header: (name) => headers.get(name),
      body: async () => body,
      source: 'here',
    };
    const kind = kindOf(target);
    if (!kind) {
      const reply = await this.#vendor.answer(call);
      return reply ?? { status: 404, headers: [], body: '' };
    }
    const admission = await this.#gates.get(kind)!(call);
    if (admission.status === 'refused') return admission.reply;
    const { payment } = admission;
    if (admission.status === 'replayed' && !this.#context.flaws.runsAgain) {
      const { status, body: said } = admission.reply;
      if (payment.verdict !== 'released') this.#note(message, status, payment, said);
      return { status, headers: payment.settle(status), body: said };
    }
    return this.#serve(message, kind, payment, life);
  }

  async #serve(message: Message, kind: KindName, payment: Payment, life: Life): Promise<Reply> {
    const { observer, disk, faults } = this.#context;
    const { target } = message;
    const tag = message.tag!;
    const run = observer.serving(tag, target, payment.verdict, disk.isDurable(tag));
    if (kind === 'late') await life.sleep(2000 + faults.draw(`late ${target}`, 8000));
    const failure = (): Promise<Reply> =>
      payment.release().then(
        (headers) => ({ status: 500, headers, body: 'not today' }),
        (error: unknown) => payment.failed(error),
      );
    if (fails(target)) return failure();
    if (kind === 'metered') {
      try {
        await payment.capture(useOf(target));
      } catch {
        return failure();
      }
    }
    const status = 200;
    const said = text.encode(answerOf(target, run));
    const headers = payment.settle(status);
    if (payment.keepsReply) payment.keep({ status, headers: [], body: said });
    this.#note(message, status, payment, said);
    return { status, headers, body: said };
  }

  #note({ tag }: Message, status: number, { reference }: Payment, body: Uint8Array): void {
    this.#context.observer.answered(tag!, status, reference, new TextDecoder().decode(body));
  }

  /** A ledger before and behind whose every call the vendor may die. */
  #mortal(ledger: Ledger, life: Life): Ledger {
    const { faults } = this.#context;
    const check = (place: string): void => {
      if (faults.strikes('vendor killed', place)) this.kill(300 + faults.draw(place, 8000));
      else if (faults.strikes('vendor power cut', place)) this.kill(5000 + faults.draw(place, 60_000));
    };
    const isAlive = (): boolean => life.alive;
    const mortal: Record<string, unknown> = {};
    for (const [name, call] of Object.entries(ledger) as [
      string,
      (...args: unknown[]) => Promise<unknown>,
    ][]) {
      mortal[name] = async (...args: unknown[]) => {
        const place = `${name} ${this.#operations++}`;
        check(`before ${place}`);
        if (!life.alive) return never();
        const result = await call(...args);
        check(`after ${place}`);
        return isAlive() ? result : never();
      };
    }
    return mortal as unknown as Ledger;
  }
}

/** So that nobody takes one of the simulation's for one of the product's. */
export function networkError(): TypeError {
  return new TypeError('fetch failed', {
    cause: new ImpulsError('network', 'the simulated network is down'),
  });
}
