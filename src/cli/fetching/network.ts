import type { Payment } from '../../client/index.js';
import { ImpulsError } from '../../core/errors.js';
import { formatUnits } from '../amounts.js';

/** `fetch` tells of a network that failed by a TypeError; any other error is passed on. */
export function networkFailure(error: unknown, explain: (cause: TypeError) => ImpulsError): unknown {
  return error instanceof TypeError ? explain(error) : error;
}

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

/** The answer did not arrive whole. @param cause what its body threw */
export function cutOff(cause: unknown, payment: Payment | undefined): ImpulsError {
  const paid = payment ? `; ${formatUnits(payment.units)} were paid for it` : '';
  return new ImpulsError('network', `the answer was cut off${paid}`, {
    cause,
    hint: payment ? 'Fetch it again: that is a new payment.' : 'Fetch it again.',
  });
}
