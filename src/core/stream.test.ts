import { describe, expect, it } from 'vitest';
import { equalBytes } from './bytes.js';
import type { CardState, Spending } from './card-state.js';
import { deriveCard, readOpening } from './card.js';
import { limits } from './limits.js';
import { stream } from './stream.js';

const units = 100;
const card = deriveCard(new Uint8Array(32).fill(4), { protocol: 'stream' }, units);
const { scheme, state: fresh } = readOpening(card.opening, units);
const ikm = (end: number) => card.source.ikm(end);
const proof = (end: number) => card.source.proof(end);
const claim = (end: number, count: number): Spending => ({ end, units: count, proof: proof(end) });
const gapAt = (step: number) => ({ from: step - 1, to: step, value: ikm(step) });

function take(state: CardState, spending: Spending): CardState {
  const taken = scheme.take(state, spending);
  if (taken.verdict !== 'accepted') throw new Error(taken.verdict);
  expect(equalBytes(taken.ikm, ikm(spending.end))).toBe(true);
  expect(scheme.retake(state, spending)).toEqual(taken.next);
  return taken.next;
}

describe('a stream', () => {
  it('has an output for each step from 1, whatever the order in which they are asked for', () => {
    for (const end of [0, -1, 1.5, Number.NaN]) {
      expect(() => ikm(end)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    }
    const upwards = Array.from({ length: 9 }, (_, i) => ikm(i + 1).join());
    const again = deriveCard(new Uint8Array(32).fill(4), { protocol: 'stream' }, units).source;
    const downwards = Array.from({ length: 9 }, (_, i) => again.ikm(9 - i).join()).reverse();
    expect(downwards).toEqual(upwards);
    expect(new Set(upwards).size).toBe(9);
  });

  it('finds outputs again that it has long forgotten', () => {
    const { source } = deriveCard(new Uint8Array(32).fill(5), { protocol: 'stream' }, units);
    const early = source.ikm(2).slice();
    source.ikm(5 * limits.inFlight);
    expect(source.ikm(2)).toEqual(early);
    expect(source.ikm(3)).not.toEqual(early);
  });

  it('keeps the outputs that claims in flight need as the very same bytes', () => {
    const { source } = deriveCard(new Uint8Array(32).fill(5), { protocol: 'stream' }, units);
    const first = source.ikm(1);
    source.ikm(4 * limits.inFlight);
    expect(source.ikm(1)).toBe(first);
  });

  it('shows a coin of 16 bytes that is no part of the output', () => {
    expect(proof(1)).toHaveLength(16);
    expect(ikm(1)).toHaveLength(32);
    expect(proof(1)).not.toEqual(ikm(1).slice(0, 16));
  });

  it('names its generator by one byte, and knows no other', () => {
    expect(scheme.protocol).toBe('stream');
    expect(scheme.encode()).toHaveLength(1);
    expect(stream.decodeScheme(scheme.encode()).encode()).toEqual(scheme.encode());
    for (const bytes of [[], [0], [9], [1, 1]]) {
      expect(() => stream.decodeScheme(Uint8Array.from(bytes))).toThrow(
        expect.objectContaining({ code: 'malformed' }),
      );
    }
    const unknown = Uint8Array.from(card.opening);
    unknown[1] = 9;
    expect(() => readOpening(unknown, units)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('ends a claim of any units at any step', () => {
    expect(stream.leastEnd(7)).toBe(1);
  });
});

describe('taking from a stream', () => {
  it('moves on by a step, and keeps the outputs of those that it skips', () => {
    const one = take(fresh, claim(1, 5));
    expect(one).toMatchObject({ units, spent: 5, top: 1, gaps: [] });
    const four = take(one, claim(4, 2));
    expect(four).toMatchObject({ spent: 7, top: 4, gaps: [gapAt(2), gapAt(3)] });
    const two = take(four, claim(2, 1));
    expect(two).toMatchObject({ spent: 8, top: 4, gaps: [gapAt(3)] });
    expect(take(two, claim(5, 1))).toMatchObject({ spent: 9, top: 5, gaps: [gapAt(3)] });
  });

  it('takes each step once', () => {
    const state = take(take(fresh, claim(1, 5)), claim(3, 1));
    expect(scheme.take(state, claim(1, 1))).toEqual({ verdict: 'conflict' });
    expect(scheme.take(state, claim(3, 1))).toEqual({ verdict: 'conflict' });
    const filled = take(state, claim(2, 1));
    expect(scheme.take(filled, claim(2, 1))).toEqual({ verdict: 'conflict' });
  });

  it('gives all of its units and not one more', () => {
    expect(take(fresh, claim(1, units)).spent).toBe(units);
    expect(scheme.take(fresh, claim(1, units + 1))).toEqual({ verdict: 'insufficient' });
  });

  it('believes a coin only at its own step', () => {
    const state = take(fresh, claim(3, 1));
    expect(scheme.take(state, { ...claim(4, 1), proof: proof(5) })).toEqual({ verdict: 'forged' });
    expect(scheme.take(state, { ...claim(1, 1), proof: proof(2) })).toEqual({ verdict: 'forged' });
    expect(scheme.take(state, { ...claim(4, 1), proof: ikm(4) })).toEqual({ verdict: 'forged' });
  });

  it('holds no more gaps than the limit says, and fills them past it', () => {
    const full = take(fresh, claim(limits.gaps + 1, 1));
    expect(full.gaps).toHaveLength(limits.gaps);
    expect(scheme.take(full, claim(full.top + 2, 1))).toEqual({ verdict: 'crowded' });
    expect(take(full, claim(full.top + 1, 1)).gaps).toHaveLength(limits.gaps);
    expect(take(full, claim(1, 1)).gaps).toHaveLength(limits.gaps - 1);
    expect(scheme.take(fresh, claim(limits.skippedSteps + 2, 1))).toEqual({ verdict: 'crowded' });
  });

  it('leaves the state that it was given as it was', () => {
    const state = take(fresh, claim(3, 1));
    const copy = structuredClone(state);
    take(state, claim(1, 1));
    take(state, claim(6, 1));
    expect(state).toEqual(copy);
  });
});

describe('giving back to a stream', () => {
  it('frees units and no step', () => {
    const state = take(fresh, claim(1, 5));
    expect(scheme.giveBack(state, claim(1, 5), 5, 2)).toEqual({ ...state, spent: 2 });
    expect(scheme.giveBack(state, claim(1, 5), 2, 5)).toEqual(state);
  });
});
