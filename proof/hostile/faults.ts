/** What goes wrong in a world. A seed decides about each place by its name, so that leaving one fault out moves no other. */

export type FaultKind =
  | 'request lost'
  | 'reply lost'
  | 'reply torn'
  | 'request doubled'
  | 'request doubled late'
  | 'message delayed'
  | 'answer forged'
  | 'network partitioned'
  | 'wallet killed'
  | 'wallet disk failed'
  | 'vendor killed'
  | 'vendor power cut'
  | 'ledger failed'
  | 'ledger slow'
  | 'vendor restored'
  | 'vendor clock jumped'
  | 'wallet clock jumped';

/** How many of a million places are hit: messages, writes, operations, minutes, worlds. */
export type Rates = Readonly<Record<FaultKind, number>>;

export const rates: Rates = {
  'request lost': 8_000,
  'reply lost': 10_000,
  'reply torn': 2_000,
  'request doubled': 12_000,
  'request doubled late': 6_000,
  'message delayed': 15_000,
  'answer forged': 4_000,
  'network partitioned': 15_000,
  'wallet killed': 1_200,
  'wallet disk failed': 300,
  'vendor killed': 250,
  'vendor power cut': 120,
  'ledger failed': 250,
  'ledger slow': 3_000,
  'vendor restored': 350_000,
  'vendor clock jumped': 15_000,
  'wallet clock jumped': 15_000,
};

export interface Faults {
  /** Whether this goes wrong at the place of that name. Counted if it does. */
  strikes(kind: FaultKind, place: string): boolean;
  /** A number from 0 to below `bound` that the seed fixes for a name. */
  draw(name: string, bound: number): number;
  /** How often each kind struck. */
  readonly counts: Readonly<Record<string, number>>;
  /** Everything that struck, as `kind @ place`. */
  readonly struck: readonly string[];
  /** From now on things go wrong: before, nothing does. */
  begin(): void;
  /** From now on nothing goes wrong any more. */
  cease(): void;
}

export interface FaultOptions {
  readonly seed: number;
  readonly rates?: Partial<Rates>;
  /** Only these strike, as they stand in `struck`, and always do. Default: by the rates. */
  readonly only?: ReadonlySet<string>;
}

export function createFaults({ seed, rates: changed = {}, only }: FaultOptions): Faults {
  const chances = { ...rates, ...changed };
  const counts: Record<string, number> = {};
  const struck: string[] = [];
  let isOn = false;
  return {
    counts,
    struck,
    draw: (name, bound) => hash(seed, name) % bound,
    strikes(kind, place) {
      if (!isOn) return false;
      const name = `${kind} @ ${place}`;
      const hits = only ? only.has(name) : hash(seed, name) % 1_000_000 < chances[kind];
      if (!hits) return false;
      counts[kind] = (counts[kind] ?? 0) + 1;
      struck.push(name);
      return true;
    },
    begin() {
      isOn = true;
    },
    cease() {
      isOn = false;
    },
  };
}

/** 32 bits of a text, spread well enough for games of chance. */
export function hash(seed: number, text: string): number {
  let state = seed ^ 0x9e37_79b9;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x0100_0193);
  state = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2_ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
