import { describe, expect, it } from 'vitest';
import { createActivity } from './activity.js';

const start = Date.UTC(2026, 10, 22);
const minute = 60_000;

describe('what a vendor counts of its callers', () => {
  it('is kept by five minutes, oldest first', () => {
    let now = start;
    const activity = createActivity(() => now);
    activity.count('accepted');
    now += minute;
    activity.count('accepted');
    activity.count('wrong-code');
    now += 10 * minute;
    activity.count('conflict');
    expect(activity.slots()).toEqual([
      { start: start / 1000, counts: { accepted: 2, 'wrong-code': 1 } },
      { start: start / 1000 + 600, counts: { conflict: 1 } },
    ]);
  });

  it('goes back two days, and no further', () => {
    let now = start;
    const activity = createActivity(() => now);
    for (let i = 0; i < 1000; i++) {
      activity.count('accepted');
      now += 5 * minute;
    }
    const slots = activity.slots();
    expect(slots).toHaveLength(575);
    expect(slots[0]!.start).toBeGreaterThan(now / 1000 - 48 * 3600);
    now += 72 * 60 * minute;
    expect(activity.slots()).toEqual([]);
  });

  it('is in order, and bounded, when the clock is set back', () => {
    let now = start;
    const activity = createActivity(() => now);
    activity.count('accepted');
    now -= 60 * minute;
    activity.count('forged');
    expect(activity.slots()).toEqual([{ start: now / 1000, counts: { forged: 1 } }]);
  });

  it('is a copy, which nobody outside can change', () => {
    const activity = createActivity(() => start);
    activity.count('accepted');
    const [slot] = activity.slots();
    (slot!.counts as Record<string, number>)['accepted'] = 99;
    expect(activity.slots()[0]!.counts).toEqual({ accepted: 1 });
  });
});
