import { describe, expect, it } from 'vitest';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { createFailureBudget, type FailureBudget } from './throttle.js';

const wrong = new ImpulsError('order-unknown', 'no such voucher');
const isWrong = (error: unknown): boolean => error === wrong;

async function fail(budget: FailureBudget, source: string): Promise<'failed' | 'throttled'> {
  try {
    await budget.attempt(source, () => Promise.reject(wrong), isWrong);
  } catch (error) {
    if (isWrong(error)) return 'failed';
    if (isImpulsError(error, 'throttled')) return 'throttled';
    throw error;
  }
  throw new ImpulsError('invalid-argument', 'it did not fail');
}

const passes = (budget: FailureBudget, source: string): Promise<boolean> =>
  budget.attempt(source, () => Promise.resolve(true), isWrong).catch(() => false);

/** An attempt whose end the test decides. */
function hold(budget: FailureBudget, source: string) {
  let end!: (error?: Error) => void;
  let started = false;
  const outcome = new Promise<string>((resolve, reject) => {
    end = (error) => (error ? reject(error) : resolve('passed'));
  });
  outcome.catch(() => {});
  const done = budget.attempt(
    source,
    () => {
      started = true;
      return outcome;
    },
    isWrong,
  );
  return { end, done: done.catch((error: unknown) => (error as ImpulsError).code), started: () => started };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a budget of failures', () => {
  it('stops one source, hears the others, and forgives with time', async () => {
    let now = 0;
    const budget = createFailureBudget({ perSource: 3, windowSeconds: 30, clock: () => now });
    for (let i = 0; i < 3; i++) expect(await fail(budget, 'a')).toBe('failed');
    expect(await fail(budget, 'a')).toBe('throttled');
    expect(await passes(budget, 'a')).toBe(false);
    expect(await passes(budget, 'b')).toBe(true);
    expect(budget.gauge).toEqual({ level: 3, limit: 1000, blockedSources: 1, failed: 3, refused: 2 });
    now += 10_000;
    expect(await passes(budget, 'a')).toBe(true);
    expect(await fail(budget, 'a')).toBe('failed');
    expect(await fail(budget, 'a')).toBe('throttled');
    now += 60_000;
    expect(budget.gauge).toMatchObject({ level: 0, blockedSources: 0, failed: 4, refused: 3 });
  });

  it('stops all when all together fail too often', async () => {
    const budget = createFailureBudget({ global: 20, clock: () => 0 });
    for (let i = 0; i < 20; i++) expect(await fail(budget, `source ${i}`)).toBe('failed');
    expect(await fail(budget, 'another')).toBe('throttled');
    expect(await passes(budget, 'another')).toBe(false);
  });

  it('lets no more fail than it has, however many come at once', async () => {
    const budget = createFailureBudget({ perSource: 10, clock: () => 0 });
    const outcomes = await Promise.all(Array.from({ length: 500 }, () => fail(budget, 'a')));
    expect(outcomes.filter((outcome) => outcome === 'failed')).toHaveLength(10);
    expect(budget.gauge).toMatchObject({ level: 10, failed: 10, refused: 490 });
  });

  it('holds back what comes at once, and lets it go on when what runs turns out right', async () => {
    const budget = createFailureBudget({ perSource: 2, clock: () => 0 });
    const [first, second, third, fourth] = [1, 2, 3, 4].map(() => hold(budget, 'a'));
    const other = hold(budget, 'b');
    await turn();
    expect([first, second, third, fourth, other].map((one) => one!.started())).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
    first!.end();
    expect(await first!.done).toBe('passed');
    await turn();
    expect([third!.started(), fourth!.started()]).toEqual([true, false]);
    second!.end(wrong);
    third!.end(wrong);
    expect(await Promise.all([second!.done, third!.done])).toEqual(['order-unknown', 'order-unknown']);
    expect(await fourth!.done).toBe('throttled');
    expect(fourth!.started()).toBe(false);
    other.end();
    expect(await other.done).toBe('passed');
  });

  it('bounds how many wait', async () => {
    const budget = createFailureBudget({ perSource: 1, clock: () => 0 });
    const first = hold(budget, 'a');
    const rest = Array.from({ length: 1001 }, () => passes(budget, 'a'));
    expect(await rest.at(-1)).toBe(false);
    first.end();
    expect(await Promise.all(rest.slice(0, -1))).toEqual(Array<boolean>(1000).fill(true));
    expect(budget.gauge).toMatchObject({ level: 0, failed: 0, refused: 1 });
  });

  it('does not count what failed for another reason', async () => {
    const budget = createFailureBudget({ perSource: 1, clock: () => 0 });
    const other = new ImpulsError('storage-failed', 'the disk is full');
    for (let i = 0; i < 5; i++) {
      await expect(budget.attempt('a', () => Promise.reject(other), isWrong)).rejects.toBe(other);
    }
    expect(budget.gauge).toMatchObject({ level: 0, failed: 0, refused: 0 });
  });

  it('remembers a bounded number of sources; the rest share one', async () => {
    const budget = createFailureBudget({ perSource: 2, global: 1_000_000, clock: () => 0 });
    for (let i = 0; i < 10_000; i++) await fail(budget, `source ${i}`);
    expect(await fail(budget, 'late')).toBe('failed');
    expect(await fail(budget, 'later')).toBe('failed');
    expect(await passes(budget, 'latest')).toBe(false);
    expect(await passes(budget, 'source 0')).toBe(true);
  });
});
