import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { ImpulsError, isImpulsError, type ErrorCode } from '../../core/errors.js';

/** What the tools of a wallet answer: JSON as text, bounded, with the next move where something was refused. */

/** The next move of an agent, where the error's own hint speaks to somebody else. */
const moves: Readonly<Partial<Record<ErrorCode, string>>> = {
  'no-card':
    'Ask your user for a voucher of this vendor: `impuls redeem <vendor> <code>` puts it into the wallet.',
  'card-expired': 'Ask your user for a new voucher of this vendor.',
  unsettled: 'Do not send it again. Call `recover` in a while: it is never charged twice.',
  'outcome-unknown': 'It was charged. Ask the vendor or your user before you send it again.',
  'already-served': 'It was charged and done before. Send another request if you need another answer.',
  'payment-refused': 'Nothing was charged. Look at the price again.',
  network: 'Nothing was charged. Check the address, or try again later.',
  'storage-locked': 'Another program has the wallet. Try again in a moment.',
};

/** A cap or the price is in the way, in words for whoever chose `max_units`. */
const dearer =
  'Nothing was paid. Call `look` for the price, and say a `max_units` that covers it; `balance` tells what your caps leave.';

export function answer(value: object): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(value, null, 1) }] };
}

/** @throws what is no error of impuls, nor one of a network */
export function refusal(error: unknown, extra: object = {}): CallToolResult {
  const known = error instanceof TypeError ? new ImpulsError('network', 'it cannot be reached') : error;
  if (!isImpulsError(known)) throw error;
  const { code, message, hint } = known;
  const next = moves[code] ?? (message.includes('limit for one request') ? dearer : hint);
  return { ...answer({ refused: code, why: message, next, ...extra }), isError: true };
}

export function refuse(code: ErrorCode, why: string, next: string): ImpulsError {
  return new ImpulsError(code, why, { hint: next });
}

/** @param most characters */
export function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
