import type { KeyDocument } from '../../core/key-document.js';
import { issuingKeys } from '../../core/key-life.js';
import type { OrderItem } from '../../server/index.js';
import { wholeNumber, type Values } from '../command.js';

export { checkItems, readItems } from '../../server/order-items.js';

/** What a voucher is good for, as a command says it. */

/** For commands that make codes. */
export const itemOptions = {
  units: {
    type: 'string',
    value: '<units>',
    help: 'Units of each card; default: the smallest that is issued',
  },
  cards: { type: 'string', value: '<count>', help: 'Cards of each code; default 1' },
} as const;

/** What those options ask for: cards of one kind. @param now Unix seconds @throws ImpulsError `invalid-argument` */
export function itemOf(
  document: KeyDocument,
  { units, cards = '1' }: Values<typeof itemOptions>,
  now: number,
): OrderItem {
  const live = issuingKeys(document, now);
  const kinds = (live.length === 0 ? document.cards : live).map((key) => key.denomination);
  const denomination = units === undefined ? Math.min(...kinds) : wholeNumber(units, '--units');
  return { denomination, count: wholeNumber(cards, '--cards') };
}
