import { activationKeyId, generateEnvelopeKey, issuingKeyId, toBase64url, type KeyDocument } from 'impuls';
import {
  createMemoryStorage,
  createPayingFetch,
  openWallet,
  paymentOf,
  type PayingFetchOptions,
  type Wallet,
} from 'impuls/client';
import {
  createFetchHandler,
  createMemoryLedger,
  createPaidHandler,
  createVendor,
  type Ledger,
  type PaidHandler,
  type Route,
  type Vendor,
  type VendorKeys,
} from 'impuls/server';
import { parseChallenges, parseReceipt } from 'impuls/wire';
import issuingKey from '../../reference/cases/issuing-key.json' with { type: 'json' };
import { checkVectors, vectorFiles } from './vectors.js';

/**
 * What every runtime does alike: it is run by each of them, on the built package, with nothing but what they have in common.
 * A check rejects with what does not hold.
 */
export const checks: Readonly<Record<string, () => Promise<void>>> = {
  ...Object.fromEntries(
    vectorFiles.map((name) => [
      `vectors/${name}.json holds`,
      async () => same((await checkVectors(name)).join('\n'), ''),
    ]),
  ),
  ...Object.fromEntries(
    (['chain', 'stream'] as const).flatMap((protocol) => [
      [`a wallet buys blindly and pays once a call: ${protocol}`, () => payOnce(protocol)],
      [`twenty calls at once are twenty payments: ${protocol}`, () => payManyAtOnce(protocol)],
      [`a sealed body is opened: ${protocol}`, () => openSealed(protocol)],
      [`the same claim is answered again and charged once: ${protocol}`, () => repeat(protocol)],
      [`a handler that fails gives the units back: ${protocol}`, () => release(protocol)],
      [`a route that captures charges what was used: ${protocol}`, () => capture(protocol)],
    ]),
  ),
  'a request without a claim gets two challenges, and no cache keeps them': challenge,
};

export interface Outcome {
  readonly name: string;
  /** Milliseconds, for whoever wonders where the time goes. */
  readonly took: number;
  /** Absent if it holds. */
  readonly error?: string;
}

export async function runChecks(): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [name, check] of Object.entries(checks)) {
    const start = performance.now();
    outcomes.push(
      await check().then(
        () => ({ name, took: performance.now() - start }),
        (error: unknown) => ({
          name,
          took: performance.now() - start,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }),
      ),
    );
  }
  return outcomes;
}

type Protocol = 'chain' | 'stream';

const origin = 'https://news.example';
const prices: Readonly<Record<string, Route>> = {
  '/article': { price: 3 },
  '/order': { price: 5 },
  '/broken': { price: 7 },
  '/metered': { price: 10, charge: 'capture' },
};

interface Shop {
  readonly vendor: Vendor;
  readonly ledger: Ledger;
  readonly wallet: Wallet;
  /** The requests that carried a claim, as they were sent. */
  readonly claims: Request[];
  /** How often a handler ran. */
  runs: number;
  readonly pay: (path: string, init?: RequestInit) => Promise<Response>;
  readonly send: (request: Request) => Promise<Response>;
  left(): number;
}

/** A vendor in memory, and a wallet with one card of 100 units. */
async function open(protocol: Protocol, options: Partial<PayingFetchOptions> = {}): Promise<Shop> {
  const ledger = createMemoryLedger();
  const vendor = createVendor({ ...(await createKeys()), ledger });
  const handlers: Readonly<Record<string, PaidHandler>> = {
    '/article': () => new Response('worth it'.repeat(1000)),
    '/order': async (request) => new Response(`${await request.text()} ${shop.runs}`, { status: 201 }),
    '/broken': () => new Response('no', { status: 500 }),
    '/metered': async (_, payment) => {
      await payment.capture(4);
      return new Response('four');
    },
  };
  const own = createFetchHandler(vendor);
  const paid = new Map(
    Object.entries(prices).map(([path, route]) => {
      const handler = createPaidHandler(vendor.gate(route), (request, payment) => {
        shop.runs++;
        return handlers[path]!(request, payment);
      });
      return [path, handler] as const;
    }),
  );
  const send = async (request: Request): Promise<Response> => {
    const handler = paid.get(new URL(request.url).pathname);
    if (!handler) return (await own(request)) ?? new Response(null, { status: 404 });
    if (request.headers.has('authorization')) claims.push(request.clone());
    return handler(request);
  };
  const claims: Request[] = [];
  const wallet = await openWallet({
    storage: createMemoryStorage(),
    fetch: (input, init) => send(new Request(input, init)),
  });
  const [code] = await vendor.createVouchers([{ denomination: 100, count: 1 }], 1);
  await wallet.redeem(origin, code!, { protocol });
  const fetcher = createPayingFetch({ wallet, protocol, limits: { perRequest: 10, total: 100 }, ...options });
  const shop: Shop = {
    vendor,
    ledger,
    wallet,
    claims,
    runs: 0,
    pay: (path, init) => fetcher(origin + path, init),
    send,
    left: () => wallet.cards()[0]!.left,
  };
  return shop;
}

async function payOnce(protocol: Protocol): Promise<void> {
  const shop = await open(protocol);
  const first = await shop.pay('/article');
  same(first.status, 200);
  same(first.headers.get('cache-control'), 'private');
  same(await first.text(), 'worth it'.repeat(1000));
  same(paymentOf(first)?.units, 3);
  const receipt = parseReceipt(first.headers.get('payment-receipt') ?? '');
  same([receipt.units, receipt.remaining].join(), '3,97');
  same((await shop.pay('/article')).status, 200);
  // The first asks for the price; the second knows it.
  same([shop.claims.length, shop.runs, shop.left()].join(), '2,2,94');
  same((await shop.ledger.totals()).spent, 6);
  await shop.wallet.close();
}

async function payManyAtOnce(protocol: Protocol): Promise<void> {
  const shop = await open(protocol);
  const responses = await Promise.all(Array.from({ length: 20 }, () => shop.pay('/article')));
  for (const response of responses) same(await response.text(), 'worth it'.repeat(1000));
  same([shop.runs, shop.left()].join(), '20,40');
  same((await shop.ledger.totals()).spent, 60);
  await shop.wallet.close();
}

async function openSealed(protocol: Protocol): Promise<void> {
  const shop = await open(protocol, { seal: 'prefer' });
  const response = await shop.pay('/article');
  same(await response.text(), 'worth it'.repeat(1000));
  const again = await shop.send(shop.claims[0]!.clone());
  same(again.headers.get('content-encoding'), 'aes128gcm');
  const sealed = new Uint8Array(await again.arrayBuffer());
  same(sealed.length > 8000 && sealed.length < 8200, true);
  await shop.wallet.close();
}

async function repeat(protocol: Protocol): Promise<void> {
  const shop = await open(protocol);
  const response = await shop.pay('/order', { method: 'POST', body: 'two tickets' });
  same(await response.text(), 'two tickets 1');
  const claim = shop.claims[0]!;
  // What the handler said is kept when it has ended.
  const again = await shop.send(claim.clone());
  same([again.status, await again.text(), shop.runs].join(), '201,two tickets 1,1');
  const altered = await shop.send(new Request(claim.clone(), { body: 'three tickets' }));
  same([await altered.text(), shop.runs].join(), 'two tickets 1,1');
  await (await shop.pay('/article')).text();
  const served = await shop.send(shop.claims.at(-1)!.clone());
  same(await served.text(), 'worth it'.repeat(1000));
  same((await shop.ledger.totals()).spent, 8);
  await shop.wallet.close();
}

async function release(protocol: Protocol): Promise<void> {
  const shop = await open(protocol);
  const response = await shop.pay('/broken');
  same([response.status, response.headers.has('payment-receipt')].join(), '500,false');
  same([shop.runs, shop.left(), (await shop.ledger.totals()).spent].join(), '1,100,0');
  await shop.wallet.close();
}

async function capture(protocol: Protocol): Promise<void> {
  const shop = await open(protocol);
  const response = await shop.pay('/metered');
  same(await response.text(), 'four');
  same([paymentOf(response)?.units, shop.left(), (await shop.ledger.totals()).spent].join(), '4,96,4');
  await shop.wallet.close();
}

async function challenge(): Promise<void> {
  const shop = await open('chain');
  const response = await shop.send(new Request(`${origin}/article`));
  same(response.status, 402);
  same(response.headers.get('cache-control'), 'no-store');
  const challenges = parseChallenges(response.headers.get('www-authenticate') ?? '');
  same(challenges.map(({ method, intent }) => `${method} ${intent}`).join(), 'impuls session,impuls charge');
  await shop.wallet.close();
}

async function createKeys(): Promise<{ document: KeyDocument; keys: VendorKeys }> {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  const n = unhex(issuingKey.n);
  const activation = await generateEnvelopeKey(random);
  const activationId = activationKeyId(activation.publicKey);
  const day = 86_400;
  const today = Math.floor(Date.now() / 1000 / day) * day;
  const document: KeyDocument = {
    version: 1,
    origin,
    name: 'Example News',
    unit: { code: 'unit', currency: 'USD', value: '0.001' },
    activation: { id: activationId, key: toBase64url(activation.publicKey) },
    statement: { key: statementKey.publicKey },
    cards: [
      {
        id: issuingKeyId(n),
        n: toBase64url(n),
        denomination: 100,
        epoch: 'first',
        notBefore: today,
        notAfter: today + 90 * day,
        expires: today + 365 * day,
      },
    ],
    endpoints: {
      activate: '/impuls/activate',
      issue: '/impuls/issue',
      order: '/impuls/order',
      state: '/impuls/state',
      statement: '/impuls/statement',
    },
    policy: { grace: 30 * day, retention: 40 * day },
    previous: [],
  };
  const keys: VendorKeys = {
    issuing: [{ id: issuingKeyId(n), blindSign }],
    activation: new Map([[activationId, activation.secretKey]]),
    statement: unhex(statementKey.secretKey),
    challenge: random(32),
    voucher: random(32),
  };
  return { document, keys };
}

/** That of RFC 8032 §7.1, test 1. */
const statementKey = {
  secretKey: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
  publicKey: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
};

/** Raw RSA with a key that everybody knows: each platform has another way to do it, and what is tried here is not that. */
function blindSign(blinded: Uint8Array): Uint8Array {
  const [p, q, d] = [issuingKey.p, issuingKey.q, issuingKey.d].map((hex) => BigInt(`0x${hex}`)) as [
    bigint,
    bigint,
    bigint,
  ];
  const message = BigInt(`0x${toHex(blinded)}`);
  const [a, b] = [power(message % p, d % (p - 1n), p), power(message % q, d % (q - 1n), q)];
  const h = ((((a - b) * power(q, p - 2n, p)) % p) + p) % p;
  return unhex((b + h * q).toString(16).padStart(768, '0'));
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let [square, bits] = [base, exponent]; bits > 0n; bits >>= 1n) {
    if (bits & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

function unhex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function same(found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`found ${JSON.stringify(found)}, expected ${JSON.stringify(wanted)}`);
}
