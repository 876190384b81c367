/**
 * A budget of failures: guessing is what it costs, right answers are free. In memory, bounded; a source is any text,
 * forgotten when its budget is full again.
 */
export interface FailureBudget {
  /** Seconds until another attempt is heard; 0 if now. */
  blockedSeconds(source: string): number;
  recordFailure(source: string): void;
  /** Failures of all sources that are not forgiven yet, for a gauge. */
  readonly level: number;
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
  level: number;
  at: number;
}

/** More sources than this share one bucket. */
const maxSources = 10_000;

export function createFailureBudget(options: FailureBudgetOptions): FailureBudget {
  const { perSource = 10, global = 1000, windowSeconds = 600, clock } = options;
  const all: Bucket = { level: 0, at: clock() };
  const sources = new Map<string, Bucket>();

  function drain(bucket: Bucket, size: number): Bucket {
    const now = clock();
    const forgiven = (Math.max(0, now - bucket.at) / 1000) * (size / windowSeconds);
    bucket.level = Math.max(0, bucket.level - forgiven);
    bucket.at = now;
    return bucket;
  }

  function wait(bucket: Bucket, size: number): number {
    const over = drain(bucket, size).level + 1 - size;
    return over > 0 ? Math.ceil((over * windowSeconds) / size) : 0;
  }

  function bucketOf(source: string): Bucket {
    const key = sources.has(source) || sources.size < maxSources ? source : '';
    const bucket = sources.get(key) ?? { level: 0, at: clock() };
    sources.delete(key);
    sources.set(key, bucket);
    return bucket;
  }

  function forget(): void {
    for (const [source, bucket] of sources) {
      if (drain(bucket, perSource).level > 0) return;
      sources.delete(source);
    }
  }

  return {
    blockedSeconds(source) {
      const bucket = sources.get(source) ?? (sources.size < maxSources ? undefined : sources.get(''));
      return Math.max(wait(all, global), bucket ? wait(bucket, perSource) : 0);
    },
    recordFailure(source) {
      forget();
      drain(all, global).level += 1;
      drain(bucketOf(source), perSource).level += 1;
    },
    get level() {
      return drain(all, global).level;
    },
  };
}
