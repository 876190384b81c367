import type { CardSummary } from 'impuls/client';
import { plural } from '../common/money.js';

/** Which cards a backup was made of: their ids, which are no secret. */

const name = 'impuls.backed-up';

export function readBackedUp(storage: Pick<Storage, 'getItem'> = localStorage): ReadonlySet<string> {
  try {
    const ids: unknown = JSON.parse(storage.getItem(name) ?? '[]');
    return new Set(Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : []);
  } catch {
    return new Set();
  }
}

/** @param cards all that the wallet holds now: others are forgotten */
export function markBackedUp(
  cards: readonly CardSummary[],
  saved: Iterable<string>,
  storage: Storage = localStorage,
): void {
  const known = new Set([...readBackedUp(storage), ...saved]);
  storage.setItem(name, JSON.stringify(cards.map(({ id }) => id).filter((id) => known.has(id))));
}

export function notBackedUp(count: number): string {
  return `${plural(count, 'card')} ${count === 1 ? 'is' : 'are'} not backed up`;
}

/** Cards worth something that would be lost with this browser. */
export function unsaved(cards: readonly CardSummary[], backedUp: ReadonlySet<string>): CardSummary[] {
  return cards.filter(({ id, left, reserved }) => left + reserved > 0 && !backedUp.has(id));
}
