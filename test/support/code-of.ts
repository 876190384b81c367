import { ImpulsError, isImpulsError, type ErrorCode } from '../../src/core/errors.js';

/** The code of the error that something raises; `none` if it raises none. Any other error goes on. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ImpulsError) return error.code;
    throw error;
  }
  return 'none';
}

/** The same of work that goes on: `done` if it raises none. */
export async function outcomeOf(work: Promise<unknown>): Promise<ErrorCode | 'done'> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    return error.code;
  }
}
