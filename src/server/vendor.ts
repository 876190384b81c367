import { toBase64url } from '../core/base64url.js';
import { equalBytes } from '../core/bytes.js';
import { ImpulsError } from '../core/errors.js';
import { HmacKey } from '../core/hash.js';
import {
  formatKeyDocument,
  parseKeyDocument,
  type KeyDocument,
  type ReceivedDocument,
} from '../core/key-document.js';
import { breachOf } from '../core/key-succession.js';
import { toolPath } from '../core/tool-url.js';
import { createCounter } from './counter.js';
import { createUndone } from './undone.js';
import { createActivity, type ActivityKind, type ActivitySlot } from './activity.js';
import { printBatch, type PrintedCodes } from './batches.js';
import type { Call, Header, Reply } from './call.js';
import { createChallenges, type Challenges } from './challenges.js';
import { createCors, type Cors } from './cors.js';
import { createCreditDesk } from './credits.js';
import { describeApi, describeForModels, type Listed, type ListedRoute } from './discovery.js';
import { answerEndpoint, type EndpointContext } from './endpoints.js';
import { createGate, demandsOf, type Gate, type GateContext, type Route } from './gate.js';
import type { VendorKeys } from './keys.js';
import { createLoad, type LoadGauge, type LoadOptions } from './load.js';
import type { BatchTerms, Ledger, OrderItem, Totals } from './ledger.js';
import type { ReplyLimits } from './replies.js';
import { createFailureBudget, type FailureBudgetOptions, type FailureGauge } from './throttle.js';
import { createToolDesk } from './tools.js';
import { createMeterDesk } from './metering/desk.js';
import type { MeteringOptions } from './metering/meter.js';
import { createMeters, type Meters } from './metering/meters.js';
import { createVouchers } from './vouchers.js';

/** What a vendor publishes and the secrets of it: what changes when keys are rotated. */
export interface VendorIdentity {
  readonly document: KeyDocument;
  readonly keys: VendorKeys;
  /** Digests (D, base64url) of earlier documents that an activation may still name: those replaced in the last 7 days. Default none. */
  readonly recentDocuments?: readonly string[];
}

export interface VendorOptions extends VendorIdentity {
  readonly ledger: Ledger;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
  /** Default `crypto.getRandomValues`. */
  readonly random?: (length: number) => Uint8Array;
  /** `any`: pages of every origin may call this vendor. `none`: nothing is said about it, and a host may. Default `any`. */
  readonly cors?: 'any' | 'none';
  /** What routes keep of the answers to unsafe methods, unless they say otherwise. */
  readonly replies?: ReplyLimits;
  /** How streams are metered. */
  readonly metering?: MeteringOptions;
  readonly failureBudget?: Omit<FailureBudgetOptions, 'clock'>;
  /** What is taken on at a time; what is more is answered 503, and nothing is claimed for it. */
  readonly load?: LoadOptions;
  /** Hears what callers were answered, as it is counted in `activity`. Default: nobody. */
  readonly onAnswered?: (kind: ActivityKind) => void;
  /** Hears of failures that no answer can tell. Errors hold no secret. Default: nobody. */
  readonly onError?: (error: unknown) => void;
}

/** Who asks for payments at a gate, where it is not the vendor: another server of the same realm that asks for the vendor's cards. */
export interface ChallengeIssuer {
  /** Its secret, by which it knows its own challenges. */
  readonly key: Uint8Array;
}

/** A vendor: issues its own cards and accepts them. */
export interface Vendor {
  /** As published now. */
  readonly document: KeyDocument;
  /** D of it, base64url. */
  readonly digest: string;
  /**
   * Publishes another document and works with its keys from the next call on. Calls that have begun end with the old ones;
   * cards, orders, vouchers and challenges that are out stay good.
   *
   * @throws ImpulsError `bad-document` for one that does not hold; `invalid-argument` if it is no successor, or if the
   *   challenge key, the voucher key, an endpoint or the unit has changed
   */
  replaceKeys(identity: VendorIdentity): void;
  /** Answers the vendor's own paths: key document, endpoints, discovery. Undefined for any other. */
  answer(call: Call): Promise<Reply | undefined>;
  /** A gate for a paid route. */
  gate(route: Route, issuer?: ChallengeIssuer): Gate;
  /** What a host puts on the answers that it gives itself, such as files that are free. The vendor's own have it. */
  readonly cors: Cors;
  /** Makes `count` voucher codes, each good for `items`. Durable when it resolves. Secret: shown once, kept as a hash. */
  createVouchers(items: readonly OrderItem[], count: number): Promise<string[]>;
  totals(): Promise<Totals>;
  /**
   * Makes a batch of codes, printed: worth nothing until `Ledger.changeCodes` activates them. They come in shares, each when it
   * is durable. Secret: shown once, kept as hashes.
   */
  printBatch(terms: BatchTerms, count: number): AsyncGenerator<PrintedCodes, void, undefined>;
  /** How many wrong vouchers were tried: whether somebody guesses. */
  readonly failures: FailureGauge;
  /** How much there is to do now, and what was shed because there was too much. */
  readonly load: LoadGauge;
  /** What callers were answered in the last two days, as far as this process saw them; counts, and nobody's. */
  readonly activity: readonly ActivitySlot[];
}

/** @throws ImpulsError `bad-document` for a key document that does not hold */
export function createVendor(options: VendorOptions): Vendor {
  const { ledger, clock = Date.now, random = platformRandom, onError = () => {} } = options;
  const cors = createCors(options.cors ?? 'any');
  const voucherKey = new HmacKey(options.keys.voucher);
  const failures = createFailureBudget({ ...options.failureBudget, clock });
  const activity = createActivity(clock, options.onAnswered);
  const load = createLoad(options.load);
  const listed: ListedRoute[] = [];
  let current = publish(options);

  function publish({ document, keys, recentDocuments = [] }: VendorIdentity): Published {
    const bytes = formatKeyDocument(document);
    const received = parseKeyDocument(bytes);
    const digest = toBase64url(received.digest);
    const documents = new Set([digest, ...recentDocuments]);
    const context = {
      document: received.document,
      keys,
      signers: keys.issuing,
      ledger,
      voucherKey,
      documents,
    };
    return {
      bytes,
      received,
      digest,
      keys,
      endpoints: { ...context, failures, activity, load, clock, onError },
    };
  }

  const { document } = current.received;
  const challengesBy = (key: Uint8Array): Challenges =>
    createChallenges({ secret: new HmacKey(key), document, digest: () => current.digest, random });
  const meters = createMeters(random, options.metering);
  /** Without an endpoint that clients know, nobody could pay a meter. */
  function openMeter(...opening: Parameters<Meters['open']>): ReturnType<Meters['open']> {
    if (current.received.document.endpoints.meter !== undefined) return meters.open(...opening);
    throw new ImpulsError('unsupported', 'the key document names no endpoint for meters', {
      hint: 'Publish one with endpoints.meter, such as "/impuls/meter".',
    });
  }
  const gateContext: GateContext = {
    origin: document.origin,
    challenges: challengesBy(options.keys.challenge),
    cors,
    activity,
    ledger,
    load,
    repeats: createCounter(),
    forgeries: createCounter(),
    running: new Set(),
    undone: createUndone(),
    replies: options.replies ?? {},
    meters: { ...meters, open: openMeter },
    clock,
    onError,
  };

  /** What is listed now; the challenges are those of this minute. */
  function offered({ received }: Published): Listed {
    const now = Math.floor(clock() / 1000);
    return {
      document: received.document,
      routes: listed.filter(({ listing }) => listing.when?.() ?? true),
      challengeFor: (route, price) => gateContext.challenges.session(price, demandsOf(route), now),
    };
  }
  const pages: Readonly<Record<string, (call: Call, published: Published) => Reply | undefined>> = {
    '/.well-known/impuls': (call, { bytes }) => page(call, 'application/json', bytes, fresh),
    '/openapi.json': (call, published) =>
      page(call, 'application/json', describeApi(offered(published)), advisory),
    '/llms.txt': (call, published) =>
      page(call, 'text/plain; charset=utf-8', describeForModels(offered(published)), advisory),
  };
  const meterDesk = createMeterDesk(gateContext, meters);
  const creditDesk = createCreditDesk(gateContext, () => current.endpoints);
  const toolDesk = createToolDesk(gateContext);

  return {
    get document() {
      return current.received.document;
    },
    get digest() {
      return current.digest;
    },
    cors,

    replaceKeys(identity) {
      const next = publish(identity);
      checkReplacement(current, next);
      current = next;
    },

    async answer(call) {
      const path = call.target.split('?', 1)[0]!;
      if (path.startsWith(toolPath)) return toolDesk(call);
      const answerPage = pages[path];
      const { document } = current.received;
      const { meter } = document.endpoints;
      if (meter !== undefined && path.startsWith(`${meter}/`)) {
        return cors.preflight(call) ?? meterDesk(call);
      }
      if (!answerPage && !Object.values<string>({ ...document.endpoints }).includes(path)) return undefined;
      const preflight = cors.preflight(call);
      if (preflight) return preflight;
      if (path === document.endpoints.credit) return creditDesk(call);
      const reply = answerPage ? answerPage(call, current) : await answerEndpoint(current.endpoints, call);
      return reply && { ...reply, headers: [...reply.headers, ...cors.headers(call)] };
    },

    gate(route, issuer) {
      if (route.listing) listed.push({ ...route, listing: route.listing });
      return createGate(
        issuer ? { ...gateContext, challenges: challengesBy(issuer.key) } : gateContext,
        route,
      );
    },

    createVouchers: (items, count) =>
      createVouchers(ledger, voucherKey, random, items, count, Math.floor(clock() / 1000)),
    totals: () => ledger.totals(),
    printBatch: (terms, count) => printBatch(ledger, voucherKey, random, terms, count),
    get failures() {
      return failures.gauge;
    },
    get load() {
      return load.gauge;
    },
    get activity() {
      return activity.slots();
    },
  };
}

/** A document as it is served, and what answers for it. */
interface Published {
  readonly bytes: Uint8Array;
  readonly received: ReceivedDocument;
  readonly digest: string;
  readonly keys: VendorKeys;
  readonly endpoints: EndpointContext;
}

/** Wallets would refuse what is no successor, and what is out rests on the rest. */
function checkReplacement(current: Published, next: Published): void {
  const breach = breachOf(current.received, next.received, []);
  const [old, fresh] = [current.received.document, next.received.document];
  const same = (a: object, b: object): boolean => JSON.stringify(a) === JSON.stringify(b);
  const isFixed =
    // One may be added.
    same({ ...fresh.endpoints, ...old.endpoints }, { ...fresh.endpoints }) &&
    same({ ...old.unit }, { ...fresh.unit }) &&
    equalBytes(current.keys.challenge, next.keys.challenge) &&
    equalBytes(current.keys.voucher, next.keys.voucher);
  if (breach === undefined && isFixed) return;
  throw new ImpulsError(
    'invalid-argument',
    breach === undefined
      ? 'endpoints, unit, challenge key and voucher key stay'
      : `the key document ${breach}`,
    { hint: 'Make a new vendor, or restart this one.' },
  );
}

const fresh: readonly Header[] = [['Cache-Control', 'no-cache']];
/** A 402 has the last word, so these may be some minutes old. Only who has an origin is told that pages may read them. */
const advisory: readonly Header[] = [
  ['Cache-Control', 'max-age=300'],
  ['Vary', 'Origin'],
];

/** The same bytes for everyone, and no validator: an ETag would be a name for whoever asks. */
function page(
  call: Call,
  type: string,
  body: string | Uint8Array,
  caching: readonly Header[],
): Reply | undefined {
  if (call.method !== 'GET' && call.method !== 'HEAD') return undefined;
  return { status: 200, headers: [['Content-Type', type], ...caching], body };
}

function platformRandom(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
