import type { Breach } from './observer.js';
import type { WorldReport } from './world.js';

/** Many worlds together. */
export interface Tally {
  readonly worlds: number;
  /** Requests that somebody wanted to pay for. */
  readonly payments: number;
  /** Claims that vendors accepted. */
  readonly accepted: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly crashes: { readonly vendor: number; readonly wallets: number };
  readonly restores: number;
  /** Virtual hours. */
  readonly hours: number;
  readonly doubleCharges: number;
  readonly lostUnits: number;
  readonly breaches: readonly (Breach & { readonly seed: number })[];
}

export const nothing: Tally = {
  worlds: 0,
  payments: 0,
  accepted: 0,
  faults: {},
  crashes: { vendor: 0, wallets: 0 },
  restores: 0,
  hours: 0,
  doubleCharges: 0,
  lostUnits: 0,
  breaches: [],
};

export function addWorld(tally: Tally, { seed, breaches, ...world }: WorldReport): Tally {
  const faults: Record<string, number> = { ...tally.faults };
  for (const [kind, count] of Object.entries(world.faults)) faults[kind] = (faults[kind] ?? 0) + count;
  const count = (invariant: Breach['invariant']): number =>
    breaches.filter((breach) => breach.invariant === invariant).length;
  return {
    worlds: tally.worlds + 1,
    payments: tally.payments + world.calls,
    accepted: tally.accepted + world.accepted,
    faults,
    crashes: {
      vendor: tally.crashes.vendor + world.crashes.vendor,
      wallets: tally.crashes.wallets + world.crashes.wallets,
    },
    restores: faults['vendor restored'] ?? 0,
    hours: tally.hours + world.lasted / 3_600_000,
    doubleCharges: tally.doubleCharges + count('charged once'),
    lostUnits: tally.lostUnits + count('no unit lost'),
    breaches: [...tally.breaches, ...breaches.map((breach) => ({ ...breach, seed }))].slice(0, 1000),
  };
}
