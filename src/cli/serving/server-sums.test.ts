import { describe, expect, it } from 'vitest';
import { sumActivity, sumFailures } from './server-sums.js';

describe('what several servers counted', () => {
  it('is what each of them may still forgive, and has refused, together', () => {
    const gauge = { level: 1.5, limit: 1000, blockedSources: 1, failed: 4, refused: 2 };
    expect(sumFailures([gauge, { ...gauge, level: 0, blockedSources: 0 }])).toEqual({
      level: 1.5,
      limit: 2000,
      blockedSources: 1,
      failed: 8,
      refused: 4,
    });
  });

  it('is added up by the time, the oldest first', () => {
    const one = [{ start: 600, counts: { accepted: 2 } }];
    const two = [
      { start: 300, counts: { forged: 1 } },
      { start: 600, counts: { accepted: 3, forged: 1 } },
    ];
    expect(sumActivity([one, two])).toEqual([
      { start: 300, counts: { forged: 1 } },
      { start: 600, counts: { accepted: 5, forged: 1 } },
    ]);
  });
});
