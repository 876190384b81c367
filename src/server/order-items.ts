import { ImpulsError } from '../core/errors.js';
import type { KeyDocument } from '../core/key-document.js';
import { issuingKeys } from '../core/key-life.js';
import { limits } from '../core/limits.js';
import type { JsonValue } from '../core/wire/canonical-json.js';
import { expectArray, expectObject, expectUint32 } from '../core/wire/json-members.js';
import type { OrderItem } from './ledger.js';

/** What a voucher is good for, as a request of a shop or of the admin socket says it. */

/** Whether there are such cards. @param now Unix seconds @throws ImpulsError `invalid-argument` */
export function checkItems(document: KeyDocument, items: readonly OrderItem[], now: number): void {
  const live = [...new Set(issuingKeys(document, now).map((key) => key.denomination))];
  for (const { denomination } of items) {
    if (live.includes(denomination)) continue;
    throw new ImpulsError('invalid-argument', `no cards of ${denomination} units are issued`, {
      hint:
        live.length === 0
          ? 'All issuing keys have run out.'
          : `There are cards of ${live.join(' or ')} units.`,
    });
  }
  const cards = items.reduce((sum, item) => sum + item.count, 0);
  if (cards < 1 || cards > limits.orderItems) {
    throw new ImpulsError('invalid-argument', `a voucher is good for 1 to ${limits.orderItems} cards`);
  }
}

/** @throws ImpulsError `malformed` */
export function readItems(value: JsonValue | undefined): OrderItem[] {
  return expectArray(value, 'items').map((item) => {
    const entry = expectObject(item, 'an item');
    return {
      denomination: expectUint32(entry['denomination'], 'denomination'),
      count: expectUint32(entry['count'], 'count'),
    };
  });
}
