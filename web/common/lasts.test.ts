import type { Payment } from 'impuls/client';
import { describe, expect, it } from 'vitest';
import { describeLasting } from './lasts.js';

const now = Date.UTC(2026, 10, 22, 12);
const second = 1000;
const day = 24 * 3600 * second;

/** Payments so many milliseconds ago, newest first. */
function paid(...entries: ReadonlyArray<readonly [ago: number, units: number]>): Payment[] {
  return entries.map(([ago, units], i) => ({
    time: now - ago,
    method: 'GET',
    url: 'https://news.example/a',
    units,
    worth: '0.001 USD',
    reference: String(i),
    fingerprint: '00000000',
    card: 'card',
    vendor: 'https://news.example',
    protocol: 'chain',
    end: 1,
    verdict: 'accepted',
  }));
}

describe('how long a card lasts', () => {
  it('is not known before anything was paid, nor from what was paid long ago', () => {
    expect(describeLasting(100, [], now)).toBeUndefined();
    expect(describeLasting(100, paid([15 * day, 1]), now)).toBeUndefined();
    expect(describeLasting(0, paid([day, 1]), now)).toBeUndefined();
  });

  it('is a number of times at the usual price after a few payments', () => {
    const history = paid([3 * second, 5], [day, 3], [2 * day, 3]);
    expect(describeLasting(100, history, now)).toBe('Enough for 33 more at 3 units each.');
    expect(describeLasting(2, history, now)).toBeUndefined();
  });

  it('is a time where the last payments were of one sitting, as of a film', () => {
    // One unit every four seconds.
    const film = paid(...Array.from({ length: 20 }, (_, i) => [i * 4 * second, 1] as const));
    expect(describeLasting(1950, film, now)).toBe('Lasts about 2 h 10 min, as you last used it.');
  });

  it('is a number of days after days of use', () => {
    const daily = paid(...Array.from({ length: 8 }, (_, i) => [i * day + second, 10] as const));
    expect(describeLasting(100, daily, now)).toBe('Lasts about 9 days, as you use it.');
  });

  it('is not judged by calls that were made all at once', () => {
    const burst = paid(...Array.from({ length: 20 }, (_, i) => [i, 1] as const));
    expect(describeLasting(80, burst, now)).toBe('Enough for 80 more at 1 unit each.');
  });
});
