import { cardTools } from './card-tools.js';
import type { ClaimRecord, Ledger, StoredCard } from './ledger.js';

/** How a claim ends that is not served, or not wholly. */

/**
 * Returns all units of a claim but the lowest `kept`, durably. None releases the claim.
 *
 * @returns the card as it stands then, and whether this call did it: a claim resolved before stays as it was
 */
export async function giveBackUnits(
  ledger: Ledger,
  card: StoredCard,
  record: ClaimRecord,
  kept: number,
): Promise<{ readonly card: StoredCard; readonly done: boolean }> {
  const { scheme } = cardTools(card.entry);
  for (;;) {
    const fresh = (await ledger.readCard(card.entry.id)) ?? card;
    const current = await ledger.findClaim(card.entry.id, record.tag, record.end);
    if (!current || (current.status !== 'pending' && current.status !== 'interrupted')) {
      // Somebody has resolved it, maybe after the card was read: what is told of the card must show that.
      return { card: (await ledger.readCard(card.entry.id)) ?? fresh, done: false };
    }
    const next = scheme.giveBack(fresh.state, current, current.kept, kept);
    if (await ledger.giveBack(card.entry.id, fresh.version, next, record.tag, kept)) {
      return { card: { entry: fresh.entry, state: next, version: fresh.version + 1 }, done: true };
    }
  }
}

/** How claims were to end that could not be resolved, by tag: a claim that is sent again is resolved first. */
export interface Undone {
  has(tag: string): boolean;
  /** @param resolve may be called again, and after somebody else has resolved the claim */
  add(tag: string, resolve: () => Promise<unknown>): void;
  /** @throws ImpulsError `storage-failed`: it is undone still */
  finish(tag: string): Promise<void>;
}

/** @param maxClaims beyond it the first is forgotten: it stays pending until the vendor is started again */
export function createUndone(maxClaims = 10_000): Undone {
  const resolves = new Map<string, () => Promise<unknown>>();
  return {
    has: (tag) => resolves.has(tag),
    add(tag, resolve) {
      resolves.set(tag, resolve);
      if (resolves.size > maxClaims) resolves.delete(resolves.keys().next().value!);
    },
    async finish(tag) {
      await resolves.get(tag)?.();
      resolves.delete(tag);
    },
  };
}
