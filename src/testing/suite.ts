import { toHex } from '../core/bytes.js';
import { ImpulsError } from '../core/errors.js';

/**
 * What some implementations cannot mean, so that their harness leaves it out.
 * `restart`: opening again is what another process would see. `exclusive`: what is open cannot be opened a second time.
 * `shared`: it can, and each sees what the others do; of a wallet's storages, a lease goes round.
 */
export type Capability = 'restart' | 'exclusive' | 'shared';

/** One sentence of a contract and how to see that it holds. Any test runner can register it. */
export interface SuiteCase<Harness> {
  readonly name: string;
  /** Skip it for a harness without this capability. */
  readonly needs?: Capability;
  /** @throws ImpulsError `storage-failed` if the contract does not hold */
  readonly run: (harness: Harness) => Promise<void>;
}

export function check(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new ImpulsError('storage-failed', `the contract does not hold: ${sentence}`);
}

/** Compares plain data and bytes; a property that is undefined is like one that is absent. */
export function checkSame(actual: unknown, expected: unknown, sentence: string): void {
  const [found, wanted] = [describe(actual), describe(expected)];
  check(found === wanted, `${sentence}; found ${found}, expected ${wanted}`);
}

function describe(value: unknown): string {
  // A Buffer is not as good: its `slice` does not copy.
  if (value instanceof Uint8Array) return `${value.constructor.name}<${toHex(value)}>`;
  if (Array.isArray(value)) return `[${value.map(describe).join(', ')}]`;
  if (typeof value !== 'object' || value === null)
    return value === undefined ? 'nothing' : JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${name}: ${describe(member)}`).join(', ')}}`;
}

/** Choices that a seed fixes. Not for secrets. */
export interface Choices {
  /** An integer from 0 to below `bound`. */
  below(bound: number): number;
  pick<T>(values: readonly T[]): T;
  bytes(length: number): Uint8Array;
}

/** Marsaglia's xorshift with 32 bits. */
export function createChoices(seed: number): Choices {
  let state = (seed ^ 0x9e3779b9) | 0 || 1;
  const below = (bound: number) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
  return {
    below,
    pick: <T>(values: readonly T[]) => values[below(values.length)]!,
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  };
}
