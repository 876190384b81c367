import type { Verdict } from '../core/spend.js';

/** What callers were answered, counted by the time and never by the caller. In memory, bounded, gone with the process. */

/**
 * A verdict on a claim (docs/spec.md §6.3), and besides: `unknown` claims of a card that is not active here, or whose tag is wrong;
 * `redeemed` vouchers; `wrong-code` and `throttled` guesses; `redemption-failed` for what failed otherwise; `shed`
 * calls that came when there was too much to do.
 */
export type ActivityKind =
  Verdict | 'unknown' | 'redeemed' | 'wrong-code' | 'throttled' | 'redemption-failed' | 'shed';

/** What was counted from `start` on, Unix seconds, for `activitySlotSeconds`. */
export interface ActivitySlot {
  readonly start: number;
  readonly counts: Readonly<Partial<Record<ActivityKind, number>>>;
}

export interface Activity {
  count(kind: ActivityKind): void;
  /** Oldest first; times at which nothing was counted have no slot. */
  slots(): ActivitySlot[];
}

/** Five minutes. */
export const activitySlotSeconds = 300;
/** Two days. */
const maxSlots = 576;

/** @param clock milliseconds @param onCount told of each */
export function createActivity(
  clock: () => number,
  onCount: (kind: ActivityKind) => void = () => {},
): Activity {
  const kept = new Map<number, Partial<Record<ActivityKind, number>>>();
  const current = (): number => Math.floor(clock() / 1000 / activitySlotSeconds);

  function forget(now: number): void {
    for (const number of kept.keys()) {
      // A clock that was set back leaves slots of the future behind: they would never grow old.
      if (number <= now - maxSlots || number > now) kept.delete(number);
    }
  }

  return {
    count(kind) {
      onCount(kind);
      const now = current();
      let counts = kept.get(now);
      if (!counts) {
        forget(now);
        counts = {};
        kept.set(now, counts);
      }
      counts[kind] = (counts[kind] ?? 0) + 1;
    },
    slots() {
      forget(current());
      return [...kept].map(([number, counts]) => ({
        start: number * activitySlotSeconds,
        counts: { ...counts },
      }));
    },
  };
}
