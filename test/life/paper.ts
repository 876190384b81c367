import { expect } from 'vitest';
import type { CardSummary } from '../../src/client/index.js';
import type { Ledger, Movement, MovementKind } from '../../src/server/index.js';

/** What people did, on paper: where each unit must be. */

/** A code that was made. */
export interface PaperOrder {
  readonly id: string;
  readonly code: string;
  readonly denomination: number;
  readonly count: number;
  /** Of a batch. */
  readonly place?: { readonly batch: number; readonly serial: number; readonly expires: number };
  state: 'printed' | 'active' | 'void';
  /** Whether it was good for cards at some time. */
  sold: boolean;
  held: boolean;
  served: boolean;
  /** Somebody began to redeem it, and may end that at any time. */
  unsure: boolean;
}

/** A request that somebody pays for. */
export interface PaperCall {
  readonly route: string;
  /** Unix seconds. */
  readonly at: number;
  /** What the vendor may have kept of it. One number, once that is known. */
  charges: readonly number[];
  /** Tags of its claims, and the cards that they are on. */
  readonly claims: Map<string, string>;
}

export class Paper {
  readonly orders: PaperOrder[] = [];
  readonly calls = new Map<string, PaperCall>();
  /** Every card that was in a wallet, by id. */
  readonly cards = new Map<string, { readonly key: string; readonly units: number }>();
  /** What claims kept whose records were purged since. */
  readonly #kept = new Map<string, number>();

  /** Takes note of the cards in a wallet. */
  see(cards: readonly CardSummary[], keyOf: (units: number, expires: number) => string): void {
    for (const { id, units, expires } of cards) this.cards.set(id, { key: keyOf(units, expires), units });
  }

  /**
   * Every unit is in exactly one place, and books, ledger and paper say so alike.
   *
   * @param isQuiet whether no redemption is open
   */
  async compare(ledger: Ledger, isQuiet: boolean): Promise<void> {
    const books = new Sums(await ledger.readBooks());
    const { sold, withdrawn, issued } = await this.#compareOrders(ledger);
    expect(books.of('sold'), 'sold').toBe(sold);
    expect(books.of('withdrawn'), 'withdrawn').toBe(withdrawn);
    expect(books.of('issued'), 'issued').toBe(issued);
    const [onCards, opened] = await this.#compareCards(ledger, books);
    const spent = await this.#compareClaims(ledger, books);
    const held = [...this.cards.values()].reduce((sum, { units }) => sum + units, 0);
    const unopened = books.of('issued') + books.of('reissued') - books.of('opened');
    if (isQuiet) expect(unopened, 'cards that nobody has shown yet').toBe(held - opened);
    else expect(unopened, 'cards that nobody has shown yet').toBeGreaterThanOrEqual(held - opened);
    const vouchers = sold - withdrawn - issued;
    expect(vouchers + unopened + onCards + spent, 'all units').toBe(sold - withdrawn);
    for (const sum of [vouchers, unopened, onCards, spent]) expect(sum).toBeGreaterThanOrEqual(0);
  }

  async #compareOrders(ledger: Ledger): Promise<Record<'sold' | 'withdrawn' | 'issued', number>> {
    const sums = { sold: 0, withdrawn: 0, issued: 0 };
    for (const order of this.orders) {
      const stored = await ledger.readOrder(order.id);
      if (order.unsure && stored?.served) {
        order.served = true;
        order.unsure = false;
      }
      expect(
        { state: stored?.state, served: stored?.served !== undefined, held: stored?.held ?? false },
        `order ${order.code}`,
      ).toEqual({ state: order.state, served: order.served, held: order.held && order.state !== 'void' });
      const units = order.denomination * order.count;
      if (order.sold) sums.sold += units;
      if (order.sold && order.state === 'void') sums.withdrawn += units;
      if (order.served) sums.issued += units;
    }
    return sums;
  }

  /** @returns what is left on cards, and the units of those that were activated */
  async #compareCards(ledger: Ledger, books: Sums): Promise<[left: number, opened: number]> {
    const left = new Map<string, number>();
    let opened = 0;
    for (const [id, { key, units }] of this.cards) {
      const card = await ledger.readCard(id);
      if (!card) continue;
      expect([card.entry.keyId, card.state.units], 'the card').toEqual([key, units]);
      opened += units;
      left.set(key, (left.get(key) ?? 0) + units - card.state.spent);
    }
    for (const key of books.keys('opened')) {
      const balance =
        books.of('opened', key) -
        books.of('spent', key) -
        books.of('exchanged', key) -
        books.of('refunded', key);
      expect(balance, `what is left on cards of ${key}`).toBe(left.get(key) ?? 0);
    }
    return [[...left.values()].reduce((sum, units) => sum + units, 0), opened];
  }

  /** @returns what claims keep */
  async #compareClaims(ledger: Ledger, books: Sums): Promise<number> {
    const routes = new Map<string, number>();
    const cards = new Map<string, number>();
    for (const [name, call] of this.calls) {
      let charged = 0;
      for (const [tag, card] of call.claims) {
        const record = await ledger.findClaim(card, tag);
        if (record) this.#kept.set(tag, record.kept);
        const kept = this.#kept.get(tag) ?? 0;
        charged += kept;
        cards.set(card, (cards.get(card) ?? 0) + kept);
      }
      expect(call.charges, `charges of ${call.route}${name}`).toContain(charged);
      routes.set(call.route, (routes.get(call.route) ?? 0) + charged);
    }
    for (const [card, spent] of cards) {
      const stored = await ledger.readCard(card);
      expect(stored?.state.spent ?? 0, 'what claims keep of a card').toBe(spent);
    }
    for (const [route, spent] of routes) expect(books.of('spent', undefined, route), route).toBe(spent);
    return [...routes.values()].reduce((sum, units) => sum + units, 0);
  }
}

/** Units of the books. */
class Sums {
  readonly #movements: readonly Movement[];

  constructor(movements: readonly Movement[]) {
    this.#movements = movements;
  }

  of(kind: MovementKind, key?: string, route?: string): number {
    return this.#movements
      .filter(
        (one) =>
          one.kind === kind &&
          (key === undefined || one.key === key) &&
          (route === undefined || one.route === route),
      )
      .reduce((sum, { units }) => sum + units, 0);
  }

  keys(kind: MovementKind): Set<string> {
    return new Set(this.#movements.filter((one) => one.kind === kind).map(({ key }) => key));
  }
}
