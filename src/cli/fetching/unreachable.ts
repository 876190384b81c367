import { ImpulsError } from '../../core/errors.js';

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it hung up',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name cannot be looked up',
  ETIMEDOUT: 'it does not answer',
};

/** @param cause what `fetch` threw */
export function unreachable(url: URL, cause: unknown): ImpulsError {
  const { message, cause: inner } = cause as Error;
  const { code = '' } = Object(inner) as { readonly code?: string };
  const why = reasons[code] ?? (code || message);
  return new ImpulsError('network', `${url.origin} cannot be reached: ${why}`, {
    cause,
    hint: 'Check the address, and that the vendor is up. Nothing was paid.',
  });
}
