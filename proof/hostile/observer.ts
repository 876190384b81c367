import { fromBase64url } from '../../src/core/base64url.js';
import { fromUtf8 } from '../../src/core/bytes.js';
import { balancesOf, type Movement } from './balances.js';
import { chargesOf, fails, kindOf, kinds, nameOf, type Call } from './calls.js';
import type { Change, DiskWatcher } from './ledger-disk.js';
import type { RecordChange } from './wallet-disk.js';
import type { ClaimRecord, Ledger } from '../../src/server/index.js';

/** What must hold, whatever goes wrong. */
export const invariants = {
  'charged once': 'No call is charged by two claims, or more than it costs.',
  'no unit lost':
    'In the end every unit of every card is with the wallet, or spent on a payment that the wallet knows of.',
  'served is durable': 'No handler runs before the acceptance of its claim is on the disk.',
  'sent is durable': 'No claim is sent before the wallet has it on its disk.',
  'same claim, same answer': 'A claim that is answered again is answered the same, under the same key.',
  'one request a place': 'No place of a card is claimed for another request, unless the first was freed.',
  'freed on proof': 'A wallet frees no claim without an answer of the vendor that proves it.',
  'ran once': 'The handler of a request that is not safe runs once.',
  'units add up':
    'What the ledger holds of a card is what its claims keep; what is released comes back once.',
  'balances hold': 'No balance of the books is below 0.',
  'told right': 'What a caller was told of its payment is what the vendor charged.',
  'held is held': 'After a restore no card of before pays until the operator says so.',
  'comes to an end': 'Every call ends, and recovery settles every claim once the network is well.',
  'nothing unexpected': 'Neither side fails in a way that is not foreseen.',
} as const;
export type Invariant = keyof typeof invariants;

export interface Breach {
  readonly invariant: Invariant;
  readonly what: string;
  /** Milliseconds since the world began. */
  readonly at: number;
}

/** A claim as the wallet made it. */
interface Made {
  readonly wallet: string;
  readonly card: string;
  readonly end: number;
  readonly units: number;
  readonly target: string;
  /** What the wallet wrote when it was charged. */
  payment?: { readonly units: number; readonly verdict: string; readonly reference: string } | undefined;
  credited?: true;
}

/** A claim as the ledger has it. */
interface Held {
  readonly card: string;
  readonly units: number;
  readonly call: string | undefined;
  readonly isCredit: boolean;
  kept: number;
}

/** How a call ended for its caller. */
export interface Ended {
  readonly call: Call;
  /** `paid`: answered, and charged. `free`: answered, and not charged. `refused`: nothing was charged. `charged`: it was, and there is no answer. `unknown`. */
  readonly end: 'paid' | 'free' | 'refused' | 'charged' | 'unknown';
  readonly reason: string;
  readonly units?: number | undefined;
}

const freeing = ['released', 'conflict', 'insufficient', 'crowded', 'expired', 'mismatched', 'forged'];

/** Sees everything, and says what should not be. */
export class Observer implements DiskWatcher {
  readonly breaches: Breach[] = [];
  readonly #now: () => number;
  readonly #made = new Map<string, Made>();
  readonly #held = new Map<string, Held>();
  readonly #before = new WeakMap<Change, number>();
  /** Claims, by call, that keep units. */
  readonly #charges = new Map<string, Set<string>>();
  /** By card: which claim took a place last. */
  readonly #places = new Map<string, Map<number, string>>();
  readonly #proved = new Set<string>();
  /** Claims that a report told of as not held, while their wallets still had them. */
  readonly #unheld = new Set<string>();
  readonly #reported = new Set<string>();
  readonly #answers = new Map<string, string>();
  readonly #runs = new Map<string, number>();
  /** Claims that a restored vendor does not know any more, and calls that they were for. */
  readonly #forgotten = new Set<string>();
  /** What claims kept when they gave the rest back, of which a restored vendor knows nothing: it has them as they were before. */
  readonly #givenBack = new Map<string, number>();
  readonly #ended = new Map<string, Ended>();
  readonly #keys = new Map<string, string>();
  /** Keys whose cards are held. */
  #quarantined: ReadonlySet<string> = new Set();
  accepted = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  breach(invariant: Invariant, what: string): void {
    if (this.breaches.length < 100) this.breaches.push({ invariant, what, at: this.#now() });
  }

  // The wallet

  /** Changes of a wallet's records are durable. */
  wrote(wallet: string, changes: readonly RecordChange[]): void {
    let closed: string | undefined;
    const endClosed = (): void => {
      if (closed !== undefined) this.#freed(closed);
      closed = undefined;
    };
    for (const [key, value] of changes) {
      if (key.startsWith('claim:')) {
        if (value === null) {
          endClosed();
          closed = key.slice(6);
        } else if (!this.#made.has(key.slice(6))) this.#claimed(wallet, key.slice(6), value);
      } else if (closed !== undefined && value !== null && key.startsWith('payment:')) {
        const made = this.#made.get(closed);
        if (made) made.payment = JSON.parse(value) as NonNullable<Made['payment']>;
        closed = undefined;
      } else if (closed !== undefined && value !== null && key.startsWith('credit:')) {
        const made = this.#made.get(closed);
        if (made) made.credited = true;
        closed = undefined;
      }
    }
    endClosed();
  }

  #claimed(wallet: string, tag: string, text: string): void {
    const { card, end, units, url } = JSON.parse(text) as Record<'card' | 'url', string> &
      Record<'end' | 'units', number>;
    this.#made.set(tag, { wallet, card, end, units, target: url.slice(new URL(url).origin.length) });
  }

  #freed(tag: string): void {
    const made = this.#made.get(tag);
    if (!made) return;
    if (!this.#proved.has(tag) && !this.#reported.has(made.card)) {
      this.breach('freed on proof', `claim ${tag} of ${made.target}`);
    }
    if (!this.#unheld.delete(tag)) return;
    const places = this.#places.get(made.card);
    for (const [place, holder] of places ?? []) if (holder === tag) places!.delete(place);
  }

  /** A claim leaves its wallet. @param records those of the wallet that are durable */
  sending(tag: string, protocol: 'chain' | 'stream', records: ReadonlyMap<string, string>): void {
    if (!records.has(`claim:${tag}`) && !records.has(`kept:${tag}`)) {
      this.breach('sent is durable', `claim ${tag}`);
    }
    const made = this.#made.get(tag);
    if (!made) return;
    let places = this.#places.get(made.card);
    if (!places) this.#places.set(made.card, (places = new Map<number, string>()));
    const first = protocol === 'chain' ? made.end - made.units + 1 : made.end;
    for (let place = first; place <= made.end; place++) {
      const other = places.get(place);
      if (other === tag) continue;
      if (other !== undefined && !this.#made.get(tag)?.credited) {
        const target = this.#made.get(other)?.target;
        this.breach('one request a place', `${place} of ${made.card}: ${target}, then ${made.target}`);
      }
      places.set(place, tag);
    }
  }

  /** An answer of the vendor's to a claim reaches the wallet. */
  heard(tag: string, status: number, header: (name: string) => string | undefined): void {
    const made = this.#made.get(tag);
    const places = made && this.#places.get(made.card);
    if (!made || !places) return;
    const free = (from: number, to: number): void => {
      for (let place = from + 1; place <= to; place++) if (places.get(place) === tag) places.delete(place);
    };
    const state = header('impuls-state');
    if (state !== undefined) {
      const { verdict, gaps } = readJson(state) as { verdict: string; gaps: [number, number][] };
      if (freeing.includes(verdict)) {
        this.#proved.add(tag);
        free(0, made.end);
      } else for (const [from, to] of gaps) free(from, to);
    } else if (status < 300 && header('payment-receipt') !== undefined && kindOf(made.target) === 'metered') {
      const { units } = readJson(header('payment-receipt')!) as { units: number };
      free(made.end - made.units + units, made.end);
    }
  }

  /** A report on a card reaches its wallet: what the vendor does not hold, and the wallet does not claim, is free. */
  toldState(card: string, records: ReadonlyMap<string, string>): void {
    this.#reported.add(card);
    const places = this.#places.get(card);
    for (const [place, tag] of places ?? []) {
      if ((this.#held.get(tag)?.kept ?? 0) > 0) continue;
      if (records.has(`claim:${tag}`)) this.#unheld.add(tag);
      else places!.delete(place);
    }
  }

  ended(ended: Ended): void {
    this.#ended.set(ended.call.name, ended);
  }

  // The vendor

  changed(change: Change): void {
    const { name, args } = change;
    if (name === 'accept' || name === 'credit') {
      const [card, , , claim] = args as [string, number, unknown, ClaimRecord];
      this.#accept(card, claim, name === 'credit');
    } else if (name === 'giveBack') {
      const [, , , tag, kept] = args as [string, number, unknown, string, number];
      const held = this.#held.get(tag)!;
      this.#before.set(change, held.kept);
      this.#givenBack.delete(tag);
      if (kept >= held.kept) this.breach('units add up', `claim ${tag} gives back what it does not hold`);
      this.#keep(tag, held, kept);
    } else if (name === 'openCard') {
      const { id, keyId } = args[0] as { readonly id: string; readonly keyId: string };
      const isNew = !this.#keys.has(id);
      this.#keys.set(id, keyId);
      if (isNew && this.#isHeld(id)) this.breach('held is held', `card ${id} was opened`);
    }
  }

  #isHeld(card: string): boolean {
    return this.#quarantined.has(this.#keys.get(card) ?? '');
  }

  #accept(card: string, claim: ClaimRecord, isCredit: boolean): void {
    const { tag, units, kept } = claim;
    const target = this.#made.get(tag)?.target;
    const held = { card, units, call: target && nameOf(target), isCredit, kept: 0 };
    if (this.#held.has(tag)) this.breach('charged once', `claim ${tag} of ${target} is accepted twice`);
    if (this.#isHeld(card)) this.breach('held is held', `claim ${tag} of ${target}`);
    this.#held.set(tag, held);
    this.#givenBack.delete(tag);
    this.accepted++;
    this.#keep(tag, held, kept);
  }

  #keep(tag: string, held: Held, kept: number): void {
    held.kept = kept;
    if (held.call === undefined) return;
    let charges = this.#charges.get(held.call);
    if (!charges) this.#charges.set(held.call, (charges = new Set<string>()));
    if (kept > 0) charges.add(tag);
    else charges.delete(tag);
    if (charges.size > 1) this.breach('charged once', `call ${held.call} by ${[...charges].join(' and ')}`);
  }

  lost(changes: readonly Change[]): void {
    for (const change of changes.toReversed()) {
      const { name, args } = change;
      if (name === 'accept' || name === 'credit') {
        const { tag } = args[3] as ClaimRecord;
        const held = this.#held.get(tag);
        if (held) this.#keep(tag, held, 0);
        this.#held.delete(tag);
      } else if (name === 'giveBack') {
        const tag = args[3] as string;
        const held = this.#held.get(tag);
        if (held) this.#keep(tag, held, this.#before.get(change)!);
      }
    }
  }

  /** The vendor was restored: what was done since the backup may be done again. @param quarantined keys whose cards are held until `lifted` */
  restored(changes: readonly Change[], quarantined: ReadonlySet<string>): void {
    this.#quarantined = quarantined;
    for (const { name, args } of changes) {
      const tag = name === 'accept' || name === 'credit' ? (args[3] as ClaimRecord).tag : undefined;
      const other = name === 'giveBack' ? (args[3] as string) : name === 'settle' ? (args[1] as string) : tag;
      if (other === undefined) continue;
      this.#forgotten.add(other);
      if (name === 'giveBack') this.#givenBack.set(other, args[4] as number);
      this.#answers.delete(other);
      const call = nameOf(this.#made.get(other)?.target ?? '');
      if (call === undefined) continue;
      this.#forgotten.add(call);
      this.#runs.delete(call);
    }
  }

  lifted(): void {
    this.#quarantined = new Set();
  }

  /** A handler runs. @returns which run of its call it is */
  serving(tag: string, target: string, verdict: string, isDurable: boolean): number {
    const call = nameOf(target)!;
    if (!isDurable) this.breach('served is durable', `claim ${tag} of ${target}`);
    const isUnsafe = kinds[kindOf(target)!].method === 'POST';
    if (verdict !== 'accepted' && !isUnsafe) return 0;
    const runs = (this.#runs.get(call) ?? 0) + 1;
    this.#runs.set(call, runs);
    if (isUnsafe && runs > 1) this.breach('ran once', `${target} ran ${runs} times`);
    return runs;
  }

  /** The vendor answers a claim with what it paid for. */
  answered(tag: string, status: number, reference: string, body: string): void {
    const answer = `${status} ${reference} ${body}`;
    const first = this.#answers.get(tag);
    if (first === undefined) this.#answers.set(tag, answer);
    else if (first !== answer) this.breach('same claim, same answer', `${first}, then ${answer}`);
  }

  async checkLedger(ledger: Ledger): Promise<void> {
    const sums = new Map<string, number>();
    for (const { card, kept } of this.#held.values()) sums.set(card, (sums.get(card) ?? 0) + kept);
    for (const [id, kept] of sums) {
      const { spent, units } = (await ledger.readCard(id))!.state;
      if (spent !== kept) this.breach('units add up', `card ${id}: ${spent} spent, claims keep ${kept}`);
      if (spent > units) this.breach('units add up', `card ${id}: ${spent} spent of ${units}`);
    }
    // What a backup did not know of is opened without having been issued.
    if (this.#forgotten.size > 0) return;
    const below = balancesOf((await ledger.readBooks()) as readonly Movement[]).filter(
      ([, units]) => units < 0,
    );
    for (const [name, units] of below) this.breach('balances hold', `${name} is ${units}`);
  }

  /** Compares a wallet with the vendor, after recovery. @param cards as the wallet has them */
  async compare(
    wallet: string,
    cards: readonly {
      readonly id: string;
      readonly units: number;
      readonly left: number;
      readonly reserved: number;
    }[],
    ledger: Ledger,
  ): Promise<void> {
    for (const { id, units, left, reserved } of cards) {
      const stored = await ledger.readCard(id);
      const spent = stored?.state.spent ?? 0;
      if (reserved > 0) this.breach('comes to an end', `${wallet}: ${reserved} units of ${id} stay reserved`);
      if (left + reserved + spent !== units) {
        this.breach('no unit lost', `${wallet}: card ${id} of ${units}: ${left} left, vendor has ${spent}`);
      }
    }
  }

  /** After everything. */
  checkEnd(): void {
    for (const [tag, { kept, isCredit }] of this.#held) {
      const made = this.#made.get(tag);
      if (kept === 0 || isCredit) continue;
      // Where the vendor has forgotten that units came back, the wallet knows it still.
      if (this.#givenBack.get(tag) === (made?.payment?.units ?? 0)) continue;
      if (made?.payment?.units !== kept) {
        const known = made?.payment ? `a payment of ${made.payment.units}` : 'nothing';
        this.breach(
          'no unit lost',
          `the vendor has ${kept} units by ${tag} of ${made?.target}, the wallet knows ${known}`,
        );
      }
    }
    for (const [tag, { payment, target }] of this.#made) {
      if (!payment || this.#forgotten.has(tag)) continue;
      const kept = this.#held.get(tag)?.kept ?? 0;
      if (kept !== payment.units) {
        this.breach('told right', `${target}: a payment of ${payment.units}, charged are ${kept}`);
      }
      if (kindOf(target) && !chargesOf(target).includes(payment.units) && payment.units > 0) {
        this.breach('charged once', `${target} cost ${payment.units}`);
      }
    }
    for (const { call, end, reason, units } of this.#ended.values()) {
      if (this.#forgotten.has(call.name)) continue;
      const charged = [...(this.#charges.get(call.name) ?? [])];
      const sum = charged.reduce((all, tag) => all + this.#held.get(tag)!.kept, 0);
      const isRight =
        end === 'unknown' ||
        (end === 'paid' && sum === units) ||
        (end === 'charged' && sum > 0) ||
        (end === 'refused' && sum === 0) ||
        (end === 'free' && (sum === 0 || fails(call.target) || call.kind === 'keyed'));
      if (!isRight) this.breach('told right', `${call.target} ended ${end} (${reason}), charged are ${sum}`);
    }
  }

  /** How many calls were made, and how many of them are charged. */
  get tally(): { readonly calls: number; readonly charged: number } {
    const charged = [...this.#charges.values()].filter((tags) => tags.size > 0).length;
    return { calls: this.#ended.size, charged };
  }
}

function readJson(text: string): unknown {
  return JSON.parse(fromUtf8(fromBase64url(text)));
}
