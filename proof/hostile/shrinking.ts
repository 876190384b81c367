import { runWorld, type WorldOptions, type WorldReport } from './world.js';

/** A world that fails, with fewer faults and fewer calls: what is left is what it takes. */
export interface Shrunk {
  readonly seed: number;
  readonly calls: number;
  /** Which faults strike. */
  readonly only: readonly string[];
  /** Which calls are left out. */
  readonly omits: readonly string[];
  readonly report: WorldReport;
}

/** @param tries how many worlds are run at most */
export async function shrink(options: WorldOptions, failed: WorldReport, tries = 80): Promise<Shrunk> {
  const invariant = failed.breaches[0]!.invariant;
  let left = tries;
  let best: Shrunk = {
    seed: options.seed,
    calls: options.calls,
    only: failed.struck,
    omits: [],
    report: failed,
  };

  /** Takes a smaller world if it fails in the same way. */
  async function attempt(change: Partial<Pick<Shrunk, 'calls' | 'only' | 'omits'>>): Promise<boolean> {
    if (left-- <= 0) return false;
    const next = { ...best, ...change };
    const { calls, only, omits } = next;
    const report = await runWorld({ ...options, calls, only: new Set(only), omits: new Set(omits) });
    if (!report.breaches.some((breach) => breach.invariant === invariant)) return false;
    best = { ...next, only: only.filter((name) => report.struck.includes(name)), report };
    return true;
  }

  await attempt({});
  while (best.calls > 8 && (await attempt({ calls: Math.ceil(best.calls / 2) })));
  for (let size = Math.ceil(best.only.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = best.only.length - size; at > -size && left > 0; at -= size) {
      await attempt({ only: best.only.filter((_, i) => i < at || i >= at + size) });
    }
  }
  const names = namesOf(best.calls, options.wallets ?? 4);
  for (let size = Math.ceil(names.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < names.length && left > 0; at += size) {
      const out = names.slice(at, at + size).filter((name) => !best.omits.includes(name));
      if (out.length > 0) await attempt({ omits: [...best.omits, ...out] });
    }
  }
  return best;
}

function namesOf(calls: number, wallets: number): string[] {
  const share = Math.ceil(calls / wallets);
  return Array.from({ length: wallets * share }, (_, i) => `w${Math.floor(i / share)}.${i % share}`);
}
