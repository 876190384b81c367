import { isImpulsError } from '../../core/errors.js';

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  /** What was found, in one line; no secret. */
  readonly what: string;
  /** The next move; for what is not ok. */
  readonly next?: string | undefined;
}

export function ok(name: string, what: string): Check {
  return { name, verdict: 'ok', what };
}

export function warn(name: string, what: string, next: string): Check {
  return { name, verdict: 'warn', what, next };
}

export function fail(name: string, what: string, next: string): Check {
  return { name, verdict: 'fail', what, next };
}

/** A look that fails is a finding, too. @throws what is not an ImpulsError */
export async function attempt(name: string, look: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await look();
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    return [fail(name, error.message, error.hint ?? 'See `impuls help doctor`.')];
  }
}
