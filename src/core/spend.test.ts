import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes } from './bytes.js';
import type { CardState, Spending } from './card-state.js';
import { deriveCard, readOpening } from './card.js';
import { limits } from './limits.js';
import type { CardKind, Scheme, Source } from './protocol.js';
import { spend, type KnownClaim, type Terms } from './spend.js';

const kinds: readonly CardKind[] = [
  { protocol: 'chain' },
  { protocol: 'stream', generator: 'chacha20' },
  { protocol: 'stream', generator: 'hmac-drbg' },
];
const seed = new Uint8Array(32).fill(7);

function open(kind: CardKind, units: number): { scheme: Scheme; state: CardState; source: Source } {
  const card = deriveCard(seed, kind, units);
  return { ...readOpening(card.opening, units), source: card.source };
}

const terms: Terms = {
  known: undefined,
  price: 1,
  charge: 'capture',
  cardHeld: false,
  cardExpired: false,
  challengeExpired: false,
  bodyMatches: true,
};

/** What an honest ledger would hold: which claims hold which units, in the plainest words. */
class Model {
  readonly holders = new Map<number, string>();
  readonly spentSteps = new Map<number, string>();
  readonly claims = new Map<string, { end: number; units: number; kept: number; released: boolean }>();
  top = 0;

  readonly kind: CardKind;

  constructor(kind: CardKind) {
    this.kind = kind;
  }

  range(end: number, units: number): number[] {
    return Array.from({ length: units }, (_, i) => end - i);
  }
  get spent(): number {
    return [...this.claims.values()].reduce((sum, claim) => sum + claim.kept, 0);
  }
  free(end: number, units: number): boolean {
    if (this.kind.protocol === 'chain')
      return this.range(end, units).every((unit) => !this.holders.has(unit));
    return !this.spentSteps.has(end);
  }
  take(name: string, end: number, units: number): void {
    this.claims.set(name, { end, units, kept: units, released: false });
    this.top = Math.max(this.top, end);
    if (this.kind.protocol === 'chain')
      for (const unit of this.range(end, units)) this.holders.set(unit, name);
    else this.spentSteps.set(end, name);
  }
  keep(name: string, kept: number): void {
    const claim = this.claims.get(name)!;
    if (this.kind.protocol === 'chain') {
      for (let unit = claim.end - claim.units + kept + 1; unit <= claim.end; unit++) {
        if (this.holders.get(unit) === name) this.holders.delete(unit);
      }
    }
    this.claims.set(name, { ...claim, kept: Math.min(kept, claim.kept), released: kept === 0 });
  }
}

type Step =
  | { readonly do: 'claim'; readonly end: number; readonly units: number }
  | { readonly do: 'repeat'; readonly which: number }
  | { readonly do: 'keep'; readonly which: number; readonly part: number };

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('claim' as const),
        end: fc.integer({ min: 1, max: 40 }),
        units: fc.integer({ min: 1, max: 6 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), which: fc.nat(50) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('keep' as const), which: fc.nat(50), part: fc.nat(6) }),
    },
  ),
  { maxLength: 60 },
);

describe.each(kinds)('spending from a card of $protocol $generator', (kind) => {
  it('never charges a claim twice and never loses a unit, whatever the order', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 20, max: 40 }), (script: Step[], units) => {
        const { scheme, source, ...opened } = open(kind, units);
        let { state } = opened;
        const model = new Model(kind);
        const made: Array<{ name: string; spending: Spending; known: KnownClaim; held: number }> = [];

        for (const [at, step] of script.entries()) {
          const before = state;
          const snapshot = structuredClone(state);
          if (step.do === 'claim') {
            const end = Math.max(step.end, kind.protocol === 'chain' ? step.units : 1);
            if (kind.protocol === 'chain' && end > units) continue;
            const spending = { end, units: step.units, proof: source.proof(end) };
            const outcome = spend(scheme, state, spending, terms);
            const free = model.free(end, step.units);
            const affordable = model.spent + step.units <= units;
            expect(outcome.verdict).toBe(!free ? 'conflict' : !affordable ? 'insufficient' : 'accepted');
            if (outcome.verdict === 'accepted') {
              state = outcome.next;
              expect(outcome.ikm).toEqual(source.ikm(end));
              model.take(`${at}`, end, step.units);
              made.push({
                name: `${at}`,
                spending,
                held: step.units,
                known: { status: 'settled', safe: true, repeats: 0 },
              });
            }
          } else if (made.length > 0) {
            const claim = made[step.which % made.length]!;
            if (step.do === 'repeat') {
              const outcome = spend(scheme, state, claim.spending, { ...terms, known: claim.known });
              expect(outcome.verdict).toBe(claim.known.status === 'released' ? 'released' : 'repeated');
            } else if (claim.held === claim.spending.units) {
              const kept = Math.min(step.part, claim.held);
              state = scheme.giveBack(state, claim.spending, claim.held, kept);
              model.keep(claim.name, kept);
              claim.held = kept;
              if (kept === 0) claim.known = { ...claim.known, status: 'released' };
            }
          }
          expect(equalBytes(before.tip, snapshot.tip) && before.gaps.length === snapshot.gaps.length).toBe(
            true,
          );
          expect(before.spent).toBe(snapshot.spent);
          expect(state.spent).toBe(model.spent);
          expect(state.top).toBe(model.top);
          checkInvariants(kind, state, source);
        }
      }),
      { numRuns: 2 * (fc.readConfigureGlobal().numRuns ?? 100) },
    );
  });

  it('comes to the same state by a replay without proofs', () => {
    const { scheme, state, source } = open(kind, 30);
    let live = state;
    let replayed = state;
    for (const [end, units] of [
      [5, 2],
      [9, 3],
      [3, 1],
      [6, 1],
    ] as const) {
      const spending = { end, units, proof: source.proof(end) };
      const taken = scheme.take(live, spending);
      if (taken.verdict !== 'accepted') throw new Error(taken.verdict);
      live = scheme.giveBack(taken.next, spending, units, 1);
      replayed = scheme.giveBack(scheme.retake(replayed, spending), spending, units, 1);
      expect(replayed).toEqual(live);
    }
  });

  it('refuses a proof that is not of this card', () => {
    const { scheme, state, source } = open(kind, 30);
    for (const end of [1, 5]) {
      const proof = source.proof(end).slice();
      proof[0]! ^= 1;
      expect(spend(scheme, state, { end, units: 1, proof }, terms)).toEqual({ verdict: 'forged' });
    }
  });
});

function checkInvariants(kind: CardKind, state: CardState, source: Source): void {
  let last = -1;
  let left = 0;
  for (const gap of state.gaps) {
    expect(gap.from).toBeGreaterThanOrEqual(kind.protocol === 'chain' && last >= 0 ? last + 1 : 0);
    expect(gap.to).toBeGreaterThan(gap.from);
    expect(gap.to).toBeLessThanOrEqual(state.top);
    expect(equalBytes(gap.value, source.ikm(gap.to))).toBe(true);
    last = gap.to;
    left += gap.to - gap.from;
  }
  if (kind.protocol === 'chain') expect(state.spent).toBe(state.top - left);
  expect(state.spent).toBeLessThanOrEqual(state.units);
}

describe('the verdicts', () => {
  const { scheme, state, source } = open({ protocol: 'chain' }, 10_000);
  const claim = (end: number, units: number): Spending => ({ end, units, proof: source.proof(end) });

  it('answers a known claim before anything else, and never as a new one', () => {
    const known: KnownClaim = { status: 'pending', safe: true, repeats: 0 };
    const hopeless = { ...terms, cardExpired: true, challengeExpired: true, bodyMatches: false, price: 99 };
    const verdict = (k: Partial<KnownClaim>) =>
      spend(scheme, state, claim(1, 1), { ...hopeless, known: { ...known, ...k } }).verdict;
    expect(verdict({})).toBe('in-progress');
    expect(verdict({ status: 'settled' })).toBe('repeated');
    expect(verdict({ status: 'settled', repeats: limits.repeats })).toBe('already-claimed');
    expect(verdict({ status: 'settled', safe: false, repeats: limits.repeats })).toBe('repeated');
    expect(verdict({ status: 'released' })).toBe('released');
    expect(verdict({ status: 'interrupted' })).toBe('repeated');
    expect(verdict({ status: 'interrupted', safe: false })).toBe('outcome-unknown');
  });

  it('knows of a card that may have been spent elsewhere only what was over before', () => {
    const held = { ...terms, cardHeld: true };
    const verdict = (status?: KnownClaim['status']) => {
      const known = status && { status, safe: true, repeats: 0 };
      return spend(scheme, state, claim(1, 1), { ...held, known }).verdict;
    };
    expect(verdict()).toBe('restored');
    expect(verdict('pending')).toBe('restored');
    expect(verdict('interrupted')).toBe('restored');
    expect(verdict('settled')).toBe('repeated');
    expect(verdict('released')).toBe('released');
  });

  it('refuses an expired card or challenge, a price not met and a foreign body without touching the card', () => {
    expect(spend(scheme, state, claim(1, 1), { ...terms, cardExpired: true }).verdict).toBe('expired');
    expect(spend(scheme, state, claim(1, 1), { ...terms, challengeExpired: true }).verdict).toBe('expired');
    expect(spend(scheme, state, claim(2, 2), { ...terms, price: 3 }).verdict).toBe('insufficient');
    expect(spend(scheme, state, claim(2, 2), { ...terms, bodyMatches: false }).verdict).toBe('mismatched');
  });

  it('keeps the price only, of a claim that holds more, unless the route captures', () => {
    const outcome = spend(scheme, state, claim(5, 5), { ...terms, price: 2, charge: 'price' });
    if (outcome.verdict !== 'accepted') throw new Error(outcome.verdict);
    expect(outcome.kept).toBe(2);
    expect(outcome.next.spent).toBe(2);
    expect(outcome.next.gaps).toEqual([{ from: 2, to: 5, value: source.ikm(5) }]);
  });

  it('lets a claim leap over as many units as the limit says, and not one more', () => {
    const furthest = limits.skippedUnits + 1;
    expect(spend(scheme, state, claim(furthest, 1), terms).verdict).toBe('accepted');
    expect(spend(scheme, state, claim(furthest + 1, 1), terms).verdict).toBe('crowded');
    expect(spend(scheme, state, claim(furthest + 1, 2), terms).verdict).toBe('accepted');
  });

  it('counts the units that a claim leaps over from the highest that was ever claimed', () => {
    const furthest = limits.skippedUnits + 1;
    const first = spend(scheme, state, claim(furthest, 1), terms);
    if (first.verdict !== 'accepted') throw new Error(first.verdict);
    expect(spend(scheme, first.next, claim(2 * furthest, 1), terms).verdict).toBe('accepted');
    expect(spend(scheme, first.next, claim(2 * furthest + 1, 1), terms).verdict).toBe('crowded');
  });

  it('holds no more gaps than the limit says, but lets one be filled past it', () => {
    let current = state;
    for (let i = 1; i <= limits.gaps; i++) {
      const outcome = spend(scheme, current, claim(2 * i, 1), terms);
      if (outcome.verdict !== 'accepted') throw new Error(outcome.verdict);
      current = outcome.next;
    }
    expect(current.gaps).toHaveLength(limits.gaps);
    const next = 2 * limits.gaps + 2;
    expect(spend(scheme, current, claim(next, 1), terms).verdict).toBe('crowded');
    expect(spend(scheme, current, claim(3, 1), terms).verdict).toBe('accepted');
    const released = scheme.giveBack(current, claim(next - 2, 1), 1, 0);
    expect(released.gaps).toHaveLength(limits.gaps);
  });

  it('accepts a claim across a released end of the card, whose gap reaches the top', () => {
    const first = spend(scheme, state, claim(10, 10), terms);
    if (first.verdict !== 'accepted') throw new Error(first.verdict);
    const released = scheme.giveBack(first.next, claim(10, 10), 10, 4);
    const across = spend(scheme, released, claim(12, 5), terms);
    if (across.verdict !== 'accepted') throw new Error(across.verdict);
    expect(across.next).toMatchObject({ spent: 9, top: 12, gaps: [{ from: 4, to: 7 }] });
    expect(across.next.gaps[0]!.value).toEqual(source.ikm(7));
  });

  it('never lets a chain claim reach beyond the last unit', () => {
    const end = 10_001;
    expect(spend(scheme, state, { end, units: 10_001, proof: new Uint8Array(32) }, terms).verdict).toBe(
      'insufficient',
    );
  });

  it('skips as many stream steps as the limit says, and not one more', () => {
    const stream = open({ protocol: 'stream' }, 100);
    const step = (end: number) =>
      spend(stream.scheme, stream.state, { end, units: 1, proof: stream.source.proof(end) }, terms).verdict;
    expect(step(limits.skippedSteps + 1)).toBe('accepted');
    expect(step(limits.skippedSteps + 2)).toBe('crowded');
  });
});
