import { toBase64url } from '../core/base64url.js';
import { concat, utf8 } from '../core/bytes.js';
import { isImpulsError } from '../core/errors.js';
import type { HmacKey } from '../core/hash.js';
import { createVoucherCode, parseVoucherCode } from '../core/voucher-code.js';
import type { Ledger, OrderItem } from './ledger.js';

/** Voucher codes are the secrets of orders; the vendor keeps a keyed hash of each (docs/spec.md §4.1). */

/** The id of the order that a secret names, base64url. Any text has one: what is no code names no order. */
export function orderId(voucherKey: HmacKey, secret: string): string {
  return toBase64url(voucherKey.mac(concat(utf8('impuls/1 voucher'), utf8(normalize(secret)))));
}

function normalize(secret: string): string {
  try {
    return parseVoucherCode(secret);
  } catch (error) {
    if (isImpulsError(error, 'malformed')) return '';
    throw error;
  }
}

/** Makes orders, one a code, durable before the codes are shown. @param now Unix seconds @returns the codes, ungrouped; secret */
export async function createVouchers(
  ledger: Ledger,
  voucherKey: HmacKey,
  random: (length: number) => Uint8Array,
  items: readonly OrderItem[],
  count: number,
  now: number,
): Promise<string[]> {
  const codes = Array.from({ length: count }, () => createVoucherCode(random));
  await ledger.createOrders(
    codes.map((code) => ({ id: orderId(voucherKey, code), items })),
    now,
  );
  return codes;
}
