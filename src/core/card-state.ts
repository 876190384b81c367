import { limits } from './limits.js';

/**
 * What a vendor keeps of an activated card (docs/spec.md §6.2). Immutable: a claim makes a new state.
 * Invariant: `chain` holds spent = top − Σ(gap.to − gap.from); `stream` holds one gap a skipped step.
 */
export interface CardState {
  /** Units bought. */
  readonly units: number;
  /** Units held by pending and settled claims. */
  readonly spent: number;
  /** The highest `end` seen. */
  readonly top: number;
  /** chain: the link w_top, 32 bytes. stream: the generator's state after step `top`. Secret. */
  readonly tip: Uint8Array;
  /** Ranges that nobody holds, ascending, disjoint and never touching (`chain`). */
  readonly gaps: readonly Gap[];
}

/** The range `(from, to]`. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  /** chain: the link w_to. stream: the output of step `to`, which is `from + 1`. 32 bytes, secret. */
  readonly value: Uint8Array;
}

/** What a claim wants of a card: the numbers of docs/spec.md §6.1. */
export interface Spending {
  readonly end: number;
  readonly units: number;
  /** chain: w_end, 32 bytes. stream: the coin of step `end`, 16 bytes. */
  readonly proof: Uint8Array;
}

/** Why a card does not give what a claim wants; it then gives nothing. */
export type Refusal = 'conflict' | 'insufficient' | 'crowded' | 'forged';

export type Taken =
  | {
      readonly verdict: 'accepted';
      readonly next: CardState;
      /** Secret input of the payment key. */ readonly ikm: Uint8Array;
    }
  | { readonly verdict: Refusal };

export function unitsLeft(state: CardState): number {
  return state.units - state.spent;
}

/** The gap that holds what of `(from, end]` is below the top; undefined where nothing is, or any of it is held or burned. */
export function gapAround({ top, gaps }: CardState, from: number, end: number): Gap | undefined {
  return from < top ? gaps.find((gap) => gap.from <= from && Math.min(end, top) <= gap.to) : undefined;
}

/** Whether a claim would leave too many gaps (docs/spec.md §6.2). Past the limit, one that makes it no worse is let through. */
export function crowded(before: number, after: number): boolean {
  return after > limits.gaps && after > before;
}
