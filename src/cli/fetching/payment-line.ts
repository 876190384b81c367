import type { KeyedPayment } from '../../client/index.js';
import { formatUnits } from '../amounts.js';
import type { Terminal } from '../terminal.js';

/** Tells of a payment beside the result. @param when `watched`: only where a person sees it */
export function tellPayment(
  terminal: Terminal,
  payment: KeyedPayment | undefined,
  when: 'always' | 'watched',
): void {
  if (when === 'watched' && !terminal.watched) return;
  const { notePaint: paint } = terminal;
  if (!payment) {
    if (when === 'always') terminal.note('* nothing was paid');
    return;
  }
  const left = payment.remaining === undefined ? '' : ` ${formatUnits(payment.remaining)} left.`;
  const line = `paid ${formatUnits(payment.units)} (${payment.worth}), key ${payment.fingerprint}.${left}`;
  terminal.note(paint.dim(`* ${line}`));
}
