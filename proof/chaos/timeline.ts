/** What a run looked like over time. Milliseconds. */

export interface Episode {
  readonly name: string;
  readonly what: string;
  readonly struckAt: number;
  /** When it was as before. */
  readonly mendedAt: number;
}

export interface Moment {
  readonly begun: number;
  readonly at: number;
}

export interface Stall {
  readonly name: string;
  readonly what: string;
  /** How long it lasted until it was mended. */
  readonly lasted: number;
  /** The longest time in which no payment was answered. */
  readonly stalled: number;
  /** The longest that one payment took. */
  readonly slowest: number;
  /** How many took longer than a second. */
  readonly delayed: number;
}

/** How long after it is mended what goes wrong is put down to it, unless something else breaks by then. */
export const aftermathMs = 4000;

/** @param answered in any order */
export function measureStalls(episodes: readonly Episode[], answered: readonly Moment[]): Stall[] {
  const moments = [...answered].sort((a, b) => a.at - b.at);
  return episodes.map(({ name, what, struckAt, mendedAt }, i) => {
    const until = Math.min(mendedAt + aftermathMs, episodes[i + 1]?.struckAt ?? Infinity);
    const within = moments.map(({ at }) => at).filter((at) => at > struckAt && at < until);
    const stalled = longestGap([struckAt, ...within, until]);
    const waits = moments
      .filter(({ begun, at }) => at > struckAt && begun < mendedAt)
      .map(({ begun, at }) => at - begun);
    return {
      name,
      what,
      lasted: mendedAt - struckAt,
      stalled,
      slowest: Math.max(0, ...waits),
      delayed: waits.filter((wait) => wait > 1000).length,
    };
  });
}

function longestGap(times: readonly number[]): number {
  return Math.max(0, ...times.slice(1).map((at, i) => at - times[i]!));
}

/** Answers in each second from `from` to `to`. */
export function countSeconds(answered: readonly Moment[], from: number, to: number): number[] {
  const counts = Array.from({ length: Math.ceil((to - from) / 1000) }, () => 0);
  for (const { at } of answered) {
    const second = Math.floor((at - from) / 1000);
    if (second >= 0 && second < counts.length) counts[second]!++;
  }
  return counts;
}
