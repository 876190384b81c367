import { equalBytes } from './bytes.js';
import { crowded, gapAround, type CardState, type Gap, type Spending, type Taken } from './card-state.js';
import { ImpulsError } from './errors.js';
import { ChainHash, expand } from './hash.js';
import { limits } from './limits.js';
import type { Protocol, Scheme, Source } from './protocol.js';

/**
 * Protocol `chain`: one link of a SHA-256 chain a unit (docs/spec.md §3, §6.2). A claim of `(end − units, end]` shows w_end;
 * whoever holds a link knows those below it and none above.
 */
export const chain: Protocol = {
  name: 'chain',
  id: 1,
  proofBytes: 32,
  maxUnits: limits.chainUnits,
  leastEnd: (units) => units,
  derive: (seed, units) => deriveChain(seed, units),
  readScheme(reader) {
    const scheme = chainScheme(reader.raw(12));
    return { scheme, tip: reader.raw(32) };
  },
  decodeScheme: (bytes) => chainScheme(bytes),
};

/** Links kept by the wallet: one in so many, so that any link is this many hashes away at most. */
const stride = 256;

function deriveChain(seed: Uint8Array, units: number): Source {
  if (!Number.isInteger(units) || units < 1 || units > limits.chainUnits) {
    throw new ImpulsError(
      'invalid-argument',
      `a chain card holds 1 to ${limits.chainUnits} units, not ${units}`,
    );
  }
  const salt = expand(seed, 'impuls/1 salt', 12);
  const hash = new ChainHash(salt);
  // kept[k] is w_{min(k·stride, units)}
  const kept: Uint8Array[] = [];
  let link = expand(seed, 'impuls/1 chain', 32);
  let index = units;
  for (let k = Math.ceil(units / stride); k >= 0; k--) {
    link = hash.walk(link, index, index - Math.min(k * stride, units));
    index = Math.min(k * stride, units);
    kept[k] = link;
  }
  const linkAt = (end: number): Uint8Array => {
    if (!Number.isInteger(end) || end < 0 || end > units) {
      throw new ImpulsError('invalid-argument', `no link ${end} on a card of ${units} units`);
    }
    const k = Math.ceil(end / stride);
    const above = Math.min(k * stride, units);
    return hash.walk(kept[k]!, above, above - end);
  };
  const opening = new Uint8Array(44);
  opening.set(salt);
  opening.set(kept[0]!, 12);
  return { opening, ikm: linkAt, proof: linkAt };
}

/** @param salt 12 bytes */
function chainScheme(salt: Uint8Array): Scheme {
  const hash = new ChainHash(salt);

  function take(state: CardState, { end, units, proof }: Spending): Taken {
    const { top, gaps } = state;
    const from = end - units;
    if (end > state.units) return { verdict: 'insufficient' };
    const gap = gapAround(state, from, end);
    if (from < top && !gap) return { verdict: 'conflict' };
    if (from - top > limits.skippedUnits) return { verdict: 'crowded' };
    if (crowded(gaps.length, gapsAfter(state, from, end, gap))) return { verdict: 'crowded' };

    const known =
      end > top ? hash.walk(proof, end, end - top) : hash.walk(gap!.value, gap!.to, gap!.to - end);
    if (!equalBytes(known, end > top ? state.tip : proof)) return { verdict: 'forged' };
    return { verdict: 'accepted', next: retake(state, { end, units, proof }), ikm: proof };
  }

  function retake(state: CardState, { end, units, proof }: Spending): CardState {
    const { top } = state;
    const from = end - units;
    const gaps: Gap[] = [];
    for (const gap of state.gaps) {
      if (gap.to <= from || gap.from >= end) {
        gaps.push(gap);
        continue;
      }
      if (gap.from < from) gaps.push({ from: gap.from, to: from, value: hash.walk(proof, end, units) });
      if (gap.to > end) gaps.push({ from: end, to: gap.to, value: gap.value });
    }
    if (from > top) insertGap(gaps, { from: top, to: from, value: hash.walk(proof, end, units) });
    return {
      units: state.units,
      spent: state.spent + units,
      top: Math.max(top, end),
      tip: end > top ? proof : state.tip,
      gaps,
    };
  }

  function giveBack(
    state: CardState,
    { end, units, proof }: Spending,
    held: number,
    kept: number,
  ): CardState {
    if (kept >= held) return state;
    const from = end - units;
    const gaps = [...state.gaps];
    insertGap(gaps, { from: from + kept, to: from + held, value: hash.walk(proof, end, units - held) });
    return { ...state, spent: state.spent - (held - kept), gaps };
  }

  return { protocol: 'chain', encode: () => salt.slice(), take, retake, giveBack };
}

/** How many gaps a card would have after the claim of `(from, end]`. */
function gapsAfter(state: CardState, from: number, end: number, gap: Gap | undefined): number {
  const { gaps, top } = state;
  if (!gap) return gaps.length + (from > top && gaps.at(-1)?.to !== top ? 1 : 0);
  return gaps.length - 1 + (gap.from < from ? 1 : 0) + (gap.to > end ? 1 : 0);
}

/** Inserts a range that touches no held unit, merging it with its neighbours: the upper one's link stands for both. */
function insertGap(gaps: Gap[], gap: Gap): void {
  let at = gaps.findIndex((g) => g.from >= gap.to);
  if (at < 0) at = gaps.length;
  let merged = gap;
  const above = gaps[at];
  if (above && above.from === merged.to) {
    merged = { from: merged.from, to: above.to, value: above.value };
    gaps.splice(at, 1);
  }
  const below = gaps[at - 1];
  if (below && below.to === merged.from) {
    merged = { from: below.from, to: merged.to, value: merged.value };
    gaps.splice(--at, 1);
  }
  gaps.splice(at, 0, merged);
}
