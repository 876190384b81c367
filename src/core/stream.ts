import { concat, equalBytes, utf8 } from './bytes.js';
import { crowded, unitsLeft, type CardState, type Gap, type Spending, type Taken } from './card-state.js';
import { ImpulsError, malformed } from './errors.js';
import { generatorById, generators, type Generator } from './generators.js';
import { expand, sha256 } from './hash.js';
import { limits } from './limits.js';
import type { Protocol, Scheme, Source } from './protocol.js';

/**
 * Protocol `stream`: one step of a pseudorandom bit generator a payment, whatever its amount (docs/spec.md §3, §6.2). The
 * output of the step never travels; a coin derived from it does.
 */
export const stream: Protocol = {
  name: 'stream',
  id: 2,
  proofBytes: 16,
  maxUnits: limits.maxUint32,
  leastEnd: () => 1,
  derive: (seed, _units, generator) => deriveStream(seed, generators[generator]),
  readScheme(reader) {
    const generator = generatorById(reader.u8());
    if (!generator) throw malformed('no such generator');
    const nonce = reader.raw(generator.nonceBytes);
    return { scheme: streamScheme(generator), tip: generator.instantiate(reader.raw(32), nonce) };
  },
  decodeScheme(bytes) {
    const generator = bytes.length === 1 ? generatorById(bytes[0]!) : undefined;
    if (!generator) throw malformed('no such generator');
    return streamScheme(generator);
  },
};

/** The proof that shows an output without giving it away (docs/spec.md §6.1). 16 bytes. */
function coin(output: Uint8Array): Uint8Array {
  return sha256(concat(coinLabel, output)).slice(0, 16);
}

const coinLabel = utf8('impuls/1 coin');

function deriveStream(seed: Uint8Array, generator: Generator): Source {
  const start = expand(seed, 'impuls/1 stream', 32);
  const nonce = expand(seed, 'impuls/1 drbg nonce', 16).subarray(0, generator.nonceBytes);
  const initial = generator.instantiate(start, nonce);
  let state = initial;
  let step = 0;
  const outputs = new Map<number, Uint8Array>();
  const outputAt = (end: number): Uint8Array => {
    if (!Number.isInteger(end) || end < 1) throw new ImpulsError('invalid-argument', `no step ${end}`);
    const held = outputs.get(end);
    if (held) return held;
    if (end <= step) {
      state = initial;
      step = 0;
    }
    let output = start;
    while (step < end) {
      ({ state, output } = generator.step(state));
      remember(outputs, ++step, output);
    }
    return output;
  };
  return {
    opening: concat(Uint8Array.of(generator.id), nonce, start),
    ikm: outputAt,
    proof: (end) => coin(outputAt(end)),
  };
}

/** Keeps the outputs of the last steps: those that a claim in flight or a gap may still need. */
function remember(outputs: Map<number, Uint8Array>, step: number, output: Uint8Array): void {
  outputs.set(step, output);
  if (outputs.size > 4 * limits.inFlight) outputs.delete(outputs.keys().next().value!);
}

function streamScheme(generator: Generator): Scheme {
  function take(state: CardState, spending: Spending): Taken {
    const { end, units, proof } = spending;
    const skipped = end - 1 - state.top;
    const gap = end <= state.top ? state.gaps.find((g) => g.to === end) : undefined;
    if (end <= state.top && !gap) return { verdict: 'conflict' };
    if (units > unitsLeft(state)) return { verdict: 'insufficient' };
    if (
      skipped > limits.skippedSteps ||
      crowded(state.gaps.length, state.gaps.length + Math.max(0, skipped))
    ) {
      return { verdict: 'crowded' };
    }
    const { next, output } = advance(state, spending);
    return equalBytes(coin(output), proof)
      ? { verdict: 'accepted', next, ikm: output }
      : { verdict: 'forged' };
  }

  function advance(state: CardState, { end, units }: Spending): { next: CardState; output: Uint8Array } {
    const spent = state.spent + units;
    const filled = state.gaps.find((gap) => gap.to === end);
    if (filled) {
      return {
        next: { ...state, spent, gaps: state.gaps.filter((gap) => gap !== filled) },
        output: filled.value,
      };
    }
    const gaps: Gap[] = [...state.gaps];
    let { state: tip, output } = generator.step(state.tip);
    for (let step = state.top + 1; step < end; step++) {
      gaps.push({ from: step - 1, to: step, value: output });
      ({ state: tip, output } = generator.step(tip));
    }
    return { next: { units: state.units, spent, top: end, tip, gaps }, output };
  }

  return {
    protocol: 'stream',
    encode: () => Uint8Array.of(generator.id),
    take,
    retake: (state, spending) => advance(state, spending).next,
    giveBack: (state, _spending, held, kept) => ({ ...state, spent: state.spent - Math.max(0, held - kept) }),
  };
}
