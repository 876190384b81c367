/** Counts by name; the longest unused name is forgotten first. */
export interface Counter {
  count(name: string): number;
  add(name: string): void;
}

export function createCounter(maxNames = 100_000): Counter {
  const counts = new Map<string, number>();
  return {
    count: (name) => counts.get(name) ?? 0,
    add(name) {
      const count = (counts.get(name) ?? 0) + 1;
      counts.delete(name);
      counts.set(name, count);
      if (counts.size > maxNames) counts.delete(counts.keys().next().value!);
    },
  };
}
