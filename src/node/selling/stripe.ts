import Stripe from 'stripe';
import { ImpulsError, isImpulsError } from '../../core/errors.js';
import { limits } from '../../core/limits.js';
import type { JsonObject, JsonValue } from '../../core/wire/canonical-json.js';
import { jsonReply, type Call, type Reply } from '../../server/call.js';
import { callOf, responseOf, type FetchInfo } from '../../server/fetch.js';
import type { OrderItem } from '../../server/index.js';
import { createPayments, type Payments } from '../../server/selling/payments.js';
import { problemReply } from '../../server/problems.js';
import type { SaleRecords } from '../../server/selling/sale-records.js';
import type { Sales } from '../../server/selling/sales.js';
import { thanksReply, waitSeconds, type ThanksPage } from '../../server/selling/thanks-page.js';
import { stripePaths, type stripeEvents } from './stripe-paths.js';

export { openSaleRecords } from './sale-records.js';
export { stripeEvents, stripePaths } from './stripe-paths.js';

/**
 * Cards sold by Stripe Checkout: `impuls/server/stripe` (docs/adr/0013-sales.md). Only what Stripe signs makes orders; nothing
 * is asked of Stripe, so no key of its API is needed. Needs the package `stripe`.
 *
 *   POST /impuls/sales/stripe                            the webhook
 *   GET  /impuls/sales/thanks?session_id=cs_live_…       where buyers come back to, and find their code
 */
export interface StripeSales {
  /** Undefined for any other path. */
  answer(call: Call): Promise<Reply | undefined>;
  /** The same on Fetch types. */
  handle(request: Request, info?: FetchInfo): Promise<Response | undefined>;
  /** For the seller: lifts what holds a sale, and what he asks of payments. */
  readonly payments: Payments;
}

export interface StripeSalesOptions {
  readonly sales: Sales;
  readonly records: SaleRecords;
  /** The vendor's, for people. */
  readonly name: string;
  /** Events and sessions of the other kind are refused. */
  readonly mode: 'test' | 'live';
  /** Signing secrets of the webhook, `whsec_…`; two while one replaces the other. Secret. */
  readonly webhookSecrets: readonly string[];
  /** What is sold, by the name that a session or a payment link has as `impuls` in its metadata. */
  readonly products: Readonly<Record<string, Product>>;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
  /** Hears of every event that could not be done. Errors hold no secret, and name no buyer. Default: nobody. */
  readonly onError?: (error: unknown) => void;
}

/** What one costs, and what it is. */
export interface Product {
  readonly items: readonly OrderItem[];
  /** The price of one, in the smallest unit of the currency, as Stripe counts: before discounts and taxes. */
  readonly amount: number;
  /** As Stripe writes it: `eur`. */
  readonly currency: string;
}

/** The member of a session's metadata that names the product. */
export const productMember = 'impuls';

/** Bytes of an event that are read. Those that count are far shorter. */
const maxEvent = 1 << 20;
/** How old a signature may be: what was recorded cannot be sent again later. */
const toleranceSeconds = 300;
const sessionId = /^cs_(test|live)_[A-Za-z0-9]{8,240}$/;
/** Anybody can send what is not signed: it is told this often at most. */
const forgeryEveryMs = 60_000;

export function createStripeSales(options: StripeSalesOptions): StripeSales {
  const {
    sales,
    records,
    name,
    mode,
    webhookSecrets,
    products,
    clock = Date.now,
    onError = () => {},
  } = options;
  const payments = createPayments(sales, records, clock);
  let forgeryTold = Number.NEGATIVE_INFINITY;

  async function answerWebhook(call: Call): Promise<Reply> {
    if (call.method !== 'POST') return problemReply('method-not-allowed', 'POST only.', [['Allow', 'POST']]);
    try {
      const body = await call.body(maxEvent);
      const event = verifyEvent(body, call.header('stripe-signature') ?? '', webhookSecrets, clock());
      if (event.livemode !== (mode === 'live')) {
        throw new ImpulsError(
          'unsupported',
          `event ${event.id} is of the other mode: this vendor is ${mode}`,
          {
            hint: 'Let the webhook of this mode lead here; or change mode in vendor.json, and restart the server.',
          },
        );
      }
      await take(payments, products, event);
      return jsonReply(200, '{"received":true}');
    } catch (error) {
      if (!isImpulsError(error, 'bad-signature')) onError(error);
      else if (clock() - forgeryTold >= forgeryEveryMs) {
        forgeryTold = clock();
        onError(error);
      }
      return refusal(error);
    }
  }

  async function answerThanks(call: Call): Promise<Reply> {
    const { method } = call;
    if (method !== 'GET' && method !== 'HEAD') {
      return problemReply('method-not-allowed', 'GET only.', [['Allow', 'GET, HEAD']]);
    }
    const page = (view: ThanksPage['view']): Reply => thanksReply({ vendor: name, mode, view });
    const query = new URLSearchParams(call.target.split('?')[1] ?? '');
    const session = query.get('session_id') ?? '';
    if (sessionId.exec(session)?.[1] !== mode) return page({ kind: 'wrong' });
    try {
      const sale = await payments.read({ channel: 'stripe', reference: session });
      if (!sale) return page(waitingView(session, query.get('asked')));
      return page({ kind: 'sale', sale, link: sales.linkOf(sale.code) });
    } catch (error) {
      onError(error);
      return page({ kind: 'failed' });
    }
  }

  const answer = async (call: Call): Promise<Reply | undefined> => {
    const path = call.target.split('?', 1)[0];
    if (path === stripePaths.webhook) return answerWebhook(call);
    if (path === stripePaths.thanks) return answerThanks(call);
    return undefined;
  };
  return {
    answer,
    async handle(request, info) {
      const reply = await answer(callOf(request, info));
      return reply && responseOf(reply, request.method);
    },
    payments,
  };
}

function waitingView(session: string, asked: string | null): ThanksPage['view'] {
  const before = /^\d{1,3}$/.test(asked ?? '') ? Number(asked) : 0;
  const self = `${stripePaths.thanks}?session_id=${session}`;
  const seconds = waitSeconds(before);
  return seconds === undefined
    ? { kind: 'waiting', self }
    : { kind: 'waiting', self, seconds, next: `${self}&asked=${before + 1}` };
}

interface VerifiedEvent {
  readonly id: string;
  readonly type: string;
  readonly livemode: boolean;
  readonly object: JsonObject;
}

/** @throws ImpulsError `bad-signature`, also for one that is too old; `malformed` */
function verifyEvent(
  body: Uint8Array,
  signature: string,
  secrets: readonly string[],
  nowMs: number,
): VerifiedEvent {
  for (const secret of secrets) {
    try {
      const event = Stripe.webhooks.constructEvent(
        body,
        signature,
        secret,
        toleranceSeconds,
        undefined,
        nowMs,
      );
      // Typed for one version of the API; which one sends is chosen elsewhere.
      const { id, type, livemode, data } = event as unknown as Record<string, JsonValue | undefined>;
      const object = (data as JsonObject | undefined)?.['object'];
      if (
        typeof id !== 'string' ||
        typeof type !== 'string' ||
        typeof livemode !== 'boolean' ||
        !isObject(object)
      ) {
        throw new ImpulsError('malformed', 'that is no event of Stripe');
      }
      return { id, type, livemode, object };
    } catch (error) {
      // The package's own error holds the message, and so the buyer's name: nobody is to see it.
      if (isImpulsError(error)) throw error;
    }
  }
  throw new ImpulsError(
    'bad-signature',
    'a message that is not signed with the secret of the webhook, or too late',
    {
      hint: 'If Stripe sent it: compare the signing secret, and the clock of this machine.',
    },
  );
}

/** Does what an event says. What it does not know it lets pass. @throws ImpulsError */
async function take(
  payments: Payments,
  products: Readonly<Record<string, Product>>,
  { id, type, object }: VerifiedEvent,
): Promise<void> {
  switch (type as (typeof stripeEvents)[number]) {
    case 'checkout.session.completed':
    case 'checkout.session.async_payment_succeeded':
      return takeSession(payments, products, id, object);
    case 'charge.dispute.created':
      return mark(payments, object, 'open', textOf(object['id']));
    case 'charge.dispute.closed':
      return closeDispute(payments, object);
    case 'charge.refunded':
      // A part may have been for anything: the seller decides what becomes of the cards.
      return object['refunded'] === true
        ? mark(payments, object, 'final', 'refunded')
        : mark(payments, object, 'open', id);
  }
}

async function takeSession(
  payments: Payments,
  products: Readonly<Record<string, Product>>,
  event: string,
  session: JsonObject,
): Promise<void> {
  const { metadata, mode, id } = session;
  const product = isObject(metadata) ? metadata[productMember] : undefined;
  // Something else that is sold on the same account.
  if (typeof product !== 'string' || mode !== 'payment') return;
  // Some ways to pay take days: another event tells of their end. What a discount pays for in full is paid.
  if (session['payment_status'] === 'unpaid') return;
  const reference = textOf(id);
  if (reference === undefined || !sessionId.test(reference)) {
    throw new ImpulsError('malformed', `event ${event} names no session`);
  }
  await payments.paid({ channel: 'stripe', reference }, idOf(session['payment_intent']), () =>
    itemsOf(products, product, session, event),
  );
}

/** What was bought, by the price that was asked: an event does not say how many. */
function itemsOf(
  products: Readonly<Record<string, Product>>,
  name: string,
  session: JsonObject,
  event: string,
): readonly OrderItem[] {
  const product = Object.hasOwn(products, name) ? products[name] : undefined;
  if (!product) {
    throw new ImpulsError('order-mismatch', `event ${event}: there is no product "${name.slice(0, 64)}"`, {
      hint: 'Add it with `impuls sales product`: Stripe sends the event again.',
    });
  }
  const { amount_subtotal: subtotal, currency } = session;
  const quantity = typeof subtotal === 'number' ? subtotal / product.amount : Number.NaN;
  const cards = product.items.reduce((sum, { count }) => sum + count, 0) * quantity;
  if (
    currency !== product.currency ||
    !Number.isInteger(quantity) ||
    quantity < 1 ||
    cards > limits.orderItems
  ) {
    throw new ImpulsError('order-mismatch', `event ${event}: the sum is not that of a number of "${name}"`, {
      hint: 'Compare the price in Stripe with that of `impuls sales show`. Once they agree, Stripe sends the event again.',
    });
  }
  return product.items.map(({ denomination, count }) => ({ denomination, count: count * quantity }));
}

async function closeDispute(payments: Payments, dispute: JsonObject): Promise<void> {
  const { status } = dispute;
  const cause = textOf(dispute['id']);
  if (status === 'won' || status === 'warning_closed') await mark(payments, dispute, 'lifted', cause);
  else await mark(payments, dispute, status === 'lost' ? 'final' : 'open', cause);
}

/** What has no payment intent was not sold by Checkout. */
async function mark(
  payments: Payments,
  object: JsonObject,
  kind: 'open' | 'lifted' | 'final',
  cause: string | undefined,
): Promise<void> {
  const payment = idOf(object['payment_intent']);
  if (payment !== undefined && cause !== undefined) await payments.mark(payment, cause, kind);
}

function refusal(error: unknown): Reply {
  if (isImpulsError(error, 'too-large')) return problemReply('body-too-large');
  if (isImpulsError(error, 'bad-signature')) return problemReply('malformed', 'The signature does not hold.');
  if (isImpulsError(error, 'malformed') || isImpulsError(error, 'unsupported')) {
    return problemReply('malformed', `${error.message}.`);
  }
  // Stripe shows it to the seller, and sends the event again.
  if (isImpulsError(error, 'order-mismatch')) return problemReply('order-mismatch', `${error.message}.`);
  return problemReply('ledger-unavailable', 'Send the same event again.', [['Retry-After', '5']]);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value.length > 0 && value.length <= 255 ? value : undefined;
}

/** An id, or an object that was put in its place. */
function idOf(value: JsonValue | undefined): string | undefined {
  return textOf(isObject(value) ? value['id'] : value);
}
