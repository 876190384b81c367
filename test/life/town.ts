import { parseCredential } from '../../src/core/wire/index.js';
import { toBase64url } from '../../src/core/base64url.js';
import type { Choices } from '../../src/testing/suite.js';
import { createChoices } from '../../src/testing/suite.js';
import { Paper } from './paper.js';
import { Person, type Trouble } from './person.js';
import type { Premises } from './premises.js';
import { VendorLife } from './vendor-life.js';

/** A vendor, its customers, and what is written on paper about them. */
export class Town {
  readonly vendor: VendorLife;
  readonly people: Person[] = [];
  readonly paper = new Paper();
  readonly choices: Choices;
  calls = 0;
  /** Restores the last backup. */
  restore: (() => Promise<void>) | undefined;

  constructor(premises: Premises, seed: number) {
    this.choices = createChoices(seed);
    this.vendor = new VendorLife(premises, this.choices);
  }

  async open(): Promise<void> {
    await this.vendor.open([20, 100]);
    for (let i = 0; i < 3; i++) {
      const person = new Person(this.vendor, this.choices, (request) => this.#hear(request));
      await person.open();
      this.people.push(person);
    }
  }

  /** Which claim is for which call. */
  #hear(request: Request): void {
    const credential = parseCredential(request.headers.get('Authorization') ?? '');
    if (!credential) return;
    const { pathname, search } = new URL(request.url);
    const claims = pathname === '/impuls/credit' ? this.paper.credits : this.paper.calls.get(search)!.claims;
    claims.set(toBase64url(credential.payload.tag), toBase64url(credential.payload.card));
  }

  /** Trouble for what a person does next. @param seed 0 for none */
  stir(person: Person, seed: number): void {
    if (seed === 0) return;
    const choices = createChoices(seed);
    const kinds: (Trouble | undefined)[] = ['lost request', 'lost answer', 'twice', undefined, undefined];
    person.troubles = Array.from({ length: choices.below(8) }, () => choices.pick(kinds));
    if (choices.below(3) === 0) person.doom(choices.below(12));
    if (this.vendor.canCrash && choices.below(3) === 0) {
      this.vendor.doom = { writes: choices.below(4), done: choices.below(2) === 0 };
    }
  }

  /** Calm again: who was killed lives on. */
  async settle(): Promise<void> {
    await this.vendor.idle();
    await this.vendor.survive();
    for (const person of this.people) await person.survive();
  }

  /** Compares all that there is. */
  async check(isQuiet = false): Promise<void> {
    for (const { wallet } of this.people) {
      this.paper.see(wallet.cards(), this.vendor.keyOf);
    }
    await this.paper.compare(this.vendor.ledger, isQuiet);
  }

  async close(): Promise<void> {
    for (const { wallet } of this.people) await wallet.close();
    await this.vendor.close();
  }
}
