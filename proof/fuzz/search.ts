import { createChoices, type Choices } from '../../src/testing/suite.js';

/** A search for inputs that reach new code: what reaches some is kept, and changed again. */
export interface SearchOptions {
  readonly run: (bytes: Uint8Array) => unknown;
  /** Counts of branches, set to 0 before each run. */
  readonly hits: Uint8Array;
  readonly seeds: readonly Uint8Array[];
  readonly words: readonly Uint8Array[];
  /** Not for secrets. */
  readonly seed: number;
  readonly maxBytes: number;
  /** Asked every so often, with how many runs there were. */
  readonly goesOn: (runs: number) => boolean;
  /** Told of every input before it is run, so that one that never ends is known. */
  readonly watch?: (bytes: Uint8Array) => void;
}

export interface SearchResult {
  readonly runs: number;
  /** Branches that were reached. */
  readonly branches: number;
  /** Inputs that together reach all of it, in the order in which they were found. */
  readonly corpus: readonly Uint8Array[];
  readonly finding?: { readonly bytes: Uint8Array; readonly error: unknown };
}

export async function search(options: SearchOptions): Promise<SearchResult> {
  const { run, hits, words, maxBytes, goesOn, watch } = options;
  const choices = createChoices(options.seed);
  const seen = new Uint8Array(hits.length);
  const corpus: Uint8Array[] = [];
  let runs = 0;

  /** @returns whether the input reached what none did before */
  const attempt = async (bytes: Uint8Array): Promise<boolean> => {
    watch?.(bytes);
    hits.fill(0);
    const ended = run(bytes);
    if (ended instanceof Promise) await ended;
    runs++;
    return isNews(hits, seen);
  };

  let bytes = new Uint8Array(0);
  try {
    for (const given of [bytes, ...options.seeds]) {
      bytes = Uint8Array.from(given);
      if (await attempt(bytes)) corpus.push(bytes);
    }
    while (goesOn(runs)) {
      // The newest ones lead on more often than the others.
      const parent = choices.below(2) ? choices.pick(corpus.slice(-8)) : choices.pick(corpus);
      bytes = change(parent, choices, corpus, words).slice(0, maxBytes);
      if (await attempt(bytes)) corpus.push(bytes);
    }
  } catch (error) {
    return { runs, branches: countOf(seen), corpus, finding: { bytes, error } };
  }
  return { runs, branches: countOf(seen), corpus };
}

/** Notes how often each branch was hit, in powers of two. */
function isNews(hits: Uint8Array, seen: Uint8Array): boolean {
  let news = false;
  for (let branch = 0; branch < hits.length; branch++) {
    const count = hits[branch]!;
    if (count === 0) continue;
    const bit = 1 << Math.min(7, 31 - Math.clz32(count));
    if (seen[branch]! & bit) continue;
    seen[branch]! |= bit;
    news = true;
  }
  return news;
}

function countOf(seen: Uint8Array): number {
  return seen.reduce((sum, bits) => sum + Number(bits > 0), 0);
}

/** The fewest of some inputs that reach what all of them do, the shortest first. */
export async function minimise(
  run: SearchOptions['run'],
  hits: Uint8Array,
  inputs: readonly Uint8Array[],
): Promise<Uint8Array[]> {
  const seen = new Uint8Array(hits.length);
  const kept: Uint8Array[] = [];
  for (const bytes of inputs.toSorted((one, other) => one.length - other.length)) {
    hits.fill(0);
    await run(bytes);
    if (isNews(hits, seen)) kept.push(bytes);
  }
  return kept;
}

function change(
  parent: Uint8Array,
  choices: Choices,
  corpus: readonly Uint8Array[],
  words: readonly Uint8Array[],
): Uint8Array {
  let bytes = parent;
  for (let times = 1 + choices.below(4); times > 0; times--) {
    bytes = choices.pick(changes)(bytes, choices, corpus, words);
  }
  return bytes;
}

type Change = (
  bytes: Uint8Array,
  choices: Choices,
  corpus: readonly Uint8Array[],
  words: readonly Uint8Array[],
) => Uint8Array;

const usual = [
  0, 1, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x2d, 0x3a, 0x3d, 0x5b, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xff,
];

function replaced(bytes: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  return Uint8Array.from([...bytes.subarray(0, from), ...by, ...bytes.subarray(to)]);
}

/** A place in the bytes, or their end. */
const placeIn = (bytes: Uint8Array, choices: Choices) => choices.below(bytes.length + 1);
const spanIn = (bytes: Uint8Array, choices: Choices): [from: number, to: number] => {
  const from = placeIn(bytes, choices);
  return [from, Math.min(bytes.length, from + 1 + choices.below(choices.below(4) ? 8 : 256))];
};

const changes: readonly Change[] = [
  (bytes, choices) => {
    const at = placeIn(bytes, choices);
    return replaced(bytes, at, at + 1, Uint8Array.of((bytes[at] ?? 0) ^ (1 << choices.below(8))));
  },
  (bytes, choices) => {
    const at = placeIn(bytes, choices);
    return replaced(bytes, at, at + 1, choices.bytes(1));
  },
  (bytes, choices) => {
    const at = placeIn(bytes, choices);
    return replaced(bytes, at, at + choices.below(2), Uint8Array.of(choices.pick(usual)));
  },
  (bytes, choices) => replaced(bytes, ...spanIn(bytes, choices), new Uint8Array(0)),
  (bytes, choices) => {
    const at = placeIn(bytes, choices);
    return replaced(bytes, at, at, bytes.subarray(...spanIn(bytes, choices)));
  },
  (bytes, choices, corpus) => {
    const other = choices.pick(corpus);
    return replaced(bytes, ...spanIn(bytes, choices), other.subarray(...spanIn(other, choices)));
  },
  (bytes, choices, corpus) => {
    const other = choices.pick(corpus);
    return replaced(bytes, placeIn(bytes, choices), bytes.length, other.subarray(placeIn(other, choices)));
  },
  (bytes, choices, _, words) => {
    const at = placeIn(bytes, choices);
    return replaced(bytes, at, at, words.length > 0 ? choices.pick(words) : choices.bytes(2));
  },
  (bytes, choices, _, words) =>
    replaced(bytes, ...spanIn(bytes, choices), words.length > 0 ? choices.pick(words) : choices.bytes(2)),
  (bytes, choices) => {
    const at = placeIn(bytes, choices);
    const number = choices.pick([
      '0',
      '-1',
      '1',
      '4294967295',
      '4294967296',
      '1e400',
      '9007199254740993',
      '0.1',
    ]);
    return replaced(bytes, at, at + choices.below(3), new TextEncoder().encode(number));
  },
];
