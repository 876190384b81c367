import type { FacilitatorClient } from '@x402/core/server';
import type {
  Network,
  PaymentFlowName,
  PaymentPayload,
  PaymentRequirements,
  Price,
  SchemeNetworkServer,
  SettleContext,
  SettleResponse,
} from '@x402/core/types';
import { utf8 } from '../../core/bytes.js';
import { ImpulsError } from '../../core/errors.js';
import { parseJson, type JsonObject } from '../../core/wire/index.js';
import { readOnce, type Call, type Header, type Reply } from '../../server/call.js';
import type { Gate, Payment, Route, Vendor } from '../../server/index.js';
import { formatCredentialJson, objectOf, textOf } from '../credential-json.js';
import { cardExtra } from './offer.js';
import { dynamicExtra, networkName, schemeName, type Outcome } from './wire.js';

/** A server of x402 that takes the vendor's cards, settled in this process. */

/** What is known of the request that is paid; the context of any HTTP adapter of x402. */
export interface RequestContext {
  readonly method: string;
  readonly adapter: {
    getUrl(): string;
    getHeader(name: string): string | undefined;
    getBody?(): unknown;
  };
}

export interface CardSchemeOptions extends Pick<
  Route,
  'charge' | 'headers' | 'seal' | 'maxBodyBytes' | 'name'
> {
  /** Its own paths are to be served at the same origin, before the middleware of x402. */
  readonly vendor: Vendor;
  /**
   * `escrow`: the units are claimed before the handler runs, and charged when it has answered; an answer of 400 or above returns them.
   * `upfront`: they are charged before it runs, whatever it answers. Default `escrow`.
   */
  readonly flow?: 'escrow' | 'upfront';
  /** The bytes of a request's body. Default: those that `express.raw()` or `express.text()` has read. */
  readonly bodyOf?: (request: RequestContext) => Promise<Uint8Array>;
}

export interface CardScheme {
  readonly network: Network;
  /** For `x402ResourceServer.register(network, scheme)`. */
  readonly scheme: SchemeNetworkServer;
  /** For `new x402ResourceServer(facilitator)`: it sends nothing anywhere. */
  readonly facilitator: FacilitatorClient;
  /** For `accepts` of a route. @param price in units */
  accepts(price: number): { scheme: string; network: Network; payTo: string; price: Price };
  /** The payment of a request that was let through, by the request of the framework, such as Express's. */
  paymentOf(request: object): Payment | undefined;
}

/** Each claim pays once, for one request: four copies of one credential run the handler once. */
export function createCardScheme({ vendor, flow = 'escrow', ...options }: CardSchemeOptions): CardScheme {
  const { bodyOf = readParsedBody, ...route } = options;
  const { origin, unit } = vendor.document;
  const prices = new WeakMap<Call, number>();
  const gate: Gate = vendor.gate({ ...route, price: (call) => prices.get(call)! });
  const contexts = new WeakMap<object, SettleContext>();
  const payments = new WeakMap<object, Payment>();
  const paymentsOf = new WeakMap<object, Payment>();
  const flows: readonly PaymentFlowName[] = ['escrow', 'upfront'];

  async function claim(payload: PaymentPayload, requirements: PaymentRequirements): Promise<SettleResponse> {
    const request = requestOf(contexts.get(payload));
    const call = callOf(request, payload, bodyOf);
    prices.set(call, Number(requirements.amount));
    const admission = await gate(call);
    if (admission.status === 'refused') return refusal(admission.reply);
    const { payment } = admission;
    if (admission.status === 'replayed') {
      const problem = { status: 409, type: 'urn:impuls:problem:already-done', title: 'Paid and done before' };
      return failure(problem, { state: valueIn(payment.settle(409), 'Impuls-State'), problem });
    }
    payments.set(payload, payment);
    const raw = (request.adapter as { readonly req?: object }).req;
    if (raw) paymentsOf.set(raw, payment);
    const isUpfront = (requirements.extra['paymentFlow'] ?? flow) === 'upfront';
    return success(payment, isUpfront ? finished(payment) : {});
  }

  async function settle(payload: PaymentPayload, requirements: PaymentRequirements): Promise<SettleResponse> {
    const phase = contexts.get(payload)?.phase;
    if (phase === 'before-handler') return claim(payload, requirements);
    const payment = payments.get(payload);
    if (!payment) throw await openOutcome('what is settled was not claimed');
    if (phase === 'cancel') {
      const state = valueIn(await payment.release(), 'Impuls-State');
      return { ...success(payment, { state }), amount: '0' };
    }
    const used = Number(requirements.amount);
    if (route.charge === 'capture' && used < payment.units) await payment.capture(used);
    return success(payment, finished(payment));
  }

  return {
    network: networkName,
    accepts: (price) => ({ scheme: schemeName, network: networkName, payTo: origin, price }),
    paymentOf: (request) => paymentsOf.get(request),

    scheme: {
      scheme: schemeName,
      defaultAssetTransferMethod: 'default',
      paymentFlows: { default: { supported: flows, default: flow } },
      dynamicExtraFields: dynamicExtra,
      schemeHooks: {
        async onBeforeSettle(context) {
          contexts.set(context.paymentPayload, context);
        },
      },
      settleOnCancel: ({ requirements }) => requirements,
      async parsePrice(price) {
        const amount = typeof price === 'object' ? price.amount : String(price);
        const isOurs = typeof price !== 'object' || price.asset === unit.code;
        if (!isOurs || !/^[1-9][0-9]{0,9}$/.test(amount)) {
          throw new ImpulsError(
            'invalid-argument',
            `a price in cards is a whole number of units, not ${amount}`,
          );
        }
        return { amount, asset: unit.code };
      },
      async enhancePaymentRequirements(requirements) {
        const call: Call = { method: 'GET', target: '/', header: () => undefined, body: nothing };
        prices.set(call, Number(requirements.amount));
        const asking = await gate(call);
        const extra = asking.status === 'refused' ? cardExtra(asking.reply.headers) : {};
        return { ...requirements, payTo: origin, extra: { ...requirements.extra, ...extra } };
      },
    },

    facilitator: {
      settle,
      // What is claimed is checked where it is claimed.
      verify: async () => ({ isValid: true }),
      getSupported: async () => ({
        kinds: [{ x402Version: 2, scheme: schemeName, network: networkName }],
        extensions: [],
        signers: {},
      }),
    },
  };

  async function refusal({ status, headers, body }: Reply): Promise<SettleResponse> {
    // x402 answers a failure with 402. What is open must be no 402, and this one is answered 502.
    if (status >= 500) throw await openOutcome('the ledger cannot answer');
    const problem = typeof body === 'string' ? (objectOf(parseJson(body)) ?? {}) : {};
    return failure({ status, ...problem }, { state: valueIn(headers, 'Impuls-State'), problem });
  }
}

function success(payment: Payment, extra: Outcome): SettleResponse {
  const amount = String(payment.units);
  return {
    success: true,
    transaction: payment.reference,
    network: networkName,
    amount,
    extra: { ...extra },
  };
}

function failure(problem: JsonObject, extra: Outcome): SettleResponse {
  const type = textOf(problem['type']) ?? '';
  return {
    success: false,
    errorReason: type.slice(type.search(/[^/:]*$/)),
    errorMessage: textOf(problem['detail']) ?? textOf(problem['title']) ?? type,
    transaction: '',
    network: networkName,
    extra: { ...extra },
  };
}

/** The end of a claim. x402 does not say whether the answer is a redirect: a wallet takes whichever of the two fits. */
function finished(payment: Payment): Outcome {
  const receipt = valueIn(payment.settle(200), 'Payment-Receipt');
  const state = valueIn(payment.settle(302), 'Impuls-State');
  // What the handler says does not come by here.
  if (payment.keepsReply) payment.keep(undefined);
  return { receipt, state };
}

function valueIn(headers: readonly Header[], name: string): string | undefined {
  return headers.find(([one]) => one === name)?.[1];
}

/** Answered 502 by the adapters of x402: nobody learns whether it was paid. */
async function openOutcome(message: string): Promise<Error> {
  const { FacilitatorResponseError } = await import('@x402/core/server');
  return new FacilitatorResponseError(message);
}

function requestOf(context: SettleContext | undefined): RequestContext {
  const transport = context?.transportContext as { readonly request?: RequestContext } | undefined;
  if (transport?.request) return transport.request;
  throw new ImpulsError('unsupported', 'cards pay for requests over HTTP: x402 said of none');
}

function callOf(
  request: RequestContext,
  payload: PaymentPayload,
  bodyOf: (request: RequestContext) => Promise<Uint8Array>,
): Call {
  const { adapter } = request;
  const url = adapter.getUrl();
  const credential = formatCredentialJson(payload.payload as JsonObject);
  return {
    method: request.method.toUpperCase(),
    target: url.slice(url.indexOf('/', url.indexOf('//') + 2)),
    header: (name) => (name === 'authorization' ? credential : adapter.getHeader(name)),
    body: readOnce(() => bodyOf(request)),
  };
}

async function readParsedBody({ adapter }: RequestContext): Promise<Uint8Array> {
  const body = adapter.getBody?.();
  if (body instanceof Uint8Array) return body;
  if (typeof body === 'string') return utf8(body);
  const length = adapter.getHeader('content-length') ?? '0';
  if (length === '0' && adapter.getHeader('transfer-encoding') === undefined) return nothing();
  throw new ImpulsError('unsupported', 'the bytes of the body are not there to be compared with the claim', {
    hint: 'Put express.raw() before the middleware of x402, or give bodyOf.',
  });
}

async function nothing(): Promise<Uint8Array> {
  return new Uint8Array(0);
}
