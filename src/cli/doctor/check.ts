import { isImpulsError } from '../../core/errors.js';
import { plural } from '../amounts.js';
import type { Paint } from '../paint.js';

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

/** A line a check, with the next move below what is not ok, and what it comes to. */
export function formatChecks(checks: readonly Check[], paint: Paint): string {
  const signs = { ok: paint.green('ok  '), warn: paint.yellow('warn'), fail: paint.red('fail') };
  const count = (wanted: Check['verdict']): number =>
    checks.filter(({ verdict }) => verdict === wanted).length;
  const [failed, warned] = [count('fail'), count('warn')];
  const sum =
    failed + warned === 0 ? 'All is well.' : `${plural(failed, 'failure')}, ${plural(warned, 'warning')}.`;
  const lines = checks.map(
    ({ name, verdict, what, next }) =>
      `${signs[verdict]}  ${name}: ${what}${next === undefined ? '' : `\n      ${paint.cyan('→')} ${next}`}`,
  );
  return [...lines, '', sum].join('\n');
}
