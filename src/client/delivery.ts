import type { Parts } from './parts.js';
import type { Result } from './errand.js';
import { openReply } from './sealed-reply.js';
import type { KeyedPayment } from './summary.js';

/** Answers that were paid for, and what is known of them. */

const payments = new WeakMap<Response, KeyedPayment>();
const confirmations = new WeakMap<Response, () => Promise<void>>();

/** The payment that a response was given for; undefined for one that cost nothing. */
export function paymentOf(response: Response): KeyedPayment | undefined {
  return payments.get(response);
}

/** Another response stands for one that was paid for. */
export function carryOver(from: Response, to: Response): void {
  const payment = payments.get(from);
  const confirm = confirmations.get(from);
  if (payment) payments.set(to, payment);
  if (confirm) confirmations.set(to, confirm);
}

/**
 * Says that what was paid for has arrived and is safe: the next call for the URL pays again. To be called for the very response
 * of a paying fetch with `redeliver`; for any other it does nothing.
 *
 * @returns when the wallet will never ask for it again
 * @throws ImpulsError `storage-failed`
 */
export async function confirmDelivery(response: Response): Promise<void> {
  await confirmations.get(response)?.();
}

/** The answer as the caller gets it. @param kept the tag of the claim whose delivery is to be confirmed */
export function handOver(
  { journal, use }: Parts,
  { response, payment, seal }: Result & { result: 'settled' },
  kept: string | undefined,
): Response {
  const opened = openReply(response, payment.key, seal);
  payments.set(opened, payment);
  if (kept !== undefined) confirmations.set(opened, () => use(() => journal.endKept(kept)));
  return opened;
}
