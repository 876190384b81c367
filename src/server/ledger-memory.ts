import type { CardId } from '../core/card.js';
import type { CardState } from '../core/card-state.js';
import { ImpulsError } from '../core/errors.js';
import { Books, creditKinds, routeClass, type Posting } from './ledger-books.js';
import { createMemoryBatches } from './ledger-memory-batches.js';
import { createMemoryOrders } from './ledger-memory-orders.js';
import { creditedOrder, isDone, type HeldOrder } from './ledger-orders.js';
import type { CardEntry, ClaimRecord, CreditTo, Ledger, StoredCard, StoredReply, Totals } from './ledger.js';

interface Account {
  card: StoredCard;
  readonly claims: Map<string, ClaimRecord>;
}

/** A ledger that forgets everything with the process: for tests, examples and trying things out. */
export function createMemoryLedger(): Ledger {
  const accounts = new Map<CardId, Account>();
  const orders = new Map<string, HeldOrder>();
  const books = new Books();
  const routes = new Set<string>();
  const isolated = new Set<string>();

  const storedOf = (card: StoredCard): StoredCard =>
    isolated.has(card.entry.keyId) ? { ...card, held: true } : card;

  function move(id: CardId, version: number, next: CardState): Account | undefined {
    const account = accounts.get(id);
    if (account?.card.version !== version) return undefined;
    account.card = { entry: account.card.entry, state: next, version: version + 1 };
    return account;
  }

  return {
    async openCard(entry: CardEntry, state: CardState, at) {
      const known = accounts.get(entry.id);
      if (known) return storedOf(known.card);
      if (isolated.has(entry.keyId)) throw keyQuarantined();
      const card = { entry, state, version: 0 };
      accounts.set(entry.id, { card, claims: new Map() });
      books.post({ at, kind: 'opened', key: entry.keyId, route: '', count: 1, units: state.units });
      return card;
    },

    async readCard(id) {
      const card = accounts.get(id)?.card;
      return card && storedOf(card);
    },

    async accept(id, version, next, claim) {
      const account = move(id, version, next);
      if (!account) return false;
      const record = { ...claim, route: routeClass(routes, claim.route) };
      account.claims.set(claim.tag, record);
      books.post(spending(account, record, claim.status === 'released' ? 0 : 1, claim.kept));
      return true;
    },

    async credit(id, version, next, claim, to: CreditTo) {
      if (accounts.get(id)?.card.version !== version) return 'stale';
      const order = creditedOrder(orders.get(to.order), to, claim.kept, claim.acceptedAt);
      if (!order) return 'closed';
      const account = move(id, version, next)!;
      account.claims.set(claim.tag, { ...claim, route: '', status: 'settled' });
      orders.set(to.order, order);
      books.post({
        at: claim.acceptedAt,
        kind: creditKinds[to.purpose],
        key: account.card.entry.keyId,
        route: '',
        count: 1,
        units: claim.kept,
      });
      return 'credited';
    },

    async settle(id: CardId, tag: string, reply?: StoredReply) {
      const claims = accounts.get(id)?.claims;
      const claim = claims?.get(tag);
      if (!claim || claim.status === 'released') return;
      if (isOpen(claim) || !claim.reply) claims!.set(tag, { ...claim, status: 'settled', reply });
    },

    async giveBack(id, version, next, tag, kept) {
      const claim = accounts.get(id)?.claims.get(tag);
      if (!claim || !isOpen(claim)) return false;
      const account = move(id, version, next);
      if (!account) return false;
      account.claims.set(tag, { ...claim, kept, status: kept === 0 ? 'released' : 'settled' });
      books.post(spending(account, claim, kept === 0 ? -1 : 0, kept - claim.kept));
      return true;
    },

    async findClaim(id, tag) {
      return accounts.get(id)?.claims.get(tag);
    },

    async findIdempotent(id, name) {
      const claims = [...(accounts.get(id)?.claims.values() ?? [])];
      return claims.find((claim) => claim.status !== 'released' && claim.idempotency?.name === name);
    },

    async findHolder(id, from, end) {
      const account = accounts.get(id);
      if (!account) return undefined;
      return [...account.claims.values()].find((claim) => holds(account.card.entry, claim, from, end));
    },

    ...createMemoryOrders(orders, books),
    ...createMemoryBatches(orders, books),

    async quarantine(keys) {
      for (const key of keys) isolated.add(key);
      for (const [id, order] of orders) {
        if (!isDone(order)) orders.set(id, { ...order, isolated: true });
      }
    },

    async quarantined() {
      return [...isolated].sort();
    },

    async liftQuarantine() {
      isolated.clear();
      for (const [id, order] of orders) if (order.isolated) orders.set(id, { ...order, isolated: false });
    },

    async readBooks() {
      return books.list();
    },

    async totals(): Promise<Totals> {
      const all = [...accounts.values()];
      const claims = all.flatMap((account) => [...account.claims.values()]);
      const count = (...statuses: ClaimRecord['status'][]) =>
        claims.filter((claim) => statuses.includes(claim.status)).length;
      return {
        orders: orders.size,
        ordersServed: [...orders.values()].filter((order) => order.served).length,
        cards: all.length,
        units: all.reduce((sum, { card }) => sum + card.state.units, 0),
        spent: all.reduce((sum, { card }) => sum + card.state.spent, 0),
        claims: {
          settled: count('settled'),
          pending: count('pending', 'interrupted'),
          released: count('released'),
        },
      };
    },

    async purge(keysBefore, claimsBefore) {
      for (const { claims } of accounts.values()) {
        for (const [tag, claim] of claims) {
          if (claim.acceptedAt < claimsBefore && claim.challengeExpires < claimsBefore) claims.delete(tag);
          else if (claim.acceptedAt < keysBefore)
            claims.set(tag, { ...claim, key: undefined, idempotency: undefined, reply: undefined });
        }
      }
    },

    async close() {},
  };
}

/** What a claim moves, on its own day. */
function spending({ card }: Account, claim: ClaimRecord, count: number, units: number): Posting {
  const { acceptedAt: at, route } = claim;
  return { at, kind: 'spent', key: card.entry.keyId, route, count, units };
}

export function keyQuarantined(): ImpulsError {
  return new ImpulsError('vendor-restored', 'cards of that key are not activated: the vendor was restored', {
    hint: 'Nothing is lost: keep the card, and try again when the vendor has settled what became of it.',
  });
}

/** Whether a claim may still be resolved. */
export function isOpen(claim: ClaimRecord): boolean {
  return claim.status === 'pending' || claim.status === 'interrupted';
}

/** Whether a claim holds what `findHolder` asks for. */
export function holds(entry: CardEntry, claim: ClaimRecord, from: number, end: number): boolean {
  if (claim.kept === 0) return false;
  if (entry.protocol === 'stream') return claim.end === end;
  const first = claim.end - claim.units;
  return first < end && from < first + claim.kept;
}
