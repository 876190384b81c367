import type { Payment, SpendingLimits } from 'impuls/client';

/** What the pages of a vendor may spend without asking, in units. Kept in the browser; every page of the origin obeys it. */
export interface Caps {
  /** The most for one request. */
  readonly perRequest: number;
  /** The most within 24 hours. */
  readonly perDay: number;
}

export const defaultCaps: Caps = { perRequest: 10, perDay: 500 };
/** The most that either can be. */
export const maxCap = 1_000_000;

const name = 'impuls.caps';
const dayMs = 24 * 3_600_000;

/** @returns the default where nothing is kept, or nothing that can be read */
export function readCaps(storage: Pick<Storage, 'getItem'> = localStorage): Caps {
  try {
    const { perRequest, perDay } = JSON.parse(storage.getItem(name) ?? '{}') as Record<string, unknown>;
    if (isCap(perRequest) && isCap(perDay)) return { perRequest, perDay };
  } catch {
    // As if there were none.
  }
  return defaultCaps;
}

export function writeCaps(
  { perRequest, perDay }: Caps,
  storage: Pick<Storage, 'setItem'> = localStorage,
): void {
  storage.setItem(name, JSON.stringify({ perRequest, perDay }));
}

/** Tells of changes that other tabs make. @returns what stops it */
export function watchCaps(listener: (caps: Caps) => void): () => void {
  const heard = (event: StorageEvent): void => {
    if (event.key === name || event.key === null) listener(readCaps());
  };
  addEventListener('storage', heard);
  return () => removeEventListener('storage', heard);
}

export function isCap(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maxCap;
}

/** Units charged within the last 24 hours. @param now Unix milliseconds */
export function spentToday(history: readonly Payment[], now: number): number {
  return history.reduce((sum, { time, units }) => (time > now - dayMs ? sum + units : sum), 0);
}

/** The limits of a paying fetch that is made now. */
export function limitsUnder(caps: Caps, history: readonly Payment[], now: number): SpendingLimits {
  const total = Math.max(0, caps.perDay - spentToday(history, now));
  return { perRequest: caps.perRequest, total };
}
