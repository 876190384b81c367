import { ImpulsError } from '../core/errors.js';

/**
 * A budget of failures: guessing is what it costs, right answers are free. In memory, bounded; a source is any text,
 * forgotten when its budget is full again. An attempt that runs may fail, so it holds a failure of the budget until it is
 * known: however many come at once, no more fail than the budget has.
 */
export interface FailureBudget {
  /**
   * Runs an attempt when the budget has room for its failure.
   *
   * @param isFailure whether what it threw counts
   * @throws what it throws, or ImpulsError `throttled` without having run it
   */
  attempt<T>(source: string, work: () => Promise<T>, isFailure: (error: unknown) => boolean): Promise<T>;
  readonly gauge: FailureGauge;
}

/** What a vendor can see of guessing. It tells of no source. */
export interface FailureGauge {
  /** Failures of all sources that are not forgiven yet. */
  readonly level: number;
  /** Where every attempt is refused. */
  readonly limit: number;
  /** Sources whose attempts are refused now. */
  readonly blockedSources: number;
  /** Since the vendor started. */
  readonly failed: number;
  readonly refused: number;
}

export interface FailureBudgetOptions {
  /** Failures that one source may make before it waits. Default 10. */
  readonly perSource?: number;
  /** Failures of all sources together. Default 1,000. */
  readonly global?: number;
  /** Seconds in which a full budget comes back. Default 600. */
  readonly windowSeconds?: number;
  /** Milliseconds. */
  readonly clock: () => number;
}

interface Bucket {
  readonly size: number;
  level: number;
  at: number;
  /** Attempts whose outcome is not known. */
  running: number;
}

/** More sources than this share one bucket. */
const maxSources = 10_000;
/** Attempts that wait for others to end; one more is refused. */
const maxWaiting = 1000;

export function createFailureBudget(options: FailureBudgetOptions): FailureBudget {
  const { perSource = 10, global = 1000, windowSeconds = 600, clock } = options;
  const createBucket = (size: number): Bucket => ({ size, level: 0, at: clock(), running: 0 });
  const all = createBucket(global);
  /** In the order of their last use. */
  const sources = new Map<string, Bucket>();
  let waiting: Array<() => void> = [];
  let failed = 0;
  let refused = 0;

  function drain(bucket: Bucket): Bucket {
    const now = clock();
    const forgiven = (Math.max(0, now - bucket.at) / 1000) * (bucket.size / windowSeconds);
    bucket.level = Math.max(0, bucket.level - forgiven);
    bucket.at = now;
    return bucket;
  }

  /** Seconds until it takes another failure; 0 if now. */
  function blockedSeconds(bucket: Bucket): number {
    const over = drain(bucket).level + 1 - bucket.size;
    return over > 0 ? Math.ceil((over * windowSeconds) / bucket.size) : 0;
  }

  function hasRoom({ size, level, running }: Bucket): boolean {
    return level + running + 1 <= size;
  }

  function nameOf(source: string): string {
    return sources.has(source) || sources.size < maxSources ? source : '';
  }

  function refuse(seconds: number): ImpulsError {
    refused++;
    return new ImpulsError('throttled', 'too many wrong vouchers', {
      hint: `Try again in ${seconds} seconds.`,
    });
  }

  /** Takes a place in the budgets that the attempt counts against. */
  async function enter(source: string): Promise<Bucket> {
    for (;;) {
      forget();
      const name = nameOf(source);
      const bucket = sources.get(name) ?? createBucket(perSource);
      const seconds = Math.max(blockedSeconds(all), blockedSeconds(bucket));
      if (seconds > 0) throw refuse(seconds);
      if (hasRoom(all) && hasRoom(bucket)) {
        sources.delete(name);
        sources.set(name, bucket);
        all.running++;
        bucket.running++;
        return bucket;
      }
      if (waiting.length >= maxWaiting) throw refuse(1);
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  }

  function leave(bucket: Bucket, failures: 0 | 1): void {
    for (const one of [all, bucket]) {
      one.running--;
      drain(one).level += failures;
    }
    failed += failures;
    forget();
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }

  /** Sources that have nothing to remember, the longest unused first. */
  function forget(): void {
    for (const [source, bucket] of sources) {
      if (bucket.running > 0 || drain(bucket).level > 0) return;
      sources.delete(source);
    }
  }

  return {
    async attempt(source, work, isFailure) {
      const bucket = await enter(source);
      let failures: 0 | 1 = 0;
      try {
        return await work();
      } catch (error) {
        if (isFailure(error)) failures = 1;
        throw error;
      } finally {
        leave(bucket, failures);
      }
    },

    get gauge() {
      return {
        level: drain(all).level,
        limit: global,
        blockedSources: [...sources.values()].filter((bucket) => blockedSeconds(bucket) > 0).length,
        failed,
        refused,
      };
    },
  };
}
