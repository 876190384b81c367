import type { CardId } from '../core/card.js';
import type { CardState } from '../core/card-state.js';
import { createMemoryBatches } from './ledger-memory-batches.js';
import type {
  CardEntry,
  ClaimRecord,
  Ledger,
  Order,
  Served,
  StoredCard,
  StoredOrder,
  StoredReply,
  Totals,
} from './ledger.js';

interface Account {
  card: StoredCard;
  readonly claims: Map<string, ClaimRecord>;
}

/** A ledger that forgets everything with the process: for tests, examples and trying things out. */
export function createMemoryLedger(): Ledger {
  const accounts = new Map<CardId, Account>();
  const orders = new Map<string, StoredOrder>();

  function move(id: CardId, version: number, next: CardState): Account | undefined {
    const account = accounts.get(id);
    if (account?.card.version !== version) return undefined;
    account.card = { entry: account.card.entry, state: next, version: version + 1 };
    return account;
  }

  return {
    async openCard(entry: CardEntry, state: CardState) {
      const account = accounts.get(entry.id) ?? { card: { entry, state, version: 0 }, claims: new Map() };
      accounts.set(entry.id, account);
      return account.card;
    },

    async readCard(id) {
      return accounts.get(id)?.card;
    },

    async accept(id, version, next, claim) {
      const account = move(id, version, next);
      account?.claims.set(claim.tag, claim);
      return account !== undefined;
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
      account?.claims.set(tag, { ...claim, kept, status: kept === 0 ? 'released' : 'settled' });
      return account !== undefined;
    },

    async findClaim(id, tag) {
      return accounts.get(id)?.claims.get(tag);
    },

    async findHolder(id, from, end) {
      const account = accounts.get(id);
      if (!account) return undefined;
      return [...account.claims.values()].find((claim) => holds(account.card.entry, claim, from, end));
    },

    async createOrders(added: readonly Order[]) {
      for (const order of added) if (!orders.has(order.id)) orders.set(order.id, order);
    },

    async readOrder(id) {
      return orders.get(id);
    },

    async serveOrder(id, digest, signatures): Promise<Served> {
      const order = orders.get(id);
      if (!order) return { status: 'unknown' };
      if (!order.served) {
        if (order.code && order.code.state !== 'active') return { status: 'unknown' };
        orders.set(id, { ...order, served: { digest, signatures } });
        return { status: 'served', signatures };
      }
      if (order.served.digest !== digest) return { status: 'different' };
      return { status: 'repeated', signatures: order.served.signatures };
    },

    ...createMemoryBatches(orders),

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
            claims.set(tag, { ...claim, key: undefined, reply: undefined });
        }
      }
    },

    async close() {},
  };
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
