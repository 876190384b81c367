import { fromUtf8 } from '../../core/bytes.js';
import { worthOf } from '../../core/key-document.js';
import { parseChallenges } from '../../core/wire/challenge.js';
import { decodeRequest } from '../../core/wire/request.js';
import { isImpulsError } from '../../core/errors.js';
import { shorten } from './answers.js';

/** Seeing what something costs, before anything is paid. */

export interface Quote {
  readonly status: number;
  /** 0 if nothing is asked for. */
  readonly units: number;
  /** E.g. `0.003 USD`. */
  readonly worth: string | undefined;
  /** Whether a payment is asked for that no impuls card can make. */
  readonly foreign: boolean;
}

/** Asks for the price of a URL. @throws what fetch throws */
export async function quote(fetching: typeof fetch, url: URL, method: 'GET' | 'HEAD'): Promise<Quote> {
  const response = await fetching(url.href, { method, redirect: 'manual', credentials: 'omit' });
  await response.body?.cancel();
  const { status } = response;
  if (status !== 402) return { status, units: 0, worth: undefined, foreign: false };
  try {
    const asked = parseChallenges(response.headers.get('WWW-Authenticate') ?? '');
    const ours = asked.find((challenge) => challenge.method === 'impuls');
    const request = ours && decodeRequest(ours.request);
    const units = Number(request?.amount ?? 0);
    const worth = request && worthOf(units, request.methodDetails.unit);
    return { status, units, worth, foreign: !request };
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    return { status, units: 0, worth: undefined, foreign: true };
  }
}

/** What a vendor sells, as it says itself. */
export interface Offered {
  readonly method: string;
  readonly path: string;
  /** Null: it depends on the request. */
  readonly units: number | null;
  readonly summary?: string;
}

const maxListBytes = 262_144;
const maxOffered = 100;

/** Reads `/openapi.json` of a vendor. @returns at most 100 operations that are paid for @throws what fetch throws */
export async function discover(fetching: typeof fetch, origin: string): Promise<Offered[]> {
  const response = await fetching(`${origin}/openapi.json`, { redirect: 'manual', credentials: 'omit' });
  const { bytes, whole } = await readSome(response, maxListBytes);
  if (response.status !== 200 || !whole) return [];
  let json: unknown;
  try {
    json = JSON.parse(fromUtf8(bytes));
  } catch {
    return [];
  }
  const { paths } = Object(json) as { readonly paths?: unknown };
  return Object.entries(Object(paths) as object)
    .flatMap(([path, operations]) =>
      Object.entries(Object(operations) as object).map(([method, operation]) =>
        readOperation(method, path, Object(operation) as Operation),
      ),
    )
    .filter((offered) => offered !== undefined)
    .slice(0, maxOffered);
}

interface Operation {
  readonly summary?: unknown;
  readonly 'x-payment-info'?: unknown;
}

function readOperation(method: string, path: string, operation: Operation): Offered | undefined {
  const { offers } = Object(operation['x-payment-info']) as { readonly offers?: unknown };
  const all = Array.isArray(offers) ? (offers as unknown[]).map((offer) => Object(offer) as Offer) : [];
  const ours = all.find((offer) => offer.method === 'impuls');
  if (!ours) return undefined;
  const { summary } = operation;
  return {
    method: shorten(method.toUpperCase(), 16),
    path: shorten(path, 200),
    units: typeof ours.amount === 'string' && /^[1-9]\d{0,9}$/.test(ours.amount) ? Number(ours.amount) : null,
    ...(typeof summary === 'string' && { summary: shorten(summary, 200) }),
  };
}

interface Offer {
  readonly method?: unknown;
  readonly amount?: unknown;
}

/** Reads a body as far as `most` bytes, and lets go of the rest. */
export async function readSome(
  { body }: Response,
  most: number,
): Promise<{ readonly bytes: Uint8Array; readonly whole: boolean }> {
  const bytes = new Uint8Array(most);
  let length = 0;
  if (!body) return { bytes: bytes.subarray(0, 0), whole: true };
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { bytes: bytes.subarray(0, length), whole: true };
    const taken = value.subarray(0, most - length);
    bytes.set(taken, length);
    length += taken.length;
    if (taken.length < value.length) {
      reader.cancel().catch(() => {});
      return { bytes: bytes.subarray(0, length), whole: false };
    }
  }
}
