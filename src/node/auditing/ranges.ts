/** Ranges `(from, to]` in ascending order, disjoint and never touching. */

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Whether a range lies within one of them. */
export function covers(ranges: readonly Range[], { from, to }: Range): boolean {
  return from >= to || ranges.some((range) => range.from <= from && to <= range.to);
}

/** Whether a range has anything in common with them. */
export function meets(ranges: readonly Range[], { from, to }: Range): boolean {
  return from < to && ranges.some((range) => range.from < to && from < range.to);
}

/** They and one more, which meets none of them. */
export function withRange(ranges: readonly Range[], added: Range): Range[] {
  if (added.from >= added.to) return [...ranges];
  const below = ranges.filter(({ to }) => to < added.from);
  const above = ranges.filter(({ from }) => from > added.to);
  const touching = ranges.filter(({ from, to }) => to === added.from || from === added.to);
  const from = Math.min(added.from, ...touching.map((range) => range.from));
  const to = Math.max(added.to, ...touching.map((range) => range.to));
  return [...below, { from, to }, ...above];
}

/** They without one that they cover. */
export function withoutRange(ranges: readonly Range[], { from, to }: Range): Range[] {
  if (from >= to) return [...ranges];
  return ranges.flatMap((range) =>
    range.from <= from && to <= range.to
      ? [
          { from: range.from, to: from },
          { from: to, to: range.to },
        ].filter((rest) => rest.from < rest.to)
      : [range],
  );
}

export function lengthOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0);
}
