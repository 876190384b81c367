import { toBase64url } from '../core/base64url.js';
import { HmacKey } from '../core/hash.js';
import { formatKeyDocument, parseKeyDocument, type KeyDocument } from '../core/key-document.js';
import { createCounter } from './accept.js';
import type { Call, Reply } from './call.js';
import { createChallenges } from './challenges.js';
import { describeApi, describeForModels, type ListedRoute } from './discovery.js';
import { answerEndpoint, type EndpointContext } from './endpoints.js';
import { createGate, type Gate, type GateContext, type Route } from './gate.js';
import type { VendorKeys } from './keys.js';
import type { Ledger, OrderItem, Totals } from './ledger.js';
import { createFailureBudget, type FailureBudgetOptions } from './throttle.js';
import { createVouchers } from './vouchers.js';

export interface VendorOptions {
  readonly document: KeyDocument;
  readonly keys: VendorKeys;
  readonly ledger: Ledger;
  /** Digests (D, base64url) of earlier documents that an activation may still name: those replaced in the last 7 days. Default none. */
  readonly recentDocuments?: readonly string[];
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
  /** Default `crypto.getRandomValues`. */
  readonly random?: (length: number) => Uint8Array;
  readonly failureBudget?: Omit<FailureBudgetOptions, 'clock'>;
  /** Hears of failures that no answer can tell. Errors hold no secret. Default: nobody. */
  readonly onError?: (error: unknown) => void;
}

/** A vendor: issues its own cards and accepts them. */
export interface Vendor {
  readonly document: KeyDocument;
  /** D, base64url. */
  readonly digest: string;
  /** Answers the vendor's own paths: key document, endpoints, discovery. Undefined for any other. */
  answer(call: Call): Promise<Reply | undefined>;
  /** A gate for a paid route. */
  gate(route: Route): Gate;
  /** Makes `count` voucher codes, each good for `items`. Durable when it resolves. Secret: shown once, kept as a hash. */
  createVouchers(items: readonly OrderItem[], count: number): Promise<string[]>;
  totals(): Promise<Totals>;
  /** Failed redemptions not forgiven yet. */
  readonly failureLevel: number;
}

/** @throws ImpulsError `bad-document` for a key document that does not hold */
export function createVendor(options: VendorOptions): Vendor {
  const { keys, ledger, clock = Date.now, random = platformRandom, onError = () => {} } = options;
  const bytes = formatKeyDocument(options.document);
  const { document, digest } = parseKeyDocument(bytes);
  const digestText = toBase64url(digest);
  const voucherKey = new HmacKey(keys.voucher);
  const failures = createFailureBudget({ ...options.failureBudget, clock });
  const listed: ListedRoute[] = [];

  const endpointContext: EndpointContext = {
    document,
    keys,
    signers: keys.issuing,
    ledger,
    voucherKey,
    documents: new Set([digestText, ...(options.recentDocuments ?? [])]),
    failures,
    clock,
    onError,
  };
  const gateContext: GateContext = {
    origin: document.origin,
    challenges: createChallenges({
      secret: new HmacKey(keys.challenge),
      document,
      digest: digestText,
      random,
    }),
    ledger,
    repeats: createCounter(),
    forgeries: createCounter(),
    running: new Set(),
    clock,
    onError,
  };

  return {
    document,
    digest: digestText,

    async answer(call) {
      switch (call.target) {
        case '/.well-known/impuls':
          return page(call, 'application/json', bytes);
        case '/openapi.json':
          return page(call, 'application/json', describeApi(document, listed));
        case '/llms.txt':
          return page(call, 'text/plain; charset=utf-8', describeForModels(document, listed));
        default:
          return answerEndpoint(endpointContext, call);
      }
    },

    gate(route) {
      if (route.listing) listed.push({ ...route, listing: route.listing });
      return createGate(gateContext, route);
    },

    createVouchers: (items, count) => createVouchers(ledger, voucherKey, random, items, count),
    totals: () => ledger.totals(),
    get failureLevel() {
      return failures.level;
    },
  };
}

/** The same bytes for everyone, and no validator: an ETag would be a name for whoever asks. */
function page(call: Call, type: string, body: string | Uint8Array): Reply | undefined {
  if (call.method !== 'GET' && call.method !== 'HEAD') return undefined;
  return {
    status: 200,
    headers: [
      ['Content-Type', type],
      ['Cache-Control', 'no-cache'],
    ],
    body,
  };
}

function platformRandom(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
