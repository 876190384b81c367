import { fromBase64url, toBase64url } from '../core/base64url.js';
import { checkBlinded } from '../core/blind.js';
import { Writer } from '../core/bytes.js';
import { ImpulsError, malformed } from '../core/errors.js';
import { sha256, type HmacKey } from '../core/hash.js';
import type { IssuingKey, KeyDocument } from '../core/key-document.js';
import { issuingKeys } from '../core/key-life.js';
import { limits } from '../core/limits.js';
import type { JsonValue } from '../core/wire/canonical-json.js';
import { redeemable } from './batches.js';
import type { IssuingSigner } from './keys.js';
import type { Ledger, OrderItem, StoredOrder } from './ledger.js';
import type { Load } from './load.js';
import { refuseHeldOrder } from './restored.js';
import { orderId } from './vouchers.js';

/** Issuing blind, docs/spec.md §4: the vendor signs what it cannot read, once for each order. */

interface IssueItem {
  readonly key: string;
  readonly blinded: Uint8Array;
}

export interface IssueRequest {
  readonly order: string;
  readonly items: readonly IssueItem[];
}

/** @throws ImpulsError `malformed` */
export function readIssueRequest(value: JsonValue): IssueRequest {
  const { order, items } = Object(value) as { order?: unknown; items?: unknown };
  if (typeof order !== 'string' || order.length > 128) throw malformed('"order" is missing');
  if (!Array.isArray(items) || items.length === 0 || items.length > limits.orderItems) {
    throw malformed(`"items" holds 1 to ${limits.orderItems} blinded messages`);
  }
  return { order, items: items.map(readItem) };
}

function readItem(value: unknown): IssueItem {
  const { key, blinded } = Object(value) as { key?: unknown; blinded?: unknown };
  if (typeof key !== 'string' || typeof blinded !== 'string') throw malformed('an item is {key, blinded}');
  return { key, blinded: fromBase64url(blinded, 384) };
}

export interface Issuer {
  readonly document: KeyDocument;
  readonly signers: readonly IssuingSigner[];
  readonly ledger: Ledger;
  readonly voucherKey: HmacKey;
  readonly load: Load;
}

/**
 * Signs first and says then whether there is such an order, so that one that is not there, or not redeemed, takes as long as
 * one that is.
 *
 * @param now Unix seconds
 * @throws ImpulsError `order-unknown`, `order-served`, `order-mismatch`, `key-retired`, `vendor-restored`, `malformed`
 */
export async function issue(
  { document, signers, ledger, voucherKey, load }: Issuer,
  request: IssueRequest,
  now: number,
): Promise<Uint8Array[]> {
  const id = orderId(voucherKey, request.order);
  const found = await ledger.readOrder(id);
  await refuseHeldOrder(ledger, found, now);
  const order = redeemable(found, now);
  const digest = digestItems(request.items);
  if (order?.served) {
    const served = await ledger.serveOrder(id, digest, [], [], now);
    if (served.status === 'repeated') return [...served.signatures];
  }
  const keys = request.items.map((item) => liveKey(document, item.key, now));
  const signatures: Uint8Array[] = [];
  for (const [i, item] of request.items.entries()) {
    // An order of 64 wrong cards would stop everybody else for as long as it takes to sign them.
    await load.step();
    signatures.push(await sign(keys[i]!, signers, item.blinded));
  }
  if (!order) throw unknownOrder();
  if (!fits(order, keys)) {
    throw new ImpulsError('order-mismatch', 'the order is for other cards', {
      hint: 'Ask the order endpoint what it is for.',
    });
  }
  const cards = keys.map(({ id: key, denomination }) => ({ key, units: denomination }));
  const served = await ledger.serveOrder(id, digest, signatures, cards, now);
  if (served.status === 'served' || served.status === 'repeated') return [...served.signatures];
  if (served.status === 'unknown') throw unknownOrder();
  throw new ImpulsError('order-served', 'the order has been served to another request', {
    hint: 'Each voucher is good for one redemption; if it was yours, recover the wallet that made it.',
  });
}

export function unknownOrder(): ImpulsError {
  return new ImpulsError('order-unknown', 'no such voucher', {
    hint: 'Check the code for a typing mistake. If it is right, ask where you bought it.',
  });
}

function liveKey(document: KeyDocument, id: string, now: number): IssuingKey {
  const entry = issuingKeys(document, now).find((key) => key.id === id);
  if (!entry) {
    throw new ImpulsError('key-retired', 'cards are not issued under that key now', {
      hint: 'Fetch the key document again and blind for a live key.',
    });
  }
  return entry;
}

async function sign(
  entry: IssuingKey,
  signers: readonly IssuingSigner[],
  blinded: Uint8Array,
): Promise<Uint8Array> {
  const n = fromBase64url(entry.n);
  checkBlinded(n, blinded);
  const signer = signers.find(({ id }) => id === entry.id);
  if (!signer) throw new ImpulsError('bad-key', `no secret for issuing key ${entry.id}`);
  return signer.blindSign(blinded);
}

/** What was put to an order in exchange may become any cards that hold just that. */
function fits({ items, credit }: StoredOrder, keys: readonly IssuingKey[]): boolean {
  if (!credit) return sameItems(items, keys);
  return keys.reduce((sum, { denomination }) => sum + denomination, 0) === credit.units;
}

function sameItems(items: readonly OrderItem[], keys: readonly IssuingKey[]): boolean {
  const wanted = items.flatMap(({ denomination, count }) => Array<number>(count).fill(denomination));
  const given = keys.map((key) => key.denomination);
  const order = (a: number, b: number): number => a - b;
  return wanted.sort(order).join() === given.sort(order).join();
}

function digestItems(items: readonly IssueItem[]): string {
  const writer = new Writer();
  for (const { key, blinded } of items) writer.text(key).field(blinded);
  return toBase64url(sha256(writer.bytes()));
}
