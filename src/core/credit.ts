import { fromUtf8, utf8 } from './bytes.js';
import { malformed } from './errors.js';
import { parseVoucherCode } from './voucher-code.js';
import { canonicalJson, parseJson } from './wire/canonical-json.js';
import { expectObject, expectText } from './wire/json-members.js';

/** Where the units of a claim go that a wallet gives back (docs/spec.md §10), before it is sealed. */
export interface Credit {
  /** The order's secret: 20 characters of the form of a voucher code, drawn by the wallet. */
  readonly order: string;
  readonly purpose: CreditPurpose;
}

/** `exchange`: the order becomes cards. `refund`: the operator pays it out. */
export type CreditPurpose = 'exchange' | 'refund';

export function encodeCredit({ order, purpose }: Credit): Uint8Array {
  return utf8(canonicalJson({ order, purpose }));
}

/** @throws ImpulsError `malformed` */
export function decodeCredit(bytes: Uint8Array): Credit {
  const { order, purpose } = expectObject(parseJson(fromUtf8(bytes)), 'a credit');
  const code = expectText(order, 'order');
  if (parseVoucherCode(code) !== code) throw malformed('an order is written as 20 characters');
  if (purpose !== 'exchange' && purpose !== 'refund') throw malformed('a purpose that is none');
  return { order: code, purpose };
}
