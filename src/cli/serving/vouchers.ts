import { ImpulsError } from '../../core/errors.js';
import type { KeyDocument } from '../../core/key-document.js';
import { issuingKeys } from '../../core/key-life.js';
import { limits } from '../../core/limits.js';
import type { JsonValue } from '../../core/wire/canonical-json.js';
import { expectArray, expectObject, expectUint32 } from '../../core/wire/json-members.js';
import type { OrderItem, Vendor } from '../../server/index.js';

const maxVouchers = 10_000;

/** What `voucher create` asks for, checked. @param now Unix seconds @throws ImpulsError `invalid-argument` */
export function checkVouchers(
  document: KeyDocument,
  items: readonly OrderItem[],
  count: number,
  now: number,
): void {
  const live = [...new Set(issuingKeys(document, now).map((key) => key.denomination))];
  for (const { denomination } of items) {
    if (live.includes(denomination)) continue;
    throw new ImpulsError('invalid-argument', `no cards of ${denomination} units are issued`, {
      hint: live.length === 0 ? 'All issuing keys have run out.' : `Say --units ${live.join(' or ')}.`,
    });
  }
  const cards = items.reduce((sum, item) => sum + item.count, 0);
  if (cards < 1 || cards > limits.orderItems) {
    throw new ImpulsError('invalid-argument', `a voucher is good for 1 to ${limits.orderItems} cards`);
  }
  if (count < 1 || count > maxVouchers) {
    throw new ImpulsError('invalid-argument', `at most ${maxVouchers} vouchers at once`);
  }
}

/** The requests of the admin socket. */
export async function answerAdmin(
  vendor: Vendor,
  reload: () => Promise<string>,
  request: JsonValue,
  now: number,
): Promise<unknown> {
  const json = expectObject(request, 'the request');
  switch (json['do']) {
    case 'totals':
      return vendor.totals();
    case 'reload':
      return { document: await reload() };
    case 'create-vouchers': {
      const items = expectArray(json['items'], 'items').map((item) => {
        const entry = expectObject(item, 'an item');
        return {
          denomination: expectUint32(entry['denomination'], 'denomination'),
          count: expectUint32(entry['count'], 'count'),
        };
      });
      const count = expectUint32(json['count'], 'count');
      checkVouchers(vendor.document, items, count, now);
      return vendor.createVouchers(items, count);
    }
    default:
      throw new ImpulsError('unsupported', 'the running server does not know that request', {
        hint: 'It may be of an older version: restart it.',
      });
  }
}
