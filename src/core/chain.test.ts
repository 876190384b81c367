import { describe, expect, it } from 'vitest';
import { equalBytes } from './bytes.js';
import type { CardState, Gap, Spending } from './card-state.js';
import { deriveCard, readOpening } from './card.js';
import { chain } from './chain.js';
import { limits } from './limits.js';

const units = 600;
const card = deriveCard(new Uint8Array(32).fill(3), { protocol: 'chain' }, units);
const { scheme, state: fresh } = readOpening(card.opening, units);
const link = (end: number) => card.source.proof(end);
const claim = (from: number, end: number): Spending => ({ end, units: end - from, proof: link(end) });
const gap = (from: number, to: number): Gap => ({ from, to, value: link(to) });
const holding = (top: number, ...gaps: readonly Gap[]): CardState => ({
  units,
  spent: top - gaps.reduce((sum, { from, to }) => sum + to - from, 0),
  top,
  tip: link(top),
  gaps,
});

function take(state: CardState, spending: Spending): CardState {
  const taken = scheme.take(state, spending);
  if (taken.verdict !== 'accepted') throw new Error(taken.verdict);
  expect(equalBytes(taken.ikm, spending.proof)).toBe(true);
  expect(scheme.retake(state, spending)).toEqual(taken.next);
  return taken.next;
}

describe('a chain', () => {
  it('holds one unit at least and 2^20 at most, all of them whole', () => {
    const derive = (count: number) => chain.derive(new Uint8Array(32), count, 'chacha20');
    for (const count of [0, -1, 1.5, Number.NaN, limits.chainUnits + 1]) {
      expect(() => derive(count)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    }
    expect(derive(1).opening).toHaveLength(44);
  });

  it('has a link for each unit and its anchor, and no other', () => {
    for (const end of [-1, units + 1, 1.5, Number.NaN]) {
      expect(() => link(end)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    }
    expect(equalBytes(link(0), fresh.tip)).toBe(true);
    const all = new Set(Array.from({ length: units + 1 }, (_, end) => link(end).join()));
    expect(all.size).toBe(units + 1);
  });

  it('can end a claim at its own number of units and no lower', () => {
    expect(chain.leastEnd(7)).toBe(7);
  });

  it('says its salt in bytes of their own', () => {
    const salt = scheme.encode();
    expect(scheme.protocol).toBe('chain');
    expect(salt).toHaveLength(12);
    salt.fill(0);
    expect(scheme.encode()).not.toEqual(salt);
    expect(chain.decodeScheme(scheme.encode()).encode()).toEqual(scheme.encode());
  });
});

describe('taking from a chain', () => {
  it('moves the top and leaves what it leaps over as a gap', () => {
    expect(take(fresh, claim(0, 3))).toEqual(holding(3));
    expect(take(fresh, claim(2, 5))).toEqual(holding(5, gap(0, 2)));
    expect(take(holding(5, gap(0, 2)), claim(7, 8))).toEqual(holding(8, gap(0, 2), gap(5, 7)));
  });

  it('joins what it leaps over with a gap that reaches the top', () => {
    expect(take(holding(5, gap(2, 5)), claim(7, 8))).toEqual(holding(8, gap(2, 7)));
  });

  it('fills a gap: whole, at either end, or in the middle', () => {
    const before = holding(10, gap(2, 6), gap(8, 9));
    expect(take(before, claim(2, 6))).toEqual(holding(10, gap(8, 9)));
    expect(take(before, claim(2, 4))).toEqual(holding(10, gap(4, 6), gap(8, 9)));
    expect(take(before, claim(4, 6))).toEqual(holding(10, gap(2, 4), gap(8, 9)));
    expect(take(before, claim(3, 5))).toEqual(holding(10, gap(2, 3), gap(5, 6), gap(8, 9)));
    expect(take(before, claim(8, 9))).toEqual(holding(10, gap(2, 6)));
  });

  it('takes from a gap that reaches the top and on beyond it', () => {
    expect(take(holding(10, gap(6, 10)), claim(8, 12))).toEqual(holding(12, gap(6, 8)));
    expect(take(holding(10, gap(6, 10)), claim(6, 12))).toEqual(holding(12));
  });

  it.each([
    ['held units', holding(5), claim(4, 5)],
    ['held units and free ones', holding(5), claim(4, 6)],
    ['more than a gap has at its upper end', holding(10, gap(2, 6)), claim(5, 7)],
    ['more than a gap has at its lower end', holding(10, gap(2, 6)), claim(1, 3)],
    ['a gap and held units up to beyond the top', holding(10, gap(2, 6)), claim(3, 11)],
  ])('is a conflict for %s', (_, state, spending) => {
    expect(scheme.take(state, spending)).toEqual({ verdict: 'conflict' });
  });

  it('reaches the last unit and none beyond it', () => {
    expect(take(holding(units - 1), claim(units - 1, units)).top).toBe(units);
    const beyond = { end: units + 1, units: 1, proof: link(units) };
    expect(scheme.take(holding(units), beyond)).toEqual({ verdict: 'insufficient' });
  });

  it('believes a link only at its own place, above the top and within a gap', () => {
    const wrong = (from: number, end: number, shown: number) => ({ ...claim(from, end), proof: link(shown) });
    expect(scheme.take(fresh, wrong(2, 3, 4))).toEqual({ verdict: 'forged' });
    expect(scheme.take(holding(10, gap(2, 6)), wrong(2, 4, 5))).toEqual({ verdict: 'forged' });
    expect(scheme.take(holding(10, gap(2, 6)), wrong(2, 6, 10))).toEqual({ verdict: 'forged' });
    expect(scheme.take(holding(10, gap(6, 10)), wrong(8, 12, 11))).toEqual({ verdict: 'forged' });
  });
});

describe('a chain card full of gaps', () => {
  const gaps = Array.from({ length: limits.gaps }, (_, i) => gap(4 * i, 4 * i + 3));
  const full = holding(4 * limits.gaps, ...gaps);

  it('takes what makes it no fuller', () => {
    expect(take(full, claim(full.top, full.top + 1)).gaps).toHaveLength(limits.gaps);
    expect(take(full, claim(0, 1)).gaps).toHaveLength(limits.gaps);
    expect(take(full, claim(2, 3)).gaps).toHaveLength(limits.gaps);
    expect(take(full, claim(0, 3)).gaps).toHaveLength(limits.gaps - 1);
    const open = holding(full.top + 2, ...gaps.slice(1), gap(full.top, full.top + 2));
    expect(take(open, claim(open.top + 1, open.top + 2)).gaps).toHaveLength(limits.gaps);
  });

  it('takes nothing that makes it fuller', () => {
    expect(scheme.take(full, claim(1, 2))).toEqual({ verdict: 'crowded' });
    expect(scheme.take(full, claim(full.top + 1, full.top + 2))).toEqual({ verdict: 'crowded' });
  });
});

describe('giving back to a chain', () => {
  it('frees the highest units of a claim', () => {
    expect(scheme.giveBack(holding(10), claim(4, 9), 5, 2)).toEqual(holding(10, gap(6, 9)));
    expect(scheme.giveBack(holding(10, gap(7, 9)), claim(4, 9), 3, 1)).toEqual(holding(10, gap(5, 9)));
    expect(scheme.giveBack(holding(10), claim(4, 9), 5, 0)).toEqual(holding(10, gap(4, 9)));
  });

  it('frees nothing if all is kept', () => {
    const state = holding(10);
    expect(scheme.giveBack(state, claim(4, 9), 5, 5)).toBe(state);
    expect(scheme.giveBack(state, claim(4, 9), 3, 4)).toBe(state);
  });

  it('joins what comes free with the gaps that it touches, and with no others', () => {
    const back = (state: CardState) => scheme.giveBack(state, claim(4, 8), 4, 0).gaps;
    expect(back(holding(12, gap(8, 10)))).toEqual([gap(4, 10)]);
    expect(back(holding(12, gap(2, 4)))).toEqual([gap(2, 8)]);
    expect(back(holding(12, gap(2, 4), gap(8, 10)))).toEqual([gap(2, 10)]);
    expect(back(holding(12, gap(0, 1), gap(2, 3), gap(9, 10)))).toEqual([
      gap(0, 1),
      gap(2, 3),
      gap(4, 8),
      gap(9, 10),
    ]);
    expect(back(holding(12, gap(0, 4), gap(8, 9), gap(10, 11)))).toEqual([gap(0, 9), gap(10, 11)]);
  });

  it('leaves the state that it was given as it was', () => {
    const state = holding(12, gap(2, 4), gap(8, 10));
    scheme.giveBack(state, claim(4, 8), 4, 0);
    expect(state).toEqual(holding(12, gap(2, 4), gap(8, 10)));
  });
});
