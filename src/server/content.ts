import { concat } from '../core/bytes.js';
import { contentPath, isContentId } from '../core/content-key.js';
import { isImpulsError } from '../core/errors.js';
import { sealBody } from '../core/seal.js';
import type { Call, Header, Reply } from './call.js';
import { callOf, responseOf, type FetchInfo } from './fetch.js';
import type { Payment } from './payment.js';
import { problemReply, unavailableReply } from './problems.js';
import type { Vendor } from './vendor.js';

/**
 * Content keys for sale (docs/spec.md §9). Content lies encrypted anywhere; its keys are at `<origin>/impuls/keys/<id>`,
 * always sealed under the payment, so that nobody on the way learns one.
 */

/** Where a vendor finds its content keys. */
export interface ContentKeys {
  /** @param id as it stands in the URL: any text */
  find(id: string): Promise<ContentKey | undefined>;
}

export interface ContentKey {
  /** Secret. */
  readonly key: Uint8Array;
  /** Units, at least 1. */
  readonly price: number;
}

export interface ContentOptions {
  /** Whether there is anything for sale, for lists of the API. Default: always. */
  readonly listed?: () => boolean;
  /** Told of every key that is served, before it is. */
  readonly onPaid?: (call: Call, payment: Payment) => void;
  /** Hears of keys that could not be looked up. Default: nobody. */
  readonly onError?: (error: unknown) => void;
}

/** Answers what asks for a content key; undefined for any other path. */
export type ContentAnswerer = (call: Call) => Promise<Reply | undefined>;

/** For one vendor once: it is a route of its API. */
export function createContentAnswerer(
  vendor: Vendor,
  keys: ContentKeys,
  { listed = () => true, onPaid = () => {}, onError = () => {} }: ContentOptions = {},
): ContentAnswerer {
  const prices = new WeakMap<Call, number>();
  const gate = vendor.gate({
    // A claim for what is not there must be heard, to be returned: any claim covers one unit.
    price: (call) => prices.get(call) ?? 1,
    seal: 'required',
    name: `${contentPath}*`,
    listing: {
      method: 'GET',
      path: `${contentPath}{id}`,
      summary: 'The key of sealed content',
      when: listed,
    },
  });

  return async (call) => {
    if (!call.target.startsWith(contentPath)) return undefined;
    const refuse = (...problem: Problem): Reply =>
      withHeaders(problemReply(...problem), vendor.cors.headers(call));
    const preflight = vendor.cors.preflight(call);
    if (preflight) return preflight;

    const id = call.target.slice(contentPath.length);
    let found: ContentKey | undefined;
    try {
      found = isContentId(id) ? await keys.find(id) : undefined;
    } catch (error) {
      if (!isImpulsError(error)) throw error;
      onError(error);
      return unavailableReply(vendor.cors.headers(call));
    }
    const missing = refusalOf(call, found);
    // What is not there costs nothing. Who has claimed already hears it through the gate, which returns the units.
    if (missing && call.header('authorization') === undefined) return refuse(...missing);
    if (found) prices.set(call, found.price);
    const admission = await gate(call);
    if (admission.status === 'refused') return admission.reply;
    const { payment } = admission;
    if (missing || !found || !payment.sealKey) {
      return payment.release().then(
        (headers) => withHeaders(problemReply(...(missing ?? noSuchKey)), headers),
        (error: unknown) => payment.failed(error),
      );
    }
    onPaid(call, payment);
    return {
      status: 200,
      headers: [
        ['Content-Type', 'application/octet-stream'],
        ['Content-Encoding', 'aes128gcm'],
        ...payment.settle(200),
      ],
      body: await seal(payment.sealKey, found.key),
    };
  };
}

type Problem = Parameters<typeof problemReply>;

const noSuchKey: Problem = ['not-found', 'There is no such content key.'];
const otherMethod: Problem = ['method-not-allowed', 'GET only.', [['Allow', 'GET']]];

/** Why a call can get no key, if it cannot. A HEAD would be paid for and bring none. */
function refusalOf(call: Call, found: ContentKey | undefined): Problem | undefined {
  if (!found) return noSuchKey;
  const asks =
    call.method === 'GET' || (call.method === 'HEAD' && call.header('authorization') === undefined);
  return asks ? undefined : otherMethod;
}

async function seal(sealKey: Uint8Array, content: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const salt = crypto.getRandomValues(new Uint8Array(16));
  for await (const chunk of sealBody(sealKey, once(content), { salt })) chunks.push(chunk);
  return concat(...chunks);
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

function withHeaders(reply: Reply, headers: readonly Header[]): Reply {
  return { ...reply, headers: [...reply.headers, ...headers] };
}

/** The content keys of a vendor as a Fetch handler; undefined for any other path. */
export function createContentHandler(
  vendor: Vendor,
  keys: ContentKeys,
  options?: ContentOptions,
): (request: Request, info?: FetchInfo) => Promise<Response | undefined> {
  const answer = createContentAnswerer(vendor, keys, options);
  return async (request, info) => {
    const reply = await answer(callOf(request, info));
    return reply && responseOf(reply, request.method);
  };
}
