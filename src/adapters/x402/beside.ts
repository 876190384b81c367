import type { ResourceConfig, x402ResourceServer } from '@x402/core/server';
import type { PaymentPayload } from '@x402/core/types';
import { toHex, utf8 } from '../../core/bytes.js';
import { ImpulsError } from '../../core/errors.js';
import { sha256 } from '../../core/hash.js';
import { limits } from '../../core/limits.js';
import { decodeRequest, type JsonObject } from '../../core/wire/index.js';
import { isSafe, type Call, type Header } from '../../server/call.js';
import {
  createOtherPayment,
  type Admission,
  type Gate,
  type OtherMethod,
  type Payment,
  type Vendor,
} from '../../server/index.js';
import { problemReply } from '../../server/problems.js';
import { formatCredentialJson, objectOf } from '../credential-json.js';
import { cardChallenges, cardExtra } from './offer.js';
import {
  decodeHeader,
  encodeHeader,
  isCards,
  networkName,
  requiredHeader,
  responseHeader,
  schemeName,
  signatureHeader,
} from './wire.js';

export interface X402Offer {
  readonly vendor: Vendor;
  /** What judges payments by other schemes, and what of them the route accepts. Default: cards alone, in the form of x402. */
  readonly theirs?: {
    readonly server: Pick<
      x402ResourceServer,
      | 'initialize'
      | 'buildPaymentRequirementsFromOptions'
      | 'findMatchingRequirements'
      | 'verifyPayment'
      | 'settlePayment'
    >;
    readonly accepts: readonly ResourceConfig[];
  };
  /** Said of the route. */
  readonly description?: string;
}

/** Settled payments remembered, and for how long, in milliseconds. */
const maxKept = 10_000;
const keptMs = 600_000;

/**
 * x402, version 2, side by side with cards, on a route of the vendor's: for `others`. Cards are taken in its form too. A payment by another
 * scheme is settled before the handler runs; the same one for the same request is not settled again, and no failure to learn its outcome
 * is answered by asking for another.
 */
export function offerX402({ vendor, theirs, description = '' }: X402Offer): OtherMethod {
  const { origin, unit } = vendor.document;
  const settled = new Map<string, Settling>();
  let ready: Promise<void> | undefined;

  async function theirRequirements(call: Call) {
    if (!theirs) return [];
    ready ??= theirs.server.initialize();
    await ready.catch((error: unknown) => {
      ready = undefined;
      throw error;
    });
    return theirs.server.buildPaymentRequirementsFromOptions([...theirs.accepts], call);
  }

  /** Once for each credential and request. */
  async function settleTheirs(
    call: Call,
    payload: PaymentPayload,
    shared: readonly Header[],
  ): Promise<Payment | Refusal> {
    const { server } = theirs!;
    const requirements = server.findMatchingRequirements(await theirRequirements(call), payload);
    if (!requirements) return refuse('invalid-challenge', 'This is not what the route asks for.');
    const context = { request: call };
    const verified = await server.verifyPayment(payload, requirements, undefined, context);
    if (!verified.isValid) return refuse('verification-failed', verified.invalidReason);
    const result = await server.settlePayment(payload, requirements, undefined, context);
    if (result.success) {
      return createOtherPayment({
        method: 'x402',
        reference: result.transaction,
        receipt: () => [[responseHeader, encodeHeader(result)]],
        shared,
      });
    }
    // One that has been sent may still go through.
    if (result.transaction !== '' || result.errorReason === 'settlement_pending') {
      throw new ImpulsError('network', 'what became of the payment is open');
    }
    return refuse('verification-failed', result.errorReason);
  }

  async function admitTheirs(call: Call, payload: PaymentPayload): Promise<Admission> {
    const shared = vendor.cors.headers(call, [responseHeader]);
    const body = await call.body(limits.bodyBytes);
    const credential = call.header(signatureHeader.toLowerCase())!;
    const name = toHex(sha256(utf8(`${call.method} ${call.target} ${credential}`)));
    const now = Date.now();
    for (const [one, { until, done }] of settled) {
      if ((until > now || !done) && settled.size < maxKept) break;
      settled.delete(one);
    }
    const known = settled.get(name);
    if (known && !known.done)
      return refuse('claim-in-progress', undefined, [['Retry-After', '1'], ...shared]);
    if (known && !isSafe(call.method)) return refuse('already-done', undefined, shared);
    if (known && ++known.repeats > limits.repeats) return refuse('already-claimed', undefined, shared);
    if (known?.payment) return { status: 'paid', payment: known.payment, body };
    const settling: Settling = { until: now + keptMs, done: false, repeats: 0, payment: undefined };
    settled.set(name, settling);
    try {
      const outcome = await settleTheirs(call, payload, shared);
      if ('reply' in outcome) {
        settled.delete(name);
        return outcome;
      }
      settling.payment = outcome;
      settling.done = true;
      return { status: 'paid', payment: outcome, body };
    } catch (error) {
      // The same may be sent again, to learn what became of it.
      settled.delete(name);
      throw error;
    }
  }

  return {
    requestHeaders: [signatureHeader],
    responseHeaders: [requiredHeader, responseHeader],
    carries: (call) => call.header(signatureHeader.toLowerCase()) !== undefined,

    async admit(call, ours) {
      const payload = decodeHeader(call.header(signatureHeader.toLowerCase()));
      const accepted = objectOf(payload?.['accepted']);
      const paying = objectOf(payload?.['payload']);
      if (payload?.['x402Version'] !== 2 || !accepted || !paying) {
        return refuse('malformed-credential', 'This is no payment of x402, version 2.');
      }
      if (isCards(accepted)) return admitCards(call, paying, ours);
      if (!theirs) return refuse('method-unsupported', 'Here x402 pays with cards alone.');
      return admitTheirs(call, payload as unknown as PaymentPayload);
    },

    async challenge(call, ours) {
      const [challenge] = cardChallenges(ours);
      const cards = challenge && {
        scheme: schemeName,
        network: networkName,
        amount: decodeRequest(challenge.request).amount,
        asset: unit.code,
        payTo: origin,
        maxTimeoutSeconds: 300,
        extra: { paymentFlow: 'escrow', ...cardExtra(ours) },
      };
      const accepts = [...(cards ? [cards] : []), ...(await theirRequirements(call))];
      const resource = { url: origin + call.target, description, mimeType: '' };
      const required = { x402Version: 2, error: 'Payment required', resource, accepts };
      return [[requiredHeader, encodeHeader(required)]];
    },
  };
}

interface Settling {
  readonly until: number;
  done: boolean;
  repeats: number;
  payment: Payment | undefined;
}

type Refusal = Extract<Admission, { status: 'refused' }>;

function refuse(...problem: Parameters<typeof problemReply>): Refusal {
  return { status: 'refused', reply: problemReply(...problem) };
}

/** A claim that came in the form of x402. */
async function admitCards(call: Call, credential: JsonObject, ours: Gate): Promise<Admission> {
  const authorization = formatCredentialJson(credential);
  const admission = await ours({
    method: call.method,
    target: call.target,
    header: (name) => (name === 'authorization' ? authorization : call.header(name)),
    body: (limit) => call.body(limit),
    source: call.source,
  });
  if (admission.status === 'refused') return admission;
  return { ...admission, payment: withResponse(admission.payment) };
}

/** The same payment, which says in the words of x402 too how it ended. */
function withResponse(payment: Payment): Payment {
  const settle = (status: number): Header[] => {
    const headers = payment.settle(status);
    const receipt = headers.find(([name]) => name === 'Payment-Receipt')?.[1];
    if (receipt === undefined) return headers;
    const response = {
      success: true,
      transaction: payment.reference,
      network: networkName,
      amount: String(payment.units),
      extra: { receipt },
    };
    return [...headers, [responseHeader, encodeHeader(response)]];
  };
  return new Proxy(payment, {
    get(target, name) {
      if (name === 'settle') return settle;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
