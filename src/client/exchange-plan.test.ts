import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isImpulsError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { exactCards, planExchange, sumOf, takeFrom, wholeCards } from './exchange-plan.js';

const denominations = fc.uniqueArray(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 16 });
const amount = fc.integer({ min: 0, max: 200_000 });

describe('the cards of an exchange', () => {
  it('are the largest that fit, and then smaller ones', () => {
    expect(wholeCards(2350, [100, 1000])).toEqual([1000, 1000, 100, 100, 100]);
    expect(wholeCards(99, [100, 1000])).toEqual([]);
    expect(wholeCards(100, [])).toEqual([]);
  });

  it('use up the most where the largest first would leave more', () => {
    expect(wholeCards(900, [300, 500])).toEqual([300, 300, 300]);
    expect(wholeCards(1100, [300, 500])).toEqual([500, 300, 300]);
    expect(wholeCards(7, [5, 3])).toEqual([3, 3]);
  });

  it('are no more than one order may have', () => {
    expect(wholeCards(100_000, [100])).toHaveLength(limits.orderItems);
  });

  it('are on sale, and never worth more than what is given', () => {
    fc.assert(
      fc.property(amount, denominations, (units, sizes) => {
        const cards = wholeCards(units, sizes);
        expect(sumOf(cards)).toBeLessThanOrEqual(units);
        expect(cards.length).toBeLessThanOrEqual(limits.orderItems);
        expect(cards.every((card) => sizes.includes(card))).toBe(true);
        // The largest first is never better.
        let left = units;
        let room: number = limits.orderItems;
        for (const size of [...sizes].sort((a, b) => b - a)) {
          const count = Math.min(room, Math.floor(left / size));
          left -= count * size;
          room -= count;
        }
        expect(sumOf(cards)).toBeGreaterThanOrEqual(units - left);
      }),
    );
  });

  it('are found for an amount that is made of a few of them', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 8 }),
        (sizes, picks) => {
          const units = sumOf(picks.map((pick) => sizes[pick % sizes.length]!));
          expect(sumOf(exactCards(units, sizes)!)).toBe(units);
        },
      ),
    );
    expect(exactCards(150, [100, 1000])).toBeUndefined();
  });
});

describe('the plan of an exchange', () => {
  const tails = [
    { card: 'a', units: 57 },
    { card: 'b', units: 80 },
    { card: 'c', units: 30 },
  ];

  it('takes what makes whole cards and leaves the rest on the last one', () => {
    expect(planExchange(tails, [100, 1000])).toEqual({
      takes: [
        { card: 'a', units: 57 },
        { card: 'b', units: 43 },
      ],
      into: [100],
    });
  });

  it('takes no more cards than it needs', () => {
    expect(planExchange([{ card: 'full', units: 1000 }, ...tails], [100, 1000]).takes).toEqual([
      { card: 'full', units: 1000 },
      { card: 'a', units: 57 },
      { card: 'b', units: 43 },
    ]);
  });

  it('splits a card as it is asked to', () => {
    const plan = planExchange([{ card: 'x', units: 1000 }], [50, 100], [100, 50, 100]);
    expect(plan).toEqual({ takes: [{ card: 'x', units: 250 }], into: [100, 100, 50] });
  });

  it('says what cannot be', () => {
    const refusal = (act: () => unknown): unknown => {
      try {
        return act();
      } catch (error) {
        return isImpulsError(error) && error.code;
      }
    };
    expect(refusal(() => planExchange(tails, [1000]))).toBe('no-card');
    expect(refusal(() => planExchange([], [100]))).toBe('no-card');
    expect(refusal(() => planExchange(tails, [100], [100, 100]))).toBe('no-card');
    expect(refusal(() => planExchange(tails, [100], [50]))).toBe('invalid-argument');
    expect(refusal(() => planExchange(tails, [100], []))).toBe('invalid-argument');
    const many = Array<number>(limits.orderItems + 1).fill(1);
    expect(refusal(() => planExchange(tails, [1], many))).toBe('invalid-argument');
  });

  it('takes of each card what it has, in order, until it is enough', () => {
    expect(takeFrom(tails, 0)).toEqual([]);
    expect(takeFrom(tails, 57)).toEqual([{ card: 'a', units: 57 }]);
    expect(takeFrom(tails, 1000)).toEqual(tails);
  });
});
