import { describe, expect, it } from 'vitest';

/** As much as a page may load before its first payment: kB of 1,000 bytes, gzipped. */
const maxStartBytes = 30_000;

interface Bench {
  readonly measureBundle: () => Promise<{ readonly start: number; readonly later: number }>;
}

describe('a bundle of chain, stream, wire, wallet and paying fetch', () => {
  it('is at most 30 kB gzipped, and what gets cards is loaded when a card is got', async () => {
    const bench = new URL('../../bench/bundle.mjs', import.meta.url).href;
    const { measureBundle } = (await import(/* @vite-ignore */ bench)) as Bench;
    const { start, later } = await measureBundle();
    expect(start).toBeGreaterThan(10_000);
    expect(start).toBeLessThanOrEqual(maxStartBytes);
    expect(later).toBeGreaterThan(10_000);
  });
});
