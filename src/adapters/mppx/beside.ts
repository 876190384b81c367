import { ImpulsError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import { methodName } from '../../core/wire/index.js';
import type { Call, Header, Reply } from '../../server/call.js';
import { createOtherPayment, type Admission, type OtherMethod } from '../../server/index.js';
import { objectOf, readCredentialJson, textOf } from '../credential-json.js';

type WithReceipt = (response?: Response) => Response;

/** What mppx makes of a route, such as `mppx.charge({ amount: '0.01' })` or `mppx.compose(…)`. */
export type MppxHandler = (
  request: Request,
) => Promise<
  | { readonly status: 402; readonly challenge: Response }
  | { readonly status: 200; readonly withReceipt: WithReceipt }
>;

export interface MppxOffer {
  readonly handler: MppxHandler;
  /** Where requests are said to go: the vendor's. */
  readonly origin: string;
}

/** What mppx is paid by, side by side with cards, on a route of the vendor's: for `others`. */
export function offerMppx({ handler, origin }: MppxOffer): OtherMethod {
  return {
    carries: (call) => {
      const method = methodIn(call);
      return method !== undefined && method !== methodName;
    },

    async admit(call) {
      const body = await call.body(limits.bodyBytes);
      const result = await handler(requestOf(origin, call, body));
      if (result.status === 402) return { status: 'refused', reply: await refusalOf(result.challenge) };
      const withReceipt: WithReceipt = (response) => result.withReceipt(response);
      const whole = managed(withReceipt);
      if (whole) return { status: 'refused', reply: await replyOf(whole) };
      return {
        status: 'paid',
        payment: createOtherPayment({
          method: methodIn(call)!,
          reference: referenceIn(withReceipt),
          receipt: () => receiptsOf(withReceipt),
        }),
        body,
      } satisfies Admission;
    },

    async challenge(call) {
      const result = await handler(requestOf(origin, call, undefined));
      if (result.status !== 402) return [];
      const value = result.challenge.headers.get('WWW-Authenticate');
      return value === null ? [] : [['WWW-Authenticate', value]];
    },
  };
}

function methodIn(call: Call): string | undefined {
  const challenge = objectOf(readCredentialJson(call.header('authorization'))?.['challenge']);
  return challenge && textOf(challenge['method']);
}

function requestOf(origin: string, call: Call, body: Uint8Array | undefined): Request {
  const { method, target } = call;
  const headers = new Headers();
  for (const name of ['authorization', 'accept', 'accept-payment', 'content-type', 'idempotency-key']) {
    const value = call.header(name);
    if (value !== undefined) headers.set(name, value);
  }
  const hasBody = body !== undefined && body.length > 0 && method !== 'GET' && method !== 'HEAD';
  return new Request(origin + target, { method, headers, ...(hasBody && { body: body as BodyInit }) });
}

/** Its refusal, without challenges: they are put on it. What went wrong inside is no refusal. */
async function refusalOf(response: Response): Promise<Reply> {
  if (response.status >= 500) {
    throw new ImpulsError('network', `mppx answered ${response.status}: what became of the payment is open`);
  }
  const reply = await replyOf(response);
  const asking = ['www-authenticate', 'payment-required'];
  return { ...reply, headers: reply.headers.filter(([name]) => !asking.includes(name.toLowerCase())) };
}

async function replyOf(response: Response): Promise<Reply> {
  const body = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: [...response.headers], body };
}

/** The answer of a request that was about the payment alone, as of one that opens a channel. */
function managed(withReceipt: WithReceipt): Response | undefined {
  try {
    return withReceipt();
  } catch {
    // There is none: the handler answers.
    return undefined;
  }
}

function receiptsOf(withReceipt: WithReceipt): Header[] {
  const { headers } = withReceipt(new Response(null));
  return ['Payment-Receipt', 'PAYMENT-RESPONSE'].flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
}

function referenceIn(withReceipt: WithReceipt): string {
  const [receipt] = receiptsOf(withReceipt);
  const json = receipt && readCredentialJson(`Payment ${receipt[1]}`);
  return textOf(json?.['reference']) ?? '';
}
