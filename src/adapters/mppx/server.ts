import { Challenge, Credential, Errors, Method, z } from 'mppx';
import { toBase64url } from '../../core/base64url.js';
import { utf8 } from '../../core/bytes.js';
import { ImpulsError } from '../../core/errors.js';
import { methodName, readRequest } from '../../core/wire/index.js';
import type { Call, Header, Reply } from '../../server/call.js';
import { callOf, deliver, replayed, responseOf } from '../../server/fetch.js';
import type { ChallengeIssuer, Gate, Payment, Route, Vendor } from '../../server/index.js';
import { problemReply, unavailableReply } from '../../server/problems.js';
import { keepAside } from './kept-reply.js';
import { createFailures } from './failures.js';

/** A server of mppx that takes the vendor's cards: `methods` beside its other ones. */

export interface CardMethodsOptions extends Pick<
  Route,
  'charge' | 'headers' | 'seal' | 'maxBodyBytes' | 'name'
> {
  /** Its own paths, such as the key document, are to be served at the same origin, as by `createFetchHandler`. */
  readonly vendor: Vendor;
}

export interface CardMethods {
  /** For `Mppx.create({ methods })`: `impuls/session`, whose payments take one request, and `impuls/charge`. */
  readonly methods: readonly [session: CardMethod<'session'>, charge: CardMethod<'charge'>];
  /** The payment of a request that was let through, by the very `Request` that mppx was given. */
  paymentOf(request: Request): Payment | undefined;
}

/** What became of a request before mppx looked at it. */
type Judged = { readonly payment: Payment } | { readonly refusal: Reply };

/**
 * mppx asks, with challenges and a secret of its own, and the vendor's gate judges: each claim once, for one request, whatever is repeated.
 * The price is `amount`, in units. Units go back when the answer is 400 or above.
 */
export function createCardMethods({ vendor, ...route }: CardMethodsOptions): CardMethods {
  const judgedOf = new WeakMap<object, Judged>();
  const prices = new WeakMap<Call, number>();
  const gates = new Map<string, Gate>();
  const failures = createFailures();
  const context: MethodContext = {
    vendor,
    route,
    judgedOf,
    async judge(input, captured, header, secretKey, price) {
      let gate = gates.get(secretKey);
      if (!gate) {
        const issuer: ChallengeIssuer = { key: utf8(secretKey) };
        gate = vendor.gate({ ...route, price: (call) => prices.get(call)! }, issuer);
        gates.set(secretKey, gate);
      }
      const call = cardCall(input, header);
      prices.set(call, price);
      const admission = await gate(call);
      if (admission.status === 'replayed') return deliver(admission.payment, replayed(admission.reply));
      if (admission.status === 'refused' && admission.reply.status !== 402) {
        return failures.recall(header, admission.reply) ?? responseOf(admission.reply, input.method);
      }
      const judged =
        admission.status === 'paid' ? { payment: admission.payment } : { refusal: admission.reply };
      judgedOf.set(input, judged);
      if (captured) judgedOf.set(captured, judged);
      return undefined;
    },
    fail(input, payment, response) {
      const header = paymentHeader(input)!;
      return failures.release(header, payment, response);
    },
  };
  return {
    methods: [createMethod(context, 'session'), createMethod(context, 'charge')],
    paymentOf(request) {
      const judged = judgedOf.get(request);
      return judged && 'payment' in judged ? judged.payment : undefined;
    },
  };
}

interface MethodContext {
  readonly vendor: Vendor;
  readonly route: Omit<CardMethodsOptions, 'vendor'>;
  readonly judgedOf: WeakMap<object, Judged>;
  /** @returns the answer, where mppx has nothing more to say */
  judge(
    input: Request,
    captured: object | undefined,
    header: string,
    secretKey: string,
    price: number,
  ): Promise<Response | undefined>;
  /** Returns the units of an answer of 400 or above. @returns what is sent */
  fail(input: Request, payment: Payment, response: Response): Response;
}

export type CardMethod<Intent extends 'session' | 'charge'> = ReturnType<typeof createMethod<Intent>>;

function createMethod<const Intent extends 'session' | 'charge'>(context: MethodContext, intent: Intent) {
  const { vendor, route, judgedOf } = context;
  const { unit } = vendor.document;
  const { code, currency, value } = unit;
  const headers = [...(route.headers ?? [])].map((name) => name.toLowerCase()).sort();

  const request = (amount: string) => ({
    ...readRequest({
      amount,
      currency: code,
      methodDetails: {
        document: vendor.digest,
        unit: { currency, value },
        version: 1,
        ...(headers.length > 0 ? { headers } : {}),
        ...(intent === 'charge' ? { nonce: toBase64url(crypto.getRandomValues(new Uint8Array(16))) } : {}),
        ...(route.seal ? { seal: 'aes128gcm' } : {}),
      },
    }),
  });

  const method = Method.from({
    name: methodName,
    intent,
    schema: {
      // The gate reads it, byte by byte.
      credential: { payload: z.record(z.string(), z.unknown()) },
      request: z.pipe(
        z.object({ amount: z.string() }),
        z.transform(({ amount }) => request(amount)),
      ),
    },
  });

  return Method.toServer(method, {
    // The gate compares what is claimed with the price, the card and the request, and its refusals are proved.
    stableBinding: (asked) => ({ currency: asked.currency }),

    async preflight({ credential, input, capturedRequest, options, secretKey }) {
      if (credential?.challenge.method !== methodName || credential.challenge.intent !== intent)
        return undefined;
      return context.judge(input, capturedRequest, paymentHeader(input)!, secretKey, Number(options.amount));
    },

    async verify({ envelope }) {
      const judged = envelope && judgedOf.get(envelope.capturedRequest);
      if (!judged || !('payment' in judged)) {
        throw new Errors.VerificationFailedError({ reason: 'a claim is judged with its request alone' });
      }
      return {
        method: methodName,
        status: 'success',
        reference: judged.payment.reference,
        timestamp: new Date().toISOString(),
      };
    },

    transport: {
      name: 'http',
      captureRequest: (input: Request) => ({
        hasBody: input.body !== null,
        headers: new Headers(input.headers),
        method: input.method,
        url: new URL(input.url),
      }),
      getCredential(input: Request) {
        const header = paymentHeader(input);
        return header === undefined ? null : Credential.deserialize(header);
      },
      async respondChallenge({
        challenge,
        error,
        input,
      }: {
        challenge: Challenge.Challenge;
        error?: Errors.PaymentError | undefined;
        input: Request;
      }) {
        const shared = vendor.cors.headers(callOf(input));
        const judged = judgedOf.get(input);
        // What went wrong inside leaves the outcome open.
        if (error && error.status >= 500 && !judged) {
          return responseOf(unavailableReply(shared), input.method);
        }
        let reply: Reply;
        if (judged && 'payment' in judged) {
          try {
            const problem = error?.toProblemDetails(challenge.id);
            reply = {
              ...problemReply('invalid-challenge', undefined, await judged.payment.release()),
              ...(problem && { body: JSON.stringify(problem) }),
            };
          } catch (failure) {
            return responseOf(judged.payment.failed(failure), input.method);
          }
        } else if (judged) {
          reply = judged.refusal;
        } else {
          const problem = error?.toProblemDetails(challenge.id);
          reply = {
            ...problemReply('payment-required', undefined, shared),
            ...(problem && { body: JSON.stringify(problem) }),
          };
        }
        const asked: Header = ['WWW-Authenticate', Challenge.serialize(challenge)];
        const rest = reply.headers.filter(([name]) => name !== 'WWW-Authenticate');
        return responseOf({ ...reply, headers: [asked, ...rest] }, input.method);
      },
      respondReceipt({ input, response }: { input: Request; response: Response }) {
        const judged = judgedOf.get(input);
        if (!judged || !('payment' in judged)) return response;
        const { payment } = judged;
        return response.status >= 400
          ? context.fail(input, payment, response)
          : deliver(payment, response, keepAside);
      },
    },
  });
}

function paymentHeader(input: Request): string | undefined {
  const header = input.headers.get('authorization');
  return (header && Credential.extractPaymentScheme(header)) || undefined;
}

/** The call of a request that somebody else still has to read. */
function cardCall(input: Request, header: string): Call {
  if (input.bodyUsed) {
    throw new ImpulsError('invalid-argument', 'the body was read before the request was paid', {
      hint: 'Let mppx see the request first.',
    });
  }
  const copy = callOf(input.clone());
  return { ...copy, header: (name) => (name === 'authorization' ? header : copy.header(name)) };
}
