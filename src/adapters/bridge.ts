import { orAborted } from '../client/environment.js';
import { createPayingFetch, type PayingFetchOptions } from '../client/index.js';
import { ImpulsError, isImpulsError } from '../core/errors.js';
import { limits } from '../core/limits.js';
import { parseChallenges, type JsonObject } from '../core/wire/index.js';
import { objectOf, readCredentialJson, textOf } from './credential-json.js';

/**
 * Between a wallet and the client of another package. That client asks for a credential, without saying for which request, and sends it by
 * itself. So it is given this fetch: it sees what is asked and what is sent, and a paying fetch of the wallet's does the paying in between,
 * with all that belongs to it: limits, journal, the same claim again when an answer is lost.
 */
export interface Bridge {
  /** For the other client, in the place of its own. */
  readonly fetch: typeof fetch;
  /**
   * Claims what a challenge asks for.
   *
   * @param id of a single-use challenge on an answer of this fetch
   * @returns what `Authorization` says
   * @throws ImpulsError `invalid-argument` for a challenge that did not come by this fetch; what a paying fetch throws
   */
  claim(id: string): Promise<string>;
}

export interface BridgeOptions extends Omit<PayingFetchOptions, 'carrier' | 'redeliver' | 'delivered'> {
  /** The way to the network. Default: the global fetch, as it is when the bridge is made. */
  readonly fetch?: typeof fetch;
}

/** @param credentialOf the credential that a request of the other client carries, in its own form */
export function createBridge(
  options: BridgeOptions,
  credentialOf: (headers: Headers) => JsonObject | undefined = readPaymentCredential,
): Bridge {
  const { fetch: network = globalThis.fetch.bind(globalThis), ...paying } = options;
  const asked = new Map<string, Asked>();
  const crossings = new Map<string, Crossing>();
  const crossingOf = new WeakMap<AbortSignal, Crossing>();

  const pay = createPayingFetch({
    ...paying,
    async carrier(input, init) {
      const crossing = crossingOf.get(init!.signal!);
      const authorization = new Headers(init?.headers).get('Authorization');
      if (authorization === null) {
        // The price was asked for already.
        const known = crossing?.asked;
        if (crossing) crossing.asked = undefined;
        return known ? new Response(null, { status: 402, headers: known }) : network(input, init);
      }
      await crossing?.claimed(authorization);
      return network(input, init);
    },
  });

  function remember(request: Request, { headers }: Response): void {
    const challenges = headers.get('WWW-Authenticate');
    if (challenges === null) return;
    const at = Date.now();
    for (const [id, { until }] of asked) {
      if (until > at && asked.size < maxAsked) break;
      asked.delete(id);
    }
    for (const id of chargesIn(challenges)) asked.set(id, { request, headers, until: at + askedMs });
  }

  return {
    async fetch(input, init) {
      const request = new Request(input, init);
      const tag = tagOf(credentialOf(request.headers));
      const crossing = tag === undefined ? undefined : crossings.get(tag);
      if (crossing) {
        crossings.delete(tag!);
        crossing.go();
        return crossing.answer;
      }
      const kept = request.clone();
      const response = await network(request);
      if (response.status === 402) remember(kept, response);
      return response;
    },

    async claim(id) {
      const known = asked.get(id);
      asked.delete(id);
      if (!known) {
        throw new ImpulsError(
          'invalid-argument',
          'this challenge did not come by the fetch of the card payer',
          {
            hint: 'Give its fetch to the client that asks, and let it ask once for each payment.',
          },
        );
      }
      return new Promise((resolve, reject) => {
        // One of its own: the carrier knows the call by it.
        const signal = AbortSignal.any([known.request.signal]);
        let go!: () => void;
        const gone = new Promise<void>((done) => (go = done));
        let claimed = false;
        const crossing: Crossing = {
          asked: known.headers,
          go,
          answer: Promise.resolve().then(() => pay(known.request, { signal })),
          async claimed(authorization) {
            if (claimed) return;
            claimed = true;
            const tag = tagOf(readCredentialJson(authorization));
            if (tag !== undefined) crossings.set(tag, crossing);
            resolve(authorization);
            await orAborted(gone, signal);
          },
        };
        crossingOf.set(signal, crossing);
        crossing.answer.then(
          () => reject(nothingClaimed()),
          (error: unknown) => reject(error as Error),
        );
      });
    },
  };
}

/** What was asked and how it was answered, for as long as a challenge lives. */
interface Asked {
  readonly request: Request;
  readonly headers: Headers;
  readonly until: number;
}

/** One payment, from the claim to the answer. */
interface Crossing {
  asked: Headers | undefined;
  /** The other client has sent the credential. */
  readonly go: () => void;
  readonly answer: Promise<Response>;
  /** Hands the credential over, and waits until it is sent. */
  claimed(authorization: string): Promise<void>;
}

const maxAsked = 256;
const askedMs = 600_000;

function readPaymentCredential(headers: Headers): JsonObject | undefined {
  return readCredentialJson(headers.get('Authorization'));
}

function tagOf(credential: JsonObject | undefined): string | undefined {
  return textOf(objectOf(credential?.['payload'])?.['tag']);
}

/** Single-use challenges: each came with one answer alone. */
function chargesIn(header: string): string[] {
  if (header.length > limits.challengeBytes) return [];
  try {
    const ours = parseChallenges(header).filter(
      ({ method, intent }) => method === 'impuls' && intent === 'charge',
    );
    return ours.map(({ id }) => id);
  } catch (error) {
    if (isImpulsError(error)) return [];
    throw error;
  }
}

function nothingClaimed(): ImpulsError {
  return new ImpulsError('payment-refused', 'the wallet found nothing to pay in what was asked');
}
