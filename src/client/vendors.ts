import { toBase64url } from '../core/base64url.js';
import { fromUtf8, utf8 } from '../core/bytes.js';
import { ImpulsError, isImpulsError, type ErrorCode } from '../core/errors.js';
import { parseKeyDocument, type Endpoints, type ReceivedDocument } from '../core/key-document.js';
import { limits } from '../core/limits.js';
import { canonicalJson, parseJson, type JsonObject, type JsonValue } from '../core/wire/canonical-json.js';
import { loadPart, type Environment } from './environment.js';
import type { Journal } from './journal.js';
import { discard, readBytes, readProblem, retryAfterMs } from './reply-body.js';

/**
 * The vendors that the wallet knows: their pinned key documents, their clocks and their endpoints. `via` is the circuit that a request
 * goes by.
 */
export interface Vendors {
  /** The document that is pinned. @throws ImpulsError `bad-document` if none is */
  pinned(origin: string): ReceivedDocument;
  /** Whether a document is pinned. */
  knows(origin: string): boolean;
  /**
   * Fetches the document and takes it over.
   *
   * @param digest as for `adopt`
   * @throws ImpulsError `bad-document`, `network`
   */
  refresh(via: typeof fetch, origin: string, digest?: string): Promise<ReceivedDocument>;
  /** The document that the vendor shows now; nothing is pinned. @throws ImpulsError `bad-document`, `network` */
  look(via: typeof fetch, origin: string): Promise<ShownDocument>;
  /**
   * Compares a document with the pinned one: the same, or a successor, which is then pinned. For one that the pinned one follows, the
   * pinned one stays: of two answers under way the older may come last.
   *
   * @param digest D that a backup names, base64url, if none is pinned yet
   * @throws ImpulsError `bad-document`
   */
  adopt(origin: string, shown: ShownDocument, digest?: string): Promise<ReceivedDocument>;
  /** The issuing keys of cards that have not expired, and of open redemptions, under the pinned document. */
  keysInUse(origin: string): string[];
  /** Refreshes if a challenge names a document that was not seen yet. @throws ImpulsError `bad-document` */
  heed(via: typeof fetch, origin: string, digest: string): Promise<void>;
  /** The time by the vendor's clock, in Unix seconds. */
  now(origin: string): number;
  /** Learns the vendor's clock from an answer. */
  noteDate(origin: string, response: Response): void;
  /**
   * Posts to one of the endpoints; all of them may be repeated, and are, where no answer came.
   *
   * @throws ImpulsError what the vendor says, or `network`
   */
  post(via: typeof fetch, origin: string, endpoint: OwnEndpoint, body: JsonObject): Promise<JsonValue>;
}

/** The others are behind a gate. */
type OwnEndpoint = Exclude<keyof Endpoints, 'credit' | 'meter'>;

/** A document, and its bytes as they came. */
export interface ShownDocument {
  readonly received: ReceivedDocument;
  readonly text: string;
}

/** How often an endpoint is asked before the wallet gives up, and the wait before the second time. */
const attempts = 3;
const delayMs = 300;

/** Nothing that the vendor set at the sale comes along later, and the other way round. No redirect is followed: not every platform has `error`. */
export const quiet = {
  cache: 'no-store',
  credentials: 'omit',
  redirect: 'manual',
  referrerPolicy: 'no-referrer',
} as const satisfies RequestInit;

/** A browser does not say which one it is. */
function isRedirect({ type, status }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400);
}

export function createVendors(journal: Journal, { clock, sleep, log }: Environment): Vendors {
  const offsets = new Map<string, number>();
  const heeded = new Set<string>();
  const parsed = new WeakMap<object, ReceivedDocument>();

  function find(origin: string): ReceivedDocument | undefined {
    const record = journal.vendor(origin);
    if (!record) return undefined;
    let document = parsed.get(record);
    if (!document) {
      document = parseKeyDocument(utf8(record.document));
      parsed.set(record, document);
    }
    return document;
  }

  async function send(via: typeof fetch, origin: string, path: string, init: RequestInit): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      let response: Response | undefined;
      let cause: unknown;
      try {
        response = await via(origin + path, { ...quiet, ...init });
        noteDate(origin, response);
      } catch (error) {
        cause = error;
      }
      if (response && isRedirect(response)) {
        discard(response);
        throw new ImpulsError('network', `${origin} sends its visitors elsewhere`, {
          hint: 'Check the address of the vendor.',
        });
      }
      if (response && response.status < 500) return response;
      const wait = response && retryAfterMs(response);
      discard(response);
      if (attempt === attempts) {
        throw new ImpulsError(
          'network',
          `${origin} does not answer${response ? ` (${response.status})` : ''}`,
          {
            hint: 'Try again later; nothing is lost.',
            cause,
          },
        );
      }
      await sleep(wait ?? delayMs * 2 ** (attempt - 1));
    }
  }

  async function look(via: typeof fetch, origin: string): Promise<ShownDocument> {
    const response = await send(via, origin, '/.well-known/impuls', { method: 'GET' });
    if (response.status !== 200) {
      discard(response);
      throw new ImpulsError('bad-document', `${origin} has no key document (${response.status})`, {
        hint: 'Check the address of the vendor.',
      });
    }
    const bytes = await readAll(response, limits.documentBytes);
    const received = parseKeyDocument(bytes);
    if (received.document.origin !== origin) {
      throw new ImpulsError(
        'bad-document',
        `${origin} shows the key document of ${received.document.origin}`,
      );
    }
    return { received, text: fromUtf8(bytes) };
  }

  const refresh = async (via: typeof fetch, origin: string, digest?: string): Promise<ReceivedDocument> =>
    adopt(origin, await look(via, origin), digest);

  async function adopt(
    origin: string,
    { received, text }: ShownDocument,
    digest?: string,
  ): Promise<ReceivedDocument> {
    const fresh = toBase64url(received.digest);
    const before = find(origin);
    if (before && toBase64url(before.digest) === fresh) return before;
    const { checkSuccessor } = await loadPart(import('../core/key-succession.js'));
    // Compared with what is pinned now, not before the fetch.
    const pinned = find(origin);
    if (pinned) {
      if (toBase64url(pinned.digest) === fresh) return pinned;
      if (pinned.document.previous.includes(fresh)) return pinned;
      checkSuccessor(pinned, received, keysInUse(origin));
      log(`${origin} has a new key document`);
    } else if (digest !== undefined && digest !== fresh && !received.document.previous.includes(digest)) {
      throw new ImpulsError(
        'bad-document',
        `the key document of ${origin} does not follow the one in the backup`,
        {
          hint: 'Fetch it over another network and compare; ask the vendor for the reason.',
        },
      );
    }
    const record = { document: text };
    parsed.set(record, received);
    await journal.pin(origin, record);
    return received;
  }

  function keysInUse(origin: string): string[] {
    const { document } = pinned(origin);
    // By both clocks: a vendor that says a late time gets rid of no key.
    const now = Math.min(clock() / 1000, vendorTime(origin));
    const expired = new Set(document.cards.filter(({ expires }) => expires <= now).map(({ id }) => id));
    const cards = journal.cards().map(({ record }) => record);
    const items = journal
      .orders()
      .flatMap(([, { vendor, items }]) => items.map(({ key }) => ({ vendor, key })));
    const ours = [...cards, ...items].filter(({ vendor, key }) => vendor === origin && !expired.has(key));
    return [...new Set(ours.map(({ key }) => key))];
  }

  function vendorTime(origin: string): number {
    return Math.floor((clock() + (offsets.get(origin) ?? 0)) / 1000);
  }

  function noteDate(origin: string, response: Response): void {
    const date = Date.parse(response.headers.get('Date') ?? '');
    if (Number.isFinite(date)) offsets.set(origin, date - clock());
  }

  function pinned(origin: string): ReceivedDocument {
    const document = find(origin);
    if (!document) throw new ImpulsError('bad-document', `no key document of ${origin} is pinned`);
    return document;
  }

  return {
    knows: (origin) => journal.vendor(origin) !== undefined,
    pinned,
    refresh,
    look,
    adopt,
    keysInUse,
    async heed(via, origin, digest) {
      const known = find(origin);
      const name = `${origin} ${digest}`;
      if (!known || toBase64url(known.digest) === digest || heeded.has(name)) return;
      try {
        await refresh(via, origin);
      } catch (error) {
        if (!isImpulsError(error, 'network')) throw error;
        return;
      }
      if (heeded.size >= 1000) heeded.clear();
      heeded.add(name);
    },
    now: vendorTime,
    noteDate,
    async post(via, origin, endpoint, body) {
      const path = pinned(origin).document.endpoints[endpoint];
      const headers = { 'Content-Type': 'application/json' };
      const response = await send(via, origin, path, { method: 'POST', headers, body: canonicalJson(body) });
      if (response.status === 200) return parseJson(fromUtf8(await readAll(response, limits.documentBytes)));
      throw await refusalOf(origin, response);
    },
  };
}

async function readAll(response: Response, maxBytes: number): Promise<Uint8Array> {
  try {
    return await readBytes(response.body, maxBytes);
  } catch (cause) {
    if (isImpulsError(cause)) throw cause;
    throw new ImpulsError('network', 'the answer broke off', {
      hint: 'Try again later; nothing is lost.',
      cause,
    });
  }
}

const codes: readonly ErrorCode[] = [
  'malformed',
  'order-unknown',
  'order-served',
  'order-mismatch',
  'throttled',
  'card-unknown',
  'card-expired',
  'key-retired',
  'vendor-restored',
];

/** What one of the endpoints refused, as an error. */
async function refusalOf(origin: string, response: Response): Promise<ImpulsError> {
  const read = await readProblem(response);
  const problem = read === 'torn' ? undefined : read;
  const wait = retryAfterMs(response, 86_400_000);
  discard(response);
  const throttled = response.status === 429 || problem?.code === 'throttled';
  const code = throttled ? 'throttled' : (codes.find((name) => name === problem?.code) ?? 'payment-refused');
  const said = problem?.title ?? `status ${response.status}`;
  const hint = throttled
    ? `Wait ${wait === undefined ? 'a while' : `${wait / 1000} seconds`} and try again.`
    : problem?.detail;
  return new ImpulsError(code, `${origin} refused: ${said}`, hint === undefined ? {} : { hint });
}
