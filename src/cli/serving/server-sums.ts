import type { ActivityKind, ActivitySlot, FailureGauge } from '../../server/index.js';

/** What the servers of one vendor have counted, each in its own memory, as one. At least one each. */

export function sumFailures(gauges: readonly FailureGauge[]): FailureGauge {
  const sum = (name: keyof FailureGauge): number => gauges.reduce((all, gauge) => all + gauge[name], 0);
  return {
    level: sum('level'),
    limit: sum('limit'),
    blockedSources: sum('blockedSources'),
    failed: sum('failed'),
    refused: sum('refused'),
  };
}

export function sumActivity(servers: ReadonlyArray<readonly ActivitySlot[]>): ActivitySlot[] {
  const slots = new Map<number, Partial<Record<ActivityKind, number>>>();
  for (const { start, counts } of servers.flat()) {
    const sums = slots.get(start) ?? {};
    for (const [kind, count] of Object.entries(counts) as ReadonlyArray<[ActivityKind, number]>) {
      sums[kind] = (sums[kind] ?? 0) + count;
    }
    slots.set(start, sums);
  }
  return [...slots].sort(([a], [b]) => a - b).map(([start, counts]) => ({ start, counts }));
}
