import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Stripe from 'stripe';
import { createCallHandler } from '../../src/node/http.js';
import type { KeyDocument } from '../../src/core/key-document.js';
import { createStripeSales, type Product, type StripeSalesOptions } from '../../src/node/selling/stripe.js';
import { createMemoryLedger, type Ledger } from '../../src/server/index.js';
import { createMemorySaleRecords, type SaleRecords } from '../../src/server/selling/sale-records.js';
import { createSales } from '../../src/server/selling/sales.js';
import { createShopApi, hashToken } from '../../src/server/selling/shop-api.js';

/** Sales on a real port of loopback, over a ledger in memory. Nothing is asked of anybody else. */

export const now = Date.UTC(2026, 10, 22, 12) / 1000;
export const voucherKey = new Uint8Array(32).fill(9);
export const webhookSecret = 'whsec_one_of_a_test';
export const token = 'impuls_a-token-of-a-test';
export const products: Readonly<Record<string, Product>> = {
  'card-1000': { items: [{ denomination: 1000, count: 1 }], amount: 999, currency: 'eur' },
  trio: { items: [{ denomination: 100, count: 3 }], amount: 250, currency: 'eur' },
};

export interface Shop {
  readonly origin: string;
  readonly ledger: Ledger;
  readonly records: SaleRecords;
  readonly errors: unknown[];
  clock: number;
  close(): Promise<void>;
}

export interface ShopOptions extends Partial<
  Pick<StripeSalesOptions, 'mode' | 'webhookSecrets' | 'products'>
> {
  readonly ledger?: Ledger;
  readonly records?: SaleRecords;
}

export async function startShop(options: ShopOptions = {}): Promise<Shop> {
  const { ledger = createMemoryLedger(), records = createMemorySaleRecords() } = options;
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const errors: unknown[] = [];
  const onError = (error: unknown): unknown => errors.push(error);
  const shop: Shop = {
    origin,
    ledger,
    records,
    errors,
    clock: now,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const clock = (): number => shop.clock * 1000;
  const keys = { voucher: voucherKey };
  const sales = createSales({ origin, ledger, keys, secrets: [new Uint8Array(32).fill(1)], clock });
  const api = createShopApi({ sales, tokens: [hashToken(token)], document: () => document, clock, onError });
  const stripe = createStripeSales({
    sales,
    records,
    name: 'Example <News>',
    mode: 'test',
    webhookSecrets: [webhookSecret],
    products,
    ...options,
    clock,
    onError,
  });
  const answer = createCallHandler(async (call) => (await api(call)) ?? stripe.answer(call));
  server.on('request', (req, res) => void answer(req, res));
  return shop;
}

/** As far as the order API looks at it. */
const document = {
  cards: [100, 1000].map((denomination) => ({
    id: `key ${denomination}`,
    denomination,
    notBefore: now - 1000,
    notAfter: now + 100_000,
  })),
} as unknown as KeyDocument;

let made = 0;

/** A session like no other. */
export function makeSession(change: object = {}): Record<string, unknown> & { readonly id: string } {
  const id = `cs_test_a${String(++made).padStart(12, '0')}`;
  return {
    id,
    object: 'checkout.session',
    mode: 'payment',
    payment_status: 'paid',
    payment_intent: `pi_${id.slice(8)}`,
    amount_subtotal: 999,
    amount_total: 999,
    currency: 'eur',
    livemode: false,
    metadata: { impuls: 'card-1000' },
    customer_details: { email: 'buyer@example.com', name: 'A Buyer' },
    ...change,
  };
}

export interface EventOptions {
  readonly id?: string;
  readonly livemode?: boolean;
  readonly secret?: string;
  /** Unix seconds of the signature. */
  readonly signedAt?: number;
}

export interface SignedEvent {
  readonly body: string;
  readonly signature: string;
}

/** An event as Stripe sends it, signed by the package itself. */
export function signEvent(type: string, object: object, options: EventOptions = {}): SignedEvent {
  const { id = `evt_${++made}`, livemode = false, secret = webhookSecret, signedAt = now } = options;
  const body = JSON.stringify({ id, object: 'event', type, livemode, created: signedAt, data: { object } });
  const signature = Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: signedAt });
  return { body, signature };
}

export async function send(shop: Shop, { body, signature }: SignedEvent): Promise<number> {
  const response = await fetch(`${shop.origin}/impuls/sales/stripe`, {
    method: 'POST',
    headers: { 'stripe-signature': signature, 'content-type': 'application/json' },
    body,
  });
  await response.text();
  return response.status;
}

export async function tell(
  shop: Shop,
  type: string,
  object: object,
  options?: EventOptions,
): Promise<number> {
  return send(shop, signEvent(type, object, { signedAt: shop.clock, ...options }));
}

export interface Page {
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  /** Without separators. */
  readonly code: string | undefined;
  readonly title: string;
}

export async function visit(shop: Shop, session: string, more = ''): Promise<Page> {
  const response = await fetch(`${shop.origin}/impuls/sales/thanks?session_id=${session}${more}`);
  const html = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    html,
    code: /<code>([0-9A-Z-]+)<\/code>/.exec(html)?.[1]?.replaceAll('-', ''),
    title: /<h1>(.*)<\/h1>/.exec(html)?.[1] ?? '',
  };
}
