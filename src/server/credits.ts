import { fromBase64url } from '../core/base64url.js';
import { fromUtf8 } from '../core/bytes.js';
import { decodeCredit } from '../core/credit.js';
import { creditContext, openEnvelope } from '../core/envelope.js';
import { isImpulsError } from '../core/errors.js';
import type { HmacKey } from '../core/hash.js';
import type { KeyDocument } from '../core/key-document.js';
import { limits } from '../core/limits.js';
import { parseJson } from '../core/wire/canonical-json.js';
import { expectObject, expectText } from '../core/wire/json-members.js';
import type { Call, Reply } from './call.js';
import { createGate, type GateContext } from './gate.js';
import type { VendorKeys } from './keys.js';
import type { CreditTo } from './ledger.js';
import { problemReply } from './problems.js';
import { orderId } from './vouchers.js';

/** Taking cards back, docs/spec.md §10: what a claim pays for here is the credit of an order. */

export interface CreditContext {
  readonly document: KeyDocument;
  readonly keys: VendorKeys;
  readonly voucherKey: HmacKey;
}

const maxBodyBytes = 1024;

/**
 * Answers `POST <endpoints.credit>?units=N`, which costs N units.
 *
 * @param current what is published at the moment of the call
 */
export function createCreditDesk(
  context: GateContext,
  current: () => CreditContext,
): (call: Call) => Promise<Reply> {
  const gate = createGate(context, { price: ({ target }) => unitsOf(target)!, maxBodyBytes }, (body) => {
    const { document, keys, voucherKey } = current();
    let order: Promise<CreditTo | undefined> | undefined;
    return {
      graceSeconds: document.policy.grace,
      orderOf: () => (order ??= context.load.step().then(() => readOrder(document, keys, voucherKey, body))),
    };
  });

  return async (call) => {
    const refuse = (...problem: Parameters<typeof problemReply>): Reply => {
      const reply = problemReply(...problem);
      return { ...reply, headers: [...reply.headers, ...context.cors.headers(call)] };
    };
    if (call.method !== 'POST') return refuse('method-not-allowed', 'POST only.', [['Allow', 'POST']]);
    if (unitsOf(call.target) === undefined) return refuse('malformed', 'The query is not "units=<number>".');
    const admission = await gate(call);
    if (admission.status === 'refused') return admission.reply;
    return { status: 204, headers: admission.payment.settle(204), body: '' };
  };
}

/** @returns undefined for a target that names no number of units */
function unitsOf(target: string): number | undefined {
  const [, digits] = /\?units=([1-9]\d{0,9})$/.exec(target) ?? [];
  const units = Number(digits);
  return units <= limits.maxUint32 && target.split('?').length === 2 ? units : undefined;
}

/** @returns undefined for a body that is none, or whose purpose the vendor does not serve */
async function readOrder(
  { policy }: KeyDocument,
  { activation }: VendorKeys,
  voucherKey: HmacKey,
  body: Uint8Array,
): Promise<CreditTo | undefined> {
  try {
    const json = expectObject(parseJson(fromUtf8(body)), 'the request');
    const key = activation.get(expectText(json['activation'], 'activation'));
    if (!key) return undefined;
    const sealed = fromBase64url(expectText(json['sealed'], 'sealed'));
    const { order, purpose } = decodeCredit(await openEnvelope(key, creditContext, sealed));
    if (purpose === 'refund' && policy.refund === undefined) return undefined;
    return { order: orderId(voucherKey, order), purpose };
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    return undefined;
  }
}
