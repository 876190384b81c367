import { auditLedger } from '../../src/node/audit.js';
import { openSqliteLedger } from '../../src/node/sqlite.js';
import type { Ledger } from '../../src/server/index.js';
import { cardAt, claimAt, creditOf, orderAt } from './ledger-script.js';

/** What a ledger has confirmed, from what its process told. */
export class LedgerKnown {
  readonly #cards = new Set<number>();
  /** By card and turn: what is kept, once that is settled. */
  readonly #claims = new Map<string, { number: number; turn: number; kept?: number }>();
  readonly #orders = new Map<number, 'order' | 'served'>();
  readonly #paidOut = new Set<string>();
  readonly #codes = new Map<number, string>();
  /** Turns before it may be erased, and those that must be. */
  #purging = 0;
  #purged = 0;
  told = 0;

  hear(words: readonly string[]): void {
    const [word, ...rest] = words;
    const [a, b, c] = rest.map(Number) as [number, number, number];
    this.told++;
    if (word === 'card') this.#cards.add(a);
    else if (word === 'accept') this.#claims.set(`${a}.${b}`, { number: a, turn: b });
    else if (word === 'resolve') this.#claims.set(`${a}.${b}`, { number: a, turn: b, kept: c });
    else if (word === 'order' || word === 'served') this.#orders.set(a, word);
    else if (word === 'paid-out') this.#paidOut.add(creditOf(a, b).order);
    else if (word === 'codes') this.#codes.set(a, rest[1]!);
    else if (word === 'purging') this.#purging = a;
    else if (word === 'purged') this.#purged = a;
    else this.told--;
  }

  /** @returns what does not hold */
  async check(folder: string): Promise<string[]> {
    const path = `${folder}/ledger.db`;
    if (this.told === 0) {
      // It may be that nothing is there yet.
      await (await openSqliteLedger({ path })).close();
      return [];
    }
    const ledger = await openSqliteLedger({ path });
    const wrong = [...(await this.#checkClaims(ledger)), ...(await this.#checkRest(ledger))];
    await ledger.close();
    const { fault } = await auditLedger(path);
    return fault === undefined ? wrong : [...wrong, `audit: ${fault}`];
  }

  async #checkClaims(ledger: Ledger): Promise<string[]> {
    const wrong: string[] = [];
    const spent = new Map<number, number>();
    for (const number of this.#cards) {
      if (!(await ledger.readCard(cardAt(number).id))) wrong.push(`card ${number} is lost`);
    }
    for (const { number, turn, kept } of this.#claims.values()) {
      const { id } = cardAt(number);
      const { tag, end, units } = claimAt(number, turn);
      spent.set(number, (spent.get(number) ?? 0) + (kept ?? 0));
      const name = `claim ${turn} of card ${number}`;
      const claim = await ledger.findClaim(id, tag);
      if (turn < this.#purged) {
        if (claim) wrong.push(`${name} was erased, and is there`);
        continue;
      }
      if (turn < this.#purging && !claim) continue;
      if (!claim) wrong.push(`${name} is lost`);
      else if (kept !== undefined) {
        const status = kept === 0 ? 'released' : 'settled';
        if (claim.status !== status || claim.kept !== kept) {
          wrong.push(`${name} kept ${kept} units, and is ${claim.status} with ${claim.kept}`);
        }
        const holder = kept === 0 ? await ledger.findHolder(id, end - units, end) : undefined;
        if (holder?.tag === tag) wrong.push(`${name} was released, and holds its units`);
      }
    }
    for (const [number, least] of spent) {
      const stored = await ledger.readCard(cardAt(number).id);
      if (stored && stored.state.spent < least) wrong.push(`card ${number} has units again`);
    }
    return wrong;
  }

  async #checkRest(ledger: Ledger): Promise<string[]> {
    const wrong: string[] = [];
    for (const [turn, word] of this.#orders) {
      const order = await ledger.readOrder(orderAt(turn).id);
      if (!order || (word === 'served' && !order.served)) wrong.push(`order ${turn} is not ${word}`);
    }
    if (this.#paidOut.size > 0) {
      const paid = new Set((await ledger.readRefunds()).filter((one) => one.paid).map((one) => one.order));
      for (const order of this.#paidOut) if (!paid.has(order)) wrong.push(`refund ${order} is not paid out`);
    }
    const order = ['printed', 'active', 'void'];
    for (const [batch, state] of this.#codes) {
      for (const run of await ledger.readCodes(batch, 1, 3)) {
        if (order.indexOf(run.state) < order.indexOf(state)) wrong.push(`codes of ${batch} are ${run.state}`);
      }
      if ((await ledger.readCodes(batch, 1, 3)).length === 0) wrong.push(`codes of ${batch} are lost`);
    }
    return wrong;
  }
}
