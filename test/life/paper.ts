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
  /** A restored vendor holds it. */
  isolated: boolean;
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
  /** Claims that put units to a credit: their tags, and the cards that they are on. */
  readonly credits = new Map<string, string>();
  /** Units of refunds that were paid out. */
  paidOut = 0;
  /** What claims kept whose records were purged since. */
  #kept = new Map<string, number>();

  /** What had left the cards of each key that is held when that began. */
  #frozen = new Map<string, number>();
  /** Cards that a vendor which was restored has never issued. */
  readonly #gone = new Set<string>();

  /** Takes note of the cards in a wallet. */
  see(cards: readonly CardSummary[], keyOf: (units: number, expires: number) => string): void {
    for (const { id, units, expires } of cards) {
      if (!this.#gone.has(id)) this.cards.set(id, { key: keyOf(units, expires), units });
    }
  }

  /** From now on nothing leaves a card of these keys. */
  async freeze(ledger: Ledger, keys: readonly string[]): Promise<void> {
    const books = new Sums(await ledger.readBooks());
    this.#frozen = new Map(keys.map((key) => [key, books.left(key)]));
  }

  /** A backup, of a moment at which nothing is open. @returns what makes it the truth, and has a restored vendor hold what it must */
  copy(): () => void {
    const orders = this.orders.map((order) => ({ ...order }));
    const [cards, kept, paidOut] = [new Set(this.cards.keys()), new Map(this.#kept), this.paidOut];
    return () => {
      this.orders.splice(0, Infinity, ...orders);
      for (const order of orders) order.isolated = !order.served && order.state !== 'void';
      for (const id of this.cards.keys()) {
        if (cards.has(id)) continue;
        this.#gone.add(id);
        this.cards.delete(id);
      }
      for (const call of this.calls.values()) {
        call.charges = [[...call.claims.keys()].reduce((sum, tag) => sum + (kept.get(tag) ?? 0), 0)];
      }
      this.#kept = kept;
      this.paidOut = paidOut;
    };
  }

  /**
   * Every unit is in exactly one place, and books, ledger and paper say so alike.
   *
   * @param isQuiet whether no redemption is open
   */
  async compare(ledger: Ledger, isQuiet: boolean): Promise<void> {
    const books = new Sums(await ledger.readBooks());
    for (const [key, units] of this.#frozen) {
      expect(books.left(key), 'what has left cards that are held').toBe(units);
    }
    const { sold, withdrawn, issued } = await this.#compareOrders(ledger);
    expect(books.of('sold'), 'sold').toBe(sold);
    expect(books.of('withdrawn'), 'withdrawn').toBe(withdrawn);
    expect(books.of('issued'), 'issued').toBe(issued);
    const [onCards, opened] = await this.#compareCards(ledger, books);
    const { spent, given } = await this.#compareClaims(ledger, books);
    const refunds = await ledger.readRefunds();
    const refunded = refunds.reduce((sum, { units }) => sum + units, 0);
    expect(books.of('refunded'), 'refunded').toBe(refunded);
    expect(books.of('exchanged'), 'exchanged').toBe(given - refunded);
    expect(books.of('paid-out'), 'paid out').toBe(this.paidOut);
    const held = [...this.cards.values()].reduce((sum, { units }) => sum + units, 0);
    const unopened = issued + books.of('reissued') - books.of('opened');
    if (isQuiet) expect(unopened, 'cards that nobody has shown yet').toBe(held - opened);
    else expect(unopened, 'cards that nobody has shown yet').toBeGreaterThanOrEqual(held - opened);
    const vouchers = sold - withdrawn - issued;
    const credits = books.of('exchanged') - books.of('reissued');
    const payable = refunded - this.paidOut;
    const places = [vouchers, credits, unopened, onCards, spent, payable, this.paidOut];
    expect(Math.min(...places), 'the least of all places').toBeGreaterThanOrEqual(0);
    expect(
      places.reduce((sum, units) => sum + units),
      'all units',
    ).toBe(sold - withdrawn);
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
      ).toEqual({
        state: order.state,
        served: order.served,
        held: (order.held || order.isolated) && order.state !== 'void',
      });
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
      expect(books.of('opened', key) - books.left(key), `what is left on cards of ${key}`).toBe(
        left.get(key) ?? 0,
      );
    }
    return [[...left.values()].reduce((sum, units) => sum + units, 0), opened];
  }

  /** @returns what claims keep for routes, and what they gave for credits */
  async #compareClaims(ledger: Ledger, books: Sums): Promise<{ spent: number; given: number }> {
    const cards = new Map<string, number>();
    const keptOf = async (claims: ReadonlyMap<string, string>): Promise<number> => {
      let sum = 0;
      for (const [tag, card] of claims) {
        const record = await ledger.findClaim(card, tag);
        if (record) this.#kept.set(tag, record.kept);
        const kept = this.#kept.get(tag) ?? 0;
        cards.set(card, (cards.get(card) ?? 0) + kept);
        sum += kept;
      }
      return sum;
    };
    const routes = new Map<string, number>();
    for (const [name, { route, charges, claims }] of this.calls) {
      const charged = await keptOf(claims);
      expect(charges, `charges of ${route}${name}`).toContain(charged);
      routes.set(route, (routes.get(route) ?? 0) + charged);
    }
    const given = await keptOf(this.credits);
    for (const [card, spent] of cards) {
      const stored = await ledger.readCard(card);
      expect(stored?.state.spent ?? 0, 'what claims keep of a card').toBe(spent);
    }
    for (const [route, spent] of routes) expect(books.of('spent', undefined, route), route).toBe(spent);
    return { spent: [...routes.values()].reduce((sum, units) => sum + units, 0), given };
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

  /** Units that have left cards of a key. */
  left(key: string): number {
    return this.of('spent', key) + this.of('exchanged', key) + this.of('refunded', key);
  }

  keys(kind: MovementKind): Set<string> {
    return new Set(this.#movements.filter((one) => one.kind === kind).map(({ key }) => key));
  }
}
