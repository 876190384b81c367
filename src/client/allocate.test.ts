import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveCard, readOpening } from '../core/card.js';
import type { CardState } from '../core/card-state.js';
import { limits } from '../core/limits.js';
import type { ProtocolName, Scheme, Source } from '../core/protocol.js';
import { reportState } from '../core/receipt.js';
import {
  adopt,
  allocate,
  createAccount,
  freeUnits,
  hold,
  holdsNothing,
  keptUnits,
  raiseTop,
  release,
  settle,
  type Account,
  type Hold,
} from './allocate.js';

/** A claim on its way: what the vendor has made of it so far, which the wallet may not know. */
interface Flight extends Hold {
  vendor: 'not arrived' | 'refused' | 'accepted' | 'released' | { readonly kept: number };
}

class Model {
  account: Account;
  state: CardState;
  readonly flights: Flight[] = [];
  charged = 0;
  readonly #scheme: Scheme;
  readonly #source: Source;

  constructor(protocol: ProtocolName, units: number) {
    const card = deriveCard(new Uint8Array(32).fill(7), { protocol }, units);
    const opened = readOpening(card.opening, units);
    this.account = createAccount(protocol, units);
    this.state = opened.state;
    this.#scheme = opened.scheme;
    this.#source = card.source;
  }

  reserve(units: number): 'held' | 'wait' | 'none' {
    const place = allocate(this.account, units);
    if (typeof place === 'string') return place;
    this.account = hold(this.account, { end: place.end, units });
    this.flights.push({ end: place.end, units, vendor: 'not arrived' });
    return 'held';
  }

  /** The claim reaches the vendor, who may find the price too high now. */
  arrive(flight: Flight, refused: boolean): void {
    if (flight.vendor !== 'not arrived') return;
    if (refused) {
      flight.vendor = 'refused';
      return;
    }
    const taken = this.#scheme.take(this.state, { ...flight, proof: this.#source.proof(flight.end) });
    expect(taken.verdict).toBe('accepted');
    if (taken.verdict !== 'accepted') return;
    this.state = taken.next;
    flight.vendor = 'accepted';
  }

  resolve(flight: Flight, kept: number): void {
    if (flight.vendor !== 'accepted') return;
    const spending = { ...flight, proof: this.#source.proof(flight.end) };
    this.state = this.#scheme.giveBack(this.state, spending, flight.units, kept);
    flight.vendor = kept === 0 ? 'released' : { kept };
  }

  learn(flight: Flight): void {
    const { vendor } = flight;
    if (vendor === 'not arrived' || vendor === 'accepted') return;
    this.flights.splice(this.flights.indexOf(flight), 1);
    if (vendor === 'refused' || vendor === 'released') {
      this.account = release(this.account, flight, vendor);
      return;
    }
    this.charged += vendor.kept;
    this.account = settle(this.account, flight, vendor.kept);
  }

  finish(): void {
    for (const flight of [...this.flights]) {
      this.arrive(flight, false);
      this.resolve(flight, flight.units);
      this.learn(flight);
    }
  }
}

interface Step {
  readonly kind: 'reserve' | 'arrive' | 'resolve' | 'learn';
  readonly which: number;
  readonly units: number;
  readonly outcome: 'refuse' | 'release' | 'capture' | 'keep';
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('reserve', 'reserve', 'arrive', 'resolve', 'learn'),
  which: fc.nat(),
  units: fc.integer({ min: 1, max: 20 }),
  outcome: fc.constantFrom('refuse', 'release', 'capture', 'keep'),
});

/** Each step is done to one of the claims that it can be done to. */
function run(model: Model, steps: readonly Step[]): void {
  for (const { kind, which, units, outcome } of steps) {
    const pick = (can: (flight: Flight) => boolean): Flight | undefined => {
      const able = model.flights.filter(can);
      return able[which % Math.max(1, able.length)];
    };
    if (kind === 'reserve') model.reserve(units);
    else if (kind === 'arrive') {
      const flight = pick(({ vendor }) => vendor === 'not arrived');
      if (flight) model.arrive(flight, outcome === 'refuse');
    } else if (kind === 'resolve') {
      const flight = pick(({ vendor }) => vendor === 'accepted');
      const kept = {
        refuse: 0,
        release: 0,
        capture: Math.ceil((flight?.units ?? 0) / 2),
        keep: flight?.units ?? 0,
      };
      if (flight) model.resolve(flight, kept[outcome]);
    } else {
      const flight = pick(({ vendor }) => vendor !== 'not arrived' && vendor !== 'accepted');
      if (flight) model.learn(flight);
    }
    expect(model.flights.length).toBeLessThanOrEqual(limits.inFlight);
  }
}

describe.each(['chain', 'stream'] as const)('the allocation of %s', (protocol) => {
  it('never meets a conflict or a crowd at an honest vendor, and loses no unit', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const model = new Model(protocol, 300);
        run(model, steps);
        model.finish();
        expect(model.account.spent).toBe(model.charged);
        expect(model.state.spent).toBe(model.charged);
        expect(freeUnits(model.account)).toBe(300 - model.charged);
        // Every place that is left can be claimed.
        while (model.reserve(1) === 'held') {
          while (model.reserve(1) === 'held');
          model.finish();
        }
        expect(model.state.spent).toBe(300);
      }),
      { numRuns: 100 },
    );
  });

  it('holds with hundreds of claims that are all captured in part, one after the other', () => {
    const model = new Model(protocol, 3000);
    for (let i = 0; i < 300; i++) {
      expect(model.reserve(1 + (i % 7))).toBe('held');
      const flight = model.flights[0]!;
      model.arrive(flight, false);
      model.resolve(flight, 1);
      model.learn(flight);
    }
    expect(model.state.spent).toBe(300);
    expect(freeUnits(model.account)).toBe(2700);
  });

  it('makes no hole too many with claims that arrive in the worst order and are all captured in part', () => {
    const model = new Model(protocol, 6000);
    for (let round = 0; round < 6; round++) {
      while (model.reserve(3) === 'held');
      const odd = model.flights.filter((_, i) => i % 2 === 1);
      const even = model.flights.filter((_, i) => i % 2 === 0).reverse();
      for (const flight of [...odd, ...even]) model.arrive(flight, false);
      for (const flight of model.flights) model.resolve(flight, 1);
      // Every other outcome is heard of at once, the rest a round later.
      for (const flight of even) model.learn(flight);
    }
    model.finish();
    expect(freeUnits(model.account)).toBe(6000 - model.charged);
  });

  it('lets 64 claims of any size be in flight, or waits where the vendor could refuse the leap', () => {
    const model = new Model(protocol, 1_000_000);
    while (model.reserve(1000) === 'held');
    expect(model.reserve(1000)).toBe('wait');
    expect(model.flights.length).toBe(protocol === 'stream' ? 64 : 5);
    for (const flight of [...model.flights].reverse()) model.arrive(flight, false);
    model.finish();
    expect(freeUnits(model.account)).toBe(1_000_000 - model.charged);
  });

  it('spends a card to its last unit and then says none', () => {
    const model = new Model(protocol, 10);
    expect(model.reserve(11)).toBe('none');
    expect(model.reserve(7)).toBe('held');
    expect(model.reserve(4)).toBe('wait');
    expect(model.reserve(3)).toBe('held');
    model.finish();
    expect(model.reserve(1)).toBe('none');
  });

  it('takes over what the vendor says, and keeps what is in flight', () => {
    const model = new Model(protocol, 500);
    for (let i = 0; i < 8; i++) model.reserve(5);
    for (const [i, flight] of [...model.flights].entries()) {
      if (i % 2 === 0) continue;
      model.arrive(flight, false);
      model.resolve(flight, i % 4 === 1 ? 0 : 5);
      model.learn(flight);
    }
    const before = model.account;
    const lost = createAccount(protocol, 500);
    model.account = adopt(lost, reportState(model.state, 0), model.flights);
    expect(model.account.reserved).toBe(before.reserved);
    expect(freeUnits(model.account)).toBe(freeUnits(before));
    for (const flight of model.flights)
      expect(holdsNothing(protocol, flight, reportState(model.state, 0))).toBe(true);
    while (model.reserve(5) === 'held');
    model.finish();
    expect(freeUnits(model.account)).toBe(500 - model.state.spent);
  });
});

describe('an account', () => {
  it('counts what another wallet took as spent', () => {
    const account = hold(createAccount('chain', 100), { end: 10, units: 10 });
    const taken = release(account, { end: 10, units: 10 }, 'taken');
    expect(freeUnits(taken)).toBe(90);
    expect(allocate(raiseTop(taken, 50), 5)).toEqual({ end: 15 });
  });

  it('knows what the vendor kept of a chain claim from the gaps', () => {
    const report = { units: 100, spent: 7, top: 10, expires: 0, gaps: [[7, 10]] as const };
    expect(keptUnits('chain', { end: 10, units: 10 }, report)).toBe(7);
    expect(keptUnits('stream', { end: 10, units: 10 }, report)).toBe(10);
    expect(holdsNothing('chain', { end: 10, units: 3 }, report)).toBe(true);
    expect(holdsNothing('chain', { end: 10, units: 4 }, report)).toBe(false);
    expect(holdsNothing('chain', { end: 20, units: 13 }, report)).toBe(true);
    expect(holdsNothing('chain', { end: 20, units: 14 }, report)).toBe(false);
  });
});
