import type { IncomingMessage } from 'node:http';
import { sourceOfAddress } from '../server/source.js';

export { sourceOfAddress } from '../server/source.js';

/**
 * Reads the header in which a proxy says who calls, such as X-Forwarded-For. Only the last address counts: the others are
 * what the caller says of itself.
 *
 * @param header lower case
 */
export function sourceBehindProxy(header: string): (req: IncomingMessage) => string | undefined {
  return (req) => {
    const value = req.headers[header];
    const last = (Array.isArray(value) ? value.join() : value)?.split(',').at(-1);
    return sourceOfAddress(last) ?? sourceOfAddress(req.socket.remoteAddress);
  };
}
