import { ImpulsError, malformed } from '../../core/errors.js';
import { evidenceToJson } from '../../core/evidence.js';
import type { KeyDocument } from '../../core/key-document.js';
import type { JsonValue } from '../../core/wire/canonical-json.js';
import { expectObject, expectText, expectUint32 } from '../../core/wire/json-members.js';
import { createEvidence } from '../../server/evidence.js';
import type { Ledger, OrderItem, Vendor } from '../../server/index.js';
import { answerBatches } from './admin-batches.js';
import { checkItems, readItems } from './items.js';
import type { SalesShelf } from './sales-shelf.js';
import { quarantineOf } from './quarantine-desk.js';
import { answerRefunds } from './refund-desk.js';

const maxVouchers = 10_000;

/** What `voucher create` asks for, checked. @param now Unix seconds @throws ImpulsError `invalid-argument` */
export function checkVouchers(
  document: KeyDocument,
  items: readonly OrderItem[],
  count: number,
  now: number,
): void {
  checkItems(document, items, now);
  if (count < 1 || count > maxVouchers) {
    throw new ImpulsError('invalid-argument', `at most ${maxVouchers} vouchers at once`);
  }
}

/** What a running server lets a command of this machine do. */
export interface Administration {
  readonly vendor: Vendor;
  readonly ledger: Ledger;
  readonly sales?: SalesShelf | undefined;
  /** Takes over the keys as they are in the folder now. @returns the digest of the new document */
  readonly reload: () => Promise<string>;
  /** When the server started, Unix seconds. */
  readonly since: number;
}

/** The requests of the admin socket. */
export async function answerAdmin(
  { vendor, ledger, sales, reload, since }: Administration,
  request: JsonValue,
  now: number,
): Promise<unknown> {
  const json = expectObject(request, 'the request');
  const batches = await answerBatches(ledger, vendor.document, json, now);
  if (batches) return batches.result;
  const refunds = await answerRefunds(ledger, json, now);
  if (refunds) return refunds.result;
  switch (json['do']) {
    case 'totals':
      return vendor.totals();
    case 'books':
      return ledger.readBooks();
    case 'evidence': {
      const card = await ledger.readCard(expectText(json['card'], 'card'));
      const shown = card && createEvidence(vendor.document.origin, card);
      return shown ? evidenceToJson(shown) : null;
    }
    case 'quarantined':
      return quarantineOf(ledger, 'read');
    case 'lift-quarantine':
      return quarantineOf(ledger, 'lift');
    case 'reload':
      return { document: await reload() };
    case 'status':
      return { totals: await vendor.totals(), failures: vendor.failures };
    case 'health':
      return { since, failures: vendor.failures, activity: vendor.activity };
    case 'sale':
      return { sale: await sales?.desk?.order(expectText(json['name'], 'name'), readState(json['state'])) };
    case 'create-vouchers': {
      const items = readItems(json['items']);
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

function readState(value: JsonValue | undefined): 'held' | 'free' | 'void' | undefined {
  if (value === undefined || value === 'held' || value === 'free' || value === 'void') return value;
  throw malformed('state is "held", "free" or "void"');
}
