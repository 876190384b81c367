import { toBase64url } from '../core/base64url.js';
import { HmacKey } from '../core/hash.js';
import { formatKeyDocument, parseKeyDocument, type KeyDocument } from '../core/key-document.js';
import { createCounter } from './accept.js';
import type { Call, Reply } from './call.js';
import { createChallenges } from './challenges.js';
import { createCors, type Cors } from './cors.js';
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
  /** `any`: pages of every origin may call this vendor. `none`: nothing is said about it, and a host may. Default `any`. */
  readonly cors?: 'any' | 'none';
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
  /** What a host puts on the answers that it gives itself, such as files that are free. The vendor's own have it. */
  readonly cors: Cors;
  /** Makes `count` voucher codes, each good for `items`. Durable when it resolves. Secret: shown once, kept as a hash. */
  createVouchers(items: readonly OrderItem[], count: number): Promise<string[]>;
  totals(): Promise<Totals>;
  /** Failed redemptions not forgiven yet. */
  readonly failureLevel: number;
}

/** @throws ImpulsError `bad-document` for a key document that does not hold */
export function createVendor(options: VendorOptions): Vendor {
  const { keys, ledger, clock = Date.now, random = platformRandom, onError = () => {} } = options;
  const cors = createCors(options.cors ?? 'any');
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
    cors,
    ledger,
    repeats: createCounter(),
    forgeries: createCounter(),
    running: new Set(),
    clock,
    onError,
  };

  const routes = (): ListedRoute[] => listed.filter(({ listing }) => listing.when?.() ?? true);
  const pages: Readonly<Record<string, (call: Call) => Reply | undefined>> = {
    '/.well-known/impuls': (call) => page(call, 'application/json', bytes),
    '/openapi.json': (call) => page(call, 'application/json', describeApi(document, routes())),
    '/llms.txt': (call) => page(call, 'text/plain; charset=utf-8', describeForModels(document, routes())),
  };
  const paths = new Set([...Object.keys(pages), ...Object.values<string>({ ...document.endpoints })]);

  return {
    document,
    digest: digestText,
    cors,

    async answer(call) {
      const path = call.target.split('?', 1)[0]!;
      if (!paths.has(path)) return undefined;
      const preflight = cors.preflight(call);
      if (preflight) return preflight;
      const answerPage = pages[path];
      const reply = answerPage ? answerPage(call) : await answerEndpoint(endpointContext, call);
      return reply && { ...reply, headers: [...reply.headers, ...cors.headers(call)] };
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
