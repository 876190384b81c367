import { ImpulsError } from '../../src/core/errors.js';

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
