import type { CardId } from '../core/card.js';
import { ImpulsError } from '../core/errors.js';
import { limits } from '../core/limits.js';

/** Which units of which cards become which new cards. Pure. */

/** A card, and the units on it that can be claimed. */
export interface Tail {
  readonly card: CardId;
  readonly units: number;
}

export interface Exchange {
  /** What each card gives; no more of them than are needed. */
  readonly takes: readonly Tail[];
  /** Units of each new card, the largest first. Together as many as are taken. */
  readonly into: readonly number[];
}

/** Combinations that are looked at; beyond, the best of those is taken. */
const maxSteps = 20_000;

/**
 * The denominations that use up the most of so many units, in as few cards as the search finds: the largest first. So an exchange
 * yields the cards that the vendor sells, and no pattern of its own.
 *
 * @param denominations on sale; any order
 * @returns at most `limits.orderItems`; empty if not even one fits
 */
export function wholeCards(units: number, denominations: readonly number[]): number[] {
  const sizes = [...new Set(denominations)].sort((a, b) => b - a);
  const most = units - (sizes.length === 0 ? 0 : units % sizes.reduce(divisor));
  let best: { readonly sum: number; readonly cards: readonly number[] } = { sum: 0, cards: [] };
  let steps = 0;

  function search(at: number, sum: number, cards: readonly number[]): void {
    if (sum > best.sum) best = { sum, cards };
    const size = sizes[at];
    if (size === undefined) return;
    const room = limits.orderItems - cards.length;
    for (let count = Math.min(room, Math.floor((units - sum) / size)); count >= 0; count--) {
      if (best.sum === most || ++steps > maxSteps) return;
      search(at + 1, sum + count * size, [...cards, ...Array<number>(count).fill(size)]);
    }
  }
  search(0, 0, []);
  return [...best.cards];
}

/** The denominations that are just so many units; undefined if none are. */
export function exactCards(units: number, denominations: readonly number[]): number[] | undefined {
  const cards = wholeCards(units, denominations);
  return sumOf(cards) === units ? cards : undefined;
}

/**
 * @param tails in the order in which they are to be used up
 * @param into what is wished for. Default: what uses up the most
 * @throws ImpulsError `no-card` if the units make no whole card, or not what is wished for; `invalid-argument` for a wish that the
 *   vendor does not sell, or for too many cards
 */
export function planExchange(
  tails: readonly Tail[],
  denominations: readonly number[],
  into?: readonly number[],
): Exchange {
  const units = sumOf(tails.map((tail) => tail.units));
  if (into) checkWish(into, denominations, units);
  const cards = into ? [...into].sort((a, b) => b - a) : wholeCards(units, denominations);
  if (cards.length === 0) {
    const least = Math.min(...denominations);
    throw new ImpulsError('no-card', `${units} units make no card: the smallest holds ${least}`, {
      hint: 'Spend them, add more cards to the exchange, or have them refunded.',
    });
  }
  return { takes: takeFrom(tails, sumOf(cards)), into: cards };
}

/** What each card gives to so many units. */
export function takeFrom(tails: readonly Tail[], wanted: number): Tail[] {
  let left = wanted;
  return tails.flatMap(({ card, units }) => {
    const taken = Math.min(units, left);
    left -= taken;
    return taken > 0 ? [{ card, units: taken }] : [];
  });
}

export function sumOf(units: readonly number[]): number {
  return units.reduce((sum, one) => sum + one, 0);
}

function checkWish(into: readonly number[], denominations: readonly number[], units: number): void {
  const strange = into.find((denomination) => !denominations.includes(denomination));
  if (strange !== undefined || into.length === 0 || into.length > limits.orderItems) {
    throw new ImpulsError(
      'invalid-argument',
      strange === undefined
        ? `an exchange yields 1 to ${limits.orderItems} cards`
        : `the vendor issues no cards of ${strange} units`,
      { hint: `It issues cards of ${[...denominations].sort((a, b) => a - b).join(', ')} units.` },
    );
  }
  if (sumOf(into) <= units) return;
  throw new ImpulsError('no-card', `${units} units are on these cards, and ${sumOf(into)} are wanted`, {
    hint: 'Ask for less, or add more cards to the exchange.',
  });
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
