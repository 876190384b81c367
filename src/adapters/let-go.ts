import type { ServerResponse } from 'node:http';

/** Milliseconds after which a handler whose client has gone, and which has not answered, is taken to have given up. */
const patienceMs = 30_000;

/**
 * Frameworks do not say when a handler is done. One whose client has gone may still answer with an error, which returns the
 * units, or capture; but one that never answers would leave its claim in progress for ever.
 *
 * @param returned what `guard` gave
 */
export function letGo(res: ServerResponse, returned: () => void): void {
  res.once('close', () => {
    if (!res.headersSent) setTimeout(returned, patienceMs).unref();
  });
}
